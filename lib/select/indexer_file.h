/* Indexers in files: our own form, one safetensors file (docs/indexer-format.md), or a
 * model folder of DeepSeek-V3.2 or GLM-5 as Hugging Face lays it out. */
#ifndef AM_SELECT_INDEXER_FILE_H
#define AM_SELECT_INDEXER_FILE_H

#include "kernels/rope.h"
#include "select/indexer.h"

typedef struct am_indexer {
	am_index_form form; /* groups = 1; per_group asks for one a key/value head */
	bool per_group;
	int layers;
	int x_inputs, c_inputs;
	bool compressed;    /* W_q reads the compressed query, not x */
	/* Rotary frequencies: the base model's, or `rope` with max_positions. */
	bool own_rope;
	am_rope_config rope;
	int max_positions;
	am_index_weights *weights; /* [layers]; wq.w NULL in a layer that shares */
	int *owner;         /* [layers] the layer whose scores it uses: itself, or the last one
	                     * before it with weights; -1 where there is none */
	am_tensors *tensors;
	float *norms;
} am_indexer;

/* Errors name the file and its key or tensor: AM_ERR_FORMAT for what is missing or
 * misshapen, AM_ERR_RANGE for values that cannot be, AM_ERR_UNSUPPORTED for another
 * model type or number type. */
am_status am_indexer_open(const char *path, am_indexer **out, am_error *err) AM_MUST_CHECK;
void am_indexer_close(am_indexer *x);

/* The parts of am_indexer_open, for the two forms: fill *x from its open tensors. */
am_status am_indexer_read_own(am_indexer *x, am_error *err) AM_MUST_CHECK;
am_status am_indexer_read_folder(const char *path, am_indexer *x, am_error *err) AM_MUST_CHECK;

/* Names of a layer's tensors; NULL for what the form does not have. */
typedef struct am_indexer_names {
	const char *wq, *wk, *ww, *norm_weight, *norm_bias;
} am_indexer_names;
/* Allocates weights and owners for x->layers and norms. */
am_status am_indexer_room(am_indexer *x, am_error *err) AM_MUST_CHECK;
/* Finds the tensors `prefix`NAME of a layer with the shapes that x->form asks for. */
am_status am_indexer_find(am_indexer *x, int layer, const char *prefix, const am_indexer_names *names,
                          am_error *err) AM_MUST_CHECK;

#endif
