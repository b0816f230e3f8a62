#include "compress/quant/sweep.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

#include "interp/fast.h"

typedef struct job {
  const eao_sweep *s;
  eao_graph *g;
  eao_fast *fast;
  pthread_mutex_t lock; /* of the source, the progress report and `done` */
  uint32_t done;
  bool stop; /* a shard failed */
} job;

typedef struct shard {
  job *j;
  uint32_t index;
  eao_ctx *ctx; /* the job's own when shards run one after the other */
  eao_interp *it;
  eao_tensor *in, *out;
  uint32_t sample; /* being run */
  eao_status status;
} shard;

static eao_status on_value(void *user, const eao_graph *g, eao_vid v, const eao_tensor *t) {
  shard *s = user;
  return s->j->s->hook(s->j->s->user[s->index], s->sample, g, v, t);
}

/* An input that became int8 gets the sample quantised; others a copy, since the source may only be
 * asked for one sample at a time. */
static eao_status take_input(shard *s, const eao_tensor *type, const eao_tensor *from,
                             eao_tensor *to) {
  int64_t n = eao_tensor_count(from);
  *to = *from;
  to->dtype = type->dtype;
  to->quant = type->quant;
  to->data = eao_realloc(s->ctx, NULL, (size_t)eao_dtype_bytes(to->dtype, n) + 1);
  if (!to->data) return EAO_NOMEM(s->ctx);
  if (type->dtype == from->dtype) {
    memcpy(to->data, from->data, (size_t)eao_dtype_bytes(to->dtype, n));
    return EAO_OK;
  }
  int64_t lo = eao_dtype_min(to->dtype), hi = eao_dtype_max(to->dtype);
  for (int64_t i = 0; i < n; i++) {
    double v = rint(eao_get_f64(from, i) / (double)type->quant.scale[0]) + type->quant.zero[0];
    eao_set_i64(to, i, v < (double)lo ? lo : v > (double)hi ? hi : (int64_t)v);
  }
  return EAO_OK;
}

/* Under the lock: the source belongs to one thread at a time. */
static eao_status fetch(shard *s, eao_tensor *from) {
  const eao_sweep *w = s->j->s;
  const eao_graph *g = s->j->g, *source = w->source->g;
  uint32_t k = w->first + s->sample;
  for (uint32_t i = 0; i < g->n_input; i++) {
    from[i] = source->value[source->input[i]].t;
    from[i].data = NULL;
  }
  eao_status st = w->source->o->sample(w->source->o->sample_user, k, from, g->n_input);
  if (st != EAO_OK && s->ctx != w->source->ctx)
    eao_fail(s->ctx, st, "%s", eao_ctx_message(w->source->ctx));
  for (uint32_t i = 0; st == EAO_OK && i < g->n_input; i++) {
    if (!from[i].data) return eao_fail(s->ctx, EAO_ERR_ARG, "sample %u has no input %u", k, i);
    st = take_input(s, &g->value[g->input[i]].t, &from[i], &s->in[i]);
  }
  return st;
}

static void progress(const job *j) {
  const eao_quantize_opts *o = j->s->source->o;
  if (o->progress) o->progress(o->progress_user, j->s->what, j->done, j->s->n);
}

static eao_status run_sample(shard *s, eao_tensor *from, bool *out_stop) {
  job *j = s->j;
  pthread_mutex_lock(&j->lock);
  *out_stop = j->stop;
  eao_status st = j->stop ? EAO_OK : fetch(s, from);
  pthread_mutex_unlock(&j->lock);
  if (st == EAO_OK && !*out_stop) {
    eao_interp_reset(s->it);
    st = eao_interp_run(s->it, s->in, j->g->n_input, s->out, j->g->n_output);
  }
  for (uint32_t i = 0; i < j->g->n_input; i++) {
    eao_free(s->ctx, s->in[i].data);
    s->in[i].data = NULL;
  }
  pthread_mutex_lock(&j->lock);
  if (st != EAO_OK) j->stop = true;
  j->done++;
  progress(j);
  pthread_mutex_unlock(&j->lock);
  return st;
}

static eao_status run_all(shard *s) {
  const job *j = s->j;
  uint32_t n_in = j->g->n_input, n_out = j->g->n_output;
  s->in = eao_alloc(s->ctx, (n_in + 1u) * sizeof *s->in);
  s->out = eao_alloc(s->ctx, (n_out + 1u) * sizeof *s->out);
  eao_tensor *from = eao_alloc(s->ctx, (n_in + 1u) * sizeof *from);
  s->it = eao_interp_create_in(s->ctx, j->g);
  eao_status st = s->in && s->out && from && s->it ? EAO_OK : EAO_NOMEM(s->ctx);
  bool stop = false;
  if (st == EAO_OK) {
    eao_interp_set_hook(s->it, on_value, s);
    eao_interp_set_fast(s->it, j->fast);
  }
  for (s->sample = s->index; st == EAO_OK && !stop && s->sample < j->s->n;
       s->sample += j->s->n_shard)
    st = run_sample(s, from, &stop);
  eao_interp_destroy(s->it);
  eao_free(s->ctx, from);
  eao_free(s->ctx, s->in);
  eao_free(s->ctx, s->out);
  return st;
}

static void *run_thread(void *user) {
  shard *s = user;
  s->status = run_all(s);
  return NULL;
}

/* Contexts are for one thread at a time, so each shard gets its own. */
static eao_status run_parallel(job *j, shard *shards) {
  pthread_t thread[EAO_SWEEP_SHARDS];
  eao_ctx *main = j->s->source->ctx;
  uint32_t n = 0;
  eao_status st = EAO_OK;
  for (; st == EAO_OK && n < j->s->n_shard; n++) {
    shards[n] = (shard){.j = j, .index = n, .ctx = eao_ctx_create(NULL, &main->limits)};
    if (!shards[n].ctx || pthread_create(&thread[n], NULL, run_thread, &shards[n]) != 0) {
      eao_ctx_destroy(shards[n].ctx);
      st = eao_fail(main, EAO_ERR_NOMEM, "no thread to be had");
      pthread_mutex_lock(&j->lock);
      j->stop = true;
      pthread_mutex_unlock(&j->lock);
      break;
    }
  }
  for (uint32_t i = 0; i < n; i++) {
    pthread_join(thread[i], NULL);
    if (st == EAO_OK && shards[i].status != EAO_OK)
      st = eao_fail(main, shards[i].status, "%s", eao_ctx_message(shards[i].ctx));
    eao_ctx_destroy(shards[i].ctx);
  }
  return st;
}

static eao_status run_serial(job *j, shard *shards) {
  for (uint32_t i = 0; i < j->s->n_shard; i++) {
    shards[i] = (shard){.j = j, .index = i, .ctx = j->s->source->ctx};
    EAO_TRY(run_all(&shards[i]));
  }
  return EAO_OK;
}

eao_status eao_sweep_run(const eao_sweep *s, eao_graph *g) {
  job j = {.s = s, .g = g, .lock = PTHREAD_MUTEX_INITIALIZER};
  shard shards[EAO_SWEEP_SHARDS];
  EAO_TRY(eao_fast_create(g, &j.fast));
  progress(&j);
  bool parallel = s->n_shard > 1 && s->n > 1 && s->source->o->threads != 1 &&
                  eao_ctx_is_shareable(s->source->ctx);
  eao_status st = parallel ? run_parallel(&j, shards) : run_serial(&j, shards);
  eao_fast_destroy(j.fast);
  return st;
}
