/* Reads capture files: queries, keys and more that another framework recorded
 * (docs/capture-format.md). No HDF5 type appears.
 *
 * Opening checks the whole structure: every dataset's type, axes and lengths against the
 * others and against what the file can hold. Shapes: S tokens of a sequence, T recorded query
 * rows, H query heads, G key/value heads, D size of a query and key, V of a value. */
#ifndef AM_RUNFILE_CAPTURE_FILE_H
#define AM_RUNFILE_CAPTURE_FILE_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

#define AM_CAPTURE_FORMAT "attnmeter-capture"
#define AM_CAPTURE_FORMAT_VERSION 1

typedef enum {
	AM_CAPTURED_Q,       /* [T][H][D] after rotation, not scaled */
	AM_CAPTURED_K,       /* [S][G][D] after rotation */
	AM_CAPTURED_V,       /* [S][G][V] */
	AM_CAPTURED_INDEX_Q, /* [T][index heads][index dim] an indexer's, as they enter the product */
	AM_CAPTURED_INDEX_K, /* [S][index dim] */
	AM_CAPTURED_INDEX_W, /* [T][index heads] all constant factors in it */
	AM_CAPTURED_X,       /* [S][hidden] input of the attention, after its norm */
	AM_CAPTURED_CQ,      /* [T][query rank] compressed query, after its norm */
	AM_CAPTURED_COUNT
} am_captured_tensor;

typedef struct am_captured_layer {
	int id;              /* within the model; ascending */
	double scale;        /* score = scale q . k */
	double soft_cap;     /* score = soft_cap tanh(score / soft_cap); 0: none */
	int window;          /* keys a row sees at most, its own included; 0: all before it */
	float *sink_logit;   /* [H] a logit more in the denominator; NULL: none */
	bool has[AM_CAPTURED_COUNT]; /* alike in all sequences */
} am_captured_layer;

typedef struct am_captured_sequence {
	char *name, *task;   /* never NULL */
	int length;          /* S */
	int32_t *row;        /* [n_rows] recorded query positions, ascending */
	int n_rows;          /* T */
	int32_t *token;      /* [S] ids; NULL: unknown */
	float *nll;          /* [S] nat, of the next token, NaN on the last; NULL: unknown */
} am_captured_sequence;

typedef struct am_capture_file am_capture_file;

typedef struct am_capture_info {
	int n_layers;
	const am_captured_layer *layer;
	int n_sequences;
	const am_captured_sequence *sequence;
	int heads, kv_heads;            /* H, G */
	int head_dim, value_dim;        /* D, V; V = 0 without values */
	int index_heads, index_dim;     /* 0 without an indexer's tensors */
	int hidden, query_rank;         /* 0 without x, c_q */
	int model_layers;               /* of the model; at least the last id + 1 */
	const char *model, *family, *source, *dtype; /* as recorded, "" where not */
} am_capture_info;

/* Not HDF5, no capture file, a newer format_version, an unfinished capture or a breach of
 * the format is AM_ERR_FORMAT, masks that are not causal AM_ERR_UNSUPPORTED. */
am_status am_capture_file_open(const char *path, am_capture_file **out, am_error *err) AM_MUST_CHECK;
void am_capture_file_close(am_capture_file *c);

/* Valid until close. */
const am_capture_info *am_capture_file_info(const am_capture_file *c);
const char *am_capture_file_path(const am_capture_file *c);
/* "q", "index_k", ...: names in the file. */
const char *am_captured_name(am_captured_tensor t);

/* Rows start .. start + n - 1 along the first axis, as float32 in out[n][...]. layer and
 * sequence are indices into the info. A value that is not finite is AM_ERR_NUMERIC naming the
 * dataset; out is then undefined. */
am_status am_capture_file_read(am_capture_file *c, int sequence, int layer, am_captured_tensor t, int start, int n,
                               float *out, am_error *err) AM_MUST_CHECK;

#endif
