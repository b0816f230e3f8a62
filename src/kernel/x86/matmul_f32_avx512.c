#include "kernel/simd/f32_avx512.h"
#include "kernel/tmpl/matmul_f32.h"
