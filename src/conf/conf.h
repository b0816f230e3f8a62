/* Configuration files (target profiles, recipes, budgets, data set descriptions): YAML through
 * libfyaml, with typed getters whose errors name file, line and key. Aliases are not followed and
 * files are limited to 1 MiB, so a hostile file cannot make it grow. */
#ifndef EAO_CONF_CONF_H
#define EAO_CONF_CONF_H

#include "base/base.h"

typedef struct eao_conf eao_conf;
typedef struct eao_conf_node eao_conf_node; /* borrowed from its document */

eao_status eao_conf_load(eao_ctx *ctx, const char *path, eao_conf **out) EAO_MUST_CHECK;
/* name: what errors call the text. */
eao_status eao_conf_parse(eao_ctx *ctx, const char *name, const char *text, size_t len,
                          eao_conf **out) EAO_MUST_CHECK;
void eao_conf_destroy(eao_conf *c);
/* NULL for an empty document. */
const eao_conf_node *eao_conf_root(const eao_conf *c);

/* Value of a key of a mapping; NULL when it is missing or n is no mapping (NULL included). */
const eao_conf_node *eao_conf_get(const eao_conf_node *n, const char *key);
/* Entries of a mapping or sequence; 0 for anything else. */
uint32_t eao_conf_count(const eao_conf_node *n);
/* Entry i of a sequence, or value i of a mapping (key in *out_key; NULL allowed). */
const eao_conf_node *eao_conf_at(const eao_conf_node *n, uint32_t i, const char **out_key);
/* The entries one after the other, for lists of any length: *state starts as NULL; NULL at the end
 * (and for an entry without a value). */
const eao_conf_node *eao_conf_next(const eao_conf_node *n, void **state, const char **out_key);
/* Text of a scalar; NULL when it is none. */
const char *eao_conf_scalar(const eao_conf_node *n);

/* These read n's entry `key`. A missing key leaves *out as it is. */
eao_status eao_conf_text(eao_conf *c, const eao_conf_node *n, const char *key,
                         const char **out) EAO_MUST_CHECK;
eao_status eao_conf_number(eao_conf *c, const eao_conf_node *n, const char *key, double min,
                           double max, double *out) EAO_MUST_CHECK;
eao_status eao_conf_integer(eao_conf *c, const eao_conf_node *n, const char *key, int64_t min,
                            int64_t max, int64_t *out) EAO_MUST_CHECK;
eao_status eao_conf_bool(eao_conf *c, const eao_conf_node *n, const char *key,
                         bool *out) EAO_MUST_CHECK;
/* Fails naming the first key of n that is not among the `known` (NULL-terminated, at most 64) or is
 * there twice, and when n is something else than a mapping. */
eao_status eao_conf_only(eao_conf *c, const eao_conf_node *n,
                         const char *const *known) EAO_MUST_CHECK;
/* A failure at n: "<file>:<line>: <text>". */
eao_status eao_conf_fail(eao_conf *c, const eao_conf_node *n, const char *fmt, ...)
    EAO_PRINTF(3, 4);

#endif
