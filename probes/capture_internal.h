/* State of a capture, shared by its files. */
#ifndef AM_PROBES_CAPTURE_INTERNAL_H
#define AM_PROBES_CAPTURE_INTERNAL_H

#include "probes/capture.h"
#include "probes/row_policy.h"

/* Budgets of one row, ascending: counts (-k) and shares (--ratio) of n together. */
typedef struct am_budgets {
	int *k;       /* [n_k + n_ratio] ascending */
	int *origin;  /* index into counts, or n_counts + index into ratios */
	float *mass;  /* [n_k + n_ratio] results in ascending order */
	float *bound; /* likewise: what as many weights are >=, NaN where ties leave none */
	int32_t *count; /* [n_mass] */
	int n;          /* keys that k and origin are for */
} am_budgets;

/* What a row's profile is good for beside it. */
typedef struct am_row_places {
	double sink, recent; /* masses */
} am_row_places;

typedef struct am_probe_scratch {
	am_budgets budgets;
	void *select;    /* of the selection kernels */
	int32_t *index;  /* [best] */
	double *partial; /* [head_dim] output over the keys taken so far */
	int visible;     /* keys of the row that log_visible is of; heads have them in common */
	double log_visible;
	int *back_to;    /* [bins + 2] ends of back_from's spans, the sink's for the row at hand */
} am_probe_scratch;

struct am_capture {
	const am_run_options *o;
	const am_config *config;
	const am_kernels *kernels;
	const am_sequences *sequences;
	am_run_axes axes;
	int32_t *layers, *heads, *kv_heads;
	int *layer_index, *head_index; /* model id -> captured index, -1 when not captured */
	am_tap tap;
	int block, workers;
	int best; /* indices a row needs: the larger of rank axis and output-error k */

	/* The block being filled. */
	am_row_policy rows; /* of the current sequence, over its rows */
	int sequence, length, start;
	int n_rows;        /* captured */
	int32_t *slot;     /* [block] -> captured row, -1 */
	void *field[AM_FIELD_COUNT];

	/* Of the layer being run: per head and captured row. */
	float *row_distance; /* [head][block][bins + 2] mass by distance, of recent keys, of the sink */
	float *row_map;      /* [head][block][map] */
	float *dist;         /* [head][sum of n], --dist full */
	int64_t *dist_offset; /* [block + 1] within one head */
	am_run_writer *writer;
	const float *const *sink_logit; /* [model layers][heads], NULL where a layer has none; NULL: none has */

	/* Weighted sums for /profile; weight: sequence and task count alike. */
	double *sequence_weight; /* [sequences], adds up to 1 */
	double *distance;        /* [layer][head][bins] */
	double *map;             /* [layer][head][map][map] */
	double *map_weight;      /* [map] */
	int64_t rows_in_sequence;
	int64_t *rows_in_map_q;  /* [map], of the current sequence */
	int *cell_begin;         /* [map + 1] first position of a cell, likewise */
	int *back_from; /* [bins + 2] first keys of the distance bins, recent keys and sink, counted from a row's end */

	am_probe_scratch *scratch; /* [workers] */
	struct am_shadow *shadow;  /* NULL without --shadow */
	size_t bytes;
};

/* Index of a row's statistic in a field of shape [layer][head][n_rows]. */
static inline size_t am_capture_at(const am_capture *c, const am_attn_row *row)
{
	size_t l = (size_t)c->layer_index[row->layer], h = (size_t)c->head_index[row->head];
	return (l * (size_t)c->axes.n_head + h) * (size_t)c->n_rows + (size_t)c->slot[row->row];
}

/* Allocates n * size bytes counted in c->bytes; clears *ok when it cannot. */
void *am_capture_take(am_capture *c, bool *ok, size_t n, size_t size);

/* coverage.c: the budgets of a row with n keys, in ascending order (k and origin). */
void am_budgets_set(const am_capture *c, am_budgets *b, int n);
/* mass_at_k, mass_at_ratio, k_at_mass, output_error, topk. */
bool am_coverage_new(am_capture *c);
void am_coverage_free(am_capture *c);
void am_masses_row(am_capture *c, am_probe_scratch *s, const am_attn_row *row);
/* What asks which keys are the best. */
void am_best_row(am_capture *c, am_probe_scratch *s, const am_attn_row *row);

/* profile.c: distance and map. */
bool am_profile_new(am_capture *c);
void am_profile_free(am_capture *c);
void am_profile_begin_sequence(am_capture *c);
void am_profile_row(am_capture *c, am_probe_scratch *s, const am_attn_row *row, am_row_places *places);
void am_profile_layer_done(am_capture *c, int layer_index);

#endif
