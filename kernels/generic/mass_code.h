/* How weights are keyed and added up in fixed point; see generic/mass.h. */
#ifndef AM_KERNELS_GENERIC_MASS_CODE_H
#define AM_KERNELS_GENERIC_MASS_CODE_H

#include <math.h>
#include <stdint.h>
#include <string.h>

/* How a weight becomes an addend: (1 << shift_count) | round(weight * scale). The
 * sum of a row stays below 2^shift_count. */
typedef struct mass_code {
	int shift_count; /* bits of the sum; the count has the others */
	double scale;    /* a power of two */
} mass_code;

/* As many bits for the sum as a count of n leaves. Rounding moves a share by at most
 * n max(2^-49, 2^(bits of n - 62)), and far less in practice: it has no bias. */
static mass_code mass_code_for(int n, double z)
{
	int bits = 0, exponent;
	while (n >> bits)
		bits++;
	frexp(z, &exponent); /* z < 2^exponent */
	int fraction = 64 - bits - 1 - exponent;
	int most = exponent < 0 ? 50 - exponent : 50; /* mass_encode rounds what is below 2^51 */
	return (mass_code){64 - bits, ldexp(1, fraction < most ? fraction : most)};
}

static int32_t mass_key(float x)
{
	int32_t u;
	memcpy(&u, &x, sizeof u);
	return u & 0x7fffffff; /* -0 is a weight of 0 like any other */
}

static uint64_t mass_encode(mass_code c, float x)
{
	const double magic = 0x1.8p52; /* adding it rounds to an integer, ties to even */
	double d = (double)x * c.scale + magic, m = magic;
	uint64_t u, v;
	memcpy(&u, &d, sizeof u);
	memcpy(&v, &m, sizeof v);
	return (u - v) + ((uint64_t)1 << c.shift_count);
}

#endif
