/* The tensors of a decoder by role, with shapes checked against the config. */
#ifndef AM_MODEL_WEIGHTS_H
#define AM_MODEL_WEIGHTS_H

#include "base/error.h"
#include "model/config.h"
#include "store/tensors.h"

typedef struct am_layer_weights {
	const am_tensor *input_norm, *post_norm; /* [hidden] */
	const am_tensor *q, *k, *v;              /* [heads or kv_heads * head_dim][hidden] */
	const am_tensor *o;                      /* [hidden][heads * head_dim] */
	const am_tensor *gate, *up;              /* [intermediate][hidden] */
	const am_tensor *down;                   /* [hidden][intermediate] */
	const am_tensor *q_bias, *k_bias, *v_bias, *o_bias; /* NULL where the config has none */
	const am_tensor *gate_bias, *up_bias, *down_bias;
	const am_tensor *q_norm, *k_norm; /* [head_dim], NULL without qk_norm */
} am_layer_weights;

typedef struct am_weights {
	const am_tensor *embed;      /* [vocab][hidden] */
	const am_tensor *final_norm; /* [hidden] */
	const am_tensor *lm_head;    /* [vocab][hidden]; = embed when tied */
	am_layer_weights *layer;     /* [layers] */
} am_weights;

/* Finds every tensor, named with or without the "model." prefix. A missing or
 * misshapen tensor is AM_ERR_FORMAT, a dtype other than F32, F16, BF16
 * AM_ERR_UNSUPPORTED, each naming the tensor. The tensors must outlive *out. */
am_status am_weights_resolve(const am_config *c, const am_tensors *t, am_weights *out,
                             am_error *err) AM_MUST_CHECK;
void am_weights_fini(am_weights *w);

#endif
