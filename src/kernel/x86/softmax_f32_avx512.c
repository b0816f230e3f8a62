#include "kernel/simd/f32_avx512.h"
#include "kernel/tmpl/softmax_f32.h"
