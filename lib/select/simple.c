/* Selectors that do not look at the keys: the baselines. */
#include "base/mem.h"
#include "base/rng.h"
#include "select/internal.h"

#include <stdio.h>
#include <string.h>

/* A uniform score for every key, a function of seed, sequence, layer, position, set and key. */
static void random_score(am_selector *s, int worker, const am_select_row *row, int set, float *out)
{
	(void)worker;
	am_rng rng = am_rng_split(s->seed, (uint64_t)s->index);
	rng = am_rng_split(am_rng_next(&rng), ((uint64_t)row->block->layer << 32) | (uint32_t)row->position);
	rng = am_rng_split(am_rng_next(&rng), (uint64_t)set);
	for (int j = 0; j < row->n; j++)
		out[j] = (float)(am_rng_next(&rng) >> 40);
}

const am_selector_ops am_select_random = {
	.name = "random", .usage = "random", .help = "keys drawn without replacement, anew for every head and row",
	.scope = AM_SCOPE_HEAD, .score = random_score,
};

/* "recent:SINK+WINDOW": first and last keys, nothing between. */
typedef struct recent_state {
	int sink, window;
} recent_state;

static am_status recent_open(am_selector *s, am_error *err)
{
	const char *text = s->spec->argument;
	recent_state r;
	int n = 0;
	if (s->sink > 0 || s->recent > 0)
		return am_fail(err, AM_ERR_USAGE, "recent: expected no sink or recent beside SINK+WINDOW");
	if (!text || strspn(text, "0123456789+") != strlen(text) || sscanf(text, "%9d+%9d%n", &r.sink, &r.window, &n) != 2 ||
	    text[n] || r.window < 1)
		return am_fail(err, AM_ERR_USAGE, "recent: expected SINK+WINDOW as 4+64, found '%s'", text ? text : "");
	recent_state *state = s->state = am_calloc(1, sizeof *state);
	if (!state)
		return am_fail(err, AM_ERR_MEMORY, "recent: out of memory");
	*state = r;
	return AM_OK;
}

static void recent_bounds(const am_selector *s, int layer, int position, int n, int *least, int *most)
{
	(void)layer;
	const recent_state *r = s->state;
	int first = position - n + 1, sink = r->sink <= first ? 0 : r->sink - first < n ? r->sink - first : n;
	*least = *most = r->window < n - sink ? sink + r->window : n;
}

static void recent_select(am_selector *s, int worker, const am_select_row *row, int set, const int *k, int n_k,
                          uint32_t *member)
{
	(void)worker;
	(void)set;
	(void)k;
	const recent_state *r = s->state;
	uint32_t bits = n_k == AM_SELECT_BUDGETS ? UINT32_MAX : ((uint32_t)1 << n_k) - 1;
	for (int j = 0; j < row->n; j++)
		if (row->first_key + j < r->sink || j >= row->n - r->window)
			member[j] |= bits;
}

const am_selector_ops am_select_recent = {
	.name = "recent", .usage = "recent:SINK+WINDOW",
	.help = "the first SINK keys of the sequence and the last WINDOW, whatever the budget",
	.scope = AM_SCOPE_LAYER, .own_budget = true, .bounds = recent_bounds, .open = recent_open,
	.select = recent_select,
};
