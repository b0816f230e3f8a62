/* Vectors of 16 sums of products of bytes. The same names exist for every ISA with a four-byte dot
 * product; include exactly one simd/i8_*.h. */
#ifndef EAO_KERNEL_SIMD_I8_AVX512VNNI_H
#define EAO_KERNEL_SIMD_I8_AVX512VNNI_H

#include <immintrin.h>
#include <stdint.h>

enum { VL = 16 };
typedef __m512i vi;
typedef __m512 vf;

static inline vi vi_load(const void *p) {
  return _mm512_loadu_si512(p);
}
static inline vi vi_all(int32_t x) {
  return _mm512_set1_epi32(x);
}
static inline vi vi_add(vi a, vi b) {
  return _mm512_add_epi32(a, b);
}
static inline vi vi_xor(vi a, vi b) {
  return _mm512_xor_si512(a, b);
}
/* acc += the four products u8 * s8 of each lane; exact, wraps at 32 bits. */
static inline vi vi_dot(vi acc, vi x, vi w) {
  return _mm512_dpbusd_epi32(acc, x, w);
}
/* Sum of n bytes, each exclusive-or flip. */
static inline int32_t vi_sum_bytes(const uint8_t *p, int64_t n, vi flip) {
  vi sum = _mm512_setzero_si512(), ones = _mm512_set1_epi8(1);
  for (int64_t i = 0; i < n; i += 64) {
    __mmask64 m = n - i >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << (n - i)) - 1;
    vi x = _mm512_maskz_mov_epi8(m, vi_xor(_mm512_maskz_loadu_epi8(m, p + i), flip));
    sum = vi_dot(sum, x, ones);
  }
  return _mm512_reduce_add_epi32(sum);
}
static inline void vi_store(void *p, vi a) {
  _mm512_storeu_si512(p, a);
}
/* Bytes of a and b by turns, in each 128 bits: of the lower or upper half of these. */
static inline vi vi_zip8_lo(vi a, vi b) {
  return _mm512_unpacklo_epi8(a, b);
}
static inline vi vi_zip8_hi(vi a, vi b) {
  return _mm512_unpackhi_epi8(a, b);
}
static inline vi vi_zip16_lo(vi a, vi b) {
  return _mm512_unpacklo_epi16(a, b);
}
static inline vi vi_zip16_hi(vi a, vi b) {
  return _mm512_unpackhi_epi16(a, b);
}
/* The first n bytes. */
static inline void vi_store_n(void *p, vi a, int n) {
  _mm512_mask_storeu_epi8(p, n >= 64 ? ~(__mmask64)0 : ((__mmask64)1 << n) - 1, a);
}
static inline vf vf_load(const float *p) {
  return _mm512_loadu_ps(p);
}
static inline vf vf_all(float x) {
  return _mm512_set1_ps(x);
}
/* What requantisation to bytes needs: multiplied sums are rounded and come to lie around z, all
 * less 128 when bytes are unsigned, which flip puts right. */
typedef struct vi_bytes {
  vi z, lo, hi, flip;
} vi_bytes;
static inline vi_bytes vi_bytes_init(int32_t z, int32_t lo, int32_t hi) {
  int32_t off = hi > 127 ? 128 : 0;
  return (vi_bytes){_mm512_set1_epi16((short)(z - off)), _mm512_set1_epi8((char)(lo - off)),
                    _mm512_set1_epi8((char)(hi - off)), _mm512_set1_epi8((char)off)};
}
/* rne(acc * m), or less where that does not fit 32 bits. */
static inline vi vi_scaled(vi acc, vf m) {
  vf v = _mm512_mul_ps(_mm512_cvtepi32_ps(acc), m);
  return _mm512_cvtps_epi32(_mm512_min_ps(v, _mm512_set1_ps(0x1p30f)));
}
/* The float rule of docs/integer-spec.md for 4 VL sums, acc[k] times m[k], zipped as vi_zip16 of
 * vi_zip8 leaves them: packing undoes it. Bounds are integers, so they may come after rounding. */
static inline vi vi_requant4(const vi *acc, const float *const *m, const vi_bytes *q) {
  vi a = _mm512_packs_epi32(vi_scaled(acc[0], _mm512_loadu_ps(m[0])),
                            vi_scaled(acc[1], _mm512_loadu_ps(m[1])));
  vi b = _mm512_packs_epi32(vi_scaled(acc[2], _mm512_loadu_ps(m[2])),
                            vi_scaled(acc[3], _mm512_loadu_ps(m[3])));
  vi r = _mm512_packs_epi16(_mm512_adds_epi16(a, q->z), _mm512_adds_epi16(b, q->z));
  return vi_xor(_mm512_min_epi8(_mm512_max_epi8(r, q->lo), q->hi), q->flip);
}
/* The same for vectors that are not zipped: of `per` pixels (2 or 4, a constant) that are `stride`
 * bytes apart in y, the first `some`, `left` bytes of each. */
static inline __attribute__((always_inline)) void
vi_store_quarters(uint8_t *y, int64_t stride, const int per, int some, int left, const vi *acc,
                  const float *const *m, const vi_bytes *q) {
  const vi order = _mm512_setr_epi32(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15);
  vi r = _mm512_permutexvar_epi32(order, vi_requant4(acc, m, q));
  if (per == 2) {
    __mmask32 mask = left >= 2 * VL ? ~(__mmask32)0 : ((__mmask32)1 << left) - 1;
    _mm256_mask_storeu_epi8(y, mask, _mm512_castsi512_si256(r));
    if (some > 1) _mm256_mask_storeu_epi8(y + stride, mask, _mm512_extracti64x4_epi64(r, 1));
  } else {
    __mmask16 mask = (__mmask16)(left >= VL ? 0xFFFF : (1 << left) - 1);
    _mm_mask_storeu_epi8(y, mask, _mm512_castsi512_si128(r));
    if (some > 1) _mm_mask_storeu_epi8(y + stride, mask, _mm512_extracti32x4_epi32(r, 1));
    if (some > 2) _mm_mask_storeu_epi8(y + 2 * stride, mask, _mm512_extracti32x4_epi32(r, 2));
    if (some > 3) _mm_mask_storeu_epi8(y + 3 * stride, mask, _mm512_extracti32x4_epi32(r, 3));
  }
}

#endif
