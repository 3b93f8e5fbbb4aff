/* Comparisons of 64 small numbers at a time as the bits of a word, and additions under a
 * mask of bits, for generic/sets.h; an instruction set that has more to offer brings its own
 * and defines AM_BITS, AM_BITS_PUT for its own bits_put_not_below, AM_BITS_COUNT for its own bits_count, AM_BITS_LOAD for its
 * own lane_bits and what follows, and AM_BITS_ADD_REACH for its own bits_add_reach. */
#ifndef AM_BITS
#define AM_BITS
#include <stdbool.h>

typedef uint16_t vs __attribute__((vector_size(16)));

/* Bit i: lane i of `mask` (0 or -1). */
static inline uint32_t bits_of_lanes(vs mask)
{
	const vs bit = {1, 2, 4, 8, 16, 32, 64, 128};
	uint64_t half[2];
	mask &= bit;
	memcpy(half, &mask, sizeof half);
	half[0] |= half[1];
	half[0] |= half[0] >> 32;
	return (uint32_t)((half[0] | half[0] >> 16) & 0xff);
}

/* Bit i: at[i] >= least. */
static inline uint64_t bits_reach(const uint16_t *at, uint16_t least)
{
	uint64_t bits = 0;
	for (int i = 0; i < 64; i += 8) {
		vs x;
		memcpy(&x, at + i, sizeof x);
		bits |= (uint64_t)bits_of_lanes((vs)(x >= least)) << i;
	}
	return bits;
}

/* Bit i: at[i] == value. */
static inline uint64_t bits_equal(const uint16_t *at, uint16_t value)
{
	uint64_t bits = 0;
	for (int i = 0; i < 64; i += 8) {
		vs x;
		memcpy(&x, at + i, sizeof x);
		bits |= (uint64_t)bits_of_lanes((vs)(x == value)) << i;
	}
	return bits;
}

/* Bit i: lane i of x, 64 floats, >= bound. */
static inline uint64_t bits_not_below(const vf *x, vf bound)
{
	enum { HALF = 32 / AM_VW };
	int32_t bit[32];
	uint64_t half[2] = {0};
	for (int i = 0; i < 32; i++)
		bit[i] = (int32_t)((uint32_t)1 << i);
	for (int h = 0; h < 2; h++) {
		vi any = {0}, lane;
		for (int u = 0; u < HALF; u++) {
			memcpy(&lane, bit + u * AM_VW, sizeof lane);
			any |= (x[h * HALF + u] >= bound) & lane;
		}
		for (int i = 0; i < AM_VW; i++)
			half[h] |= (uint32_t)any[i];
	}
	return half[0] | half[1] << 32;
}

/* Whether any lane of x is >= bound. */
static inline bool bits_any(vf x, float bound)
{
	vi in = x >= vf_set(bound);
	int32_t any = 0;
	for (int i = 0; i < AM_VW; i++)
		any |= in[i];
	return any != 0;
}

/* Bit w of 8: a[w] has bits that b[w] has not. */
static inline uint32_t bits_some(const uint64_t *a, const uint64_t *b)
{
	uint32_t some = 0;
	for (int w = 0; w < 8; w++)
		some |= (uint32_t)((a[w] & ~b[w]) != 0) << w;
	return some;
}

/* sum + x in the lanes whose bit is set. */
static inline vf bits_add(vf sum, uint32_t bits, vf x)
{
	static const int32_t bit[LANES] = {1, 2, 4, 8, 16, 32, 64, 128};
	vi lane;
	memcpy(&lane, bit, sizeof lane);
	vi in = (((vi){0} + (int32_t)bits) & lane) != 0;
	return sum + (vf)(in & (vi)x);
}
#endif

#ifndef AM_BITS_PUT
#define AM_BITS_PUT
/* bits_not_below to memory. */
static inline void bits_put_not_below(const vf *x, vf bound, uint64_t *to)
{
	*to = bits_not_below(x, bound);
}
#endif

#ifndef AM_BITS_LOAD
#define AM_BITS_LOAD
/* Bits of a vector's lanes, from lane `first` of the 16 at p on. */
typedef uint32_t lane_bits;

static inline lane_bits bits_load(const void *p, int first)
{
	uint16_t bits;
	memcpy(&bits, p, sizeof bits);
	return (lane_bits)bits >> first;
}

/* bits_add, where another unit than that of additions can do it. */
static inline vf bits_add_fused(vf sum, lane_bits bits, vf x)
{
	return bits_add(sum, bits, x);
}

/* x, in a register where there are enough of them. */
static inline vf bits_keep(vf x)
{
	return x;
}
#endif

#ifndef AM_BITS_ADD_REACH
#define AM_BITS_ADD_REACH
/* sum + y in the lanes where x >= bound. */
static inline vf bits_add_reach(vf sum, vf x, vf bound, vf y)
{
	return sum + (vf)((x >= bound) & (vi)y);
}
#endif

#ifndef AM_BITS_COUNT
#define AM_BITS_COUNT
/* Bits that both have; words is a multiple of 8. */
static inline int bits_count(const uint64_t *a, const uint64_t *b, size_t words)
{
	int c[4] = {0};
	for (size_t w = 0; w < words; w += 4)
		for (size_t i = 0; i < 4; i++)
			c[i] += __builtin_popcountll(a[w + i] & b[w + i]);
	return (c[0] + c[1]) + (c[2] + c[3]);
}
#endif
