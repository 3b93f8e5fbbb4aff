/* Nested sets under several budgets from one ranking of the keys. */
#include "select/internal.h"

#include <math.h>
#include <string.h>

/* member[at[i]] (member[i] with at NULL) |= bit for the k best of score[n]; the chosen ones
 * are moved, in index order, to the front of part and to[]. Returns how many: k. */
static int mark_best(const am_kernels *kernels, am_select_scratch *w, const float *score, const int32_t *at, int n,
                     int k, uint32_t bit, uint32_t *member, float *part, int32_t *to)
{
	float least = INFINITY;
	int32_t last = -1;
	kernels->row_topk(score, n, k, false, w->index, w->select);
	for (int i = 0; i < k; i++)
		least = score[w->index[i]] < least ? score[w->index[i]] : least;
	for (int i = 0; i < k; i++) /* of equal scores the lower indices are chosen: all up to this one */
		if (score[w->index[i]] == least && w->index[i] > last)
			last = w->index[i];
	int m = 0;
	for (int i = 0; i < n; i++) {
		int32_t j = at ? at[i] : i;
		if (!(score[i] > least || (score[i] == least && i <= last)))
			continue;
		member[j] |= bit;
		part[m] = score[i];
		to[m++] = j;
	}
	return m;
}

/* A budget of forced keys alone: the first keys, then the most recent. */
static void mark_forced(int n, int sink, int k, uint32_t bit, uint32_t *member)
{
	int first = sink < k ? sink : k;
	for (int i = 0; i < first; i++)
		member[i] |= bit;
	for (int i = n - (k - first); i < n; i++)
		member[i] |= bit;
}

void am_member_mark(am_selector *s, int worker, float *score, int n, const int *k, int n_k, uint32_t *member)
{
	am_select_scratch *w = &s->scratch[worker];
	int sink = s->sink < n ? s->sink : n, recent = s->recent < n - sink ? s->recent : n - sink, low = 0;
	while (low < n_k && sink + recent > 0 && k[low] <= sink + recent) {
		mark_forced(n, sink, k[low], (uint32_t)1 << low, member);
		low++;
	}
	for (int i = 0; i < sink; i++)
		score[i] = INFINITY;
	for (int i = n - recent; i < n; i++)
		score[i] = INFINITY;
	const float *from = score;
	const int32_t *at = NULL;
	for (int b = n_k - 1; b >= low; b--) {
		n = mark_best(s->shape.kernels, w, from, at, n, k[b], (uint32_t)1 << b, member, w->part, w->at);
		from = w->part;
		at = w->at;
	}
}
