/* Sets against those of the query before, and of the layer before: kept for sampled
 * rows and compared once the layer is done. */
#include "probes/shadow_internal.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

static size_t kept_words(const am_shadow *s, int n)
{
	return (size_t)s->all_sets * (size_t)am_shadow_budgets(s) * AM_SET_WORDS(n);
}

static bool is_carried(const am_shadow *s, int row)
{
	return row == s->rows - 1 && s->sampled[s->start + s->rows];
}

/* Places for the rows to be kept of a layer; what was kept of the one before moves on. */
am_status am_shadow_keep_begin(am_shadow *s, int layer, am_error *err)
{
	am_kept_rows *k = &s->kept;
	size_t room = 0, at = 0;
	for (int pass = 0; pass < 2; pass++) {
		for (int r = 0; r < s->rows; r++) {
			int position = s->start + r, window = s->c->config->window[layer];
			if (s->kept_at[r] < 0)
				continue;
			int first = window > 0 && position >= window ? position - window + 1 : 0;
			am_kept_row *row = &k->row[s->kept_at[r]];
			*row = (am_kept_row){position, first, position - first + 1, pass ? k->memory + at : NULL};
			*(pass ? &at : &room) += kept_words(s, row->n);
		}
		if (pass || room <= k->room)
			continue;
		am_free(k->memory);
		k->room = 0;
		k->memory = am_alloc(room, sizeof *k->memory);
		if (!k->memory)
			return am_fail(err, AM_ERR_MEMORY, "run: out of memory for shadowed selectors");
		k->room = room;
	}
	return AM_OK;
}

void am_shadow_keep(am_shadow *s, const am_select_row *row, const am_budgets *b, int selector, const uint64_t *const *set)
{
	const am_shadowed *a = &s->item[selector];
	if (s->kept_at[row->row] < 0)
		return;
	const am_kept_row *k = &s->kept.row[s->kept_at[row->row]];
	size_t words = AM_SET_WORDS(k->n);
	for (int i = 0; i < a->sets; i++)
		for (int j = 0; j < am_shadow_budgets(s); j++)
			memcpy(am_kept_set(s, k, a->first_set + i) + (size_t)b->origin[j] * words, set[i] + (size_t)j * words,
			       words * sizeof *k->set);
}

/* 64 bits of a set of n keys from key `at` on. */
static uint64_t bits_from(const uint64_t *set, int n, int at)
{
	size_t w = (size_t)at / 64;
	uint64_t bits = set[w] >> (at & 63);
	return at & 63 && w + 1 < AM_SET_WORDS(n) ? bits | set[w + 1] << (64 - (at & 63)) : bits;
}

/* Keys from `first` to `end` that two rows hold under a budget. */
static int32_t in_both(const am_kept_row *x, const uint64_t *a, const am_kept_row *y, const uint64_t *b, int first, int end)
{
	int32_t count = 0;
	for (int j = first; j < end; j += 64) {
		uint64_t bits = bits_from(a, x->n, j - x->first_key) & bits_from(b, y->n, j - y->first_key);
		count += __builtin_popcountll(end - j < 64 ? bits & (((uint64_t)1 << (end - j)) - 1) : bits);
	}
	return count;
}

/* Share of the smaller set that is in both, under each budget; 0 of an empty one. */
static void overlap(const am_shadow *s, const am_kept_row *x, const am_kept_row *y, int set, int n_k, double *out)
{
	const uint64_t *a = am_kept_set(s, x, set), *b = am_kept_set(s, y, set);
	int32_t in_a[AM_SELECT_BUDGETS], in_b[AM_SELECT_BUDGETS];
	int first = x->first_key > y->first_key ? x->first_key : y->first_key;
	int end = x->first_key + x->n < y->first_key + y->n ? x->first_key + x->n : y->first_key + y->n;
	s->c->kernels->set_counts(a, a, x->n, n_k, in_a);
	s->c->kernels->set_counts(b, b, y->n, n_k, in_b);
	for (int i = 0; i < n_k; i++) {
		int least = in_a[i] < in_b[i] ? in_a[i] : in_b[i];
		int32_t both = in_both(x, a + (size_t)i * AM_SET_WORDS(x->n), y, b + (size_t)i * AM_SET_WORDS(y->n), first, end);
		out[i] = least ? (double)both / least : 0;
	}
}

static void put_overlaps(am_shadow *s, const am_kept_row *x, const am_kept_row *y, am_shadow_stat stat, int sample)
{
	int n_k = am_shadow_budgets(s), in_order[AM_SELECT_BUDGETS];
	double value[AM_SELECT_BUDGETS];
	for (int i = 0; i < n_k; i++)
		in_order[i] = i;
	for (int i = 0; i < s->n; i++)
		for (int j = 0, sets = am_stored_sets(s, &s->item[i]); j < sets; j++) {
			overlap(s, x, y, s->item[i].first_set + am_stored_set(s, &s->item[i], j), n_k, value);
			am_shadow_put(s, am_shadow_field(i, stat, AM_RUN_HEAD, false), am_shadow_sample_at(s, j, sample), in_order, value);
		}
}

/* The row goes on to the next block, which begins with a sampled one. */
static void carry(am_shadow *s, int layer, const am_kept_row *row)
{
	size_t n = kept_words(s, row->n);
	am_kept_row *to = &s->carried[layer];
	*to = *row;
	to->set = am_alloc(n, sizeof *to->set);
	if (to->set)
		memcpy(to->set, row->set, n * sizeof *to->set);
}

void am_shadow_compare(am_shadow *s, int layer)
{
	am_kept_row *carried = &s->carried[layer];
	for (int r = 0; r < s->rows; r++) {
		int sample = s->sample[r];
		if (sample < 0)
			continue;
		const am_kept_row *row = &s->kept.row[s->kept_at[r]];
		const am_kept_row *step = r ? &s->kept.row[s->kept_at[r - 1]] : carried;
		if (step->set && step->position == row->position - 1)
			put_overlaps(s, row, step, AM_SHADOW_OVERLAP_STEP, sample);
		if (s->has_before)
			put_overlaps(s, row, &s->before.row[s->kept_at[r]], AM_SHADOW_OVERLAP_LAYER, sample);
	}
	am_free(carried->set);
	carried->set = NULL;
	if (s->rows && is_carried(s, s->rows - 1))
		carry(s, layer, &s->kept.row[s->kept_at[s->rows - 1]]);
	am_kept_rows kept = s->kept;
	int n = kept.n;
	s->kept = s->before;
	s->kept.n = n;
	s->before = kept;
	s->has_before = true;
}
