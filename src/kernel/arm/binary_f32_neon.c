#include "kernel/simd/f32_neon.h"
#include "kernel/tmpl/binary_f32.h"
