#include "kernel/simd/f32_neon.h"
#include "kernel/tmpl/pool_f32.h"
