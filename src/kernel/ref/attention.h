/* Reference attention and rotary position embedding, with ONNX's semantics. */
#ifndef EAO_KERNEL_REF_ATTENTION_H
#define EAO_KERNEL_REF_ATTENTION_H

#include "kernel/kernel.h"

/* B batch, H query heads, G key/value heads (H a multiple of G), S queries, T keys of this call, P
 * of the past, D head size, E value head size.
 * Inputs: q [B, H, S, D] or [B, S, H*D], k [B, G, T, D] or [B, T, G*D], v likewise with E
 * [, mask broadcast to [B, H, S, P+T], bool: true attends, or float: added; keys beyond its last
 * axis are masked] [, past k [B, G, P, D], past v [B, G, P, E]] [, valid keys i64 [B]].
 * Outputs: y shaped like q with E for D [, all k [B, G, P+T, D], all v] [, scores [B, H, S, P+T]].
 * A query whose keys are all masked yields 0. */
typedef struct eao_attention_attr {
  int64_t q_heads, kv_heads; /* for rank-3 inputs */
  float scale;               /* of q * k; 0: 1 / sqrt(D) */
  float softcap;             /* scores become softcap * tanh(score / softcap); 0: not */
  int32_t causal;            /* query i sees keys up to P + i (valid keys - S + i) */
  int32_t softmax_dtype;     /* accepted; the reference computes in double */
  int64_t score_output;      /* 0: q * k, 1: after softcap, 2: after the mask, 3: after softmax */
} eao_attention_attr;

/* x [B, H, S, D] or [B, S, H*D], cos and sin [positions, R/2] with position ids [B, S], or
 * [B, S, R/2] without. The first R of the D elements of a head are rotated. */
typedef struct eao_rotary_attr {
  int64_t heads;       /* for rank-3 input */
  int64_t rotary_dim;  /* R; 0: D */
  int32_t interleaved; /* pairs are neighbours instead of halves */
  int32_t pad;
} eao_rotary_attr;

eao_status eao_ref_attention(eao_kcall *c);
size_t eao_ref_attention_scratch(const eao_kcall *c);
eao_status eao_ref_rotary_embedding(eao_kcall *c);

#endif
