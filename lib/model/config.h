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

#include <stdbool.h>

typedef enum { AM_FAMILY_LLAMA, AM_FAMILY_MISTRAL, AM_FAMILY_QWEN2, AM_FAMILY_QWEN3 } am_family;
/* "llama", ...; static. */
const char *am_family_name(am_family f);

typedef enum {
	AM_ROPE_DEFAULT, AM_ROPE_LINEAR, AM_ROPE_DYNAMIC, AM_ROPE_LLAMA3, AM_ROPE_YARN
} am_rope_type;
/* "default", "linear", ...; static. */
const char *am_rope_type_name(am_rope_type t);

typedef struct am_rope_config {
	am_rope_type type;
	double theta;
	double factor;             /* linear, dynamic, llama3, yarn: >= 1; 1 for default */
	double low_freq_factor;    /* llama3 */
	double high_freq_factor;   /* llama3 */
	int original_positions;    /* llama3, yarn: L0, the length trained on */
	double beta_fast, beta_slow; /* yarn: 32, 1 */
	double attention_factor;   /* yarn: multiplies cos and sin; 1 elsewhere */
	bool truncate;             /* yarn: floor/ceil of the ramp's ends (true) */
} am_rope_config;

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

/* Rotary inverse frequencies for one layer, formed in float32 in the order
 * transformers forms them, so that angles agree at long range. inv_freq[head_dim
 * / 2]; *scale multiplies cos and sin (yarn's attention factor, else 1), so
 * scores grow by its square.
 *
 * "dynamic" depends on `length`, the number of tokens of the sequence; the other
 * types ignore it. Above max_positions the base is raised to
 *   theta * (factor * length / max_positions - (factor - 1))^(d / (d - 2)),
 * d = head_dim; up to it the frequencies are those of "default". transformers
 * applies this to the largest position of each forward call: one call over a
 * whole sequence gives what this gives for its length. Decoding there with a key
 * cache raises the base token by token while keys already cached keep the angles
 * of their time, and a module once grown keeps its base until a sequence shorter
 * than max_positions comes, so results there depend on how calls were cut. Here
 * the frequencies are fixed by the whole length of a run's sequence.
 *
 * A frequency that is not finite is AM_ERR_NUMERIC. */
am_status am_rope_frequencies(const am_rope_config *rope, int head_dim, int max_positions, int length,
                              float *inv_freq, float *scale, am_error *err) AM_MUST_CHECK;

#endif
