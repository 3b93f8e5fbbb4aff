/* Values of shadowed selectors: ranges, what a row of at most k keys must give, and
 * what sets of at most k keys cannot exceed. */
#include "base/mem.h"
#include "runfile/check.h"

#include <float.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#define SLACK (16 * (double)FLT_EPSILON)
#define BLOCK_ROWS 256

/* One field of a layer for a block of rows, whatever its axes: [heads][rows][inner]. */
typedef struct values {
	am_field f;
	const char *path;
	int64_t heads, inner;
	float *x; /* NULL: not held, or not readable */
} values;

/* A block of rows in one layer. */
typedef struct block {
	am_checker *c;
	double layer; /* id */
	int64_t first, n;
	int32_t *visible, *position; /* [n] */
	bool ratio;
	int64_t budgets;
	int *k;       /* [n][budgets] keys asked for, at most n */
	bool *whole;  /* [n][budgets] all keys were asked for */
	bool *within; /* [n][budgets] no set that is told of holds more */
	bool all_told; /* and others do not either */
} block;

#define WHERE "layer %g, row %" PRId64 ": %s"
#define AT(b, i, v) (b)->layer, (b)->first + (i), (v)->path

static values read_values(block *b, int layer, am_field f)
{
	am_run *r = b->c->r;
	const am_field_spec *spec = &r->spec[f];
	values v = {.f = f, .path = spec->path, .heads = 1, .inner = 1};
	if (!am_run_has(r, f))
		return v;
	int row = am_spec_row_axis(spec);
	int64_t start[AM_MAX_AXES] = {layer}, count[AM_MAX_AXES] = {1};
	for (int a = 1; a < spec->n_axes; a++) {
		start[a] = a == row ? b->first : 0;
		count[a] = a == row ? b->n : r->shape[f][a];
		*(a < row ? &v.heads : a > row ? &v.inner : &(int64_t){0}) = count[a];
	}
	am_error inner;
	v.x = am_alloc((size_t)(v.heads * b->n * v.inner), sizeof *v.x);
	if (v.x && am_run_read_f32(r, f, start, count, v.x, &inner)) {
		am_check_broken(b->c, "values are readable", "%s", inner.text);
		am_free(v.x);
		v.x = NULL;
	}
	return v;
}

static double at(const values *v, const block *b, int64_t head, int64_t row, int64_t i)
{
	return (double)v->x[(head * b->n + row) * v->inner + i];
}

/* Every value in [low, high], where `missing` also missing; fill of counts is -1. */
static void in_range(block *b, int layer, am_field f, double low, double high, bool missing)
{
	values v = read_values(b, layer, f);
	bool count = b->c->r->spec[f].type == AM_TYPE_I32;
	for (int64_t h = 0; v.x && h < v.heads; h++)
		for (int64_t i = 0; i < b->n; i++)
			for (int64_t k = 0; k < v.inner; k++) {
				double x = at(&v, b, h, i, k);
				if (missing && (count ? x == -1 : isnan(x)))
					continue;
				if (!(x >= low - SLACK && x <= high + SLACK))
					am_check_broken(b->c, "selector values are in range", WHERE "[%" PRId64 "][%" PRId64 "]: %.9g",
					                AT(b, i, &v), h, k, x);
			}
	am_free(v.x);
}

/* Values of at most 1 where no set holds more than was asked for, and 1 where all keys were. Those of captured heads
 * have their own sets behind them, others those of all heads. */
static void bounded(block *b, int layer, am_field f, am_run_reference r)
{
	values v = read_values(b, layer, f);
	bool told = r == AM_RUN_HEAD || b->all_told;
	for (int64_t h = 0; v.x && h < v.heads; h++)
		for (int64_t i = 0; i < b->n; i++)
			for (int64_t k = 0; k < v.inner; k++) {
				double x = at(&v, b, h, i, k);
				bool within = told && b->within[i * b->budgets + k], whole = b->whole[i * b->budgets + k];
				if (!(x >= -SLACK && (x <= 1 + SLACK || !within)))
					am_check_broken(b->c, "selector values are in range", WHERE "[%" PRId64 "][%" PRId64 "]: %.9g",
					                AT(b, i, &v), h, k, x);
				else if (whole && !(x >= 1 - SLACK))
					am_check_broken(b->c, "rows of at most k keys are found whole",
					                WHERE "[%" PRId64 "][%" PRId64 "]: %.9g", AT(b, i, &v), h, k, x);
			}
	am_free(v.x);
}

/* a <= b, of the same shape; NaN of either passes where a range has been checked. */
static void not_above(block *b, int layer, am_field low, am_field high, const char *rule, bool within)
{
	values x = read_values(b, layer, low), y = read_values(b, layer, high);
	for (int64_t h = 0; x.x && y.x && x.heads == y.heads && x.inner == y.inner && h < x.heads; h++)
		for (int64_t i = 0; i < b->n; i++)
			for (int64_t k = 0; k < x.inner; k++)
				if ((!within || b->within[i * b->budgets + k]) && at(&x, b, h, i, k) > at(&y, b, h, i, k) + SLACK)
					am_check_broken(b->c, rule, WHERE "[%" PRId64 "][%" PRId64 "]: %.9g and %.9g", AT(b, i, &x), h, k,
					                at(&x, b, h, i, k), at(&y, b, h, i, k));
	am_free(x.x);
	am_free(y.x);
}

static void set_budgets(block *b)
{
	const double *axis = b->c->r->values[b->ratio ? AM_AXIS_RATIO : AM_AXIS_K];
	for (int64_t i = 0; i < b->n; i++)
		for (int64_t k = 0; k < b->budgets; k++) {
			double n = b->visible[i], want = b->ratio ? fmax(1, ceil(axis[k] * n - 1e-9)) : axis[k];
			b->k[i * b->budgets + k] = (int)fmin(want, n);
			b->whole[i * b->budgets + k] = want >= n;
		}
}

/* Sizes of the sets, and with them which budgets they keep to. */
static void check_kept(block *b, int layer, int selector)
{
	const am_run_selector *of = &b->c->r->selector[selector];
	bool own = of->own_budget;
	int64_t heads = -1;
	values v = read_values(b, layer, am_shadow_field(selector, AM_SHADOW_KEPT, AM_RUN_HEAD, b->ratio));
	/* With a budget of their own the sets of heads that were not captured may hold more. */
	b->all_told = !own || of->sets != AM_AXIS_HEAD || (am_run_attr_int(b->c->r, "model_heads", &heads) && v.heads == heads);
	for (int64_t i = 0; i < b->n * b->budgets; i++) {
		b->within[i] = v.x != NULL;
		b->whole[i] = b->whole[i] && !own;
	}
	for (int64_t h = 0; v.x && h < v.heads; h++)
		for (int64_t i = 0; i < b->n; i++)
			for (int64_t k = 0; k < v.inner; k++) {
				double x = at(&v, b, h, i, k);
				int64_t cell = i * b->budgets + k;
				if (!(x >= 0 && x <= b->visible[i]))
					am_check_broken(b->c, "sets hold visible keys", WHERE "[%" PRId64 "][%" PRId64 "]: %g of %d",
					                AT(b, i, &v), h, k, x, (int)b->visible[i]);
				b->within[cell] = b->within[cell] && x <= b->k[cell];
			}
	am_free(v.x);
}

static void check_index(block *b, int layer, int selector)
{
	values v = read_values(b, layer, am_shadow_field(selector, AM_SHADOW_INDEX, AM_RUN_HEAD, false));
	for (int64_t h = 0; v.x && h < v.heads; h++)
		for (int64_t i = 0; i < b->n; i++)
			for (int64_t k = 0; k < v.inner; k++) {
				double x = at(&v, b, h, i, k), before = k ? at(&v, b, h, i, k - 1) : 0;
				if (!(x >= -1 && x <= b->position[i] && (before >= 0 || x < 0)))
					am_check_broken(b->c, "selector index holds visible keys, then -1",
					                WHERE "[%" PRId64 "][%" PRId64 "]: %g", AT(b, i, &v), h, k, x);
			}
	am_free(v.x);
}

static void check_reference(block *b, int layer, int s, am_run_reference r)
{
	am_field recall = am_shadow_field(s, AM_SHADOW_RECALL, r, b->ratio);
	bounded(b, layer, recall, r);
	bounded(b, layer, am_shadow_field(s, AM_SHADOW_MASS_RECALL, r, b->ratio), r);
	bounded(b, layer, am_shadow_field(s, AM_SHADOW_TOP1_HIT, r, b->ratio), r);
	in_range(b, layer, am_shadow_field(s, AM_SHADOW_RECALL_TIED, r, b->ratio), 0, 1, true);
	not_above(b, layer, recall, am_shadow_field(s, AM_SHADOW_RECALL_TIED, r, b->ratio),
	          "recall is at most recall with ties", false);
	if (!b->ratio)
		in_range(b, layer, am_shadow_field(s, AM_SHADOW_RANK_CORRELATION, r, false), -1, 1, true);
}

static void check_selector(block *b, int layer, int s)
{
	am_field retained = am_shadow_field(s, AM_SHADOW_RETAINED_MASS, AM_RUN_HEAD, b->ratio);
	set_budgets(b);
	check_kept(b, layer, s);
	bounded(b, layer, retained, AM_RUN_HEAD);
	bounded(b, layer, am_shadow_field(s, AM_SHADOW_CHANCE, AM_RUN_HEAD, b->ratio), AM_RUN_HEAD);
	not_above(b, layer, retained, b->ratio ? AM_FIELD_MASS_AT_RATIO : AM_FIELD_MASS_AT_K,
	          "retained mass is at most that of the best keys", true);
	for (int r = 0; r < AM_RUN_REFERENCES; r++)
		check_reference(b, layer, s, (am_run_reference)r);
	for (int o = AM_SHADOW_OVERLAP_HEADS; o <= AM_SHADOW_OVERLAP_STEP; o++)
		in_range(b, layer, am_shadow_field(s, (am_shadow_stat)o, AM_RUN_HEAD, b->ratio), 0, 1, true);
	in_range(b, layer, am_shadow_field(s, AM_SHADOW_UNION, AM_RUN_HEAD, b->ratio), 0, INT32_MAX, true);
	if (!b->ratio)
		check_index(b, layer, s);
}

static void check_layer(block *b, int layer)
{
	am_run *r = b->c->r;
	for (int ratio = 0; ratio < 2; ratio++) {
		b->ratio = ratio;
		b->budgets = r->length[ratio ? AM_AXIS_RATIO : AM_AXIS_K];
		for (int s = 0; s < r->n_selectors && b->budgets; s++)
			check_selector(b, layer, s);
		for (int f = 0; f < AM_RUN_REFERENCES && b->budgets; f++) {
			in_range(b, layer, am_reference_field(AM_REFERENCE_MASS, (am_run_reference)f, ratio), 0, 1, false);
			in_range(b, layer, am_reference_field(AM_REFERENCE_GAP, (am_run_reference)f, ratio), 0, FLT_MAX, true);
		}
	}
}

static bool read_rows(block *b, int layer)
{
	int64_t start[] = {layer, b->first}, count[] = {1, b->n};
	am_run *r = b->c->r;
	return !am_run_read_i32(r, AM_FIELD_ROW_VISIBLE, start, count, b->visible, NULL) &&
	       !am_run_read_i32(r, AM_FIELD_ROW_POSITION, start + 1, count + 1, b->position, NULL);
}

am_status am_check_selectors(am_checker *c, am_error *err)
{
	am_run *r = c->r;
	int64_t budgets = r->length[AM_AXIS_K] > r->length[AM_AXIS_RATIO] ? r->length[AM_AXIS_K] : r->length[AM_AXIS_RATIO];
	size_t cells = (size_t)budgets * BLOCK_ROWS;
	block b = {.c = c, .visible = am_alloc(BLOCK_ROWS, sizeof *b.visible), .position = am_alloc(BLOCK_ROWS, sizeof *b.position),
	           .k = am_alloc(cells, sizeof *b.k), .whole = am_alloc(cells, sizeof *b.whole),
	           .within = am_alloc(cells, sizeof *b.within)};
	am_status s = AM_OK;
	if (!b.visible || !b.position || !b.k || !b.whole || !b.within)
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory to check selectors", r->path);
	for (b.first = 0; b.first < r->rows && !s; b.first += b.n) {
		b.n = r->rows - b.first < BLOCK_ROWS ? r->rows - b.first : BLOCK_ROWS;
		for (int l = 0; l < r->length[AM_AXIS_LAYER]; l++) {
			b.layer = r->values[AM_AXIS_LAYER][l];
			if (read_rows(&b, l)) /* else check_rows has told */
				check_layer(&b, l);
		}
	}
	void *own[] = {b.visible, b.position, b.k, b.whole, b.within};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	return s;
}

bool am_check_shadow_optional(am_field f)
{
	int s = 0, end = am_shadow_field_end(1);
	if ((int)f < AM_FIELD_COUNT)
		return false;
	int a_selector = am_shadow_field(1, AM_SHADOW_RETAINED_MASS, AM_RUN_HEAD, false) -
	                 am_shadow_field(0, AM_SHADOW_RETAINED_MASS, AM_RUN_HEAD, false);
	while ((int)f >= end + s * a_selector)
		s++;
	am_field first = (am_field)(f - s * a_selector);
	return first == am_shadow_field(0, AM_SHADOW_INDEX, AM_RUN_HEAD, false) ||
	       (first >= am_shadow_field(0, AM_SHADOW_RANK_CORRELATION, AM_RUN_HEAD, false) && (int)first < end);
}
