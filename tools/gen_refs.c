/* Prints src/kernel/refs.def: which function is the reference kernel of which op, taken from the op
 * table, so that the device runtime, which does not see that table, has the same mapping.
 * The functions' names come from the program's own symbol table. */
#include <dlfcn.h>
#include <stdio.h>

#include "op/op.h"

static const char *symbol(const void *p) {
  Dl_info info;
  return dladdr(p, &info) && info.dli_sname ? info.dli_sname : NULL;
}

int main(void) {
  puts("/* Reference kernels by op number. Written by tools/gen_refs.c (its test says how).\n"
       " * EAO_REF(op, name, function, attr_size, inputs, outputs)\n"
       " * EAO_REF_SCRATCH(op, name, function, scratch, attr_size, inputs, outputs)\n"
       " * inputs, outputs: so many must be there */");
  int failed = 0;
  for (uint32_t i = 0; i < EAO_OP_LIMIT; i++) {
    const eao_op_desc *d = eao_op_get(i);
    /* Results of unknown size cannot be planned, so no step runs such an op. */
    if (!d || !d->ref || (d->traits & EAO_TRAIT_DATA_SHAPE)) continue;
    const char *fn = symbol((const void *)(uintptr_t)d->ref);
    const char *scratch = d->ref_scratch ? symbol((const void *)(uintptr_t)d->ref_scratch) : "";
    if (!fn || !scratch) {
      fprintf(stderr, "op %s: its reference kernel or scratch query must not be static\n", d->name);
      failed = 1;
      continue;
    }
    if (*scratch)
      printf("EAO_REF_SCRATCH(%u, %s, %s, %s, %u, %u, %u)\n", i, d->name, fn, scratch, d->attr_size,
             d->min_in, d->min_out);
    else
      printf("EAO_REF(%u, %s, %s, %u, %u, %u)\n", i, d->name, fn, d->attr_size, d->min_in,
             d->min_out);
  }
  return failed;
}
