/* Device profiles: which there are, what they say. docs/targets.md explains the keys. */
#ifndef EAO_PUBLIC_TARGET_H
#define EAO_PUBLIC_TARGET_H

#include "eao/eao.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Name of built-in profile i; NULL past the last. "host", this machine, is not among them. */
const char *eao_target_name(uint32_t i);
/* The profile as YAML, parents merged in; name: "host" (measures, about 0.2 s), a built-in one, or
 * the path of a .yaml. Free *out with eao_text_free. */
eao_status eao_target_yaml(eao_ctx *ctx, const char *name, char **out);

#ifdef __cplusplus
}
#endif
#endif
