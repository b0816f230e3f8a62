#include "kernel/simd/f32_avx512.h"
#include "kernel/tmpl/reduce_f32.h"
