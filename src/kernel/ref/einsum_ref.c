#include <string.h>

#include "kernel/ref/einsum.h"
#include "kernel/ref/sums.h"

/* One term of the equation: labels in order, -1 for the ellipsis. */
typedef struct term {
  int32_t n;
  int8_t label[EAO_MAX_RANK + 1];
  int32_t ellipsis; /* index in label, or -1 */
} term;

static const char *parse_term(const char **at, term *out) {
  const char *s = *at;
  memset(out, 0, sizeof *out);
  out->ellipsis = -1;
  for (; *s && *s != ',' && *s != '-'; s++) {
    if (*s == ' ') continue;
    if (out->n > EAO_MAX_RANK) return "einsum: a term has too many labels";
    if (*s == '.') {
      if (s[1] != '.' || s[2] != '.') return "einsum: a lone dot in the equation";
      if (out->ellipsis >= 0) return "einsum: two ellipses in one term";
      out->ellipsis = out->n;
      out->label[out->n++] = -1;
      s += 2;
    } else if ((*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z')) {
      out->label[out->n++] = (int8_t)*s;
    } else {
      return "einsum: the equation has a character that is no letter";
    }
  }
  *at = s;
  return NULL;
}

/* Index of a letter (or, for -1, of the ellipsis' axis `axis`, counted from its end). */
static int32_t find(const eao_einsum *e, int8_t letter, int32_t axis) {
  for (int32_t i = 0; i < e->n_label; i++)
    if (e->name[i] == letter && e->axis[i] == axis) return i;
  return -1;
}

static int32_t add(eao_einsum *e, int8_t letter, int32_t axis) {
  int32_t i = find(e, letter, axis);
  if (i >= 0) return i;
  if (e->n_label == EAO_EINSUM_LABELS) return -1;
  e->name[e->n_label] = letter;
  e->axis[e->n_label] = axis;
  e->extent[e->n_label] = 1;
  return e->n_label++;
}

/* Axes that the ellipsis of a term stands for, given its tensor's rank; -1 on a mismatch. */
static int32_t ellipsis_axes(const term *t, int32_t rank) {
  int32_t n = rank - (t->n - (t->ellipsis >= 0));
  return n < 0 || (t->ellipsis < 0 && n != 0) ? -1 : n;
}

/* Calls the label of each axis of a term: out[axis]. */
static const char *axes_of(eao_einsum *e, const term *t, int32_t dots, int32_t *out) {
  int32_t d = 0;
  for (int32_t i = 0; i < t->n; i++) {
    int32_t times = i == t->ellipsis ? dots : 1;
    for (int32_t k = 0; k < times; k++) {
      int32_t l = i == t->ellipsis ? add(e, -1, dots - k) : add(e, t->label[i], 0);
      if (l < 0) return "einsum: too many different labels";
      out[d++] = l;
    }
  }
  return NULL;
}

static const char *widen(int64_t *extent, int64_t dim) {
  if (*extent == 1 || (*extent < 0 && dim != 1))
    *extent = dim;
  else if (dim >= 0 && dim != 1 && *extent != dim)
    return "einsum: a label has two different extents";
  return NULL;
}

static void implicit_output(const term *in, int32_t n, term *out) {
  memset(out, 0, sizeof *out);
  out->ellipsis = -1;
  int32_t count[128] = {0};
  bool dots = false;
  for (int32_t k = 0; k < n; k++)
    for (int32_t i = 0; i < in[k].n; i++)
      if (in[k].label[i] < 0)
        dots = true;
      else
        count[in[k].label[i]]++;
  if (dots) {
    out->ellipsis = 0;
    out->label[out->n++] = -1;
  }
  for (int8_t c = 'A'; c <= 'z' && out->n <= EAO_MAX_RANK; c++)
    if (count[c] == 1) out->label[out->n++] = c;
}

static const char *parse_terms(const char *equation, uint32_t n_in, term *in, term *out) {
  const char *s = equation;
  if (!memchr(s, 0, EAO_MAX_TEXT)) return "einsum: the equation does not end";
  if (n_in > EAO_EINSUM_OPERANDS) return "einsum: too many operands";
  for (uint32_t k = 0; k < n_in; k++) {
    const char *why = parse_term(&s, &in[k]);
    if (why) return why;
    if (*s != (k + 1 < n_in ? ',' : *s == '-' ? '-' : 0))
      return "einsum: the equation and the inputs differ in number";
    if (*s == ',') s++;
  }
  if (!*s) {
    implicit_output(in, (int32_t)n_in, out);
    return NULL;
  }
  if (s[1] != '>') return "einsum: '->' expected";
  s += 2;
  const char *why = parse_term(&s, out);
  if (!why && *s) why = "einsum: text after the result's labels";
  return why;
}

const char *eao_einsum_parse(const char *equation, const eao_tensor *const *in, uint32_t n_in,
                             eao_einsum *e) {
  term terms[EAO_EINSUM_OPERANDS], out;
  int32_t axes[EAO_MAX_RANK + 1], dots[EAO_EINSUM_OPERANDS], most = 0;
  memset(e, 0, sizeof *e);
  const char *why = parse_terms(equation, n_in, terms, &out);
  if (why) return why;
  for (uint32_t k = 0; k < n_in; k++) {
    dots[k] = ellipsis_axes(&terms[k], in[k]->rank);
    if (dots[k] < 0) return "einsum: a term does not match its input's rank";
    if (dots[k] > most) most = dots[k];
  }
  /* Labels of the result come first, in its order. */
  if (out.n - (out.ellipsis >= 0) + (out.ellipsis >= 0 ? most : 0) > EAO_MAX_RANK)
    return "einsum: the result has too high a rank";
  if ((why = axes_of(e, &out, most, axes))) return why;
  e->n_out = out.n - (out.ellipsis >= 0) + (out.ellipsis >= 0 ? most : 0);
  if (e->n_label != e->n_out) return "einsum: the result repeats a label";
  for (uint32_t k = 0; k < n_in; k++) {
    if ((why = axes_of(e, &terms[k], dots[k], axes))) return why;
    for (int32_t d = 0; d < in[k]->rank; d++)
      if ((why = widen(&e->extent[axes[d]], in[k]->dim[d]))) return why;
  }
  int32_t seen[EAO_EINSUM_LABELS] = {0};
  for (uint32_t k = 0; k < n_in; k++) {
    int64_t stride[EAO_MAX_RANK];
    axes_of(e, &terms[k], dots[k], axes);
    eao_tensor_strides(in[k], stride);
    for (int32_t d = 0; d < in[k]->rank; d++) {
      seen[axes[d]] = 1;
      if (in[k]->dim[d] != 1) e->stride[k][axes[d]] += stride[d];
    }
  }
  for (int32_t i = 0; i < e->n_label; i++)
    if (!seen[i]) return "einsum: the result has a label that no input has";
  return NULL;
}

/* One element of the result: pos are the operands' first elements. */
static double sum_real(const eao_kcall *c, const eao_einsum *e, int64_t *pos) {
  int64_t index[EAO_EINSUM_LABELS] = {0}, count = 1;
  int32_t last = e->n_label - 1, summed = e->n_label - e->n_out;
  double sum = 0;
  bool dot = summed > 0 && c->n_in == 2 && c->in[0]->dtype == EAO_F32 && c->in[1]->dtype == EAO_F32;
  for (int32_t i = e->n_out; i < e->n_label - dot; i++) count *= e->extent[i];
  for (int64_t t = 0; t < count; t++) {
    if (dot) {
      sum +=
          eao_dot_f32((const float *)c->in[0]->data + pos[0], e->stride[0][last],
                      (const float *)c->in[1]->data + pos[1], e->stride[1][last], e->extent[last]);
    } else {
      double v = 1;
      for (uint32_t k = 0; k < c->n_in; k++) v *= eao_get_real(c->in[k], pos[k]);
      sum += v;
    }
    for (int32_t i = last - dot; i >= e->n_out; i--) {
      bool wrap = ++index[i] == e->extent[i];
      for (uint32_t k = 0; k < c->n_in; k++)
        pos[k] += wrap ? -e->stride[k][i] * (e->extent[i] - 1) : e->stride[k][i];
      if (!wrap) break;
      index[i] = 0;
    }
  }
  return sum;
}

eao_status eao_ref_einsum(eao_kcall *c) {
  const eao_einsum_attr *a = c->attr;
  eao_einsum e;
  const char *why = eao_einsum_parse(a->equation, c->in, c->n_in, &e);
  if (why) return eao_kfail(c, EAO_ERR_ARG, why);
  int64_t n = eao_tensor_count(c->out[0]);
  for (int64_t y = 0; y < n; y++) {
    int64_t rest = y, pos[EAO_EINSUM_OPERANDS] = {0};
    for (int32_t i = e.n_out - 1; i >= 0; i--) {
      for (uint32_t k = 0; k < c->n_in; k++) pos[k] += rest % e.extent[i] * e.stride[k][i];
      rest /= e.extent[i];
    }
    eao_set_f64(c->out[0], y, sum_real(c, &e, pos));
  }
  return EAO_OK;
}
