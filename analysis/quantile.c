#include "analysis/quantile.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>

am_status am_quantile_init(am_quantile *q, const double *prob, int n_prob, am_error *err)
{
	assert(n_prob >= 1 && n_prob <= AM_QUANTILE_MAX);
	uint64_t *count = am_calloc(AM_QUANTILE_DIGIT, sizeof *count);
	if (!count)
		return am_fail(err, AM_ERR_MEMORY, "quantiles: out of memory");
	*q = (am_quantile){.n_prob = n_prob, .n_slot = 1, .count = count};
	memcpy(q->prob, prob, (size_t)n_prob * sizeof *prob);
	return AM_OK;
}

void am_quantile_fini(am_quantile *q)
{
	am_free(q->count);
	q->count = NULL;
}

void am_quantile_merge(am_quantile *q, const am_quantile *from)
{
	assert(q->sweep == 0 && from->sweep == 0);
	for (int d = 0; d < AM_QUANTILE_DIGIT; d++)
		q->count[d] += from->count[d];
}

/* Turns probabilities into ranks once the number of values is known. */
static void set_ranks(am_quantile *q)
{
	for (int d = 0; d < AM_QUANTILE_DIGIT; d++)
		q->n += q->count[d];
	for (int i = 0; i < q->n_prob && q->n; i++) {
		uint64_t low = (uint64_t)(q->prob[i] * (double)(q->n - 1));
		q->rank[2 * i] = low;
		q->rank[2 * i + 1] = low + 1 < q->n ? low + 1 : q->n - 1;
	}
}

static int slot_of(const am_quantile *q, uint32_t prefix)
{
	for (int i = 0; i < q->n_slot; i++)
		if (q->slot_prefix[i] == prefix)
			return i;
	return -1;
}

/* Appends the digit of the rank-th value to the prefix of order statistic i. */
static void append_digit(am_quantile *q, int i)
{
	const uint64_t *count = q->count + (size_t)(q->sweep ? slot_of(q, q->prefix[i]) : 0) * AM_QUANTILE_DIGIT;
	uint32_t digit = 0;
	while (q->rank[i] >= count[digit])
		q->rank[i] -= count[digit++];
	q->prefix[i] = q->prefix[i] << (q->sweep == 2 ? 10 : 11) | digit;
}

am_status am_quantile_next(am_quantile *q, am_error *err)
{
	assert(q->sweep < AM_QUANTILE_SWEEPS);
	if (q->sweep == 0)
		set_ranks(q);
	int n_stat = q->n ? 2 * q->n_prob : 0;
	for (int i = 0; i < n_stat; i++)
		append_digit(q, i);
	q->n_slot = 0;
	for (int i = 0; i < n_stat; i++)
		if (slot_of(q, q->prefix[i]) < 0)
			q->slot_prefix[q->n_slot++] = q->prefix[i];
	q->sweep++;
	am_quantile_fini(q);
	if (q->sweep == AM_QUANTILE_SWEEPS)
		return AM_OK;
	q->count = am_calloc((size_t)q->n_slot * AM_QUANTILE_DIGIT, sizeof *q->count);
	return q->count ? AM_OK : am_fail(err, AM_ERR_MEMORY, "quantiles: out of memory");
}

static double number(uint32_t key)
{
	uint32_t u = key & 0x80000000u ? key & 0x7fffffffu : ~key;
	float x;
	memcpy(&x, &u, sizeof x);
	return x;
}

double am_quantile_value(const am_quantile *q, int i)
{
	assert(q->sweep == AM_QUANTILE_SWEEPS && i < q->n_prob);
	if (!q->n)
		return NAN;
	double at = q->prob[i] * (double)(q->n - 1);
	double low = number(q->prefix[2 * i]), high = number(q->prefix[2 * i + 1]);
	return low + (at - floor(at)) * (high - low);
}
