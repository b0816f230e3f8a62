#define EAO_ISA(name) name##_c
#include "kernel/tmpl/byte_pairs.h"
