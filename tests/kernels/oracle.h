/* What the kernels of kernels.h should return, in double from the definitions,
 * with the error that their float32 arithmetic may make.
 *
 * Write e = 2^-24 (unit roundoff of float32), U_j = s_j - m exactly, E_j =
 * exp(U_j). The kernel's u_j is U_j rounded once (relative e) and its exp is
 * within X units in the last place (X * 2e relative, X_SUB * 2^-149 where the
 * result is subnormal), so
 *   |w_j - E_j| <= E_j (|U_j| + 2X) e + X_SUB 2^-149.
 * A lane adds at most 32 terms in float32 (31 roundings, 32 e with slack), then goes
 * to double. A product costs one e more, a factor u_j one e. Hence
 *   z:  e sum E (|U| + 2X + 32)
 *   a:  e sum E |U| (|U| + 2X + 34)      one u, one product
 *   b:  e sum E U^2 (|U| + 2X + 36)      two u, two products
 *   z2: e sum E^2 (2|U| + 4X + 33)
 *   d:  e sum E [(n-1-j)(|U| + 2X) + 32 |r| + 64 (n-1-j-r)], r = n-1-j1-l in lane l, j1 = the
 *       first index behind the blocks of the strip of 512: the kernel forms r z + 16 t a lane, t
 *       the sum of what z was after each block, 31 roundings more.
 * Each is widened by 1/64 for products of errors and by the subnormal terms.
 *
 * A dot product of t terms in float32, in whatever order: a term passes one product
 * and at most t - 1 additions (t with a start value), so
 *   |error| <= t e sum |terms|   and 2^-149 a product that is subnormal. */
#ifndef AM_TESTS_KERNELS_ORACLE_H
#define AM_TESTS_KERNELS_ORACLE_H

#include <stdint.h>

#define ORACLE_EXP_ULP 1.02    /* X; 1.0095 over all floats (--exp-stride 1) */
#define ORACLE_EXP_ULP_SUB 1.0 /* X_SUB; 0.751 */
#define ORACLE_TAU_SLACK 1e-12 /* count[i] compares with tau - this */

typedef struct oracle_sum {
	double value, bound;
} oracle_sum;

typedef struct oracle_row {
	double max; /* -inf when no score is finite */
	oracle_sum z, a, b, z2, d;
} oracle_row;

/* score[n] without NaN and +inf -> weight[n] and, per weight, bound[n]. */
void oracle_row_stats(const float *score, int n, double *weight, double *bound, oracle_row *out);
/* H = ln z - a/z in nat with the bound that follows from those of z and a.
 * The row needs a finite score. */
oracle_sum oracle_entropy(const oracle_row *row);
/* Sum of x[n]. */
oracle_sum oracle_total(const float *x, int n);

/* start + sum of x[i * x_step] y[i * y_step], i < n, formed in float32 in any order.
 * value is NaN or infinite where theirs must be. */
oracle_sum oracle_dot(float start, const float *x, int x_step, const float *y, int y_step, int n);

/* order[n] = indices of x by falling value, equal values by rising index. */
void oracle_order(const float *x, int n, int32_t *order);
/* prefix[n + 1]: prefix[k] = sum of the k largest of weight[n]. */
void oracle_prefix(const float *weight, int n, const int32_t *order, long double *prefix);
/* Mass of the k largest, k >= 1. */
oracle_sum oracle_mass(const long double *prefix, int n, int k);
/* Whether exactly k weights, all for k >= n, are >= bound, or bound is NaN and equal weights
 * leave no such number. */
int oracle_bound_ok(const float *weight, int n, const int32_t *order, int k, float bound);
/* Whether `count` is the smallest k with mass >= tau - 1e-12, up to the error of the
 * sums. */
int oracle_count_ok(const long double *prefix, int n, double tau, int count);

/* The value of 16 bits, by exact arithmetic. NaN for NaN. */
double oracle_bf16(uint16_t bits);
double oracle_f16(uint16_t bits);

#endif
