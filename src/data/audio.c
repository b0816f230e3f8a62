/* Audio through libsndfile, read from the mapped file. */
#include <math.h>
#include <string.h>

#include <sndfile.h>

#include "data/data.h"
#include "kernel/kernel.h"

typedef struct source {
  const uint8_t *data;
  sf_count_t size, pos;
} source;

static sf_count_t source_size(void *user) {
  return ((source *)user)->size;
}

static sf_count_t source_seek(sf_count_t offset, int whence, void *user) {
  source *s = user;
  sf_count_t base = whence == SEEK_SET ? 0 : whence == SEEK_CUR ? s->pos : s->size;
  if (!__builtin_add_overflow(base, offset, &base) && base >= 0 && base <= s->size) s->pos = base;
  return s->pos;
}

static sf_count_t source_read(void *to, sf_count_t n, void *user) {
  source *s = user;
  if (n > s->size - s->pos) n = s->size - s->pos;
  if (n > 0) memcpy(to, s->data + s->pos, (size_t)n);
  s->pos += n;
  return n;
}

static sf_count_t source_write(const void *p, sf_count_t n, void *user) {
  (void)p;
  (void)n;
  (void)user;
  return 0;
}

static sf_count_t source_tell(void *user) {
  return ((source *)user)->pos;
}

/* Frames that were there, which may be fewer than the header says. */
static eao_status read_frames(eao_ctx *ctx, const char *path, SNDFILE *sf, const SF_INFO *info,
                              eao_tensor *out) {
  enum { CHUNK = 4096, CHANNELS_MAX = 64 };
  if (info->channels < 1 || info->channels > CHANNELS_MAX || info->frames < 0 ||
      info->frames > EAO_AUDIO_FRAMES_MAX)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s': %lld frames of %d channels are not read", path,
                    (long long)info->frames, info->channels);
  EAO_TRY(eao_tensor_create(ctx, EAO_F32, 1, &info->frames, out));
  float *chunk = eao_alloc(ctx, CHUNK * sizeof *chunk * (size_t)info->channels);
  if (!chunk) return EAO_NOMEM(ctx);
  float *to = out->data;
  sf_count_t done = 0, got;
  while (done < info->frames && (got = sf_readf_float(sf, chunk, CHUNK)) > 0) {
    for (sf_count_t i = 0; i < got && done < info->frames; i++) {
      float sum = 0;
      for (int c = 0; c < info->channels; c++) sum += chunk[i * info->channels + c];
      to[done++] = sum / (float)info->channels;
    }
  }
  eao_free(ctx, chunk);
  if (done < info->frames)
    return eao_fail(ctx, EAO_ERR_FORMAT, "'%s' holds %lld frames, its header says %lld", path,
                    (long long)done, (long long)info->frames);
  return EAO_OK;
}

eao_status eao_audio_read(eao_ctx *ctx, const char *path, eao_tensor *out, int32_t *out_rate_hz) {
  static SF_VIRTUAL_IO io = {source_size, source_seek, source_read, source_write, source_tell};
  eao_file f;
  memset(out, 0, sizeof *out);
  *out_rate_hz = 0;
  EAO_TRY(eao_file_map(ctx, path, &f));
  source src = {f.data, (sf_count_t)f.size, 0};
  SF_INFO info = {0};
  SNDFILE *sf = sf_open_virtual(&io, SFM_READ, &info, &src);
  eao_status s =
      sf ? read_frames(ctx, path, sf, &info, out)
         : eao_fail(ctx, EAO_ERR_FORMAT, "'%s' is not audio: %s", path, sf_strerror(NULL));
  if (s == EAO_OK) *out_rate_hz = info.samplerate;
  if (sf) sf_close(sf);
  if (s != EAO_OK) eao_tensor_destroy(ctx, out);
  eao_file_unmap(ctx, &f);
  return s;
}

eao_status eao_audio_to_input(eao_ctx *ctx, const eao_tensor *audio, const eao_tensor *type,
                              eao_tensor *out) {
  int64_t dim[EAO_MAX_RANK] = {0}, have = audio->dim[0];
  memset(out, 0, sizeof *out);
  if (type->rank < 1)
    return eao_fail(ctx, EAO_ERR_SHAPE, "audio does not fit an input of rank %d", type->rank);
  int32_t last = type->rank - 1;
  if (type->rank > 1 && type->dim[last] == 1 && type->dim[last - 1] != 1) last--; /* [.., n, 1] */
  for (int32_t i = 0; i < type->rank; i++) {
    dim[i] = i != last ? 1 : type->dim[i] < 0 ? have : type->dim[i];
    if (i != last && type->dim[i] > 1)
      return eao_fail(ctx, EAO_ERR_SHAPE,
                      "audio fits an input with one extent above 1; it may want features instead");
  }
  EAO_TRY(eao_tensor_create(ctx, type->dtype, type->rank, dim, out));
  out->quant = type->quant;
  int64_t n = dim[last] < have ? dim[last] : have;
  for (int64_t i = 0; i < dim[last]; i++) {
    double v = i < n ? (double)((const float *)audio->data)[i] : 0;
    if (type->quant.n)
      v = v / (double)eao_quant_scale(out, i) + eao_quant_zero(out, i);
    else if (type->dtype == EAO_I16)
      v *= 32768;
    eao_set_f64(out, i, eao_dtype_is_float(type->dtype) ? v : rint(v));
  }
  return EAO_OK;
}
