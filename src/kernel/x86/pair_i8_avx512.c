#define EAO_ISA(name) name##_avx512
#include "kernel/tmpl/byte_pairs.h"
