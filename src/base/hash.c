/* BLAKE2b as RFC 7693 defines it. Own code because libeao, which must check a package, has libc
 * only. */
#include <string.h>

#include "base/base.h"
#include "base/blake2b_tables.h"

static uint64_t rotr(uint64_t x, int n) {
  return (x >> n) | (x << (64 - n));
}

static uint64_t load64(const uint8_t *p) {
  uint64_t v = 0;
  for (int i = 7; i >= 0; i--) v = v << 8 | p[i];
  return v;
}

static void mix(uint64_t *v, int a, int b, int c, int d, uint64_t x, uint64_t y) {
  v[a] += v[b] + x;
  v[d] = rotr(v[d] ^ v[a], 32);
  v[c] += v[d];
  v[b] = rotr(v[b] ^ v[c], 24);
  v[a] += v[b] + y;
  v[d] = rotr(v[d] ^ v[a], 16);
  v[c] += v[d];
  v[b] = rotr(v[b] ^ v[c], 63);
}

static void compress(eao_blake2b *s, const uint8_t *block, bool last) {
  uint64_t v[16], m[16];
  for (int i = 0; i < 8; i++) {
    v[i] = s->h[i];
    v[i + 8] = iv[i];
  }
  v[12] ^= s->t[0];
  v[13] ^= s->t[1];
  if (last) v[14] = ~v[14];
  for (int i = 0; i < 16; i++) m[i] = load64(block + 8 * i);
  for (int r = 0; r < 12; r++) {
    const uint8_t *g = sigma[r];
    mix(v, 0, 4, 8, 12, m[g[0]], m[g[1]]);
    mix(v, 1, 5, 9, 13, m[g[2]], m[g[3]]);
    mix(v, 2, 6, 10, 14, m[g[4]], m[g[5]]);
    mix(v, 3, 7, 11, 15, m[g[6]], m[g[7]]);
    mix(v, 0, 5, 10, 15, m[g[8]], m[g[9]]);
    mix(v, 1, 6, 11, 12, m[g[10]], m[g[11]]);
    mix(v, 2, 7, 8, 13, m[g[12]], m[g[13]]);
    mix(v, 3, 4, 9, 14, m[g[14]], m[g[15]]);
  }
  for (int i = 0; i < 8; i++) s->h[i] ^= v[i] ^ v[i + 8];
}

static void count(eao_blake2b *s, uint64_t n) {
  s->t[0] += n;
  if (s->t[0] < n) s->t[1]++;
}

void eao_blake2b_init(eao_blake2b *s, size_t outlen) {
  memset(s, 0, sizeof *s);
  memcpy(s->h, iv, sizeof iv);
  s->outlen = outlen;
  s->h[0] ^= 0x01010000u ^ outlen;
}

void eao_blake2b_update(eao_blake2b *s, const void *data, size_t n) {
  const uint8_t *p = data;
  while (n > 0) {
    /* The last block must wait for final(), so a full buffer is flushed only when more follows. */
    if (s->buflen == sizeof s->buf) {
      count(s, sizeof s->buf);
      compress(s, s->buf, false);
      s->buflen = 0;
    }
    size_t k = sizeof s->buf - s->buflen;
    if (k > n) k = n;
    memcpy(s->buf + s->buflen, p, k);
    s->buflen += k;
    p += k;
    n -= k;
  }
}

void eao_blake2b_final(eao_blake2b *s, uint8_t *out) {
  count(s, s->buflen);
  memset(s->buf + s->buflen, 0, sizeof s->buf - s->buflen);
  compress(s, s->buf, true);
  for (size_t i = 0; i < s->outlen; i++) out[i] = (uint8_t)(s->h[i / 8] >> (8 * (i % 8)));
}
