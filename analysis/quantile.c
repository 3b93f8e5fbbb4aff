#include "analysis/quantile.h"

#include "base/mem.h"

#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const struct {
	int sweeps, bits[3];
} cuts[] = {[AM_DIGITS_11] = {3, {11, 11, 10}}, [AM_DIGITS_16] = {2, {16, 16}}};

int am_digits_sweeps(am_digits d)
{
	return cuts[d].sweeps;
}

/* Values of the longest digit. */
static size_t radix(am_digits d)
{
	return (size_t)1 << cuts[d].bits[0];
}

size_t am_digits_counts(am_digits d)
{
	return 2 * AM_QUANTILE_MAX * radix(d);
}

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

static void drop(am_tally_slot *slot, int n)
{
	for (int i = 0; i < n && slot; i++) {
		am_free(slot[i].list);
		am_free(slot[i].count);
	}
	am_free(slot);
}

void am_tally_fini(am_tally *t)
{
	drop(t->slot, t->n);
	am_free(t->first);
	am_free(t->second);
	*t = (am_tally){0};
}

size_t am_tally_bytes(am_digits digits, int n)
{
	size_t whole = radix(digits) * (sizeof(uint32_t) + 1);
	return digits == AM_DIGITS_16 ? whole + whole * (size_t)n / 8 : whole * (size_t)(n + 1);
}

static int by_prefix(const void *a, const void *b)
{
	uint32_t x = ((const am_tally_slot *)a)->prefix, y = ((const am_tally_slot *)b)->prefix;
	return (x > y) - (x < y);
}

/* Room for the values of a slot, whose number the sweep before has counted if it was the first. */
static bool slot_init(am_tally_slot *s, const am_tally *before, size_t digits)
{
	bool known = before->sweep == 0 && before->slot && s->prefix < radix(before->digits);
	uint32_t n = known ? before->slot->count[s->prefix] : UINT32_MAX;
	if (n <= digits) { /* half the memory of counting at most */
		s->room = n ? n : 1;
		s->list = am_alloc(s->room, sizeof *s->list);
	} else {
		s->count = am_calloc(digits, sizeof *s->count);
	}
	return s->list || s->count;
}

/* The maps from digits to slots, which are in order: those with the same first digit
 * stand together. */
static void set_maps(am_tally *t)
{
	int firsts = 0, bits = cuts[t->digits].bits[1];
	uint32_t before = UINT32_MAX;
	for (int i = 0; i < t->n; i++) {
		uint32_t prefix = t->slot[i].prefix;
		if (t->sweep == 1) {
			t->first[prefix] = (unsigned char)(i + 1);
			continue;
		}
		firsts += prefix >> bits != before;
		before = prefix >> bits;
		t->first[before] = (unsigned char)firsts;
		t->second[(size_t)(firsts - 1) * radix(t->digits) + (prefix & ((1u << bits) - 1))] = (unsigned char)(i + 1);
	}
}

am_status am_tally_begin(am_tally *t, am_digits digits, int sweep, const uint32_t *prefix, int n, am_error *err)
{
	assert(sweep < cuts[digits].sweeps && n <= AM_QUANTILE_PREFIXES);
	am_tally next = {.digits = digits, .sweep = sweep, .n = sweep ? n : 1};
	next.slot = am_calloc((size_t)next.n, sizeof *next.slot);
	next.first = sweep ? am_calloc(radix(digits), 1) : NULL;
	next.second = sweep == 2 ? am_calloc((size_t)n, radix(digits)) : NULL;
	bool ok = next.slot && (!sweep || next.first) && (sweep < 2 || next.second);
	for (int i = 0; i < next.n && ok; i++)
		next.slot[i].prefix = sweep ? prefix[i] : 0;
	if (ok)
		qsort(next.slot, (size_t)next.n, sizeof *next.slot, by_prefix);
	for (int i = 0; i < next.n && ok; i++)
		ok = slot_init(&next.slot[i], sweep ? t : &(am_tally){0}, (size_t)1 << cuts[digits].bits[sweep]);
	if (ok && sweep)
		set_maps(&next);
	am_tally_fini(t);
	*t = next;
	return ok ? AM_OK : am_fail(err, AM_ERR_MEMORY, "quantiles: out of memory");
}

static inline void take(am_tally_slot *s, uint32_t digit)
{
	if (!s->room)
		s->count[digit]++;
	else if (s->n < s->room)
		s->list[s->n++] = (uint16_t)digit;
}

static void add_first(am_tally *t, const float *x, int stride, int64_t n)
{
	uint32_t *count = t->slot->count;
	int shift = 32 - cuts[t->digits].bits[0];
	for (int64_t i = 0; i < n; i++) {
		float v = x[i * stride];
		if (v == v)
			count[key_of(v) >> shift]++;
	}
}

static void add_second(am_tally *t, const float *x, int stride, int64_t n)
{
	const int *bits = cuts[t->digits].bits;
	int first = 32 - bits[0], second = first - bits[1];
	for (int64_t i = 0; i < n; i++) {
		float v = x[i * stride];
		uint32_t key = key_of(v), at = t->first[key >> first];
		if (at && v == v)
			take(&t->slot[at - 1], key >> second & ((1u << bits[1]) - 1));
	}
}

static void add_third(am_tally *t, const float *x, int stride, int64_t n)
{
	const int *bits = cuts[t->digits].bits;
	int first = 32 - bits[0], second = first - bits[1];
	for (int64_t i = 0; i < n; i++) {
		float v = x[i * stride];
		uint32_t key = key_of(v), at = t->first[key >> first];
		if (!at || v != v)
			continue;
		at = t->second[(at - 1) * radix(t->digits) + (key >> second & ((1u << bits[1]) - 1))];
		if (at)
			take(&t->slot[at - 1], key & ((1u << bits[2]) - 1));
	}
}

void am_tally_add(am_tally *t, const float *x, int stride, int64_t n)
{
	static void (*const add[])(am_tally *, const float *, int, int64_t) = {add_first, add_second, add_third};
	add[t->sweep](t, x, stride, n);
}

/* --- selecting --------------------------------------------------------------- */

void am_quantile_init(am_quantile *q, am_digits digits, const double *prob, int n_prob)
{
	assert(n_prob >= 1 && n_prob <= AM_QUANTILE_MAX);
	*q = (am_quantile){.n_prob = n_prob, .digits = digits};
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
	while (at < t->n && t->slot[at].prefix != prefix)
		at++;
	assert(at < t->n);
	const am_tally_slot *s = &t->slot[at];
	size_t n = s->room ? 0 : (size_t)1 << cuts[t->digits].bits[t->sweep];
	for (size_t d = 0; d < n; d++)
		count[d] += s->count[d];
	for (uint32_t i = 0; i < s->n; i++)
		count[s->list[i]]++;
}

void am_quantile_collect(const am_quantile *q, const am_tally *t, int stride, int n_tally, uint64_t *count)
{
	int n = q->sweep ? statistics(q) : 1;
	for (int i = 0; i < n; i++)
		for (int k = 0; k < n_tally && counts_of(q, i) == i; k++)
			add_counts(t + (size_t)k * (size_t)stride, q->prefix[i], count + (size_t)i * radix(q->digits));
}

/* Turns probabilities into ranks once the number of values is known. */
static void set_ranks(am_quantile *q, const uint64_t *count)
{
	for (size_t d = 0; d < radix(q->digits); d++)
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
	q->prefix[i] = q->prefix[i] << cuts[q->digits].bits[q->sweep] | digit;
}

void am_quantile_next(am_quantile *q, uint64_t *count)
{
	int of[2 * AM_QUANTILE_MAX], n = statistics(q);
	assert(q->sweep < cuts[q->digits].sweeps);
	if (q->sweep == 0)
		set_ranks(q, count);
	int used = q->sweep ? n : 1;
	n = statistics(q);
	for (int i = 0; i < n; i++)
		of[i] = counts_of(q, i);
	for (int i = 0; i < n; i++)
		append_digit(q, i, count + (size_t)of[i] * radix(q->digits));
	q->sweep++;
	memset(count, 0, (size_t)used * radix(q->digits) * sizeof *count);
}

double am_quantile_value(const am_quantile *q, int i)
{
	assert(q->sweep == cuts[q->digits].sweeps && i < q->n_prob);
	if (!q->n)
		return NAN;
	double at = q->prob[i] * (double)(q->n - 1);
	double low = number(q->prefix[2 * i]), high = number(q->prefix[2 * i + 1]);
	return low + (at - floor(at)) * (high - low);
}
