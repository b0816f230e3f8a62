/* Reference kernels of signal processing. Complex numbers are a last axis of extent 2 (real,
 * imaginary); an extent of 1 is a real signal. */
#ifndef EAO_KERNEL_REF_SIGNAL_H
#define EAO_KERNEL_REF_SIGNAL_H

#include "kernel/kernel.h"

enum { EAO_DFT_MAX = 1 << 28 }; /* points of one transform */

typedef struct eao_dft_attr {
  int32_t inverse;
  int32_t onesided; /* forward: the first n / 2 + 1 results; inverse: real result from those */
} eao_dft_attr;

typedef struct eao_stft_attr {
  int32_t onesided;
} eao_stft_attr;

typedef struct eao_window_attr {
  int32_t dtype, periodic;
} eao_window_attr;

typedef struct eao_mel_attr {
  int32_t dtype;
} eao_mel_attr;

/* Points of the transform that a dft call makes along axis `axis`. */
int64_t eao_dft_points(const eao_tensor *x, int32_t axis, const eao_tensor *length,
                       const eao_dft_attr *a);
/* Samples of a frame of stft: frame_length, the window's, or the signal's extent. */
int64_t eao_stft_points(const eao_tensor *signal, const eao_tensor *window,
                        const eao_tensor *length);
/* Bytes of work space of a transform of n points. */
size_t eao_fft_scratch(int64_t n);
/* Bands of mel_weight_matrix: the edge bins of band i, i + 1, i + 2; false when a bin is outside
 * the spectrum. in: the op's inputs. */
bool eao_mel_edge(const eao_tensor *const *in, int64_t i, int64_t *out_bin);

/* x, optional dft_length, optional axis (default -2) */
eao_status eao_ref_dft(eao_kcall *c);
size_t eao_ref_dft_scratch(const eao_kcall *c);
/* signal [batch, samples, 1 or 2], frame_step, optional window, optional frame_length */
eao_status eao_ref_stft(eao_kcall *c);
size_t eao_ref_stft_scratch(const eao_kcall *c);
eao_status eao_ref_hann_window(eao_kcall *c);
eao_status eao_ref_hamming_window(eao_kcall *c);
eao_status eao_ref_blackman_window(eao_kcall *c);
eao_status eao_ref_mel_weight_matrix(eao_kcall *c);

#endif
