/* The exact selectors: keys by their attention probability. */
#include "select/exact.h"

#include "select/internal.h"

#include <string.h>

const char *am_reference_name(am_reference r)
{
	static const char *const names[] = {"head", "group", "sum", "max"};
	return names[r];
}

am_set_scope am_reference_scope(am_reference r)
{
	return r == AM_REFERENCE_HEAD ? AM_SCOPE_HEAD : r == AM_REFERENCE_GROUP ? AM_SCOPE_GROUP : AM_SCOPE_LAYER;
}

am_reference am_reference_of(am_set_scope scope)
{
	return scope == AM_SCOPE_HEAD ? AM_REFERENCE_HEAD : scope == AM_SCOPE_GROUP ? AM_REFERENCE_GROUP : AM_REFERENCE_SUM;
}

static void add_head(const float *weight, int n, float inv_z, bool largest, float *out)
{
	if (largest)
		for (int j = 0; j < n; j++) {
			float p = weight[j] * inv_z;
			out[j] = p > out[j] ? p : out[j];
		}
	else
		for (int j = 0; j < n; j++)
			out[j] += weight[j] * inv_z;
}

void am_reference_scores(const am_select_row *row, int heads, int kv_heads, am_reference r, int set, float *out)
{
	size_t n = (size_t)row->n;
	int group = heads / kv_heads, first = r == AM_REFERENCE_GROUP ? set * group : 0;
	int end = r == AM_REFERENCE_GROUP ? first + group : heads;
	if (r == AM_REFERENCE_HEAD) {
		memcpy(out, row->score + set * row->stride, n * sizeof *out);
		return;
	}
	memset(out, 0, n * sizeof *out);
	for (int h = first; h < end; h++)
		add_head(row->weight + h * row->stride, row->n, (float)(1 / row->sums[h].z), r == AM_REFERENCE_MAX, out);
}

static void score(const am_selector *s, const am_select_row *row, am_reference r, int set, float *out)
{
	enum { MOST = 64 };
	int heads = s->shape.heads, group = heads / s->shape.kv_heads;
	float share[MOST];
	if (heads <= MOST && (r == AM_REFERENCE_GROUP || r == AM_REFERENCE_SUM)) { /* the same sums, faster */
		int first = r == AM_REFERENCE_GROUP ? set * group : 0, n = r == AM_REFERENCE_GROUP ? group : heads;
		for (int h = 0; h < n; h++)
			share[h] = (float)(1 / row->sums[first + h].z);
		s->shape.kernels->combine_rows(share, n, row->weight + first * row->stride, row->stride, row->n, false, out);
		return;
	}
	am_reference_scores(row, s->shape.heads, s->shape.kv_heads, r, set, out);
}

static void score_head(am_selector *s, int worker, const am_select_row *row, int set, float *out)
{
	(void)worker;
	score(s, row, AM_REFERENCE_HEAD, set, out);
}

static void score_group(am_selector *s, int worker, const am_select_row *row, int set, float *out)
{
	(void)worker;
	score(s, row, AM_REFERENCE_GROUP, set, out);
}

static void score_sum(am_selector *s, int worker, const am_select_row *row, int set, float *out)
{
	(void)worker;
	score(s, row, AM_REFERENCE_SUM, set, out);
}

static void score_max(am_selector *s, int worker, const am_select_row *row, int set, float *out)
{
	(void)worker;
	score(s, row, AM_REFERENCE_MAX, set, out);
}

const am_selector_ops am_select_exact = {
	.name = "exact", .usage = "exact", .help = "the largest scores of each query head",
	.scope = AM_SCOPE_HEAD, .needs = AM_NEED_SCORES, .score = score_head,
};
const am_selector_ops am_select_exact_group = {
	.name = "exact-group", .usage = "exact-group",
	.help = "one set a key/value head: the largest probability summed over its query heads",
	.scope = AM_SCOPE_GROUP, .needs = AM_NEED_SCORES, .score = score_group,
};
const am_selector_ops am_select_exact_sum = {
	.name = "exact-sum", .usage = "exact-sum", .help = "one set a layer: the largest probability summed over its heads",
	.scope = AM_SCOPE_LAYER, .needs = AM_NEED_SCORES, .score = score_sum,
};
const am_selector_ops am_select_exact_max = {
	.name = "exact-max", .usage = "exact-max", .help = "one set a layer: the largest probability of any head",
	.scope = AM_SCOPE_LAYER, .needs = AM_NEED_SCORES, .score = score_max,
};
