#include "analysis/recall.h"

#include "analysis/cells.h"
#include "analysis/recall_stats.h"
#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const am_column columns[] = {
	{"selector", AM_COL_TEXT, 0, false}, {"id", AM_COL_TEXT, 0, false}, {"reference", AM_COL_TEXT, 0, false},
	{"k", AM_COL_INT, 0, false}, {"ratio", AM_COL_REAL, 4, false},
	{"recall", AM_COL_REAL, 4, false}, {"ci_low", AM_COL_REAL, 4, false}, {"ci_high", AM_COL_REAL, 4, false},
	{"chance", AM_COL_REAL, 4, false}, {"recall_corrected", AM_COL_REAL, 4, false},
	{"mass_recall", AM_COL_REAL, 4, false}, {"retained_mass", AM_COL_REAL, 4, false},
	{"top1_hit", AM_COL_REAL, 4, false}, {"worst", AM_COL_REAL, 4, false},
	{"worst_sequence", AM_COL_INT, 0, false}, {"worst_position", AM_COL_INT, 0, false},
	{"p05", AM_COL_REAL, 4, false}, {"median", AM_COL_REAL, 4, false}, {"p95", AM_COL_REAL, 4, false},
	{"n_rows", AM_COL_INT, 0, false}, {"n_rows_trivial", AM_COL_INT, 0, false},
	{"kept", AM_COL_REAL, 1, false}, {"recall_tied", AM_COL_REAL, 4, false}, {"gap", AM_COL_REAL, 5, false},
	{"rank_correlation", AM_COL_REAL, 4, false}, {"overlap_heads", AM_COL_REAL, 4, false},
	{"overlap_layer", AM_COL_REAL, 4, false}, {"overlap_step", AM_COL_REAL, 4, false}, {"union", AM_COL_REAL, 1, false},
};
enum {
	COL_SELECTOR, COL_ID, COL_REFERENCE, COL_K, COL_RATIO, COL_RECALL, COL_LOW, COL_HIGH, COL_CHANCE, COL_CORRECTED,
	COL_MASS_RECALL, COL_RETAINED, COL_TOP1, COL_WORST, COL_WORST_SEQUENCE, COL_WORST_POSITION, COL_P05, COL_MEDIAN,
	COL_P95, COL_ROWS, COL_TRIVIAL, COL_KEPT, N_COL = sizeof columns / sizeof columns[0],
};
/* Means in their columns; of the width of the reference, of the heads, or of the sets. */
enum { CHANCE, MASS_RECALL, RETAINED, TOP1, KEPT, TIED, GAP, CORRELATION, HEADS, LAYER, STEP, UNION, N_MEAN };
static const int mean_column[N_MEAN] = {
	COL_CHANCE, COL_MASS_RECALL, COL_RETAINED, COL_TOP1, COL_KEPT, COL_KEPT + 1, COL_KEPT + 2, COL_KEPT + 3, COL_KEPT + 4,
	COL_KEPT + 5, COL_KEPT + 6, COL_KEPT + 7,
};
static const double probs[] = {0.05, 0.5, 0.95};

/* Where the numbers of a part of the table come from. */
typedef struct part {
	const char *selector; /* spec */
	char id[8];           /* "" for a baseline */
	am_run_reference reference;
	bool ratio;
	am_recall_source recall, mean[N_MEAN];
	am_recall_means means[N_MEAN];
	am_means recalls;
	am_interval *ci;      /* [inner][cells] */
	double *quantile;     /* [inner][cells][3] */
	am_recall_extremes extremes;
	int width;            /* of the reference */
} part;

typedef struct recall {
	am_aggregate a; /* n_head is that of the part at hand */
	const am_recall_options *o;
	am_table table;
	part part;
	int32_t *position, *sequence; /* [n_rows] as in the file */
	int group;                    /* query heads of a key/value head */
} recall;

/* ---- sources ---------------------------------------------------------------- */

static am_recall_source of(am_field f)
{
	return (am_recall_source){(int)f, AM_EDIT_PLAIN};
}

static void selector_sources(part *p, int s)
{
	am_run_reference r = p->reference;
	bool q = p->ratio;
	p->recall = of(am_shadow_field(s, AM_SHADOW_RECALL, r, q));
	p->mean[CHANCE] = of(am_shadow_field(s, AM_SHADOW_CHANCE, r, q));
	p->mean[MASS_RECALL] = of(am_shadow_field(s, AM_SHADOW_MASS_RECALL, r, q));
	p->mean[RETAINED] = of(am_shadow_field(s, AM_SHADOW_RETAINED_MASS, r, q));
	p->mean[TOP1] = of(am_shadow_field(s, AM_SHADOW_TOP1_HIT, r, q));
	p->mean[KEPT] = of(am_shadow_field(s, AM_SHADOW_KEPT, r, q));
	p->mean[TIED] = of(am_shadow_field(s, AM_SHADOW_RECALL_TIED, r, q));
	p->mean[GAP] = of(am_reference_field(AM_REFERENCE_GAP, r, q));
	p->mean[CORRELATION] = of(am_shadow_field(s, AM_SHADOW_RANK_CORRELATION, r, false));
	p->mean[HEADS] = of(am_shadow_field(s, AM_SHADOW_OVERLAP_HEADS, r, q));
	p->mean[LAYER] = of(am_shadow_field(s, AM_SHADOW_OVERLAP_LAYER, r, q));
	p->mean[STEP] = of(am_shadow_field(s, AM_SHADOW_OVERLAP_STEP, r, q));
	p->mean[UNION] = of(am_shadow_field(s, AM_SHADOW_UNION, r, q));
}

static am_field mass_of(am_run_reference r, bool ratio)
{
	if (r == AM_RUN_HEAD)
		return ratio ? AM_FIELD_MASS_AT_RATIO : AM_FIELD_MASS_AT_K;
	return am_reference_field(AM_REFERENCE_MASS, r, ratio);
}

/* The reference's own keys, or random ones: known from the reference's mass alone. */
static void baseline_sources(part *p, bool exact)
{
	int mass = (int)mass_of(p->reference, p->ratio);
	am_recall_source chance = {mass, AM_EDIT_CHANCE}, one = {mass, AM_EDIT_ONE};
	for (int i = 0; i < N_MEAN; i++)
		p->mean[i].field = -1;
	p->recall = exact ? one : chance;
	p->mean[CHANCE] = chance;
	p->mean[TOP1] = p->recall;
	p->mean[RETAINED] = exact ? of((am_field)mass) : chance;
	p->mean[MASS_RECALL] = exact ? one : (am_recall_source){mass, AM_EDIT_CHANCE_SHARE};
	if (!exact && p->reference == AM_RUN_MAX) /* its measure is not the stored one */
		p->mean[MASS_RECALL].field = -1;
	if (exact)
		p->mean[GAP] = of(am_reference_field(AM_REFERENCE_GAP, p->reference, p->ratio));
}

/* ---- numbers ---------------------------------------------------------------- */

static void part_fini(part *p)
{
	for (int i = 0; i < N_MEAN; i++)
		am_means_fini(&p->means[i].means);
	am_means_fini(&p->recalls);
	am_free(p->ci);
	am_free(p->quantile);
	am_recall_extremes_fini(&p->extremes);
}

static am_status read_recall(recall *c, am_error *err)
{
	part *p = &c->part;
	am_recall_rows r;
	am_status s = am_recall_rows_open(c->a.run, p->recall, p->ratio, c->o->min_ratio, true, &r, err);
	if (s)
		return s;
	c->a.n_head = p->width = r.rows.n_head;
	const am_summary want = {.means = &p->recalls, .quiet = true, .quantile = &p->quantile, .prob = probs, .n_prob = 3};
	s = am_aggregate_summary(&c->a, &r.rows, &want, err);
	if (!s)
		s = am_aggregate_intervals(&c->a, &p->recalls, &p->ci, err);
	if (!s)
		s = am_recall_extremes_of(&c->a, &r, &p->extremes, err);
	am_recall_rows_close(&r);
	return s;
}

static double estimate(const am_aggregate *a, const double *value)
{
	return am_bootstrap_estimate(value, a->task, a->n_sequence, a->n_task);
}

static const double *values_at(const am_aggregate *a, const am_recall_means *m, int inner, int bin, int layer, int head)
{
	am_aggregate own = *a;
	own.n_head = m->width;
	inner = m->means.inner > 1 ? inner : 0;
	size_t cell = (size_t)inner * (size_t)am_aggregate_cells(&own) + (size_t)am_aggregate_cell(&own, bin, layer, head);
	return m->means.value + cell * (size_t)a->n_sequence;
}

/* A key/value head's mean over its captured query heads. */
static double over_group(const recall *c, const am_recall_means *m, int inner, int bin, int layer, int kv_head)
{
	const double *id = am_run_axis_values(c->a.run, AM_AXIS_HEAD);
	double *sum = am_calloc((size_t)c->a.n_sequence, sizeof *sum), out = NAN;
	int count = 0;
	for (int h = 0; sum && h < m->width; h++) {
		if ((int)id[h] / c->group != kv_head)
			continue;
		const double *v = values_at(&c->a, m, inner, bin, layer, h);
		count++;
		for (int s = 0; s < c->a.n_sequence; s++)
			sum[s] += v[s];
	}
	for (int s = 0; sum && s < c->a.n_sequence; s++)
		sum[s] /= count;
	if (sum && count)
		out = estimate(&c->a, sum);
	am_free(sum);
	return out;
}

/* NaN where the statistic has no value for such a cell. */
static double mean_at(const recall *c, int mean, int inner, int bin, int layer, int head)
{
	const am_recall_means *m = &c->part.means[mean];
	if (!m->width)
		return NAN;
	if (head < 0 || m->width == c->part.width)
		return estimate(&c->a, values_at(&c->a, m, inner, bin, layer, head));
	bool of_heads = mean == CHANCE || mean == RETAINED;
	if (of_heads && c->part.reference == AM_RUN_GROUP)
		return over_group(c, m, inner, bin, layer, head);
	return of_heads || m->width > 1 ? NAN : estimate(&c->a, values_at(&c->a, m, inner, bin, layer, -1));
}

static am_status add_row(recall *c, int inner, int cell, int bin, int layer, int head, am_error *err)
{
	part *p = &c->part;
	am_aggregate *a = &c->a;
	size_t at = (size_t)inner * (size_t)am_aggregate_cells(a) + (size_t)cell;
	am_cell *row;
	am_status s = am_cells_add(a, &c->table, bin, layer, -1, &row, err);
	if (s)
		return s;
	if (head >= 0)
		row[-1].i = (int64_t)am_run_axis_values(a->run, am_run_reference_axis(p->reference))[head];
	row[COL_SELECTOR].s = am_strdup(p->selector);
	row[COL_ID].s = p->id[0] ? am_strdup(p->id) : NULL;
	row[COL_REFERENCE].s = am_strdup(am_run_reference_name(p->reference));
	if (!row[COL_SELECTOR].s || !row[COL_REFERENCE].s)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	double budget = am_run_axis_values(a->run, p->ratio ? AM_AXIS_RATIO : AM_AXIS_K)[inner];
	if (p->ratio)
		row[COL_RATIO].x = budget;
	else
		row[COL_K].i = (int64_t)budget;
	am_table_omit(&c->table, am_cells_first(a) + (p->ratio ? COL_K : COL_RATIO));
	double mean = row[COL_RECALL].x = estimate(a, p->recalls.value + at * (size_t)a->n_sequence);
	row[COL_LOW].x = p->ci[at].low;
	row[COL_HIGH].x = p->ci[at].high;
	for (int i = 0; i < N_MEAN; i++)
		row[mean_column[i]].x = mean_at(c, i, inner, bin, layer, head);
	double chance = row[COL_CHANCE].x;
	row[COL_CORRECTED].x = chance < 1 ? (mean - chance) / (1 - chance) : NAN;
	row[COL_WORST].x = (double)p->extremes.worst[at];
	if (p->extremes.n_rows[at]) {
		row[COL_WORST_SEQUENCE].i = c->sequence[p->extremes.worst_row[at]];
		row[COL_WORST_POSITION].i = c->position[p->extremes.worst_row[at]];
	}
	for (int q = 0; q < 3; q++)
		row[COL_P05 + q].x = p->quantile[3 * at + (size_t)q];
	row[COL_ROWS].i = p->extremes.n_rows[at];
	row[COL_TRIVIAL].i = p->extremes.n_trivial[at];
	return AM_OK;
}

/* Layers and the whole stand for references without heads. */
static am_status add_cell(void *ctx, int cell, int bin, int layer, int head, am_error *err)
{
	recall *c = ctx;
	am_status s = AM_OK;
	bool no_heads = c->part.reference == AM_RUN_SUM || c->part.reference == AM_RUN_MAX;
	size_t cells = (size_t)am_aggregate_cells(&c->a);
	for (int i = 0; i < c->part.recalls.inner && !s && !(no_heads && head >= 0); i++) {
		size_t at = (size_t)i * cells + (size_t)cell;
		if (c->part.extremes.n_rows[at] || c->part.extremes.n_trivial[at])
			s = add_row(c, i, cell, bin, layer, head, err);
	}
	return s;
}

/* One selector against one reference, over k or ratio. */
static am_status add_part(recall *c, am_error *err)
{
	part *p = &c->part;
	am_status s = read_recall(c, err);
	for (int i = 0; i < N_MEAN && !s; i++)
		s = am_recall_means_of(&c->a, p->mean[i], p->ratio, c->o->min_ratio, &p->means[i], err);
	if (!s)
		s = am_aggregate_visit(&c->a, NULL, add_cell, c, err);
	part_fini(p);
	return s;
}

/* ---- which selectors -------------------------------------------------------- */

static bool chosen(const recall *c, int i)
{
	char id[16];
	snprintf(id, sizeof id, "s%d", i);
	return !c->o->selector || strcmp(c->o->selector, id) == 0 ||
	       strcmp(c->o->selector, am_run_selector_at(c->a.run, i)->spec) == 0;
}

static bool is_shadowed(const am_run *r, const char *spec)
{
	for (int i = 0; i < am_run_selector_count(r); i++)
		if (strcmp(am_run_selector_at(r, i)->spec, spec) == 0)
			return true;
	return false;
}

static am_status add_selector(recall *c, int i, am_error *err)
{
	am_status s = AM_OK;
	for (int r = 0; r < AM_RUN_REFERENCES && !s; r++)
		for (int ratio = 0; ratio < 2 && !s; ratio++) {
			if (c->o->reference >= 0 && c->o->reference != r)
				continue;
			c->part = (part){.selector = am_run_selector_at(c->a.run, i)->spec, .reference = (am_run_reference)r, .ratio = ratio};
			snprintf(c->part.id, sizeof c->part.id, "s%d", i);
			selector_sources(&c->part, i);
			if (am_run_has(c->a.run, (am_field)c->part.recall.field))
				s = add_part(c, err);
		}
	return s;
}

static am_status add_baselines(recall *c, am_error *err)
{
	static const char *const exact[] = {"exact", "exact-group", "exact-sum", "exact-max"};
	am_status s = AM_OK;
	for (int r = 0; r < AM_RUN_REFERENCES && !s; r++)
		for (int i = 0; i < 4 && !s; i++) { /* best keys at k and ratio, then random ones */
			const char *name = i < 2 ? exact[r] : "random";
			if ((c->o->reference >= 0 && c->o->reference != r) || is_shadowed(c->a.run, name))
				continue;
			c->part = (part){.selector = name, .reference = (am_run_reference)r, .ratio = i % 2};
			baseline_sources(&c->part, i < 2);
			if (am_run_has(c->a.run, (am_field)c->part.recall.field))
				s = add_part(c, err);
		}
	return s;
}

static am_status compute(recall *c, am_run *r, am_error *err)
{
	int64_t start = 0, heads = 0, kv_heads = am_run_axis_length(r, AM_AXIS_KV_HEAD);
	if (!am_run_selector_count(r))
		return am_fail(err, AM_ERR_FORMAT, "%s: shadows no selector, which this table needs: run --shadow SPEC", am_run_path(r));
	am_status s = am_aggregate_open(r, &c->o->aggregate, &c->a, err);
	if (s)
		return s;
	c->group = am_run_attr_int(r, "model_heads", &heads) && kv_heads > 0 && heads >= kv_heads ? (int)(heads / kv_heads) : 1;
	c->position = am_alloc((size_t)c->a.n_rows, sizeof *c->position);
	c->sequence = am_alloc((size_t)c->a.n_rows, sizeof *c->sequence);
	if (!c->position || !c->sequence)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(r));
	s = am_run_read_i32(r, AM_FIELD_ROW_POSITION, &start, &c->a.n_rows, c->position, err);
	if (!s)
		s = am_run_read_i32(r, AM_FIELD_ROW_SEQUENCE, &start, &c->a.n_rows, c->sequence, err);
	if (!s)
		s = am_cells_begin(&c->a, columns, N_COL, &c->table, err);
	bool any = false;
	for (int i = 0; i < am_run_selector_count(r) && !s; i++)
		if (chosen(c, i)) {
			any = true;
			s = add_selector(c, i, err);
		}
	if (!s && !any)
		s = am_fail(err, AM_ERR_USAGE, "%s: expected a shadowed selector, s0 to s%d or a spec as given, found '%s'",
		            am_run_path(r), am_run_selector_count(r) - 1, c->o->selector);
	return s || c->o->selector ? s : add_baselines(c, err);
}

am_status am_recall_table(am_run *r, const am_recall_options *o, am_table *out, am_error *err)
{
	recall c = {.o = o};
	am_status s = compute(&c, r, err);
	if (s) {
		am_table_fini(&c.table);
	} else {
		am_cells_end(&c.a, &c.table);
		*out = c.table;
	}
	am_free(c.position);
	am_free(c.sequence);
	am_aggregate_close(&c.a);
	return s;
}
