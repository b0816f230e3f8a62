#include "kernel/simd/f32_avx2.h"
#include "kernel/tmpl/pool_f32.h"
