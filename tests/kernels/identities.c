/* Relations between the statistics of a row that hold whatever the scores, on
 * the kernels' own results. Bounds come from the oracle's error of the row. */
#include "check.h"
#include "inputs.h"
#include "oracle.h"
#include "tests.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 4096, CURVE = 512 };

static const int all_k[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048};
static const double all_tau[] = {0.1, 0.5, 0.8, 0.9, 0.95, 0.99, 0.999};
enum { N_K = (int)(sizeof all_k / sizeof all_k[0]), N_TAU = (int)(sizeof all_tau / sizeof all_tau[0]) };

#define MASS_ERROR 0x1p-23 /* float32 mass, one rounding, with slack */

static struct {
	float score[N], other[N], weight[N], mass[CURVE];
	double oracle_weight[N], oracle_bound[N];
	int32_t index[N], count[N_TAU];
	int k[CURVE];
	_Alignas(64) unsigned char scratch[AM_SELECT_SCRATCH(N)];
} m;

/* A row as a kernel saw it: sums, H with its error, and the oracle's bounds. */
typedef struct measured {
	am_row_sums s;
	double h, h_error;
	oracle_row want;
} measured;

static measured measure(const am_kernels *k, const float *score, int n)
{
	measured r;
	k->row_stats(score, n, m.weight, NULL, &r.s);
	oracle_row_stats(score, n, m.oracle_weight, m.oracle_bound, &r.want);
	r.h = log(r.s.z) - r.s.a / r.s.z;
	r.h_error = oracle_entropy(&r.want).bound;
	return r;
}

static double binary_entropy(double p)
{
	return p > 0 && p < 1 ? -p * log(p) - (1 - p) * log1p(-p) : 0;
}

static void closed_forms(const am_kernels *k)
{
	for (int n = 1; n <= N; n = n * 3 / 2 + 1) {
		check_case("flat", n);
		for (int j = 0; j < n; j++)
			m.score[j] = -3.25f;
		measured r = measure(k, m.score, n);
		check_near(r.h, log(n), 0x1p-48, "H of equal scores");
		check_near(r.s.z * r.s.z / r.s.z2, n, n * 0x1p-48, "participation ratio of equal scores");
		check_near(r.s.d / r.s.z, 0.5 * (n - 1), n * 0x1p-48, "mean distance of equal scores");
		check_case("one_hot", n);
		m.score[n / 3] = 196.75f;
		r = measure(k, m.score, n);
		check_ok(r.h == 0 && r.s.z == 1 && r.s.z2 == 1 && r.s.b == 0, "H = %g, z = %g", r.h, r.s.z);
		check_ok(r.s.d == n - 1 - n / 3, "distance = %g", r.s.d);
	}
}

/* H >= H2 >= H_inf; 1 - M(k) <= H / ln(k+1); H <= h_b(M) + M ln k + (1-M) ln(n-k). */
static void orders(const measured *r, int n)
{
	double h2 = 2 * log(r->s.z) - log(r->s.z2), h_inf = log(r->s.z);
	double h2_error = 2 * r->want.z.bound / r->s.z + r->want.z2.bound / r->s.z2;
	check_ok(r->h >= h2 - r->h_error - h2_error, "H = %.9g < H2 = %.9g", r->h, h2);
	check_ok(h2 >= h_inf - h2_error, "H2 = %.9g < H_inf = %.9g", h2, h_inf);
	for (int i = 0; i < N_K && all_k[i] < n; i++) {
		double k = all_k[i], mass = (double)m.mass[i];
		double most = binary_entropy(mass) + mass * log(k) + (1 - mass) * log(n - k);
		double slope = mass > 0 && mass < 1 ? fabs(log((1 - mass) / mass)) + log(n) : 25;
		check_ok(1 - mass <= r->h / log(k + 1) + r->h_error + MASS_ERROR, "tail bound at k = %g", k);
		check_ok(r->h <= most + r->h_error + MASS_ERROR * slope, "head bound at k = %g", k);
	}
}

/* M(k) does not fall, its steps do not grow, and count agrees with it. */
static void curve(const am_kernels *k, int n)
{
	int c = n < CURVE ? n : CURVE;
	for (int i = 0; i < c; i++)
		m.k[i] = i + 1;
	k->row_mass(m.weight, n, m.k, c, all_tau, N_TAU, m.mass, NULL, m.count, m.scratch);
	int falls = 0, convex = 0;
	for (int i = 1; i < c; i++) {
		double before = i > 1 ? (double)m.mass[i - 2] : 0, at = (double)m.mass[i - 1];
		double after = (double)m.mass[i];
		falls += !(after >= at);
		convex += !(after - at <= at - before + 2 * MASS_ERROR);
	}
	check_ok(!falls && !convex, "M(k) falls %d times, is convex %d times", falls, convex);
	for (int i = 0; i < N_TAU; i++) {
		int at = m.count[i];
		if (at > c)
			continue;
		check_ok(at >= 1 && (double)m.mass[at - 1] >= all_tau[i] - MASS_ERROR &&
		             (at == 1 || (double)m.mass[at - 2] < all_tau[i] + MASS_ERROR),
		         "count %d for tau = %g disagrees with the mass", at, all_tau[i]);
	}
}

/* H = h_b(M) + M H_head + (1 - M) H_tail, head = the k best of row_topk. */
static void grouping(const am_kernels *k, const measured *whole, int n, int head, double mass)
{
	k->row_topk(m.score, n, head, true, m.index, m.scratch);
	memcpy(m.other, m.score, sizeof m.other);
	float best[N];
	for (int i = 0; i < head; i++) {
		best[i] = m.score[m.index[i]];
		m.other[m.index[i]] = -INFINITY;
	}
	measured in = measure(k, best, head), out = measure(k, m.other, n);
	double joined = binary_entropy(mass) + mass * in.h + (1 - mass) * out.h;
	double slope = fabs(log((1 - mass) / mass)) + in.h + out.h;
	check_near(joined, whole->h,
	           whole->h_error + in.h_error + out.h_error + MASS_ERROR * (slope + 1), "grouped H");
}

/* A shift that float32 carries exactly changes no byte; any other moves a score by
 * at most half a step, and H by sum p |ln p + H| <= 2 H of that. */
static void shifts(const am_kernels *k, int n, am_rng *r)
{
	for (int j = 0; j < n; j++)
		m.score[j] = (float)(nearbyint(1024 * fmod(2 * input_normal(r), 8)) / 1024);
	measured plain = measure(k, m.score, n);
	float by[] = {64, -1024, (float)(100 * am_rng_uniform(r))};
	for (int i = 0; i < 3; i++) {
		for (int j = 0; j < n; j++)
			m.other[j] = m.score[j] + by[i];
		measured moved = measure(k, m.other, n);
		moved.s.max = plain.s.max;
		check_ok(i == 2 || same_sums(&moved.s, &plain.s), "shift by %g changes the sums",
		         (double)by[i]);
		check_near(moved.h, plain.h, moved.h_error + plain.h_error + 2 * plain.h * 0x1p-17, "shifted H");
	}
}

/* Sums move within their bounds; masses, formed by falling weight, not at all. */
static void permutation(const am_kernels *k, const measured *r, int n, am_rng *rng)
{
	float mass[N_K];
	memcpy(m.other, m.score, sizeof m.other);
	input_shuffle(m.other, n, rng);
	measured p = measure(k, m.other, n);
	check_near(p.h, r->h, 2 * r->h_error, "permuted H");
	check_near(p.s.z2, r->s.z2, 2 * r->want.z2.bound, "permuted z2");
	check_ok(p.s.max == r->s.max, "permuted max");
	k->row_mass(m.weight, n, all_k, N_K, NULL, 0, mass, NULL, NULL, m.scratch);
	check_ok(!memcmp(mass, m.mass, sizeof mass), "permuted masses");
}

static void random_row(const am_kernels *k, am_rng *r)
{
	int n = 2 + (int)am_rng_below(r, N - 2);
	double sigma = 8 * am_rng_uniform(r);
	check_case("gaussian", n);
	input_gaussian(m.score, n, sigma, r);
	measured row = measure(k, m.score, n);
	k->row_mass(m.weight, n, all_k, N_K, NULL, 0, m.mass, NULL, NULL, m.scratch);
	orders(&row, n);
	permutation(k, &row, n, r);
	check_near(k->sum(m.weight, n), row.s.z, 2 * row.want.z.bound, "sum of the weights");
	for (int i = 0; i < N_K && all_k[i] < n; i += 3)
		if (m.mass[i] < 1)
			grouping(k, &row, n, all_k[i], (double)m.mass[i]);
	measure(k, m.score, n);
	curve(k, n);
	shifts(k, n, r);
}

/* Q(x) = P(normal > x); its inverse by bisection. */
static double upper(double x)
{
	return 0.5 * erfc(x * 0.70710678118654752);
}

static double upper_inverse(double p)
{
	double lo = -9, hi = 9;
	for (int i = 0; i < 60; i++) {
		double mid = 0.5 * (lo + hi);
		*(upper(mid) > p ? &lo : &hi) = mid;
	}
	return lo;
}

/* Mean of a statistic over rows against its limit: within four standard errors
 * and the bias that is left at n = N. */
typedef struct sample {
	double sum, squares;
	int n;
} sample;

static void add(sample *x, double value)
{
	x->sum += value;
	x->squares += value * value;
	x->n++;
}

static void expect_mean(const sample *x, double limit, double bias, const char *what)
{
	double mean = x->sum / x->n, variance = x->squares / x->n - mean * mean;
	check_near(mean, limit, 4 * sqrt(variance / x->n) + bias, what);
}

/* Scores N(0, sigma^2), below the sigma where the limits stop to hold:
 * H ~ ln n - sigma^2/2, PR ~ n exp(-sigma^2), mass of the top share f ~
 * Q(Qinv(f) - sigma). */
static void gaussian_oracle(const am_kernels *k, am_rng *r)
{
	static const double sigma[] = {0.25, 0.5, 1, 1.5, 2.2};
	int top = N / 64;
	check_case("gaussian_oracle", N);
	for (int i = 0; i < 5; i++) {
		double s = sigma[i], share = (double)top / N;
		sample h = {0}, mass = {0}, pr = {0};
		for (int row = 0; row < 64; row++) {
			input_gaussian(m.score, N, s, r);
			measured x = measure(k, m.score, N);
			k->row_mass(m.weight, N, &top, 1, NULL, 0, m.mass, NULL, NULL, m.scratch);
			add(&h, x.h);
			add(&mass, (double)m.mass[0]);
			add(&pr, x.s.z * x.s.z / x.s.z2 / N);
		}
		expect_mean(&h, log(N) - s * s / 2, 0.004 * s * s, "H of Gaussian scores");
		expect_mean(&mass, upper(upper_inverse(share) - s), 0.006 * s * s, "mass of Gaussian scores");
		if (s <= 1)
			expect_mean(&pr, exp(-s * s), 0.004, "participation ratio of Gaussian scores");
	}
}

int test_identities(const am_kernels *k, const test_options *o)
{
	am_rng r = am_rng_split(o->seed, 6), gauss = am_rng_split(o->seed, 8);
	check_group(k->name, "identities");
	closed_forms(k);
	for (int i = 0; i < o->rounds; i++)
		random_row(k, &r);
	gaussian_oracle(k, &gauss);
	return check_group_end();
}
