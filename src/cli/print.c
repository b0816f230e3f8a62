/* Tables, numbers, JSON, progress. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/cli.h"

const char *eao_cli_style_on(const eao_cli *c, eao_cli_style s) {
  static const char *const code[] = {"\x1b[1m", "\x1b[2m", "\x1b[32m", "\x1b[31m", "\x1b[0m"};
  return c->color ? code[s] : "";
}

/* ---- memory for what is printed ---- */

/* Without it nothing useful can be said any more. */
static void *or_exit(void *p) {
  if (p) return p;
  fprintf(stderr, "eao: out of memory\n");
  exit(EAO_EXIT_SYSTEM);
}

static void *json_memory(size_t n) {
  return or_exit(malloc(n));
}

void eao_cli_print_init(void) {
  /* jansson goes on without what it had no memory for; a document with holes must not look whole.
   */
  json_set_alloc_funcs(json_memory, free);
}

/* ---- tables ---- */

enum { COLUMNS_MAX = 16 };

struct eao_cli_table {
  size_t n_columns, n_cells, cap;
  char *head[COLUMNS_MAX];
  bool right[COLUMNS_MAX];
  char **cell;
};

eao_cli_table *eao_cli_table_new(const char *const *heads, size_t n) {
  eao_cli_table *t = or_exit(calloc(1, sizeof *t));
  t->n_columns = n < COLUMNS_MAX ? n : COLUMNS_MAX;
  for (size_t i = 0; i < t->n_columns; i++) {
    t->right[i] = heads[i][0] == '>';
    t->head[i] = or_exit(strdup(heads[i] + (t->right[i] ? 1 : 0)));
  }
  return t;
}

void eao_cli_cell(eao_cli_table *t, const char *fmt, ...) {
  if (t->n_cells == t->cap) {
    size_t cap = t->cap ? t->cap * 2 : 64;
    t->cell = or_exit(realloc(t->cell, cap * sizeof *t->cell));
    t->cap = cap;
  }
  va_list ap;
  va_start(ap, fmt);
  char *s = NULL;
  if (vasprintf(&s, fmt, ap) < 0) or_exit(NULL);
  va_end(ap);
  for (char *p = s; *p; p++) /* names come from files: no control characters on a terminal */
    if ((unsigned char)*p < 32 || *p == 127) *p = '?';
  t->cell[t->n_cells++] = s;
}

/* Characters, not bytes: continuation bytes of UTF-8 take no column. */
static size_t width(const char *s) {
  size_t n = 0;
  for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
  return n;
}

static void print_cell(const char *s, size_t w, bool right, bool last) {
  int gap = (int)(w - width(s));
  if (right)
    printf("%*s%s", gap, "", s);
  else
    printf("%s%*s", s, last ? 0 : gap, "");
  fputs(last ? "\n" : "  ", stdout);
}

void eao_cli_table_print(const eao_cli *c, const eao_cli_table *t) {
  size_t w[COLUMNS_MAX] = {0};
  for (size_t i = 0; i < t->n_columns; i++) w[i] = width(t->head[i]);
  for (size_t i = 0; i < t->n_cells; i++) {
    size_t n = width(t->cell[i]);
    if (n > w[i % t->n_columns]) w[i % t->n_columns] = n;
  }
  fputs(eao_cli_style_on(c, EAO_STYLE_DIM), stdout);
  for (size_t i = 0; i < t->n_columns; i++)
    print_cell(t->head[i], w[i], t->right[i], i + 1 == t->n_columns);
  fputs(eao_cli_style_on(c, EAO_STYLE_OFF), stdout);
  for (size_t i = 0; i < t->n_cells; i++) {
    size_t k = i % t->n_columns;
    print_cell(t->cell[i], w[k], t->right[k], k + 1 == t->n_columns);
  }
}

void eao_cli_table_free(eao_cli_table *t) {
  for (size_t i = 0; i < t->n_columns; i++) free(t->head[i]);
  for (size_t i = 0; i < t->n_cells; i++) free(t->cell[i]);
  free(t->cell);
  free(t);
}

/* ---- numbers ---- */

char *eao_cli_count(uint64_t n, char buf[EAO_CLI_TEXT]) {
  char plain[32];
  int len = snprintf(plain, sizeof plain, "%llu", (unsigned long long)n), k = 0;
  for (int i = 0; i < len; i++) {
    if (i && (len - i) % 3 == 0) buf[k++] = ',';
    buf[k++] = plain[i];
  }
  buf[k] = 0;
  return buf;
}

char *eao_cli_bytes(uint64_t n, char buf[EAO_CLI_TEXT]) {
  static const char *const unit[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double v = (double)n;
  size_t k = 0;
  for (; v >= 1024 && k + 1 < EAO_CLI_COUNT(unit); k++) v /= 1024;
  snprintf(buf, EAO_CLI_TEXT, k ? "%.1f %s" : "%.0f %s", v, unit[k]);
  return buf;
}

char *eao_cli_short(const char *name, char buf[EAO_CLI_TEXT]) {
  enum { HEAD = 24, TAIL = 28 };
  size_t n = strlen(name), head = HEAD;
  const char *tail = n > TAIL ? name + n - TAIL : name;
  if (n <= HEAD + TAIL + 3) {
    snprintf(buf, EAO_CLI_TEXT, "%s", name);
    return buf;
  }
  while (((unsigned char)name[head] & 0xC0) == 0x80) head--; /* whole characters only */
  while (((unsigned char)*tail & 0xC0) == 0x80) tail++;
  snprintf(buf, EAO_CLI_TEXT, "%.*s...%s", (int)head, name, tail);
  return buf;
}

char *eao_cli_type(const eao_tensor *t, const char *const *dim_name, char buf[EAO_CLI_TYPE]) {
  size_t n = 0;
#define PUT(...)                                                                                   \
  do {                                                                                             \
    if (n < EAO_CLI_TYPE) n += (size_t)snprintf(buf + n, EAO_CLI_TYPE - n, __VA_ARGS__);           \
  } while (0)
  PUT("%s", t->dtype ? eao_dtype_name(t->dtype) : "?");
  if (t->rank < 0) PUT(" [?]");
  for (int32_t i = 0; i < t->rank; i++) {
    PUT("%s", i ? "," : " [");
    if (dim_name && dim_name[i] && dim_name[i][0]) {
      PUT("%.40s", dim_name[i]);
      if (t->dim[i] >= 0) PUT("=%lld", (long long)t->dim[i]);
    } else if (t->dim[i] >= 0) {
      PUT("%lld", (long long)t->dim[i]);
    } else {
      PUT("?");
    }
  }
  if (t->rank == 0) PUT(" []");
  if (t->rank > 0) PUT("]");
#undef PUT
  return buf;
}

/* ---- JSON ---- */

int eao_cli_json(json_t *j) {
  int bad = json_dumpf(j, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(12));
  putchar('\n');
  json_decref(j);
  return bad ? EAO_EXIT_SYSTEM : EAO_EXIT_OK;
}

json_t *eao_cli_real(double v) {
  return isfinite(v) ? json_real(v) : json_null();
}

json_t *eao_cli_real_f32(float v) {
  char text[32];
  for (int digits = 6; digits <= 9; digits++) {
    snprintf(text, sizeof text, "%.*g", digits, (double)v);
    if (strtof(text, NULL) == v) break;
  }
  return eao_cli_real(isfinite(v) ? strtod(text, NULL) : (double)v);
}

json_t *eao_cli_string(const char *s) {
  json_t *j = json_string(s);
  if (j) return j;
  char *copy = or_exit(strdup(s));
  for (char *p = copy; *p; p++)
    if ((unsigned char)*p > 126) *p = '?';
  j = json_string(copy);
  free(copy);
  return j;
}

json_t *eao_cli_json_shape(const eao_tensor *t) {
  if (t->rank < 0) return json_null();
  json_t *a = json_array();
  for (int32_t i = 0; i < t->rank; i++) json_array_append_new(a, json_integer(t->dim[i]));
  return a;
}

json_t *eao_cli_json_value(const eao_value_info *v) {
  json_t *j = json_object(), *dims = json_array();
  json_object_set_new(j, "name", eao_cli_string(v->name));
  json_object_set_new(j, "dtype", json_string(eao_dtype_name(v->type.dtype)));
  json_object_set_new(j, "shape", eao_cli_json_shape(&v->type));
  for (int32_t i = 0; i < v->type.rank; i++) {
    const char *name = v->dim_name ? v->dim_name[i] : NULL;
    json_array_append_new(dims, name && name[0] ? eao_cli_string(name) : json_null());
  }
  json_object_set_new(j, "dims", dims);
  if (v->type.quant.n == 1) {
    const eao_quant *q = &v->type.quant;
    json_object_set_new(j, "scale", eao_cli_real_f32(q->scale[0]));
    json_object_set_new(j, "zero_point", json_integer(q->zero ? q->zero[0] : 0));
  }
  return j;
}

/* ---- progress ---- */

void eao_cli_progress(eao_cli *c, const char *what, uint64_t done, uint64_t total) {
  static struct timespec start, last;
  static bool shown;
  static uint64_t before;
  struct timespec now;
  if (!c->tty_error) return;
  clock_gettime(CLOCK_MONOTONIC, &now);
  if (done == 0 || !start.tv_sec || done < before) { /* something new begins */
    start = last = now;
    shown = false;
  }
  before = done;
  double t = (double)(now.tv_sec - start.tv_sec) + 1e-9 * (double)(now.tv_nsec - start.tv_nsec);
  double since = (double)(now.tv_sec - last.tv_sec) + 1e-9 * (double)(now.tv_nsec - last.tv_nsec);
  if (done >= total) {
    if (shown) fprintf(stderr, "\r\x1b[K");
    shown = false;
    return;
  }
  if (t < 1 || (shown && since < 0.2) || done == 0) return;
  last = now;
  shown = true;
  fprintf(stderr, "\r%s: %llu of %llu, %.0f s left\x1b[K", what, (unsigned long long)done,
          (unsigned long long)total, t / (double)done * (double)(total - done));
}

int eao_cli_write_text(eao_cli *c, const char *path, const char *text) {
  if (!path || strcmp(path, "-") == 0) {
    fputs(text, stdout);
    return EAO_EXIT_OK;
  }
  FILE *f = fopen(path, "we");
  bool ok = f && fputs(text, f) >= 0;
  if (f && fclose(f) != 0) ok = false;
  if (ok) return EAO_EXIT_OK;
  fprintf(stderr, "eao %s: cannot write '%s': %s\n", c->cmd->name, path, strerror(errno));
  return EAO_EXIT_SYSTEM;
}
