#include "kernel/simd/f32_avx512.h"
#include "kernel/tmpl/pool_f32.h"
