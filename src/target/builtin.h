/* The profiles of targets/, put into the program by cmake/targets.cmake. */
#ifndef EAO_TARGET_BUILTIN_H
#define EAO_TARGET_BUILTIN_H

typedef struct eao_builtin_target {
  const char *name, *text;
} eao_builtin_target;

/* Sorted by name; ends with a NULL name. */
extern const eao_builtin_target eao_builtin_targets[];

#endif
