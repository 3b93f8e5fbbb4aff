/* The tensors of a model by their role, with shapes as the configuration asks. */
#ifndef AM_MODEL_WEIGHTS_H
#define AM_MODEL_WEIGHTS_H

#include "base/error.h"
#include "model/config.h"
#include "store/tensors.h"

/* Matrices are [out][in], row-major. D = head_dim, H = heads, G = kv_heads,
 * hidden, intermediate as in am_config. NULL where the family has none. */
typedef struct am_layer_weights {
	const am_tensor *input_norm;             /* [hidden], before attention */
	const am_tensor *q, *k, *v;              /* [H D][hidden], [G D][hidden] twice */
	const am_tensor *q_bias, *k_bias, *v_bias; /* [H D], [G D], [G D] */
	const am_tensor *q_norm, *k_norm;        /* [D] */
	const am_tensor *o, *o_bias;             /* [hidden][H D], [hidden] */
	const am_tensor *post_norm;              /* [hidden], between attention and MLP */
	const am_tensor *gate, *up, *down;       /* [intermediate][hidden] twice, [hidden][intermediate] */
	const am_tensor *gate_bias, *up_bias, *down_bias; /* [intermediate] twice, [hidden] */
} am_layer_weights;

typedef struct am_weights {
	const am_tensor *embed;      /* [vocab][hidden] */
	am_layer_weights *layers;    /* [n_layers] */
	int n_layers;
	const am_tensor *final_norm; /* [hidden] */
	const am_tensor *lm_head;    /* [vocab][hidden]; the same as embed when tied */
} am_weights;

/* Finds every tensor, with names of the Hugging Face layout with or without
 * "model." in front. Missing or misshapen: AM_ERR_FORMAT; another type than F32,
 * F16 or BF16, or a tensor in a layer that the configuration has no place for (a
 * bias, a norm: leaving it out would change the result): AM_ERR_UNSUPPORTED.
 *
 * With tied embeddings one of embed and lm_head is enough; when both are in the
 * files and differ they stay apart, as in transformers.
 *
 * The tensors belong to `t`, which must outlive *out; am_weights_fini. */
am_status am_weights_resolve(const am_config *c, const am_tensors *t, am_weights *out,
                             am_error *err) AM_MUST_CHECK;
void am_weights_fini(am_weights *w);

#endif
