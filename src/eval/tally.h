/* What is kept of each sample until all have run. */
#ifndef EAO_EVAL_TALLY_H
#define EAO_EVAL_TALLY_H

#include "eval/stats.h"

typedef struct eval_boxes {
  eao_box *at;
  uint32_t n, cap;
} eval_boxes;

typedef struct eval_tally {
  eao_ctx *ctx;
  eao_dataset *d;
  eao_dataset_info info;
  eao_metric metric;
  int64_t n;
  const int64_t *sample; /* number in the data set of each; NULL: 0, 1, ... */
  /* Per sample: top1, top5 | score | squared error, squared signal, equal answers, elements | word
   * edits, words, character edits, characters. */
  double *a, *b, *c, *elements;
  uint8_t *label;
  eval_boxes *found; /* per sample, so that the order in which samples finish does not matter */
  eval_boxes truth;
} eval_tally;

static inline int64_t eval_sample(const eval_tally *t, int64_t i) {
  return t->sample ? t->sample[i] : i;
}
bool eval_needs_reference(eao_metric m);
bool eval_is_boxes(eao_metric m);
bool eval_is_text(eao_metric m);

eao_status eval_tally_init(eval_tally *t, int64_t n);
void eval_tally_deinit(eval_tally *t);
/* out: the model's n_out outputs for entry i; want: the reference's first, or NULL. */
eao_status eval_tally_add(eval_tally *t, int64_t i, const eao_tensor *in, const eao_tensor *out,
                          uint32_t n_out, const eao_tensor *want);
eao_status eval_tally_scores(eval_tally *t, const eao_eval_opts *o, eao_evaluation *e);

/* Boxes of a detector's outputs for sample i, in pixels of its image. in: the model's input. */
eao_status eval_detections(eval_tally *t, int64_t i, const eao_tensor *in, const eao_tensor *out,
                           uint32_t n_out, eval_boxes *boxes);
/* The true boxes of sample i, in pixels. */
eao_status eval_true_boxes(eval_tally *t, int64_t i);
eao_status eval_boxes_add(eao_ctx *ctx, eval_boxes *b, const eao_box *box);

/* The text that a model's output spells, by CTC's greedy rule; *out in ctx's heap. */
eao_status eval_spell(eval_tally *t, const eao_tensor *out, char **out_text);

#endif
