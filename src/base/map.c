#include <string.h>

#include "base/base.h"

struct eao_map_slot {
  const char *key; /* NULL: free */
  uint32_t hash, value;
};

void eao_map_init(eao_map *m, eao_ctx *ctx) {
  memset(m, 0, sizeof *m);
  m->ctx = ctx;
}

void eao_map_deinit(eao_map *m) {
  eao_free(m->ctx, m->slot);
  memset(m, 0, sizeof *m);
}

/* FNV-1a from a seed that a file cannot know, so that it cannot be built to collide. */
static uint32_t hash(const eao_map *m, const char *s) {
  uint64_t h = 0xCBF29CE484222325u ^ ((uint64_t)(uintptr_t)m->slot >> 4) * 0x9E3779B97F4A7C15u;
  for (; *s; s++) h = (h ^ (uint8_t)*s) * 0x100000001B3u;
  h ^= h >> 32;
  return (uint32_t)(h * 0xBF58476D1CE4E5B9u >> 32);
}

static eao_map_slot *probe(const eao_map *m, const char *key, uint32_t h) {
  uint32_t i = h & (m->cap - 1);
  while (m->slot[i].key && (m->slot[i].hash != h || strcmp(m->slot[i].key, key) != 0))
    i = (i + 1) & (m->cap - 1);
  return &m->slot[i];
}

static eao_status rehash(eao_map *m) {
  eao_map old = *m;
  if (old.cap > UINT32_MAX / 2) return EAO_NOMEM(m->ctx);
  m->cap = old.cap ? old.cap * 2 : 64;
  m->slot = eao_alloc(m->ctx, (size_t)m->cap * sizeof *m->slot);
  if (!m->slot) {
    *m = old;
    return EAO_NOMEM(m->ctx);
  }
  for (uint32_t i = 0; i < old.cap; i++) {
    if (!old.slot[i].key) continue;
    uint32_t h = hash(m, old.slot[i].key);
    eao_map_slot *s = probe(m, old.slot[i].key, h);
    *s = old.slot[i];
    s->hash = h;
  }
  eao_free(m->ctx, old.slot);
  return EAO_OK;
}

eao_status eao_map_put(eao_map *m, const char *key, uint32_t value, bool *out_was_there) {
  if (m->n + 1 > m->cap / 2) EAO_TRY(rehash(m));
  uint32_t h = hash(m, key);
  eao_map_slot *s = probe(m, key, h);
  if (out_was_there) *out_was_there = s->key != NULL;
  if (!s->key) m->n++;
  *s = (eao_map_slot){key, h, value};
  return EAO_OK;
}

bool eao_map_get(const eao_map *m, const char *key, uint32_t *out_value) {
  if (!m->n) return false;
  eao_map_slot *s = probe(m, key, hash(m, key));
  if (!s->key) return false;
  *out_value = s->value;
  return true;
}
