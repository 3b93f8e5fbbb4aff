#include "analysis/quantile.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <string.h>

#define LAST_BITS 10
#define BITS 11

/* Bits of a float32 (not NaN) in the order of the numbers. */
static inline uint32_t key_of(float x)
{
	uint32_t u;
	memcpy(&u, &x, sizeof u);
	return u & 0x80000000u ? ~u : u | 0x80000000u;
}

static float number(uint32_t key)
{
	uint32_t u = key & 0x80000000u ? key & 0x7fffffffu : ~key;
	float x;
	memcpy(&x, &u, sizeof x);
	return x;
}

/* --- counting --------------------------------------------------------------- */

void am_tally_fini(am_tally *t)
{
	am_free(t->count);
	am_free(t->prefix);
	am_free(t->first);
	am_free(t->second);
	*t = (am_tally){0};
}

size_t am_tally_bytes(int n)
{
	return (size_t)(n + 1) * AM_QUANTILE_DIGIT * (sizeof(uint32_t) + 1);
}

static void sort(uint32_t *x, int n)
{
	for (int i = 1; i < n; i++)
		for (int j = i; j > 0 && x[j] < x[j - 1]; j--) {
			uint32_t y = x[j];
			x[j] = x[j - 1];
			x[j - 1] = y;
		}
}

/* The maps from digits to beginnings, which are in order: those with the same first digit
 * stand together. */
static void set_maps(am_tally *t)
{
	int firsts = 0;
	uint32_t before = UINT32_MAX;
	for (int i = 0; i < t->n; i++) {
		if (t->sweep == 1) {
			t->first[t->prefix[i]] = (unsigned char)(i + 1);
			continue;
		}
		uint32_t digit = t->prefix[i] >> BITS;
		firsts += digit != before;
		before = digit;
		t->first[digit] = (unsigned char)firsts;
		t->second[(size_t)(firsts - 1) * AM_QUANTILE_DIGIT + (t->prefix[i] & (AM_QUANTILE_DIGIT - 1))] = (unsigned char)(i + 1);
	}
}

am_status am_tally_begin(am_tally *t, int sweep, const uint32_t *prefix, int n, am_error *err)
{
	assert(sweep < AM_QUANTILE_SWEEPS && n <= AM_QUANTILE_PREFIXES);
	am_tally_fini(t);
	t->sweep = sweep;
	t->n = sweep ? n : 1;
	t->count = am_calloc((size_t)t->n * AM_QUANTILE_DIGIT, sizeof *t->count);
	t->prefix = am_calloc((size_t)t->n, sizeof *t->prefix);
	t->first = sweep ? am_calloc(AM_QUANTILE_DIGIT, 1) : NULL;
	t->second = sweep == 2 ? am_calloc((size_t)t->n, AM_QUANTILE_DIGIT) : NULL;
	if (!t->count || !t->prefix || (sweep && !t->first) || (sweep == 2 && !t->second))
		return am_fail(err, AM_ERR_MEMORY, "quantiles: out of memory");
	if (sweep) {
		memcpy(t->prefix, prefix, (size_t)n * sizeof *prefix);
		sort(t->prefix, n);
		set_maps(t);
	}
	return AM_OK;
}

void am_tally_add(am_tally *t, const float *x, int stride, int64_t n)
{
	uint32_t *count = t->count;
	const unsigned char *first = t->first, *second = t->second;
	const uint32_t digit = AM_QUANTILE_DIGIT - 1;
	for (int64_t i = 0; i < n && t->sweep == 0; i++) {
		float v = x[i * stride];
		if (v == v)
			count[key_of(v) >> (BITS + LAST_BITS)]++;
	}
	for (int64_t i = 0; i < n && t->sweep == 1; i++) {
		float v = x[i * stride];
		uint32_t key = key_of(v), at = first[key >> (BITS + LAST_BITS)];
		if (at && v == v)
			count[(at - 1) * AM_QUANTILE_DIGIT + (key >> LAST_BITS & digit)]++;
	}
	for (int64_t i = 0; i < n && t->sweep == 2; i++) {
		float v = x[i * stride];
		uint32_t key = key_of(v), at = first[key >> (BITS + LAST_BITS)];
		if (!at || v != v)
			continue;
		at = second[(at - 1) * AM_QUANTILE_DIGIT + (key >> LAST_BITS & digit)];
		if (at)
			count[(at - 1) * AM_QUANTILE_DIGIT + (key & ((1u << LAST_BITS) - 1))]++;
	}
}

/* --- selecting --------------------------------------------------------------- */

void am_quantile_init(am_quantile *q, const double *prob, int n_prob)
{
	assert(n_prob >= 1 && n_prob <= AM_QUANTILE_MAX);
	*q = (am_quantile){.n_prob = n_prob};
	memcpy(q->prob, prob, (size_t)n_prob * sizeof *prob);
}

static int statistics(const am_quantile *q)
{
	return q->n ? 2 * q->n_prob : 0;
}

int am_quantile_wants(const am_quantile *q, uint32_t *prefix, int n)
{
	for (int i = 0; i < statistics(q); i++) {
		int j = 0;
		while (j < n && prefix[j] != q->prefix[i])
			j++;
		if (j == n)
			prefix[n++] = q->prefix[i];
	}
	return n;
}

/* Order statistics with the same beginning share the counts of the first of them. */
static int counts_of(const am_quantile *q, int i)
{
	int j = 0;
	while (q->prefix[j] != q->prefix[i])
		j++;
	return j;
}

static void add_counts(const am_tally *t, uint32_t prefix, uint64_t *count)
{
	int at = 0;
	while (at < t->n && t->prefix[at] != prefix)
		at++;
	assert(at < t->n);
	const uint32_t *from = t->count + (size_t)at * AM_QUANTILE_DIGIT;
	for (int d = 0; d < AM_QUANTILE_DIGIT; d++)
		count[d] += from[d];
}

void am_quantile_collect(const am_quantile *q, const am_tally *t, int stride, int n_tally, uint64_t *count)
{
	int n = q->sweep ? statistics(q) : 1;
	for (int i = 0; i < n; i++)
		for (int k = 0; k < n_tally && counts_of(q, i) == i; k++)
			add_counts(t + (size_t)k * (size_t)stride, q->prefix[i], count + (size_t)i * AM_QUANTILE_DIGIT);
}

/* Turns probabilities into ranks once the number of values is known. */
static void set_ranks(am_quantile *q, const uint64_t *count)
{
	for (int d = 0; d < AM_QUANTILE_DIGIT; d++)
		q->n += count[d];
	for (int i = 0; i < q->n_prob && q->n; i++) {
		uint64_t low = (uint64_t)(q->prob[i] * (double)(q->n - 1));
		q->rank[2 * i] = low;
		q->rank[2 * i + 1] = low + 1 < q->n ? low + 1 : q->n - 1;
	}
}

/* Appends the digit of the rank-th value to the prefix of order statistic i. */
static void append_digit(am_quantile *q, int i, const uint64_t *count)
{
	uint32_t digit = 0;
	while (q->rank[i] >= count[digit])
		q->rank[i] -= count[digit++];
	q->prefix[i] = q->prefix[i] << (q->sweep == 2 ? LAST_BITS : BITS) | digit;
}

void am_quantile_next(am_quantile *q, uint64_t *count)
{
	int of[2 * AM_QUANTILE_MAX];
	assert(q->sweep < AM_QUANTILE_SWEEPS);
	if (q->sweep == 0)
		set_ranks(q, count);
	for (int i = 0; i < statistics(q); i++)
		of[i] = counts_of(q, i);
	for (int i = 0; i < statistics(q); i++)
		append_digit(q, i, count + (size_t)of[i] * AM_QUANTILE_DIGIT);
	q->sweep++;
	memset(count, 0, AM_QUANTILE_COUNTS * sizeof *count);
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
