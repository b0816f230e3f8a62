#include "kernel/simd/f32_avx512.h"
#include "kernel/tmpl/unary_f32.h"
