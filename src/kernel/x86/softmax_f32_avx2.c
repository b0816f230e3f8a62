#include "kernel/simd/f32_avx2.h"
#include "kernel/tmpl/softmax_f32.h"
