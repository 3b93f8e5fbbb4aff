/* Sets against those of the query before, and of the layer before: kept for sampled
 * rows and compared once the layer is done. */
#include "probes/shadow_internal.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

void am_mask_counts(const uint32_t *a, const uint32_t *b, int n, int n_k, int32_t *count)
{
	for (int i = 0; i < n_k; i++) {
		uint32_t sum = 0;
		if (b)
			for (int j = 0; j < n; j++)
				sum += (a[j] & b[j]) >> i & 1;
		else
			for (int j = 0; j < n; j++)
				sum += a[j] >> i & 1;
		count[i] = (int32_t)sum;
	}
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
			*(pass ? &at : &room) += (size_t)s->all_sets * (size_t)row->n;
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

void am_shadow_keep(am_shadow *s, const am_select_row *row, const am_budgets *b, int selector, const am_key_sets *set)
{
	int n_k = s->c->axes.n_k + s->c->axes.n_ratio;
	const am_shadowed *a = &s->item[selector];
	if (s->kept_at[row->row] < 0)
		return;
	const am_kept_row *k = &s->kept.row[s->kept_at[row->row]];
	uint32_t from_level[AM_SELECT_BUDGETS + 1] = {0};
	for (int i = n_k - 1; i >= 0; i--)
		from_level[i] = from_level[i + 1] | (uint32_t)1 << b->origin[i];
	for (int i = 0; i < a->sets; i++) {
		uint32_t *to = k->mask + (size_t)(a->first_set + i) * (size_t)k->n;
		for (int j = 0; j < k->n; j++) {
			uint32_t mask = set[i].level ? from_level[set[i].level[j]] : 0;
			for (int bit = 0; bit < n_k && !set[i].level; bit++)
				mask |= (set[i].member[j] >> bit & 1) << b->origin[bit];
			to[j] = mask;
		}
	}
}

/* Share of the smaller set that is in both, under each budget; 0 of an empty one. */
static void overlap(const am_kept_row *x, const am_kept_row *y, int set, int n_k, double *out)
{
	const uint32_t *a = x->mask + (size_t)set * (size_t)x->n, *b = y->mask + (size_t)set * (size_t)y->n;
	int32_t in_a[AM_SELECT_BUDGETS], in_b[AM_SELECT_BUDGETS], both[AM_SELECT_BUDGETS];
	int first = x->first_key > y->first_key ? x->first_key : y->first_key;
	int end = x->first_key + x->n < y->first_key + y->n ? x->first_key + x->n : y->first_key + y->n;
	am_mask_counts(a, NULL, x->n, n_k, in_a);
	am_mask_counts(b, NULL, y->n, n_k, in_b);
	am_mask_counts(a + (first - x->first_key), b + (first - y->first_key), end > first ? end - first : 0, n_k, both);
	for (int i = 0; i < n_k; i++) {
		int least = in_a[i] < in_b[i] ? in_a[i] : in_b[i];
		out[i] = least ? (double)both[i] / least : 0;
	}
}

static void put_overlaps(am_shadow *s, int layer, const am_kept_row *x, const am_kept_row *y, am_shadow_stat stat, int slot)
{
	int n_k = s->c->axes.n_k + s->c->axes.n_ratio;
	double value[AM_SELECT_BUDGETS];
	for (int i = 0; i < s->n; i++)
		for (int j = 0, sets = am_stored_sets(s, &s->item[i]); j < sets; j++) {
			overlap(x, y, s->item[i].first_set + am_stored_set(s, &s->item[i], j), n_k, value);
			am_shadow_put(s, am_shadow_field(i, stat, AM_RUN_HEAD, false), am_shadow_at(s, layer, sets, j, slot), NULL,
			              value);
		}
}

/* The row goes on to the next block, which begins with a sampled one. */
static void carry(am_shadow *s, int layer, const am_kept_row *row)
{
	size_t n = (size_t)s->all_sets * (size_t)row->n;
	am_kept_row *to = &s->carried[layer];
	*to = *row;
	to->mask = am_alloc(n, sizeof *to->mask);
	if (to->mask)
		memcpy(to->mask, row->mask, n * sizeof *to->mask);
}

void am_shadow_compare(am_shadow *s, int layer)
{
	am_kept_row *carried = &s->carried[layer];
	for (int r = 0; r < s->rows; r++) {
		int slot = s->c->slot[r];
		if (!s->sampled[s->start + r] || slot < 0)
			continue;
		const am_kept_row *row = &s->kept.row[s->kept_at[r]];
		const am_kept_row *step = r ? &s->kept.row[s->kept_at[r - 1]] : carried;
		if (step->mask && step->position == row->position - 1)
			put_overlaps(s, layer, row, step, AM_SHADOW_OVERLAP_STEP, slot);
		if (s->has_before)
			put_overlaps(s, layer, row, &s->before.row[s->kept_at[r]], AM_SHADOW_OVERLAP_LAYER, slot);
	}
	am_free(carried->mask);
	carried->mask = NULL;
	if (s->rows && is_carried(s, s->rows - 1))
		carry(s, layer, &s->kept.row[s->kept_at[s->rows - 1]]);
	am_kept_rows kept = s->kept;
	int n = kept.n;
	s->kept = s->before;
	s->kept.n = n;
	s->before = kept;
	s->has_before = true;
}
