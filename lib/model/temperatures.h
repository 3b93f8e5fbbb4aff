/* Inverse temperatures of attention heads, or the entropies they are to be solved for, as a file:
 * what `compare --write-temperatures` writes (docs/pair.md has the format). */
#ifndef AM_MODEL_TEMPERATURES_H
#define AM_MODEL_TEMPERATURES_H

#include "base/error.h"
#include "base/fnv.h"

#include <stdbool.h>

/* Query positions first, first + step, ..., `count` of them. */
typedef struct am_row_range {
	int first, count, step;
} am_row_range;

/* A sequence whose rows count in the targets; it is known by the digest of its tokens. */
typedef struct am_target_sequence {
	char *name, *task;
	char digest[AM_IDS_DIGEST];
	int tokens;
	am_row_range *range; /* [n_range], ascending and apart */
	int n_range;
} am_target_sequence;

typedef struct am_temperatures {
	int n_layer, n_head;
	int *layer, *head; /* ids in the model, ascending; all others keep their temperature */
	double *target;    /* [n_layer][n_head] mean entropy, nat; NULL where `beta` is given */
	double *beta;      /* [n_layer][n_head] inverse temperatures; NULL where they are to be solved */
	am_target_sequence *sequence; /* [n_sequence] */
	int n_sequence;
	char *model_digest; /* of the model that they are for; NULL: any */
} am_temperatures;

/* AM_ERR_FORMAT and AM_ERR_RANGE name file and key. am_temperatures_fini after success. */
am_status am_temperatures_read(const char *path, am_temperatures *out, am_error *err) AM_MUST_CHECK;
void am_temperatures_fini(am_temperatures *t);

#endif
