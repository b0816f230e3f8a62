#include "kernel/simd/f32_avx2.h"
#include "kernel/tmpl/binary_f32.h"
