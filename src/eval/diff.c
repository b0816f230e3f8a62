/* How far two tensors are apart. */
#include <math.h>

#include "base/base.h"
#include "eao/data.h"
#include "eao/eao.h"

eao_status eao_tensor_diff(eao_ctx *ctx, const eao_tensor *got, const eao_tensor *want, double rtol,
                           double atol, eao_diff *out) {
  bool same = got->rank == want->rank && got->data && want->data;
  for (int32_t i = 0; same && i < want->rank; i++) same = got->dim[i] == want->dim[i];
  if (!same) return eao_fail(ctx, EAO_ERR_SHAPE, "tensors of different shapes are not comparable");
  int64_t n = eao_tensor_elements(want);
  eao_diff d = {.n = n, .worst = n ? 0 : -1, .cosine = 1};
  double sum = 0, noise = 0, signal = 0, dot = 0, norm = 0;
  for (int64_t i = 0; i < n; i++) {
    double g = eao_tensor_real(got, i), w = eao_tensor_real(want, i);
    /* Equal infinities and two NaNs agree; one alone is as wrong as can be. */
    double e = g == w || (isnan(g) && isnan(w)) ? 0 : fabs(g - w);
    if (isnan(e)) e = INFINITY;
    if (e > atol + rtol * fabs(w) || e == INFINITY) d.mismatches++;
    if (i == 0 || e > d.max_abs) {
      d.max_abs = e;
      d.worst = i;
      d.worst_got = g;
      d.worst_want = w;
    }
    if (w != 0 && e / fabs(w) > d.max_rel) d.max_rel = e / fabs(w);
    sum += e;
    if (!isfinite(g) || !isfinite(w)) {
      if (e > 0) noise = INFINITY;
      continue;
    }
    noise += e * e;
    signal += w * w;
    norm += g * g;
    dot += g * w;
  }
  d.mean_abs = n ? sum / (double)n : 0;
  d.sqnr_db = noise == 0 ? INFINITY : signal == 0 ? -INFINITY : 10 * log10(signal / noise);
  if (signal > 0 || norm > 0)
    d.cosine = signal > 0 && norm > 0 ? dot / (sqrt(signal) * sqrt(norm)) : 0;
  *out = d;
  return EAO_OK;
}
