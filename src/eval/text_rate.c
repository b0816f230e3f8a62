/* Texts: CTC's greedy decoding (Graves et al. 2006) and the edit distance (Levenshtein 1966). */
#include <string.h>

#include "eval/tally.h"
#include "kernel/kernel.h"

enum { TEXT_TOKENS_MAX = 1 << 14 };

/* ---- tokens ---- */

typedef struct tokens {
  const char **at;
  uint32_t *len;
  uint32_t n;
} tokens;

static bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Bytes of the UTF-8 character at p; 1 for what is none. */
static uint32_t character(const char *p) {
  unsigned char c = (unsigned char)*p;
  uint32_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : c >= 0xC0 ? 2 : 1;
  for (uint32_t i = 1; i < n; i++)
    if (((unsigned char)p[i] & 0xC0) != 0x80) return 1;
  return n;
}

/* Words, or characters with each inner run of white space as one space. */
static eao_status split(eao_ctx *ctx, const char *s, bool words, tokens *out) {
  size_t cap = strlen(s) + 1;
  out->n = 0;
  out->at = eao_alloc(ctx, cap * sizeof *out->at);
  out->len = eao_alloc(ctx, cap * sizeof *out->len);
  if (!out->at || !out->len) return EAO_NOMEM(ctx);
  bool gap = false;
  while (*s) {
    uint32_t len = words ? (uint32_t)strcspn(s, " \t\r\n") : character(s);
    if (is_space(*s)) {
      gap = true;
      s++;
      continue;
    }
    if (!words && gap && out->n) {
      out->at[out->n] = " ";
      out->len[out->n++] = 1;
    }
    gap = false;
    out->at[out->n] = s;
    out->len[out->n++] = len;
    s += len;
  }
  if (out->n > TEXT_TOKENS_MAX)
    return eao_fail(ctx, EAO_ERR_NOMEM, "a text of %u words or characters is too long", out->n);
  return EAO_OK;
}

static bool same(const tokens *x, uint32_t i, const tokens *y, uint32_t k) {
  return x->len[i] == y->len[k] && memcmp(x->at[i], y->at[k], x->len[i]) == 0;
}

static uint32_t distance(const tokens *x, const tokens *y, uint32_t *row) {
  for (uint32_t k = 0; k <= y->n; k++) row[k] = k;
  for (uint32_t i = 1; i <= x->n; i++) {
    uint32_t diagonal = row[0];
    row[0] = i;
    for (uint32_t k = 1; k <= y->n; k++) {
      uint32_t best = diagonal + !same(x, i - 1, y, k - 1);
      if (row[k] + 1 < best) best = row[k] + 1;
      if (row[k - 1] + 1 < best) best = row[k - 1] + 1;
      diagonal = row[k];
      row[k] = best;
    }
  }
  return row[y->n];
}

eao_status eao_edits(eao_ctx *ctx, const char *a, const char *b, bool words, int64_t *out_edits,
                     int64_t *out_n) {
  tokens x = {0}, y = {0};
  uint32_t *row = NULL;
  eao_status s = split(ctx, a, words, &x);
  if (s == EAO_OK) s = split(ctx, b, words, &y);
  if (s == EAO_OK && !(row = eao_alloc(ctx, (y.n + (size_t)1) * sizeof *row))) s = EAO_NOMEM(ctx);
  if (s == EAO_OK) {
    *out_edits = distance(&x, &y, row);
    *out_n = y.n;
  }
  eao_free(ctx, row);
  eao_free(ctx, (void *)(uintptr_t)x.at);
  eao_free(ctx, x.len);
  eao_free(ctx, (void *)(uintptr_t)y.at);
  eao_free(ctx, y.len);
  return s;
}

/* ---- spelling ---- */

static void add_class(const eval_tally *t, int64_t k, eao_text *text) {
  const char *name = eao_dataset_class(t->d, k);
  bool space = strcmp(name, "|") == 0 || strcmp(name, "<space>") == 0 || strcmp(name, "▁") == 0;
  eao_text_printf(text, "%s", space ? " " : name);
}

/* The class that stands for nothing: as described, or named like it, else the last. */
static int64_t blank_of(const eval_tally *t, int64_t classes) {
  static const char *const known[] = {"<blank>", "<pad>", "blank", "[PAD]"};
  if (t->info.blank >= 0) return t->info.blank;
  for (size_t i = 0; i < EAO_COUNT(known); i++)
    for (int64_t k = 0; k < t->info.n_class && k < classes; k++)
      if (strcmp(eao_dataset_class(t->d, k), known[i]) == 0) return k;
  return classes - 1;
}

/* Numbers of classes; negative ones are padding. */
static void spell_ids(const eval_tally *t, const eao_tensor *out, eao_text *text) {
  int64_t n = eao_tensor_elements(out);
  for (int64_t i = 0; i < n && i < TEXT_TOKENS_MAX; i++) {
    int64_t k = (int64_t)eao_tensor_raw(out, i);
    if (k >= 0 && k != t->info.blank) add_class(t, k, text);
  }
}

/* The best class of each step, repetitions as one, blanks left out. */
static void spell_scores(const eval_tally *t, const eao_tensor *out, int64_t classes,
                         eao_text *text) {
  int64_t steps = eao_tensor_elements(out) / classes, blank = blank_of(t, classes), last = -1;
  for (int64_t i = 0; i < steps && i < TEXT_TOKENS_MAX; i++) {
    int64_t best = 0;
    for (int64_t k = 1; k < classes; k++)
      if (eao_tensor_raw(out, i * classes + k) > eao_tensor_raw(out, i * classes + best)) best = k;
    if (best != last && best != blank) add_class(t, best, text);
    last = best;
  }
}

eao_status eval_spell(eval_tally *t, const eao_tensor *out, char **out_text) {
  eao_text text;
  int64_t classes = out->rank > 1 ? out->dim[out->rank - 1] : 0;
  int wide = 0;
  for (int32_t i = 0; i < out->rank; i++) wide += out->dim[i] > 1;
  bool ids = !eao_dtype_is_float(out->dtype) && eao_dtype_bits(out->dtype) >= 32;
  if (t->info.n_class < 1)
    return eao_fail(t->ctx, EAO_ERR_ARG,
                    "texts need the model's characters or tokens: 'classes' in the description");
  if (!ids && (classes < 2 || wide > 2 || classes < t->info.n_class))
    return eao_fail(t->ctx, EAO_ERR_SHAPE,
                    "texts are spelt by scores of shape [1, steps, %lld classes or one more]; the "
                    "model's output has rank %d and ends with %lld",
                    (long long)t->info.n_class, out->rank, (long long)classes);
  eao_text_init(&text, t->ctx);
  eao_text_add(&text, "", 0);
  if (ids)
    spell_ids(t, out, &text);
  else
    spell_scores(t, out, classes, &text);
  if (text.failed) {
    eao_text_deinit(&text);
    return EAO_NOMEM(t->ctx);
  }
  *out_text = text.p;
  return EAO_OK;
}
