/* Groups of nodes that spell a known activation become that activation. Each is a product of x,
 * constants and one function of x, so products are taken apart into factors first, whatever their
 * order:
 *   x sigmoid(x)                                       silu
 *   x tanh(softplus(x))                                mish
 *   x relu6(x + 3) / 6, x hard_sigmoid(x)              hard_swish
 *   relu6(x + 3) / 6                                   hard_sigmoid
 *   x (1 + erf(x / sqrt 2)) / 2                        gelu
 *   x (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))) / 2  gelu, approximated */
#include <math.h>
#include <string.h>

#include "kernel/ref/elementwise.h"
#include "pass/pass.h"

enum { FACTORS_MAX = 4, DEPTH_MAX = 8 };

typedef struct product {
  double k; /* constant factors */
  eao_vid factor[FACTORS_MAX];
  int n;
  bool failed;
} product;

static bool near(double a, double b) {
  return fabs(a - b) <= 1e-4 * fabs(b);
}

/* Factors of v; inner products must not be seen by anybody else. */
static void take_apart(const eao_rewrite *r, eao_vid v, bool root, int depth, product *out) {
  const eao_graph *g = r->g;
  const eao_node *n = eao_rewrite_producer(g, v);
  double c;
  bool open = root || (v < r->n_uses && r->uses[v] == 1 && !eao_rewrite_is_output(g, v));
  if (eao_rewrite_scalar(g, v, &c)) {
    out->k *= c;
  } else if (eao_rewrite_is_plain(n, EAO_OP_mul) && open && depth < DEPTH_MAX) {
    take_apart(r, n->in[0], false, depth + 1, out);
    take_apart(r, n->in[1], false, depth + 1, out);
  } else if (eao_rewrite_is_plain(n, EAO_OP_div) && open && depth < DEPTH_MAX &&
             eao_rewrite_scalar(g, n->in[1], &c)) {
    out->k /= c;
    take_apart(r, n->in[0], false, depth + 1, out);
  } else if (out->n < FACTORS_MAX) {
    out->factor[out->n++] = v;
  } else {
    out->failed = true;
  }
}

/* v = x + c with a constant c; EAO_NONE when it is not. act: of the addition. */
static eao_vid sum_with(const eao_graph *g, eao_vid v, double c, int32_t act) {
  const eao_node *n = eao_rewrite_producer(g, v);
  double k;
  if (!n || n->op != EAO_OP_add || ((const eao_binary_attr *)n->attr)->act.kind != act)
    return EAO_NONE;
  for (uint32_t i = 0; i < 2; i++)
    if (eao_rewrite_scalar(g, n->in[i], &k) && near(k, c)) return n->in[1 - i];
  return EAO_NONE;
}

/* x when v = relu6(x + 3). */
static eao_vid shifted_relu6(const eao_graph *g, eao_vid v) {
  const eao_node *n = eao_rewrite_producer(g, v);
  double lo, hi;
  if (!n) return EAO_NONE;
  if (n->op == EAO_OP_add) return sum_with(g, v, 3, EAO_ACT_RELU6);
  if (n->op != EAO_OP_clip || n->n_in < 3 || !eao_rewrite_scalar(g, n->in[1], &lo) ||
      !eao_rewrite_scalar(g, n->in[2], &hi) || lo != 0 || hi != 6)
    return EAO_NONE;
  return sum_with(g, n->in[0], 3, EAO_ACT_NONE);
}

/* x when v = c x. */
static eao_vid scaled(const eao_rewrite *r, eao_vid v, double c) {
  product p = {.k = 1};
  take_apart(r, v, true, 0, &p);
  return !p.failed && p.n == 1 && near(p.k, c) ? p.factor[0] : EAO_NONE;
}

/* Is v = 0.044715 x^3 ? */
static bool is_cube(const eao_rewrite *r, eao_vid v, eao_vid x) {
  product p = {.k = 1};
  double e;
  take_apart(r, v, true, 0, &p);
  if (p.failed || !near(p.k, 0.044715)) return false;
  if (p.n == 3) return p.factor[0] == x && p.factor[1] == x && p.factor[2] == x;
  const eao_node *n = p.n == 1 ? eao_rewrite_producer(r->g, p.factor[0]) : NULL;
  return n && n->op == EAO_OP_pow && n->in[0] == x && eao_rewrite_scalar(r->g, n->in[1], &e) &&
         e == 3;
}

/* Is v = 1 + 0.044715 x^2 ? */
static bool is_square_term(const eao_rewrite *r, eao_vid v, eao_vid x) {
  eao_vid s = sum_with(r->g, v, 1, EAO_ACT_NONE);
  product p = {.k = 1};
  double e;
  if (s == EAO_NONE) return false;
  take_apart(r, s, true, 0, &p);
  if (p.failed || !near(p.k, 0.044715)) return false;
  if (p.n == 2) return p.factor[0] == x && p.factor[1] == x;
  const eao_node *n = p.n == 1 ? eao_rewrite_producer(r->g, p.factor[0]) : NULL;
  return n && n->in[0] == x &&
         (n->op == EAO_OP_square ||
          (n->op == EAO_OP_pow && eao_rewrite_scalar(r->g, n->in[1], &e) && e == 2));
}

/* x when v = sqrt(2 / pi) (x + 0.044715 x^3) or sqrt(2 / pi) x (1 + 0.044715 x^2). */
static eao_vid tanh_argument(const eao_rewrite *r, eao_vid v) {
  product p = {.k = 1};
  take_apart(r, v, true, 0, &p);
  if (p.failed || !near(p.k, 0.7978845608028654)) return EAO_NONE;
  if (p.n == 2) {
    for (int i = 0; i < 2; i++)
      if (is_square_term(r, p.factor[1 - i], p.factor[i])) return p.factor[i];
    return EAO_NONE;
  }
  const eao_node *n = p.n == 1 ? eao_rewrite_producer(r->g, p.factor[0]) : NULL;
  if (!eao_rewrite_is_plain(n, EAO_OP_add)) return EAO_NONE;
  for (uint32_t i = 0; i < 2; i++)
    if (is_cube(r, n->in[1 - i], n->in[i])) return n->in[i];
  return EAO_NONE;
}

typedef struct found {
  uint16_t op;
  eao_vid x;
  union {
    eao_unary_attr unary;
    eao_gelu_attr gelu;
  } attr;
  bool has_attr;
} found;

/* The factor f beside x (EAO_NONE: alone) with the constant k. */
static bool recognise(const eao_rewrite *r, eao_vid x, eao_vid f, double k, found *out) {
  const eao_graph *g = r->g;
  const eao_node *n = eao_rewrite_producer(g, f);
  memset(out, 0, sizeof *out);
  out->x = x;
  if (!n) return false;
  if (x == EAO_NONE) {
    out->x = near(k, 1.0 / 6) ? shifted_relu6(g, f) : EAO_NONE;
    out->op = EAO_OP_hard_sigmoid;
    out->attr.unary = (eao_unary_attr){.alpha = 1.0f / 6, .beta = 0.5f};
    out->has_attr = true;
    return out->x != EAO_NONE;
  }
  const eao_unary_attr *u = n->attr;
  const eao_node *inner = n->op == EAO_OP_tanh ? eao_rewrite_producer(g, n->in[0]) : NULL;
  if (inner && inner->op == EAO_OP_softplus && inner->in[0] == x && near(k, 1)) {
    out->op = EAO_OP_mish;
    return true;
  }
  if (n->op == EAO_OP_sigmoid && n->in[0] == x && near(k, 1)) {
    out->op = EAO_OP_silu;
    return true;
  }
  if ((n->op == EAO_OP_hard_sigmoid && n->in[0] == x && near(k, 1) &&
       near((double)u->alpha, 1.0 / 6) && near((double)u->beta, 0.5)) ||
      (near(k, 1.0 / 6) && shifted_relu6(g, f) == x)) {
    out->op = EAO_OP_hard_swish;
    return true;
  }
  n = near(k, 0.5) ? eao_rewrite_producer(g, sum_with(g, f, 1, EAO_ACT_NONE)) : NULL;
  if (!n) return false;
  out->op = EAO_OP_gelu;
  out->has_attr = true;
  out->attr.gelu.approximate = n->op == EAO_OP_tanh;
  if (n->op == EAO_OP_erf) return scaled(r, n->in[0], 0.7071067811865476) == x;
  return n->op == EAO_OP_tanh && tanh_argument(r, n->in[0]) == x;
}

static bool match(const eao_rewrite *r, eao_vid y, found *out) {
  product p = {.k = 1};
  take_apart(r, y, true, 0, &p);
  if (p.failed || p.n > 2) return false;
  if (p.n == 1) return recognise(r, EAO_NONE, p.factor[0], p.k, out);
  return p.n == 2 && (recognise(r, p.factor[0], p.factor[1], p.k, out) ||
                      recognise(r, p.factor[1], p.factor[0], p.k, out));
}

eao_status eao_pass_fuse_patterns(eao_rewrite *r) {
  eao_graph *g = r->g;
  uint32_t n_node = g->n_node;
  for (eao_nid i = n_node; i-- > 0;) { /* the outermost product first */
    const eao_node *n = &g->node[i];
    if (!eao_rewrite_is_plain(n, EAO_OP_mul) && !eao_rewrite_is_plain(n, EAO_OP_div)) continue;
    eao_vid y = n->out[0], fresh;
    found f;
    if (y >= r->n_uses || g->value[y].t.dtype != EAO_F32 || !match(r, y, &f)) continue;
    if (g->value[f.x].t.dtype != EAO_F32) continue;
    EAO_TRY(eao_rewrite_node(r, f.op, n->name, f.has_attr ? &f.attr : NULL, &f.x, 1, &fresh));
    g->value[fresh].t = g->value[y].t;
    if (eao_rewrite_replace(r, y, fresh)) eao_rewrite_remove(r, &g->node[i]);
  }
  return EAO_OK;
}
