/* From refs.def, of each op: OP_name its number, ATTR_name the size of its attribute struct,
 * IN_name and OUT_name how many tensors must be there. */
#ifndef EAO_KERNEL_REF_NUMBERS_H
#define EAO_KERNEL_REF_NUMBERS_H

enum {
#define EAO_REF(op, name, fn, attr, n_in, n_out) OP_##name = op,
#define EAO_REF_SCRATCH(op, name, fn, scratch, attr, n_in, n_out) OP_##name = op,
#include "kernel/refs.def"
#undef EAO_REF
#undef EAO_REF_SCRATCH
};

#define OF_OP(name, attr, n_in, n_out) ATTR_##name = attr, IN_##name = n_in, OUT_##name = n_out,
enum {
#define EAO_REF(op, name, fn, attr, n_in, n_out) OF_OP(name, attr, n_in, n_out)
#define EAO_REF_SCRATCH(op, name, fn, scratch, attr, n_in, n_out) OF_OP(name, attr, n_in, n_out)
#include "kernel/refs.def"
#undef EAO_REF
#undef EAO_REF_SCRATCH
};
#undef OF_OP

/* Inputs that a kernel's call surely has; op_min: of the op. Packing puts a blob in the place of
 * the constants. */
#define EAO_KERNEL_MIN_IN(op_min, flags) (((flags)&EAO_KFLAG_PACK) && (op_min) > 1 ? 1 : (op_min))

#endif
