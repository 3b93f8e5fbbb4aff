/* Means and quantiles over the pooled rows of each cell, in as few sweeps as will do. */
#include "analysis/sweep.h"

#include "base/mem.h"

#include <math.h>

#define TALLY_BYTES ((size_t)96 << 20) /* of the layers that are searched together */
#define USUAL_PREFIXES 8               /* of a head, its layer and all */

/* Quantiles of some layers, their heads, and all; each [bin][inner]. */
typedef struct search {
	am_aggregate *a;
	am_rows *rows;
	am_sweep sweep;
	const double *prob;
	int n_prob;
	double *out; /* [inner][cells][n_prob] */
	int parts;   /* n_bin * inner */
	int layers;  /* searched together */
	am_tally *tally;    /* [layers][n_head][parts] */
	am_quantile *head;  /* [layers][n_head][parts] */
	am_quantile *layer; /* [layers][parts] */
	am_quantile *all;   /* [parts] */
	am_digits digits;
	size_t n_count;     /* am_digits_counts */
	uint64_t *of_all;   /* [parts][n_count]; NULL where all layers are searched together */
	uint64_t *count;    /* [n_count] */
} search;

static bool together(const search *s)
{
	return s->layers >= s->a->n_layer;
}

/* All layers together in two sweeps, or in three, or some layers at a time. */
static void choose_layers(search *s)
{
	size_t heads = (size_t)s->a->n_head * (size_t)s->parts, all = (size_t)s->a->n_layer * heads;
	s->digits = all <= TALLY_BYTES / am_tally_bytes(AM_DIGITS_16, USUAL_PREFIXES) ? AM_DIGITS_16 : AM_DIGITS_11;
	s->n_count = am_digits_counts(s->digits);
	int band = s->rows->layers, most = (int)(TALLY_BYTES / (heads * am_tally_bytes(AM_DIGITS_11, USUAL_PREFIXES))) / band * band;
	s->layers = s->digits == AM_DIGITS_16 ? s->a->n_layer : most < band ? band : most;
	if (s->layers > s->a->n_layer)
		s->layers = s->a->n_layer;
}

static am_status search_init(search *s, am_error *err)
{
	size_t parts = (size_t)(s->parts = s->a->n_bin * s->rows->inner);
	choose_layers(s);
	size_t heads = (size_t)s->layers * (size_t)s->a->n_head * parts;
	s->out = am_alloc((size_t)s->rows->inner * (size_t)am_aggregate_cells(s->a), (size_t)s->n_prob * sizeof *s->out);
	s->tally = am_calloc(heads, sizeof *s->tally);
	s->head = am_alloc(heads, sizeof *s->head);
	s->layer = am_alloc((size_t)s->layers * parts, sizeof *s->layer);
	s->all = am_alloc(parts, sizeof *s->all);
	s->of_all = together(s) ? NULL : am_calloc(parts, s->n_count * sizeof *s->of_all);
	s->count = am_calloc(s->n_count, sizeof *s->count);
	if (!s->out || !s->tally || !s->head || !s->layer || !s->all || !s->count || (!s->of_all && !together(s)))
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(s->a->run));
	for (size_t i = 0; i < parts; i++)
		am_quantile_init(&s->all[i], s->digits, s->prob, s->n_prob);
	return AM_OK;
}

static void search_fini(search *s)
{
	for (size_t i = 0; s->tally && i < (size_t)s->layers * (size_t)s->a->n_head * (size_t)s->parts; i++)
		am_tally_fini(&s->tally[i]);
	am_free(s->tally);
	am_free(s->head);
	am_free(s->layer);
	am_free(s->all);
	am_free(s->of_all);
	am_free(s->count);
	am_free(s->out);
}

/* Tallies of n layers count what the cells of their heads and layers need, and with
 * `all` what the whole run does. */
static am_status begin(search *s, int n, int round, bool cells, bool all, am_error *err)
{
	int per_layer = s->a->n_head * s->parts;
	for (int i = 0; i < n * per_layer; i++) {
		uint32_t prefix[AM_QUANTILE_PREFIXES];
		int part = i % s->parts, n_prefix = 0;
		if (cells) {
			n_prefix = am_quantile_wants(&s->head[i], prefix, n_prefix);
			n_prefix = am_quantile_wants(&s->layer[i / per_layer * s->parts + part], prefix, n_prefix);
		}
		if (all)
			n_prefix = am_quantile_wants(&s->all[part], prefix, n_prefix);
		am_status st = am_tally_begin(&s->tally[i], s->digits, round, prefix, n_prefix, err);
		if (st)
			return st;
	}
	return AM_OK;
}

static uint64_t *counts_of_all(search *s, int part)
{
	return s->of_all ? s->of_all + (size_t)part * s->n_count : s->count;
}

static void collect_all(search *s, int part, int n)
{
	am_quantile_collect(&s->all[part], s->tally + part, s->parts, n * s->a->n_head, counts_of_all(s, part));
}

static void next_all(search *s)
{
	for (int p = 0; p < s->parts; p++)
		am_quantile_next(&s->all[p], counts_of_all(s, p));
}

static void next_cells(search *s, int n)
{
	int per_layer = s->a->n_head * s->parts;
	for (int i = 0; i < n * per_layer; i++) {
		am_quantile_collect(&s->head[i], &s->tally[i], 1, 1, s->count);
		am_quantile_next(&s->head[i], s->count);
	}
	for (int i = 0; i < n * s->parts; i++) {
		am_quantile_collect(&s->layer[i], s->tally + i / s->parts * per_layer + i % s->parts, s->parts, s->a->n_head, s->count);
		am_quantile_next(&s->layer[i], s->count);
	}
}

static void store(const search *s, const am_quantile *q, int layer, int head)
{
	size_t cells = (size_t)am_aggregate_cells(s->a);
	for (int i = 0; i < s->parts; i++) {
		int bin = i / s->rows->inner, inner = i % s->rows->inner;
		size_t cell = (size_t)inner * cells + (size_t)am_aggregate_cell(s->a, bin, layer, head);
		for (int p = 0; p < s->n_prob; p++)
			s->out[cell * (size_t)s->n_prob + (size_t)p] = am_quantile_value(&q[i], p);
	}
}

static am_status search_layers(search *s, int from, int n, am_error *err)
{
	for (int i = 0; i < n * s->a->n_head * s->parts; i++)
		am_quantile_init(&s->head[i], s->digits, s->prob, s->n_prob);
	for (int i = 0; i < n * s->parts; i++)
		am_quantile_init(&s->layer[i], s->digits, s->prob, s->n_prob);
	am_status st = AM_OK;
	for (int round = 0; round < am_digits_sweeps(s->digits) && !st; round++) {
		st = begin(s, n, round, true, together(s), err);
		s->sweep.tally_layer = from;
		if (!st)
			st = am_sweep_run(&s->sweep, from, n, err);
		if (st)
			return st;
		for (int p = 0; p < s->parts && (!round || together(s)); p++) {
			collect_all(s, p, n);
			if (together(s))
				am_quantile_next(&s->all[p], s->count);
		}
		next_cells(s, n);
		s->sweep.sums[0] = s->sweep.sums[1] = NULL; /* made in the first round */
		s->sweep.nan = NULL;
	}
	for (int l = 0; l < n; l++) {
		for (int h = 0; h < s->a->n_head; h++)
			store(s, s->head + (l * s->a->n_head + h) * s->parts, from + l, h);
		store(s, s->layer + l * s->parts, from + l, -1);
	}
	return st;
}

/* The rest of the search over all layers, where they did not fit together. */
static am_status search_all(search *s, am_error *err)
{
	next_all(s);
	for (int round = 1; round < am_digits_sweeps(s->digits); round++) {
		for (int l = 0; l < s->a->n_layer; l += s->layers) {
			int n = s->a->n_layer - l < s->layers ? s->a->n_layer - l : s->layers;
			am_status st = begin(s, n, round, false, true, err);
			s->sweep.tally_layer = l;
			if (!st)
				st = am_sweep_run(&s->sweep, l, n, err);
			if (st)
				return st;
			for (int p = 0; p < s->parts; p++)
				collect_all(s, p, n);
		}
		next_all(s);
	}
	return AM_OK;
}

static am_status run_search(search *s, am_error *err)
{
	am_status st = search_init(s, err);
	am_sums *sums[2] = {s->sweep.sums[0], s->sweep.sums[1]};
	int64_t *nan = s->sweep.nan;
	s->sweep.tally = s->tally;
	for (int l = 0; l < s->a->n_layer && !st; l += s->layers) {
		s->sweep.sums[0] = sums[0];
		s->sweep.sums[1] = sums[1];
		s->sweep.nan = nan;
		st = search_layers(s, l, s->a->n_layer - l < s->layers ? s->a->n_layer - l : s->layers, err);
	}
	if (!st && !together(s))
		st = search_all(s, err);
	if (!st)
		store(s, s->all, -1, -1);
	return st;
}

/* --- a field ----------------------------------------------------------------------- */

static void warn_nan(am_aggregate *a, const am_rows *rows, const int64_t *nan)
{
	int64_t total = 0;
	int first = -1;
	for (int i = 0; i < a->n_layer * a->n_head; i++) {
		total += nan[i];
		first = first < 0 && nan[i] ? i : first;
	}
	if (total)
		am_aggregate_warn_nan(a, rows->field, total, first / a->n_head, first % a->n_head);
}

static void give(const am_aggregate *a, am_sums *t, am_means *out)
{
	if (!out)
		return;
	am_means_average(a, &t->means);
	*out = t->means;
	t->means = (am_means){0};
}

am_status am_aggregate_summary(am_aggregate *a, am_rows *rows, const am_summary *want, am_error *err)
{
	am_sums plain = {0}, normalised = {0};
	search s = {.a = a, .rows = rows, .prob = want->prob, .n_prob = want->n_prob};
	int64_t *nan = am_calloc((size_t)a->n_layer * (size_t)a->n_head, sizeof *nan);
	am_status st = nan ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	if (!st)
		st = am_sweep_init(&s.sweep, a, rows, want->normalised, err);
	if (!st && want->means)
		st = am_sums_init(s.sweep.sums[0] = &plain, a, rows, false, err);
	if (!st && want->normalised)
		st = am_sums_init(s.sweep.sums[1] = &normalised, a, rows, true, err);
	bool loud = (want->means && !want->quiet) || (want->quantile && !rows->edit); /* an edit leaves rows out on purpose */
	s.sweep.nan = loud ? nan : NULL;
	if (!st)
		st = want->quantile ? run_search(&s, err) : am_sweep_run(&s.sweep, 0, a->n_layer, err);
	if (!st) {
		warn_nan(a, rows, nan);
		give(a, &plain, want->means);
		give(a, &normalised, want->normalised);
		if (want->quantile) {
			*want->quantile = s.out;
			s.out = NULL;
		}
	}
	am_sums_fini(&plain);
	am_sums_fini(&normalised);
	search_fini(&s);
	am_sweep_fini(&s.sweep);
	am_free(nan);
	return st;
}

am_status am_aggregate_means(am_aggregate *a, am_rows *rows, am_means_kind kind, am_means *out, am_error *err)
{
	bool normalise = kind == AM_MEANS_NORMALISED;
	am_summary want = {.means = normalise ? NULL : out, .quiet = kind == AM_MEANS_QUIET, .normalised = normalise ? out : NULL};
	return am_aggregate_summary(a, rows, &want, err);
}

am_status am_aggregate_quantiles(am_aggregate *a, am_rows *rows, const double *prob, int n_prob, double **out,
                                 am_error *err)
{
	return am_aggregate_summary(a, rows, &(am_summary){.quantile = out, .prob = prob, .n_prob = n_prob}, err);
}
