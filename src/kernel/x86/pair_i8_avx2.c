#define EAO_ISA(name) name##_avx2
#include "kernel/tmpl/byte_pairs.h"
