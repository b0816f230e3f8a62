#include "kernel/simd/f32_neon.h"
#include "kernel/tmpl/reduce_f32.h"
