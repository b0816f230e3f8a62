#include "kernel/simd/f32_avx2.h"
#include "kernel/tmpl/matmul_f32.h"
