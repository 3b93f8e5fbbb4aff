/* The map of scores to buckets of generic/sets.h, which includes it: it never decreases in the
 * score, and spreads a row's scores over its buckets. */
#include <math.h>
#include <string.h>

enum { SET_BUCKETS = 2048, SET_OCTAVES = 14 };

typedef uint16_t vs_half __attribute__((vector_size(2 * AM_VW)));

/* y = clamp(x - low, 0, top), then linear in y, or in its bits down to top 2^-14. */
typedef struct set_map {
	float low, top, scale;
	int32_t floor;
	int shift, n; /* buckets 0 .. n - 1 */
	bool log;
} set_map;

/* Least, largest and sum of the finite scores, for rows that hold -inf. */
static void set_range_of_finite(const float *x, int n, float *low, float *high, double *sum)
{
	*low = INFINITY;
	*high = -INFINITY;
	*sum = 0;
	for (int j = 0; j < n; j++) {
		if (!(x[j] > -INFINITY))
			continue;
		*low = x[j] < *low ? x[j] : *low;
		*high = x[j] > *high ? x[j] : *high;
		*sum += (double)x[j];
	}
}

static void set_range(const float *x, int n, float *low, float *high, double *sum)
{
	vf least[CHAINS], most[CHAINS], total[CHAINS];
	for (int u = 0; u < CHAINS; u++) {
		least[u] = vf_set(INFINITY);
		most[u] = vf_set(-INFINITY);
		total[u] = vf_set(0);
	}
	int j = 0;
	for (; j + 4 * LANES <= n; j += 4 * LANES)
		for (int u = 0; u < CHAINS; u++) {
			vf v = vf_load(x + j + u * AM_VW);
			least[u] = vf_min(v, least[u]);
			most[u] = vf_max(v, most[u]);
			total[u] += v;
		}
	for (int u = 1; u < CHAINS; u++) {
		least[0] = vf_min(least[u], least[0]);
		most[0] = vf_max(most[u], most[0]);
		total[0] += total[u];
	}
	*low = INFINITY;
	*high = -INFINITY;
	*sum = 0;
	for (int i = 0; i < AM_VW; i++) {
		*low = least[0][i] < *low ? least[0][i] : *low;
		*high = most[0][i] > *high ? most[0][i] : *high;
		*sum += (double)total[0][i];
	}
	for (; j < n; j++) {
		*low = x[j] < *low ? x[j] : *low;
		*high = x[j] > *high ? x[j] : *high;
		*sum += (double)x[j];
	}
	if (!(*low > -INFINITY))
		set_range_of_finite(x, n, low, high, sum);
}

static int32_t set_bits(float x)
{
	int32_t u;
	memcpy(&u, &x, sizeof u);
	return u;
}

/* False where no map is any use: all equal, or a range beyond float32. */
static bool set_map_for(const float *x, int n, set_map *m, float *high)
{
	double sum;
	set_range(x, n, &m->low, high, &sum);
	m->top = *high - m->low;
	if (!(m->top >= 0x1p-100f && m->top < 0x1p100f))
		return false;
	m->n = n < 128 ? 64 : n < 512 ? 256 : n < 8192 ? 1024 : SET_BUCKETS;
	m->scale = (float)(m->n - 1) / m->top;
	/* A few keys that tower above all others would leave one bucket to the rest. */
	m->log = sum / n - (double)m->low < (double)m->top / 32;
	m->floor = set_bits(m->top) - (SET_OCTAVES << 23);
	m->shift = 0;
	while ((SET_OCTAVES << 23) >> m->shift >= m->n)
		m->shift++;
	return true;
}

/* Buckets of 16 scores, counted from 1. */
static inline void set_buckets(const set_map *m, const float *x, uint16_t *at)
{
	for (int u = 0; u < UNROLL; u++) {
		vf y = vf_load(x + u * AM_VW) - m->low;
		y = vf_max(y, vf_set(0));
		vi b;
		if (m->log) {
			b = (vi)y - m->floor;
			b = (b & (b > 0)) >> m->shift;
		} else {
			b = __builtin_convertvector(y * m->scale, vi);
		}
		vs_half h = __builtin_convertvector(b + 1, vs_half);
		memcpy(at + u * AM_VW, &h, sizeof h);
	}
}
