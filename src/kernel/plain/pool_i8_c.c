#define EAO_ISA(name) name##_c
#include "kernel/tmpl/pool_i8.h"
