/* Device profiles: which there are, what they say. docs/targets.md explains the keys. */
#ifndef EAO_PUBLIC_TARGET_H
#define EAO_PUBLIC_TARGET_H

#include "eao/eao.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Name of built-in profile i; NULL past the last. "host", this machine, is not among them. */
const char *eao_target_name(uint32_t i);
/* The profile as YAML, parents merged in; name: "host" (measures kernels too, about a second), a
 * built-in one, or the path of a .yaml. Free *out with eao_text_free. */
eao_status eao_target_yaml(eao_ctx *ctx, const char *name, char **out);

/* What a compiled model takes on a target by its profile: a roofline for each step, with measured
 * kernel speeds where the profile has them (docs/targets.md). RAM is what libeao asks for on a
 * machine of 64 bits, exactly, and the weights where the target loads them. */
typedef struct eao_prediction {
  double latency_ms, energy_mj, ram_kib;
  double dynamic_mj;    /* of energy_mj: without static power */
  double covered_share; /* of the latency: steps whose kernel's speed was measured */
} eao_prediction;
eao_status eao_target_predict(eao_ctx *ctx, const char *name, const eao_compiled *c,
                              uint32_t threads, eao_prediction *out);

#ifdef __cplusplus
}
#endif
#endif
