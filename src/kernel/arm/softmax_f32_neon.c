#include "kernel/simd/f32_neon.h"
#include "kernel/tmpl/softmax_f32.h"
