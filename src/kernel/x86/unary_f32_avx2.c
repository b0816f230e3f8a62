#include "kernel/simd/f32_avx2.h"
#include "kernel/tmpl/unary_f32.h"
