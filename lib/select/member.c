/* Nested sets under several budgets from one ranking of the keys. */
#include "select/internal.h"

#include <math.h>
#include <string.h>

am_forced am_selector_forced(const am_selector *s, const am_select_row *row)
{
	int keep = s->ops->keep ? s->ops->keep(s, row) : 0, sink = s->sink - row->first_key;
	keep = keep > s->recent ? keep : s->recent;
	sink = sink < 0 ? 0 : sink < row->n ? sink : row->n;
	return (am_forced){sink, keep < row->n - sink ? keep : row->n - sink};
}

/* Forced keys get scores that no other key has: the first ones infinity, the last ones
 * the largest numbers in order, the most recent above all. So the one ranking holds
 * for every budget, also for one that is less than they are. */
static void rank_forced(float *score, int n, am_forced f)
{
	for (int i = 0; i < f.sink; i++)
		score[i] = INFINITY;
	for (int i = 0; i < f.recent; i++) {
		uint32_t bits = 0x7f7fffffu - (uint32_t)i;
		memcpy(&score[n - 1 - i], &bits, sizeof bits);
	}
}

void am_member_mark(am_selector *s, int worker, float *score, int n, am_forced forced, const int *k, int n_k,
                    uint32_t *member)
{
	rank_forced(score, n, forced);
	s->shape.kernels->row_member(score, n, k, n_k, member, s->scratch[worker].select);
}
