/* Seeds and a small generator for sampling rows and making synthetic input:
 * SplitMix64 (Steele, Lea, Flood 2014), one 64-bit state, the same bits on
 * every machine. Not for cryptography. */
#ifndef AM_BASE_RNG_H
#define AM_BASE_RNG_H

#include <stdint.h>

typedef struct am_rng {
	uint64_t state;
} am_rng;

/* The next 64 random bits. */
static inline uint64_t am_rng_next(am_rng *r)
{
	uint64_t z = (r->state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* Uniform in [0, n), n >= 1, without modulo bias. */
static inline uint64_t am_rng_below(am_rng *r, uint64_t n)
{
	uint64_t limit = UINT64_MAX - UINT64_MAX % n;
	uint64_t x;
	do
		x = am_rng_next(r);
	while (x >= limit);
	return x % n;
}

/* Uniform in [0, 1) with 53 random bits. */
static inline double am_rng_uniform(am_rng *r)
{
	return (double)(am_rng_next(r) >> 11) * 0x1p-53;
}

/* A generator for one item (sequence, layer, ...) of a seeded whole. */
static inline am_rng am_rng_split(uint64_t seed, uint64_t item)
{
	am_rng r = {seed};
	r.state ^= am_rng_next(&(am_rng){item + 0x632be59bd9b4e019u});
	(void)am_rng_next(&r);
	return r;
}

#endif
