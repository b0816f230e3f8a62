#include "kernel/simd/f32_neon.h"
#include "kernel/tmpl/unary_f32.h"
