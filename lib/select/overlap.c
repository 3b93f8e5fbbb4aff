#include "select/overlap.h"

#include "base/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct measuring {
	am_overlap *out;
	double *recall; /* of the tokens counted so far */
	unsigned char *mark; /* [positions] */
	double recall_sum, iou_sum; /* of the sequence */
	int64_t n;
} measuring;

static am_status check_shapes(const am_index_dump *a, const am_index_dump *b, am_error *err)
{
	if (a->n != b->n)
		return am_fail(err, AM_ERR_RANGE, "expected as many sequences in both dumps, found %d and %d", a->n, b->n);
	for (int i = 0; i < a->n; i++) {
		const am_index_array *x = &a->sequence[i], *y = &b->sequence[i];
		if (x->tokens != y->tokens || x->layers != y->layers)
			return am_fail(err, AM_ERR_RANGE, "sequence %d: expected the same tokens and layers, found %d x %d and %d x %d", i,
			               x->tokens, x->layers, y->tokens, y->layers);
	}
	return AM_OK;
}

static void measure_set(measuring *m, const am_index_array *a, const am_index_array *b, int sequence, int token, int layer,
                        int position)
{
	const int32_t *x = am_index_set(a, token, layer), *y = am_index_set(b, token, layer);
	if (position + 1 <= (a->width > b->width ? a->width : b->width)) {
		m->out->trivial++;
		return;
	}
	int in_a = 0, in_b = 0, both = 0;
	for (int i = 0; i < a->width; i++)
		if (x[i] >= 0) {
			m->mark[x[i]] = 1;
			in_a++;
		}
	for (int i = 0; i < b->width; i++)
		if (y[i] >= 0) {
			both += m->mark[y[i]];
			in_b++;
		}
	for (int i = 0; i < a->width; i++)
		if (x[i] >= 0)
			m->mark[x[i]] = 0;
	double recall = in_b ? (double)both / in_b : in_a ? 0 : 1;
	m->recall[m->out->tokens++] = recall;
	m->recall_sum += recall;
	m->iou_sum += in_a + in_b > both ? (double)both / (in_a + in_b - both) : 1;
	m->n++;
	m->out->different += both < in_a || both < in_b;
	if (!(recall >= m->out->worst)) {
		m->out->worst = recall;
		m->out->worst_sequence = sequence;
		m->out->worst_token = position;
	}
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double quantile(const double *sorted, int64_t n, double q)
{
	if (n == 0)
		return NAN;
	double at = q * (double)(n - 1);
	int64_t i = (int64_t)at;
	return i + 1 < n ? sorted[i] + (at - (double)i) * (sorted[i + 1] - sorted[i]) : sorted[n - 1];
}

static void measure_all(measuring *m, const am_index_dump *a, const am_index_dump *b, int start, int layer)
{
	double recall = 0, iou = 0;
	int sequences = 0;
	for (int i = 0; i < a->n; i++) {
		const am_index_array *x = &a->sequence[i], *y = &b->sequence[i];
		m->recall_sum = m->iou_sum = 0;
		m->n = 0;
		for (int l = layer < 0 ? 0 : layer; l < (layer < 0 ? x->layers : layer + 1); l++)
			for (int t = 0; t < x->tokens; t++)
				measure_set(m, x, y, i, t, l, start + t);
		if (m->n) {
			recall += m->recall_sum / (double)m->n;
			iou += m->iou_sum / (double)m->n;
			sequences++;
		}
	}
	m->out->recall = sequences ? recall / sequences : NAN;
	m->out->iou = sequences ? iou / sequences : NAN;
}

am_status am_overlap_measure(const am_index_dump *a, const am_index_dump *b, int start, int layer, am_overlap *out,
                             am_error *err)
{
	am_status s = check_shapes(a, b, err);
	if (s)
		return s;
	size_t sets = 0, longest = 0;
	for (int i = 0; i < a->n; i++) {
		const am_index_array *x = &a->sequence[i];
		sets += (size_t)x->tokens * (size_t)(layer < 0 ? x->layers : 1);
		longest = (size_t)x->tokens > longest ? (size_t)x->tokens : longest;
	}
	am_overlap o = {.worst = NAN, .worst_sequence = -1, .worst_token = -1};
	measuring m = {.out = &o, .recall = am_alloc(sets, sizeof *m.recall), .mark = am_calloc(longest + (size_t)start, 1)};
	if (m.recall && m.mark) {
		measure_all(&m, a, b, start, layer);
		qsort(m.recall, (size_t)o.tokens, sizeof *m.recall, ascending);
		o.p05 = quantile(m.recall, o.tokens, 0.05);
		o.p50 = quantile(m.recall, o.tokens, 0.5);
		*out = o;
	} else {
		s = am_fail(err, AM_ERR_MEMORY, "overlap: out of memory");
	}
	am_free(m.recall);
	am_free(m.mark);
	return s;
}
