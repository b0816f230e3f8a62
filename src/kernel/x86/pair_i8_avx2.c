#define EAO_ISA(name) name##_avx2
#include "kernel/tmpl/pair_i8.h"
