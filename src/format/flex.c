#include "format/flex.h"

#include <string.h>

#include "base/half.h"

enum { T_INT = 1, T_UINT = 2, T_FLOAT = 3, T_MAP = 9, T_BOOL = 26, T_INDIRECT = 5 };

static uint64_t load(const uint8_t *p, size_t width) {
  uint64_t v = 0;
  for (size_t i = 0; i < width; i++) v |= (uint64_t)p[i] << (8 * i);
  return v;
}

/* Position that the offset stored at `at` names, going backwards; false when outside. */
static bool follow(const uint8_t *p, size_t n, size_t at, size_t width, size_t *out) {
  if (at > n || width > n - at) return false;
  uint64_t off = load(p + at, width);
  if (off > at) return false;
  *out = at - (size_t)off;
  return true;
}

static double number(const uint8_t *p, size_t width, int type) {
  uint64_t v = load(p, width);
  if (type == T_FLOAT && width == 8) {
    double d;
    memcpy(&d, &v, sizeof d);
    return d;
  }
  if (type == T_FLOAT) return (double)eao_f32_from_bits((uint32_t)v);
  if (type == T_INT && width < 8 && v >> (8 * width - 1)) v |= UINT64_MAX << (8 * width);
  return type == T_INT ? (double)(int64_t)v : (double)v;
}

/* Element of packed type `packed` stored at `at` with the width of its vector. */
static bool element(const uint8_t *p, size_t n, size_t at, size_t width, uint8_t packed,
                    double *out) {
  int type = packed >> 2;
  if (at > n || width > n - at) return false;
  if (type > T_INDIRECT && type < T_MAP) { /* indirect int, uint, float */
    size_t to, own = (size_t)1 << (packed & 3);
    if (!follow(p, n, at, width, &to) || own > n - to) return false;
    at = to;
    width = own;
    type -= T_INDIRECT;
  }
  bool is_float = type == T_FLOAT;
  if (type != T_INT && type != T_UINT && !is_float && type != T_BOOL) return false;
  if (is_float && width < 4) return false;
  *out = number(p + at, width, type);
  return true;
}

/* Does the NUL-terminated key stored at `at` equal `key`? */
static bool same_key(const uint8_t *p, size_t n, size_t at, const char *key) {
  size_t len = strlen(key) + 1;
  return at <= n && len <= n - at && memcmp(p + at, key, len) == 0;
}

bool eao_flex_number(const uint8_t *p, size_t n, const char *key, double *out) {
  size_t map, keys;
  if (n < 3) return false;
  size_t root = p[n - 1], width = (size_t)1 << (p[n - 2] & 3);
  if (p[n - 2] >> 2 != T_MAP || (root != 1 && root != 2 && root != 4 && root != 8) || root > n - 2)
    return false;
  if (!follow(p, n, n - 2 - root, root, &map) || map < 3 * width || map > n) return false;
  uint64_t count = load(p + map - width, width), key_width = load(p + map - 2 * width, width);
  if (key_width != 1 && key_width != 2 && key_width != 4 && key_width != 8) return false;
  if (count > n || !follow(p, n, map - 3 * width, width, &keys)) return false;
  for (uint64_t i = 0; i < count; i++) {
    size_t at, type_at = map + (size_t)(count * width + i);
    if (!follow(p, n, keys + (size_t)(i * key_width), (size_t)key_width, &at)) return false;
    if (!same_key(p, n, at, key)) continue;
    return type_at < n && element(p, n, map + (size_t)(i * width), width, p[type_at], out);
  }
  return false;
}

/* ---- writing: everything 4 bytes wide ---- */

static void put(eao_text *t, uint32_t v) {
  char c[4] = {(char)v, (char)(v >> 8), (char)(v >> 16), (char)(v >> 24)};
  eao_text_add(t, c, 4);
}

void eao_flex_write(const eao_flex_entry *e, uint32_t n, eao_text *out) {
  enum { MOST = 64 };
  size_t start = out->len, at[MOST];
  if (n > MOST) {
    out->failed = true;
    return;
  }
  for (uint32_t i = 0; i < n; i++) {
    at[i] = out->len;
    eao_text_add(out, e[i].key, strlen(e[i].key) + 1);
  }
  while ((out->len - start) % 4) eao_text_add(out, "", 1);
  put(out, n); /* the vector of keys */
  size_t keys = out->len;
  for (uint32_t i = 0; i < n; i++) put(out, (uint32_t)(out->len - at[i]));
  put(out, (uint32_t)(out->len - keys)); /* the map: its keys, their width, its size */
  put(out, 4);
  put(out, n);
  size_t map = out->len;
  for (uint32_t i = 0; i < n; i++)
    put(out, e[i].is_float ? eao_f32_bits((float)e[i].value) : (uint32_t)(int32_t)e[i].value);
  for (uint32_t i = 0; i < n; i++) {
    char type = (char)((e[i].is_float ? T_FLOAT : T_INT) << 2 | 2);
    eao_text_add(out, &type, 1);
  }
  while ((out->len - start) % 4) eao_text_add(out, "", 1);
  put(out, (uint32_t)(out->len - map));
  char tail[2] = {T_MAP << 2 | 2, 4};
  eao_text_add(out, tail, 2);
}
