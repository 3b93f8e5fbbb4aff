/* What reaches a bound; included by generic/topk.h. <isa>/row.c may define AM_REACH and bring
 * its own before. */
#ifndef AM_REACH
static inline int reach_some(const float *score, int from, int end, float bound, int32_t *index, int m)
{
	for (int j = from; j < end; j++) {
		index[m] = j;
		m += score[j] >= bound;
	}
	return m;
}

/* index[] of the scores >= bound, ascending; returns how many. Room for n + 16. Mostly few
 * reach it: blocks without are passed over. */
static int reach(const float *score, int n, float bound, int32_t *index)
{
	int m = 0, j = 0;
	for (; j + LANES <= n; j += LANES) {
		vi hit = {0};
		uint64_t any[AM_VW / 2];
		for (int u = 0; u < UNROLL; u++)
			hit |= vf_load(score + j + u * AM_VW) >= bound;
		memcpy(any, &hit, sizeof any);
		for (int i = 1; i < AM_VW / 2; i++)
			any[0] |= any[i];
		if (any[0])
			m = reach_some(score, j, j + LANES, bound, index, m);
	}
	return reach_some(score, j, n, bound, index, m);
}

/* Leaves in index[n] those whose key[n] reaches the bound, in their order. Room for n + 16 of both;
 * no key from n on reaches it. */
static void reach_keys(const int32_t *key, int n, int32_t bound, int32_t *index)
{
	int m = 0;
	for (int j = 0; j < n; j++) {
		index[m] = index[j];
		m += key[j] >= bound;
	}
}
#endif
