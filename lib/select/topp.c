/* "topp:P": of each query head the smallest set of keys with at least a share P of the
 * attention, as many as that takes. */
#include "base/mem.h"
#include "select/internal.h"

#include <string.h>

typedef struct topp_state {
	double mass;
	am_budget most; /* of the spec; none when 0 */
} topp_state;

static am_status topp_open(am_selector *s, am_error *err)
{
	double mass = 0;
	am_status status = am_spec_share(s->spec, NULL, &mass, err);
	if (!status && !(mass > 0))
		status = am_fail(err, AM_ERR_USAGE, "topp: expected a share above 0 to 1, found '%s'", s->spec->argument);
	if (status)
		return status;
	topp_state *state = s->state = am_calloc(1, sizeof *state);
	if (!state)
		return am_fail(err, AM_ERR_MEMORY, "topp: out of memory");
	*state = (topp_state){mass, s->spec->budget};
	return AM_OK;
}

/* Keys of the smallest set joined with the forced keys, which are ranked first. */
static int joined(const float *score, int n, int count, am_forced f, uint32_t *scratch, const am_kernels *kernels,
                  void *select)
{
	if (f.sink + f.recent == 0)
		return count;
	int more = f.sink + f.recent;
	memset(scratch, 0, (size_t)n * sizeof *scratch);
	kernels->row_member(score, n, &count, 1, scratch, select);
	for (int j = 0; j < f.sink; j++)
		more -= (int)scratch[j];
	for (int j = n - f.recent; j < n; j++)
		more -= (int)scratch[j];
	return count + more;
}

static void topp_select(am_selector *s, int worker, const am_select_row *row, int set, const int *k, int n_k,
                        uint32_t *member)
{
	const topp_state *p = s->state;
	const am_kernels *kernels = s->shape.kernels;
	am_select_scratch *w = &s->scratch[worker];
	int n = row->n, most = am_budget_of(p->most, n), same[AM_SELECT_BUDGETS];
	int32_t count = n;
	am_forced forced = am_selector_forced(s, row);
	(void)k;
	memcpy(w->score, row->score + set * row->stride, (size_t)n * sizeof *w->score);
	kernels->row_mass(row->weight + set * row->stride, n, NULL, 0, &p->mass, 1, NULL, NULL, &count,
	                  w->select);
	count = joined(w->score, n, count, forced, (uint32_t *)w->place, kernels, w->select);
	for (int b = 0; b < n_k; b++)
		same[b] = most > 0 && most < count ? most : count;
	am_member_mark(s, worker, w->score, n, forced, same, n_k, member);
}

/* The m largest of n probabilities sum to m / n at least: where that is P and the forced keys
 * find room beside them, one key is left out. */
static void topp_bounds(const am_selector *s, int layer, int position, int n, int *least, int *most)
{
	(void)layer;
	const topp_state *p = s->state;
	am_forced f = am_selector_forced(s, &(am_select_row){.position = position, .first_key = position - n + 1, .n = n});
	int cap = am_budget_of(p->most, n), left = n - 1 - f.sink - f.recent;
	if (cap > 0 && cap < n)
		*most = cap;
	else if ((double)left / n > p->mass + 1e-9)
		*most = n - 1;
	*least = cap > 0 || f.sink + f.recent < n ? 1 : n;
}

const am_selector_ops am_select_topp = {
	.name = "topp", .usage = "topp:P", .help = "the smallest set of each query head with a share P of its attention",
	.scope = AM_SCOPE_HEAD, .needs = AM_NEED_SCORES, .own_budget = true, .takes_cap = true, .bounds = topp_bounds,
	.open = topp_open, .select = topp_select,
};
