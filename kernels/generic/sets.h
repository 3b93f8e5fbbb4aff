/* Nested top-k sets of a row under several budgets, one bit a key and budget; included by
 * <isa>/row.c after generic/topk.h and what generic/bits.h asks for.
 *
 * Scores fall into buckets by a map that never decreases in the score, so walking the
 * buckets down finds the one where each set ends. A key is in a set when its bucket is that
 * one or a higher; only the keys of buckets that a set cuts are put in order, and those
 * beyond the cut taken out again. */
#include "kernels/generic/bits.h"
#include "kernels/generic/fold.h"
#include "kernels/generic/set_map.h"
#include "kernels/kernels.h"

#include <string.h>

typedef struct set_row {
	const float *score;
	const int *k; /* those below the length */
	int n, n_k, words;
	set_map map;
	float high;      /* largest score */
	uint32_t *count; /* [16 + SET_BUCKETS] keys of bucket i - 1, 0 behind the last */
	uint16_t *at;    /* [64 * words] 1 + bucket of each score, 0 behind the last */
	uint64_t *key;   /* [n] candidates of the cut buckets, one after another */
	int end[AM_SET_BUDGETS];   /* 1 + bucket where the set ends */
	int need[AM_SET_BUDGETS];  /* keys it takes from there */
	int start[AM_SET_BUDGETS]; /* where the keys of that bucket begin in key[] */
	bool cut[AM_SET_BUDGETS];  /* not all of them */
	uint64_t *set;
} set_row;

/* Buckets of all scores, and how many each holds. They are read back when they have long
 * been stored. */
static void set_fill(set_row *r)
{
	enum { PIECE = 256 };
	memset(r->count, 0, ((size_t)r->map.n + 16) * sizeof *r->count);
	memset(r->at + r->n, 0, (size_t)(64 * r->words - r->n) * sizeof *r->at);
	int whole = r->n / LANES * LANES;
	for (int from = 0; from < whole; from += PIECE) {
		int to = whole - from < PIECE ? whole : from + PIECE;
		for (int j = from; j < to; j += LANES)
			set_buckets(&r->map, r->score + j, r->at + j);
		for (int j = from; j < to; j += LANES)
#pragma GCC unroll 16
			for (int i = 0; i < LANES; i++)
				r->count[r->at[j + i]]++;
	}
	float tail[LANES] = {0};
	uint16_t at[LANES];
	memcpy(tail, r->score + whole, (size_t)(r->n - whole) * sizeof *tail);
	set_buckets(&r->map, tail, at);
	for (int j = whole; j < r->n; j++)
		r->count[r->at[j] = at[j - whole]]++;
}

/* Keys in each 16 buckets; the topmost bucket is the first of 16. */
static void set_totals(const set_row *r, int32_t *total)
{
	int q = 0;
	for (; q + AM_VW <= r->map.n / 16; q += AM_VW) {
		vi a[AM_VW];
		for (int i = 0; i < AM_VW; i++) {
			vi part[UNROLL];
			memcpy(part, r->count + 16 * (q + i), sizeof part);
			a[i] = part[0];
			for (int u = 1; u < UNROLL; u++)
				a[i] += part[u];
		}
		FOLD_ALL(a);
		memcpy(total + q, a, sizeof a[0]);
	}
	for (; q <= r->map.n / 16; q++) {
		total[q] = 0;
		for (int i = 0; i < 16; i++)
			total[q] += (int32_t)r->count[16 * q + i];
	}
}

/* Where set b ends among the 16 buckets from `first` on, above which lie `passed` keys. */
static void set_end(set_row *r, int b, int first, int passed)
{
	int32_t need = r->k[b] - passed, sum = 0, above = 0, lower = 0;
#pragma GCC unroll 16
	for (int i = 15; i >= 0; i--) {
		sum += (int32_t)r->count[first + i];
		bool more = sum < need;
		lower += more;
		above = more ? sum : above;
	}
	r->end[b] = first + 15 - lower;
	r->need[b] = need - above;
}

/* Finds where each set ends, and which buckets are cut. */
static void set_walk(set_row *r)
{
	int32_t total[SET_BUCKETS / 16 + 1];
	int q = r->map.n / 16, passed = 0, room = 0;
	set_totals(r, total);
	for (int b = 0; b < r->n_k; b++) {
		while (passed + total[q] < r->k[b])
			passed += total[q--];
		set_end(r, b, 16 * q, passed);
	}
	for (int b = 0, last; b < r->n_k; b = last) {
		int c = (int)r->count[r->end[b]];
		bool cut = false;
		for (last = b; last < r->n_k && r->end[last] == r->end[b]; last++)
			cut = cut || r->need[last] < c;
		for (int i = b; i < last; i++) {
			r->cut[i] = cut;
			r->start[i] = room;
		}
		room += cut ? c : 0;
	}
}

/* Sets with all keys of the bucket where they end. */
static void set_reach(const set_row *r)
{
	for (int b = 0; b < r->n_k; b++) {
		uint64_t *set = r->set + (size_t)b * AM_SET_WORDS(r->n);
		for (int w = 0; w < r->words; w++)
			set[w] = bits_reach(r->at + 64 * w, (uint16_t)r->end[b]);
	}
}

/* The keys of a bucket, by rising index. */
static void set_gather(const set_row *r, int bucket, uint64_t *key)
{
	int n = (int)r->count[bucket], found = 0;
	for (int w = 0; found < n; w++) {
		uint64_t bits = bits_equal(r->at + 64 * w, (uint16_t)bucket);
		for (; bits; bits &= bits - 1) {
			int j = 64 * w + __builtin_ctzll(bits);
			key[found++] = topk_candidate(r->score[j], j);
		}
	}
}

/* Takes keys out of sets first .. last. */
static void set_clear(const set_row *r, const uint64_t *key, int n, int first, int last)
{
	for (int i = 0; i < n; i++) {
		uint32_t j = 0xffffffffu - (uint32_t)key[i];
		for (int b = first; b <= last; b++)
			r->set[(size_t)b * AM_SET_WORDS(r->n) + (j >> 6)] &= ~((uint64_t)1 << (j & 63));
	}
}

/* Sets first .. last - 1 end among these n keys, all of which they hold so far. */
static void set_cut(const set_row *r, uint64_t *key, int n, int first, int last)
{
	/* Equal scores were gathered by rising index: best first already. */
	bool equal = true;
	for (int i = 1; i < n && equal; i++)
		equal = key[i] >> 32 == key[0] >> 32;
	for (int b = last - 1; b >= first; b--) {
		int m = r->need[b];
		if (!equal && m < n)
			select_first(key, n, m, sort_depth(n));
		set_clear(r, key + m, n - m, first, b);
		n = m;
	}
}

static void set_whole(uint64_t *set, int n)
{
	size_t words = (size_t)n / 64;
	memset(set, 0xff, words * sizeof *set);
	if (n & 63)
		set[words] = ((uint64_t)1 << (n & 63)) - 1;
}

/* Every score a candidate: short rows, and those no map spreads. */
static void set_directly(set_row *r)
{
	for (int j = 0; j < r->n; j++)
		r->key[j] = topk_candidate(r->score[j], j);
	for (int b = 0; b < r->n_k; b++) {
		r->need[b] = r->k[b];
		set_whole(r->set + (size_t)b * AM_SET_WORDS(r->n), r->n);
	}
	set_cut(r, r->key, r->n, 0, r->n_k);
}

/* How many keys at least lie before the first that reaches a bound. */
static int set_first(const float *x, int n, float bound)
{
	int j = 0;
	for (; j + 4 * LANES <= n; j += 4 * LANES) {
		vf most = vf_load(x + j);
		for (int u = 1; u < 4 * UNROLL; u++)
			most = vf_max(vf_load(x + j + u * AM_VW), most);
		if (bits_any(most, bound))
			break;
	}
	return j;
}

/* The first of the largest. */
static int set_best(const float *x, int n, float most)
{
	int j = set_first(x, n, most);
	while (j < n - 1 && !(x[j] == most))
		j++;
	return j;
}

/* Clears the words behind the keys: all are among the last 8, whose number compilers know. */
static void sets_begin(uint64_t *set, int n, int n_k)
{
	enum { SOME = 8 };
	size_t words = AM_SET_WORDS(n);
	for (int i = 0; words && i < n_k; i++)
		memset(set + (size_t)(i + 1) * words - SOME, 0, SOME * sizeof *set);
}

static int row_sets(const float *score, int n, const int *k, int n_k, uint64_t *set, void *scratch)
{
	set_row r = {.score = score, .k = k, .n = n, .n_k = n_k, .words = (n + 63) / 64, .set = set};
	size_t words = AM_SET_WORDS(n);
	if (n < 1)
		return -1;
	sets_begin(set, n, n_k);
	while (r.n_k && k[r.n_k - 1] >= n)
		set_whole(set + (size_t)--r.n_k * words, n);
	r.key = scratch;
	r.count = (uint32_t *)(r.key + n);
	r.at = (uint16_t *)(r.count + SET_BUCKETS + 16);
	bool mapped = set_map_for(score, n, &r.map, &r.high);
	if (r.n_k && (n < 48 || !mapped)) {
		set_directly(&r);
	} else if (r.n_k) {
		set_fill(&r);
		set_walk(&r);
		set_reach(&r);
		for (int b = 0, last; b < r.n_k; b = last) {
			for (last = b + 1; last < r.n_k && r.end[last] == r.end[b];)
				last++;
			if (!r.cut[b])
				continue;
			set_gather(&r, r.end[b], r.key + r.start[b]);
			set_cut(&r, r.key + r.start[b], (int)r.count[r.end[b]], b, last);
		}
	}
	if (r.n_k && k[0] == 1) /* its one key */
		for (size_t w = 0; w < words; w++)
			if (set[w])
				return (int)(64 * w) + __builtin_ctzll(set[w]);
	return set_best(score, n, r.high);
}

/* The last n % 64 keys, behind those before them that fill up 64, or before NaN, which reaches nothing. Returns how many
 * are before. */
static inline int sets_last(const float *x, int n, vf *to)
{
	float rest[64];
	if (n >= 64) {
		memcpy(to, x + n - 64, sizeof rest);
		return 64 - n % 64;
	}
	for (int j = 0; j < 64; j++)
		rest[j] = j < n ? x[j] : NAN;
	memcpy(to, rest, sizeof rest);
	return 0;
}

/* Sets without a ranking: the 64 keys of a word meet every bound while they are in
 * registers. */
static void reach_sets(const float *weight, int n, const float *bound, int n_k, uint64_t *set)
{
	enum { VECTORS = 64 / AM_VW };
	size_t words = AM_SET_WORDS(n), w = 0;
	vf x[VECTORS];
	sets_begin(set, n, n_k);
	for (; w < (size_t)n / 64; w++) {
		for (int u = 0; u < VECTORS; u++)
			x[u] = vf_load(weight + 64 * w + (size_t)(u * AM_VW));
		for (int i = 0; i < n_k; i++)
			bits_put_not_below(x, vf_set(bound[i]), set + (size_t)i * words + w);
	}
	if (n % 64) {
		vf last[VECTORS];
		int before = sets_last(weight, n, last);
		for (int i = 0; i < n_k; i++)
			set[(size_t)i * words + w] = bits_not_below(last, vf_set(bound[i])) >> before;
	}
}

/* The first of the keys that reach a bound; n where none does. */
static int first_reach(const float *x, int n, float bound)
{
	int j = set_first(x, n, bound);
	while (j < n && !(x[j] >= bound))
		j++;
	return j;
}

/* How many keys of a set reach a bound. */
static int reach_count(const float *x, int n, float bound, const uint64_t *set)
{
	vf v[64 / AM_VW];
	int count = 0, whole = n / 64 * 64;
	for (int j = 0; j < whole; j += 64) {
		memcpy(v, x + j, sizeof v);
		count += __builtin_popcountll(set[j / 64] & bits_not_below(v, vf_set(bound)));
	}
	if (whole < n) {
		vf last[64 / AM_VW];
		int before = sets_last(x, n, last);
		count += __builtin_popcountll(set[whole / 64] & bits_not_below(last, vf_set(bound)) >> before);
	}
	return count;
}

/* Bits of keys under one budget after the other. */
static void member_sets(const uint32_t *member, int n, int n_k, uint64_t *set)
{
	size_t words = AM_SET_WORDS(n);
	for (int b = 0; b < n_k; b++)
		memset(set + (size_t)b * words, 0, words * sizeof *set);
	for (int j = 0; j < n; j++)
		for (uint32_t m = member[j]; m; m &= m - 1)
			set[(size_t)__builtin_ctz(m) * words + (size_t)j / 64] |= (uint64_t)1 << (j & 63);
}
