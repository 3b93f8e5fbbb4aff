/* "precision:P": a set of which a share P is exact, to read the worth of other selectors
 * off. round(P k) keys of the exact set, halves to even, the rest from all others. */
#include "base/mem.h"
#include "base/rng.h"
#include "select/exact.h"
#include "select/internal.h"

#include <math.h>

typedef struct precision_state {
	double share;
	int of;   /* am_reference */
	bool best; /* which part of the exact set: its best, or a uniform sample */
} precision_state;

static am_status precision_open(am_selector *s, am_error *err)
{
	static const char *const of[] = {"head", "group", "sum", "max", NULL}, *const keep[] = {"uniform", "best", NULL};
	precision_state p = {0};
	int best = 0;
	am_status status = am_spec_share(s->spec, NULL, &p.share, err);
	if (!status)
		status = am_spec_choice(s->spec, "of", of, &p.of, err);
	if (!status)
		status = am_spec_choice(s->spec, "keep", keep, &best, err);
	if (status)
		return status;
	p.best = best != 0;
	precision_state *state = s->state = am_calloc(1, sizeof *state);
	if (!state)
		return am_fail(err, AM_ERR_MEMORY, "precision: out of memory");
	*state = p;
	s->scope = am_reference_scope((am_reference)p.of);
	return AM_OK;
}

/* A draw for each sequence, layer, position, set and budget. */
static am_rng draw_for(const am_selector *s, const am_select_row *row, int set, int k)
{
	am_rng rng = am_rng_split(s->seed, (uint64_t)s->index);
	rng = am_rng_split(am_rng_next(&rng), ((uint64_t)row->block->layer << 32) | (uint32_t)row->position);
	return am_rng_split(am_rng_next(&rng), ((uint64_t)set << 32) | (uint32_t)k);
}

/* Brings m of x[n], drawn without replacement, to the front. */
static void draw_first(int32_t *x, int n, int m, am_rng *rng)
{
	for (int i = 0; i < m; i++) {
		int j = i + (int)am_rng_below(rng, (uint64_t)(n - i));
		int32_t t = x[i];
		x[i] = x[j];
		x[j] = t;
	}
}

/* One budget: order[k] are the exact keys, best first; place[j] is j's place in the order, k
 * or more for all others; pool has room for n. */
static void precision_set(const precision_state *p, int n, int k, am_forced f, const int32_t *order,
                          const int32_t *place, int32_t *pool, am_rng *rng, uint32_t bit, uint32_t *member)
{
	int sink = f.sink < k ? f.sink : k, recent = f.recent < k - sink ? f.recent : k - sink;
	int room = k - sink - recent, exact = 0, others = 0;
	for (int i = 0; i < k; i++)
		if (order[i] >= sink && order[i] < n - recent)
			pool[exact++] = order[i];
	int32_t *rest = pool + exact;
	for (int j = sink; j < n - recent; j++)
		if (place[j] >= k)
			rest[others++] = j;
	for (int j = 0; j < sink; j++)
		member[j] |= bit;
	for (int j = n - recent; j < n; j++)
		member[j] |= bit;
	int want = (int)nearbyint(p->share * k) - (k - exact); /* without forced keys that are exact */
	want = want < 0 ? 0 : want < room ? want : room;
	want = room - want > others ? room - others : want < exact ? want : exact;
	if (!p->best)
		draw_first(pool, exact, want, rng);
	draw_first(rest, others, room - want, rng);
	for (int i = 0; i < want; i++)
		member[pool[i]] |= bit;
	for (int i = 0; i < room - want; i++)
		member[rest[i]] |= bit;
}

static void precision_select(am_selector *s, int worker, const am_select_row *row, int set, const int *k, int n_k,
                             uint32_t *member)
{
	const precision_state *p = s->state;
	am_select_scratch *w = &s->scratch[worker];
	int n = row->n, most = k[n_k - 1];
	int32_t *place = w->place;
	am_reference_scores(row, s->shape.heads, s->shape.kv_heads, (am_reference)p->of, set, w->score);
	s->shape.kernels->row_topk(w->score, n, most, true, w->index, w->select);
	for (int j = 0; j < n; j++)
		place[j] = n;
	for (int i = 0; i < most; i++)
		place[w->index[i]] = i;
	for (int b = 0; b < n_k; b++) {
		am_rng rng = draw_for(s, row, set, k[b]);
		precision_set(p, n, k[b], am_selector_forced(s, row), w->index, place, w->at, &rng, (uint32_t)1 << b, member);
	}
}

static const char *const precision_settings[] = {"of", "keep", NULL};
const am_selector_ops am_select_precision = {
	.name = "precision", .usage = "precision:P",
	.help = "a share P of the exact set, the rest drawn from the other keys",
	.scope = AM_SCOPE_HEAD, .needs = AM_NEED_SCORES, .settings = precision_settings, .open = precision_open,
	.select = precision_select,
};
