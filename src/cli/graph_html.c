#include "cli/graph_html.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/graph_layout.h"

/* Lines of src/cli/graph.html; the lines "@TITLE@", "@SUMMARY@", "@SVG@" and "@DATA@" stand for
 * what is made here. */
extern const char *const eao_graph_page[];

enum { BOX_HEIGHT = 42, TITLE_LETTERS = 28 };

/* The picture of one graph: the model's or a body of control flow.
 * Boxes: the nodes, then one for each input, then one for each output. */
typedef struct picture {
  eao_cli *c;
  eao_model *m;
  uint32_t index; /* of the picture in the page */
  char title[160];
  eao_layout_graph g;
  uint32_t *edge_value;
  uint32_t n_in, n_node, n_out;
  char (*label)[EAO_CLI_TYPE]; /* second line of each box */
  uint64_t most_macs;
  FILE *to;
} picture;

enum { PICTURES_MAX = 500 };

typedef struct page {
  eao_cli *c;
  const eao_model_stats *stats;
  const char *title;
  picture *picture;
  uint32_t n_picture;
  FILE *to;
  bool failed; /* something is missing: memory ran out */
} page;

static void put_escaped(FILE *to, const char *s) {
  for (; *s; s++) {
    unsigned char ch = (unsigned char)*s;
    if (ch == '&')
      fputs("&amp;", to);
    else if (ch == '<')
      fputs("&lt;", to);
    else if (ch == '>')
      fputs("&gt;", to);
    else if (ch == '"')
      fputs("&quot;", to);
    else
      fputc(ch < 32 || ch == 127 ? '?' : ch, to);
  }
}

/* "1×32×112×112" */
static void dims(const eao_value_info *v, char *buf, size_t cap) {
  size_t n = 0;
  buf[0] = 0;
  if (v->type.rank <= 0) snprintf(buf, cap, "%s", v->type.rank ? "?" : "scalar");
  for (int32_t i = 0; i < v->type.rank && n < cap; i++) {
    const char *x = i ? "\xc3\x97" : "";
    int k = v->type.dim[i] < 0 ? snprintf(buf + n, cap - n, "%s?", x)
                               : snprintf(buf + n, cap - n, "%s%lld", x, (long long)v->type.dim[i]);
    n += (size_t)k;
  }
}

/* ---- boxes ---- */

static const char *box_title(const picture *p, uint32_t i) {
  if (i < p->n_node) return eao_model_node(p->m, i).op;
  i -= p->n_node;
  return i < p->n_in ? eao_model_input(p->m, i).name : eao_model_output(p->m, i - p->n_in).name;
}

/* The value that a box's second line describes; false: none. */
static bool box_value(const picture *p, uint32_t i, eao_value_info *out) {
  if (i < p->n_node) {
    eao_node_info n = eao_model_node(p->m, i);
    for (uint32_t k = 0; k < n.n_out; k++) {
      if (n.out[k] == EAO_NO_ID) continue;
      *out = eao_model_value(p->m, n.out[k]);
      return true;
    }
    return false;
  }
  i -= p->n_node;
  *out = i < p->n_in ? eao_model_input(p->m, i) : eao_model_output(p->m, i - p->n_in);
  return true;
}

static size_t letters(const char *s) {
  size_t n = 0;
  for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
  return n;
}

static void size_boxes(picture *p) {
  for (uint32_t i = 0; i < p->g.n_node; i++) {
    eao_value_info v;
    if (box_value(p, i, &v)) {
      char d[EAO_CLI_TYPE - 16];
      dims(&v, d, sizeof d);
      snprintf(p->label[i], sizeof p->label[i], "%s %s", eao_dtype_name(v.type.dtype), d);
    }
    size_t a = letters(box_title(p, i)), b = letters(p->label[i]);
    if (a > TITLE_LETTERS) a = TITLE_LETTERS;
    double w = (double)a * 7.6, w2 = (double)b * 6.2;
    p->g.node[i].w = (w > w2 ? w : w2) + 26;
    p->g.node[i].h = BOX_HEIGHT;
    if (i < p->n_node) {
      uint64_t macs = eao_model_node(p->m, i).macs;
      if (macs > p->most_macs) p->most_macs = macs;
    }
  }
}

/* ---- edges ---- */

/* The layout wants sources before targets: inputs, nodes, outputs. Boxes are numbered nodes first,
 * which is kinder to everything else. */
static uint32_t box_of_value(const picture *p, const uint32_t *input_of, uint32_t v) {
  eao_value_info x = eao_model_value(p->m, v);
  if (x.producer != EAO_NO_ID) return x.producer;
  return input_of[v] != EAO_NO_ID ? p->n_node + input_of[v] : EAO_NO_ID;
}

static bool add_edge(picture *p, uint32_t from, uint32_t to, uint32_t value, uint32_t *cap) {
  if (from == EAO_NO_ID) return true;
  if (p->g.n_edge == *cap) {
    uint32_t fresh = *cap ? *cap * 2 : 1024;
    eao_layout_edge *e = realloc(p->g.edge, fresh * sizeof *e);
    if (e) p->g.edge = e;
    uint32_t *ev = realloc(p->edge_value, fresh * sizeof *ev);
    if (ev) p->edge_value = ev;
    if (!e || !ev) return false;
    *cap = fresh;
  }
  p->edge_value[p->g.n_edge] = value;
  p->g.edge[p->g.n_edge++] = (eao_layout_edge){.from = from, .to = to};
  return true;
}

static bool make_edges(picture *p) {
  uint32_t n_value = eao_model_value_count(p->m), cap = 0;
  uint32_t *input_of = malloc((n_value + 1) * sizeof *input_of);
  bool ok = input_of != NULL;
  if (ok) memset(input_of, 0xFF, n_value * sizeof *input_of);
  for (uint32_t i = 0; ok && i < p->n_in; i++) input_of[eao_model_input(p->m, i).id] = i;
  for (uint32_t i = 0; ok && i < p->n_node; i++) {
    eao_node_info n = eao_model_node(p->m, i);
    for (uint32_t k = 0; ok && k < n.n_in; k++) {
      if (n.in[k] == EAO_NO_ID) continue;
      uint32_t from = box_of_value(p, input_of, n.in[k]);
      bool twice = false; /* x * x is one line */
      for (uint32_t j = 0; j < k; j++) twice = twice || n.in[j] == n.in[k];
      if (!twice) ok = add_edge(p, from, i, n.in[k], &cap);
    }
  }
  for (uint32_t i = 0; ok && i < p->n_out; i++) {
    uint32_t v = eao_model_output(p->m, i).id;
    ok = add_edge(p, box_of_value(p, input_of, v), p->n_node + p->n_in + i, v, &cap);
  }
  free(input_of);
  return ok;
}

/* ---- SVG ---- */

/* Does the line go on straight down after bend i at x? Then it needs no stop here. */
static bool next_is_straight(const picture *p, const eao_layout_edge *d, uint32_t i, double x) {
  double next = i + 1 < d->n ? p->g.bend[d->first + i + 1].x : p->g.node[d->to].x;
  return next - x < 0.5 && x - next < 0.5;
}

static void put_edge(const picture *p, uint32_t e) {
  const eao_layout_edge *d = &p->g.edge[e];
  const eao_layout_node *a = &p->g.node[d->from], *b = &p->g.node[d->to];
  double x = a->x, y = a->y + a->h / 2;
  fprintf(p->to, "<path id=\"g%ue%u\" d=\"M%.0f %.0f", p->index, e, x, y);
  for (uint32_t i = 0; i <= d->n; i++) {
    /* A bend runs straight down past the boxes of its layer: lines cross between layers only. */
    const eao_layout_point *q = i < d->n ? &p->g.bend[d->first + i] : NULL;
    double tx = q ? q->x : b->x, ty = q ? q->y - BOX_HEIGHT / 2.0 : b->y - b->h / 2 - 3;
    double mid = (y + ty) / 2;
    bool straight = tx - x < 0.5 && x - tx < 0.5;
    y = q ? q->y + BOX_HEIGHT / 2.0 : ty;
    if (!straight) fprintf(p->to, "C%.0f %.0f %.0f %.0f %.0f %.0f", x, mid, tx, mid, tx, ty);
    if (straight ? i == d->n || !next_is_straight(p, d, i, tx) : q != NULL)
      fprintf(p->to, "V%.0f", y);
    x = tx;
  }
  fputs("\" marker-end=\"url(#arrow)\"/>\n", p->to);
}

/* The last n characters: the end of a long name says more than its beginning. */
static const char *ending(const char *s, int n) {
  const char *p = s + strlen(s);
  while (n > 0 && p > s) {
    p--;
    if (((unsigned char)*p & 0xC0) != 0x80) n--;
  }
  return p;
}

static void put_box(const picture *p, uint32_t i) {
  const eao_layout_node *b = &p->g.node[i];
  bool is_node = i < p->n_node;
  const char *title = box_title(p, i);
  uint64_t macs = is_node ? eao_model_node(p->m, i).macs : 0;
  double x = b->x - b->w / 2, y = b->y - b->h / 2;
  fprintf(p->to,
          "<g class=\"%s\" id=\"g%un%u\" tabindex=\"0\"><rect x=\"%.0f\" y=\"%.0f\" "
          "width=\"%.0f\" height=\"%.0f\" rx=\"%d\"/>",
          !is_node ? "io"
          : macs   ? "op mac"
                   : "op",
          p->index, i, x, y, b->w, b->h, is_node ? 6 : 20);
  if (macs && p->most_macs) /* how much of the work is done here, against the busiest node */
    fprintf(p->to,
            "<rect class=\"bar\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"3\" rx=\"1.5\"/>",
            x + 6, y + b->h - 5, 2 + (b->w - 14) * (double)macs / (double)p->most_macs);
  fprintf(p->to, "<text x=\"%.0f\" y=\"%.0f\">", b->x, b->y - 3);
  if (letters(title) > TITLE_LETTERS) {
    fputs("\xe2\x80\xa6", p->to);
    title = ending(title, TITLE_LETTERS - 2);
  }
  put_escaped(p->to, title);
  fprintf(p->to, "</text><text class=\"type\" x=\"%.0f\" y=\"%.0f\">", b->x, b->y + 12);
  put_escaped(p->to, p->label[i]);
  fputs("</text></g>\n", p->to);
}

static void put_picture(const picture *p) {
  fprintf(p->to, "<g class=\"picture\" id=\"g%u\"%s>\n<g class=\"edges\">\n", p->index,
          p->index ? " display=\"none\"" : "");
  for (uint32_t e = 0; e < p->g.n_edge; e++) put_edge(p, e);
  fputs("</g>\n", p->to);
  for (uint32_t i = 0; i < p->g.n_node; i++) put_box(p, i);
  fputs("</g>\n", p->to);
}

static void put_svg(const page *g) {
  fputs("<svg id=\"svg\" xmlns=\"http://www.w3.org/2000/svg\" role=\"img\" aria-label=\"graph\">\n"
        "<defs><marker id=\"arrow\" viewBox=\"0 0 8 8\" refX=\"4\" refY=\"4\" "
        "markerUnits=\"userSpaceOnUse\" markerWidth=\"8\" markerHeight=\"8\" orient=\"auto\">"
        "<path d=\"M0 0L8 4L0 8z\"/></marker></defs>\n<g id=\"scene\">\n",
        g->to);
  for (uint32_t i = 0; i < g->n_picture; i++) put_picture(&g->picture[i]);
  fputs("</g>\n</svg>\n", g->to);
}

/* ---- details for the panel ---- */

static json_t *value_row(const picture *p, uint32_t id) {
  eao_value_info v = eao_model_value(p->m, id);
  char type[EAO_CLI_TYPE];
  json_t *a = json_array();
  json_array_append_new(a, eao_cli_string(v.name));
  json_array_append_new(a, eao_cli_string(eao_cli_type(&v.type, v.dim_name, type)));
  char extra[96] = "";
  if (v.type.quant.n == 1)
    snprintf(extra, sizeof extra, "scale %g, zero %d", (double)v.type.quant.scale[0],
             v.type.quant.zero ? (int)v.type.quant.zero[0] : 0);
  else if (v.type.quant.n)
    snprintf(extra, sizeof extra, "quantised per channel, axis %d", (int)v.type.quant.axis);
  else if (v.type.data)
    snprintf(extra, sizeof extra, "constant");
  json_array_append_new(a, json_string(extra));
  return a;
}

static json_t *value_rows(const picture *p, const uint32_t *id, uint32_t n) {
  json_t *a = json_array();
  for (uint32_t k = 0; k < n; k++)
    if (id[k] != EAO_NO_ID) json_array_append_new(a, value_row(p, id[k]));
  return a;
}

/* [[role, picture], ...] of a node of control flow; NULL without any. */
static json_t *body_links(const page *g, const picture *p, uint32_t node) {
  json_t *a = NULL;
  const char *role = "";
  eao_model *body;
  for (uint32_t k = 0; (body = eao_model_body(p->m, node, k, &role)); k++) {
    for (uint32_t i = 0; i < g->n_picture; i++) {
      if (g->picture[i].m != body) continue;
      if (!a) a = json_array();
      json_array_append_new(a, json_pack("[s,i]", role, (int)i));
    }
  }
  return a;
}

static json_t *details(page *g, const picture *p, uint32_t i) {
  json_t *j = json_object();
  json_object_set_new(j, "t", eao_cli_string(box_title(p, i)));
  if (i >= p->n_node) {
    eao_value_info v;
    bool is_input = i < p->n_node + p->n_in;
    box_value(p, i, &v);
    json_object_set_new(j, is_input ? "o" : "i", value_rows(p, &v.id, 1));
    json_object_set_new(j, "k", json_string(is_input ? "input" : "output"));
    return j;
  }
  eao_node_info n = eao_model_node(p->m, i);
  char *attrs, text[EAO_CLI_TEXT];
  json_object_set_new(j, "n", eao_cli_string(n.name));
  if (eao_model_node_attrs(p->m, i, &attrs) == EAO_OK) {
    json_object_set_new(j, "a", eao_cli_string(attrs));
    eao_text_free(p->c->ctx, attrs);
  } else {
    g->failed = true;
  }
  json_object_set_new(j, "i", value_rows(p, n.in, n.n_in));
  json_object_set_new(j, "o", value_rows(p, n.out, n.n_out));
  json_t *bodies = body_links(g, p, i);
  if (bodies) json_object_set_new(j, "b", bodies);
  if (n.macs) json_object_set_new(j, "m", json_string(eao_cli_count(n.macs, text)));
  return j;
}

static json_t *picture_json(page *g, const picture *p) {
  json_t *nodes = json_array(), *edges = json_array(), *j = json_object();
  for (uint32_t i = 0; i < p->g.n_node; i++) json_array_append_new(nodes, details(g, p, i));
  for (uint32_t e = 0; e < p->g.n_edge; e++) {
    json_array_append_new(edges, json_integer(p->g.edge[e].from));
    json_array_append_new(edges, json_integer(p->g.edge[e].to));
  }
  json_object_set_new(j, "title", eao_cli_string(p->title));
  json_object_set_new(j, "w", json_real(p->g.width));
  json_object_set_new(j, "h", json_real(p->g.height));
  json_object_set_new(j, "nodes", nodes);
  json_object_set_new(j, "edges", edges);
  return j;
}

static void put_data(page *g) {
  json_t *a = json_array();
  for (uint32_t i = 0; i < g->n_picture; i++)
    json_array_append_new(a, picture_json(g, &g->picture[i]));
  char *text = json_dumps(a, JSON_COMPACT | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(6));
  json_decref(a);
  /* "</script>" or "<!--" inside a string must not end the element. */
  for (char *s = text; s && *s; s++) {
    if (*s == '<')
      fputs("\\u003c", g->to);
    else
      fputc(*s, g->to);
  }
  fputc('\n', g->to);
  free(text);
}

static void put_summary(const page *g) {
  const eao_model_stats *s = g->stats;
  char a[4][EAO_CLI_TEXT];
  fprintf(g->to,
          "<span><b>%s</b> nodes</span><span><b>%s</b> parameters</span>"
          "<span><b>%s</b> MACs</span><span><b>%s</b> weights</span>",
          eao_cli_count(s->nodes, a[0]), eao_cli_count(s->params, a[1]),
          eao_cli_count(s->macs, a[2]), eao_cli_bytes(s->weight_bytes, a[3]));
  fprintf(g->to, "<span><b>%s</b> peak activations</span>\n",
          eao_cli_bytes(s->peak_activation_bytes, a[0]));
}

static void put_page(page *g) {
  const char *base = strrchr(g->title, '/');
  for (size_t i = 0; eao_graph_page[i]; i++) {
    const char *line = eao_graph_page[i];
    if (strcmp(line, "@TITLE@\n") == 0)
      put_escaped(g->to, base ? base + 1 : g->title);
    else if (strcmp(line, "@SUMMARY@\n") == 0)
      put_summary(g);
    else if (strcmp(line, "@SVG@\n") == 0)
      put_svg(g);
    else if (strcmp(line, "@DATA@\n") == 0)
      put_data(g);
    else
      fputs(line, g->to);
  }
}

/* ---- pictures ---- */

static bool draw(picture *p) {
  p->n_in = eao_model_input_count(p->m);
  p->n_node = eao_model_node_count(p->m);
  p->n_out = eao_model_output_count(p->m);
  p->g.n_node = p->n_in + p->n_node + p->n_out;
  p->g.node = calloc(p->g.n_node + 1, sizeof *p->g.node);
  p->label = calloc(p->g.n_node + 1, sizeof *p->label);
  if (!p->g.node || !p->label || !make_edges(p)) return false;
  size_boxes(p);
  return eao_layout_run(&p->g);
}

/* Adds the picture of a model and those of the bodies in it, which follow it. */
static bool add_pictures(page *g, eao_model *m, const char *title) {
  if (g->n_picture == PICTURES_MAX) return true;
  uint32_t index = g->n_picture++;
  picture *p = &g->picture[index];
  p->c = g->c;
  p->m = m;
  p->index = index;
  snprintf(p->title, sizeof p->title, "%s", title);
  if (!draw(p)) return false;
  for (uint32_t i = 0; i < p->n_node; i++) {
    const char *role = "";
    eao_model *body;
    for (uint32_t k = 0; (body = eao_model_body(m, i, k, &role)); k++) {
      char text[sizeof p->title];
      eao_node_info n = eao_model_node(m, i);
      snprintf(text, sizeof text, "%s%s%.60s %s", index ? p->title : "", index ? " / " : "",
               n.name[0] ? ending(n.name, 40) : n.op, role);
      if (!add_pictures(g, body, text)) return false;
    }
  }
  return true;
}

static void free_pictures(page *g) {
  for (uint32_t i = 0; g->picture && i < g->n_picture; i++) {
    picture *p = &g->picture[i];
    eao_layout_free(&p->g);
    free(p->g.node);
    free(p->g.edge);
    free(p->edge_value);
    free(p->label);
  }
  free(g->picture);
}

/* Completely or not at all: under another name first. */
static bool write_file(const eao_cli *c, const char *path, const char *text, size_t n) {
  for (size_t at = 0; c->output_fd >= 0;) {
    ssize_t k = write(c->output_fd, text + at, n - at);
    if (k < 0 && errno == EINTR) continue;
    if (k <= 0) return n == at;
    at += (size_t)k;
  }
  char tmp[4096];
  if ((size_t)snprintf(tmp, sizeof tmp, "%s.part", path) >= sizeof tmp) {
    errno = ENAMETOOLONG;
    return false;
  }
  FILE *to = fopen(tmp, "we");
  if (!to) return false;
  bool ok = fwrite(text, 1, n, to) == n && fflush(to) == 0 && fsync(fileno(to)) == 0;
  ok = fclose(to) == 0 && ok && rename(tmp, path) == 0;
  int why = errno;
  if (!ok) unlink(tmp);
  errno = why;
  return ok;
}

static int write_page(page *g, const char *path) {
  char *text = NULL;
  size_t n = 0;
  g->to = open_memstream(&text, &n);
  bool ok = g->to != NULL;
  if (ok) {
    for (uint32_t i = 0; i < g->n_picture; i++) g->picture[i].to = g->to;
    put_page(g);
    ok = !ferror(g->to) && !g->failed;
    if (g->failed) errno = ENOMEM;
    ok = fclose(g->to) == 0 && ok && write_file(g->c, path, text, n);
  }
  if (!ok)
    fprintf(stderr, "eao %s: cannot write '%s': %s\n", g->c->cmd->name, path, strerror(errno));
  free(text);
  return ok ? EAO_EXIT_OK : EAO_EXIT_SYSTEM;
}

int eao_cli_graph_html(eao_cli *c, eao_model *m, const eao_model_stats *stats, const char *title,
                       const char *path) {
  page g = {.c = c, .stats = stats, .title = title};
  g.picture = calloc(PICTURES_MAX, sizeof *g.picture);
  bool ok = g.picture && add_pictures(&g, m, "the model");
  int code = ok ? write_page(&g, path) : eao_cli_fail(c, EAO_ERR_NOMEM);
  free_pictures(&g);
  return code;
}
