#include "kernel/simd/f32_neon.h"
#include "kernel/tmpl/matmul_f32.h"
