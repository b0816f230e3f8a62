#define EAO_ISA(name) name##_avx2
#include "kernel/tmpl/pool_i8.h"
