#include "kernel/simd/f32_avx512.h"
#include "kernel/tmpl/binary_f32.h"
