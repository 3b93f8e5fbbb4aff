/* What a Hugging Face config.json says about attention, checked and completed.
 *
 * Families llama, mistral, qwen2, qwen3. Both generations of rope keys
 * (rope_theta + rope_scaling, and rope_parameters, per layer type too). A family
 * or key that changes the result and is not computed here is AM_ERR_UNSUPPORTED
 * with its name; a value that cannot be (absurd sizes, heads not divisible by
 * key/value heads, ...) is AM_ERR_RANGE. Defaults and precedence are those of the
 * transformers configuration classes. */
#ifndef AM_MODEL_CONFIG_H
#define AM_MODEL_CONFIG_H

#include "base/error.h"
#include "kernels/rope.h"

#include <stdbool.h>

typedef enum { AM_FAMILY_LLAMA, AM_FAMILY_MISTRAL, AM_FAMILY_QWEN2, AM_FAMILY_QWEN3 } am_family;
/* "llama", ...; static. */
const char *am_family_name(am_family f);

typedef struct am_config {
	am_family family;
	int hidden, intermediate, layers, heads, kv_heads, head_dim, vocab;
	int max_positions;
	double rms_eps;
	bool tied_embeddings;
	bool qkv_bias, o_bias, mlp_bias;
	bool qk_norm;       /* RMS norm over head_dim on q and k before rope (qwen3) */
	int *window;        /* [layers]: sliding window in keys, the query's own included:
	                     * position i sees max(0, i - window + 1) .. i; 0 = full */
	am_rope_config *rope; /* [layers]: almost always all the same */
	int bos_id;         /* -1 when absent */
	int eos_ids[16], n_eos;
} am_config;

/* Reads DIR/config.json. *out owns its arrays: am_config_fini. */
am_status am_config_read(const char *dir, am_config *out, am_error *err) AM_MUST_CHECK;
void am_config_fini(am_config *c);

/* Positions the model was made for: "dynamic" rope stretches them by its factor. */
int am_config_context(const am_config *c);

#endif
