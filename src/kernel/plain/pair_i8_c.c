#define EAO_ISA(name) name##_c
#include "kernel/tmpl/pair_i8.h"
