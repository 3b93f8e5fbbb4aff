/* Rotary frequencies: plain, and stretched for contexts longer than those trained on. */
#ifndef AM_KERNELS_ROPE_H
#define AM_KERNELS_ROPE_H

#include "base/error.h"

#include <stdbool.h>

typedef enum {
	AM_ROPE_DEFAULT, AM_ROPE_LINEAR, AM_ROPE_DYNAMIC, AM_ROPE_LLAMA3, AM_ROPE_YARN
} am_rope_type;
/* "default", "linear", ...; static. */
const char *am_rope_type_name(am_rope_type t);
/* False, *out untouched, for any other name. */
bool am_rope_type_parse(const char *name, am_rope_type *out);

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
