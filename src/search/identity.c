/* What findings depend on, as hashes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "search/search.h"

static void hex(const uint8_t h[32], char out[65]) {
  for (size_t i = 0; i < 32; i++) snprintf(out + 2 * i, 3, "%02x", h[i]);
}

/* The graph in full: shapes, weights, names. */
static eao_status hash_model(eao_search *s) {
  char *text;
  uint8_t h[32];
  EAO_TRY(eao_model_text(s->opts->model, true, &text));
  eao_wide_hash(text, strlen(text), h);
  eao_text_free(s->ctx, text);
  hex(h, s->model_hash);
  return EAO_OK;
}

static eao_status add_sample(eao_search *s, eao_dataset *d, int64_t i, eao_blake2b *b) {
  eao_tensor type = eao_model_input(s->opts->model, 0).type, t = {0};
  EAO_TRY(eao_dataset_input(d, i, &type, &t));
  uint64_t bits = (uint64_t)eao_tensor_elements(&t) * (uint64_t)eao_dtype_bits(t.dtype);
  eao_blake2b_update(b, t.data, (size_t)(bits + 7) / 8);
  eao_tensor_destroy(s->ctx, &t);
  return EAO_OK;
}

/* Every calibration sample as the model sees it. */
static eao_status hash_data(eao_search *s) {
  eao_blake2b b;
  uint8_t h[32];
  if (!s->calibration) return EAO_OK;
  eao_blake2b_init(&b, sizeof h);
  for (uint32_t i = 0; i < s->n_calibration; i++) {
    EAO_TRY(add_sample(s, s->calibration, i, &b));
    eao_search_progress(s, "reading calibration samples", i + 1, s->n_calibration);
  }
  eao_blake2b_final(&b, h);
  hex(h, s->data_hash);
  return EAO_OK;
}

/* Labels of all samples that accuracy is measured on, and some of the samples. */
static eao_status add_eval(eao_search *s, eao_blake2b *b) {
  enum { LOOK_AT = 32 };
  if (!s->eval_data) return EAO_OK;
  for (uint64_t i = 0; i < s->n_eval; i++) {
    int64_t label = eao_dataset_label(s->eval_data, (int64_t)i);
    eao_blake2b_update(b, &label, sizeof label);
  }
  for (uint64_t i = 0; i < LOOK_AT && i < s->n_eval; i++)
    EAO_TRY(add_sample(s, s->eval_data, s->order[i], b));
  return EAO_OK;
}

/* The program: another build may compile and measure otherwise. */
static void add_program(eao_search *s, eao_blake2b *b) {
  eao_file f;
  uint8_t h[32] = {0};
  if (eao_file_map(s->ctx, "/proc/self/exe", &f) == EAO_OK) {
    eao_wide_hash(f.data, f.size, h);
    eao_file_unmap(s->ctx, &f);
  }
  eao_blake2b_update(b, EAO_VERSION_STRING, sizeof EAO_VERSION_STRING);
  eao_blake2b_update(b, h, sizeof h);
}

static eao_status add_target(eao_search *s, eao_blake2b *b) {
  eao_text t;
  eao_text_init(&t, s->ctx);
  if (s->target.is_host) /* measured speeds are never the same twice */
    eao_text_printf(&t, "%s %x %lld", s->target.title, s->target.cpu_flags,
                    (long long)s->target.cluster[0].cores);
  else
    eao_target_print(&s->target, &t);
  eao_status st = t.failed ? EAO_NOMEM(s->ctx) : EAO_OK;
  if (st == EAO_OK) eao_blake2b_update(b, t.p, t.len);
  if (s->opts->device) eao_blake2b_update(b, s->opts->device, strlen(s->opts->device));
  eao_text_deinit(&t);
  return st;
}

eao_status eao_search_identify(eao_search *s, uint8_t key[EAO_JOURNAL_KEY]) {
  eao_blake2b b;
  eao_blake2b_init(&b, EAO_JOURNAL_KEY);
  EAO_TRY(hash_model(s));
  EAO_TRY(hash_data(s));
  eao_blake2b_update(&b, s->model_hash, sizeof s->model_hash);
  eao_blake2b_update(&b, s->data_hash, sizeof s->data_hash);
  eao_blake2b_update(&b, &s->opts->seed, sizeof s->opts->seed);
  eao_blake2b_update(&b, &s->n_calibration, sizeof s->n_calibration);
  EAO_TRY(add_eval(s, &b));
  EAO_TRY(add_target(s, &b));
  add_program(s, &b);
  eao_blake2b_final(&b, key);
  return EAO_OK;
}
