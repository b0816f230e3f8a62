#include "kernel/simd/f32_avx2.h"
#include "kernel/tmpl/reduce_f32.h"
