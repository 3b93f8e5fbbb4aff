#include "runfile/planes.h"

#include "runfile/codes.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <string.h>

enum {
	PIECE = 16,          /* a piece of a plane repeats the bytes before as a whole, or is coded */
	FARTHEST = 32768,    /* of deflate */
	LONGEST = 16,        /* pieces of a repetition: 256 bytes of the 258 allowed */
	END = 256,           /* symbol that ends a block */
	SYMBOLS = AM_CODES_SYMBOLS,
	WORTH = 8,           /* a plane is coded where that leaves out this part of it: counting and coding take longer than all else */
	NOISE = 128,         /* 2^(8 bits * (1 - 1 / WORTH)): one of so many pairs of bytes is equal */
	SAMPLE = 200,        /* pieces of a plane that are looked at first, at least */
	NOISE_STEP = 3,      /* one of so many of those tells noise, odd as their step: 1056 bytes have 2200 equal pairs, the border is 4400 */
	STORED_MOST = 65535, /* bytes of a stored block */
	SLACK = 8,           /* bits are written eight bytes at a time */
};

/* ---- bits ------------------------------------------------------------------- */

typedef struct bit_stream {
	unsigned char *to;
	uint64_t hold; /* the lowest come first */
	int held;      /* < 8 after bits_flush */
} bit_stream;

static inline void bits_put(bit_stream *b, uint64_t value, int n)
{
	b->hold |= value << b->held;
	b->held += n;
}

static inline void bits_flush(bit_stream *b)
{
	uint64_t low_first = b->hold;
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	low_first = __builtin_bswap64(low_first);
#endif
	memcpy(b->to, &low_first, sizeof low_first);
	b->to += b->held >> 3;
	b->hold >>= b->held & ~7;
	b->held &= 7;
}

static void bits_align(bit_stream *b)
{
	b->held = (b->held + 7) & ~7;
	bits_flush(b);
}

/* ---- symbols ---------------------------------------------------------------- */

/* A number >= base as symbol and extra bits (3.2.5): `kept` bits of it choose among symbols. */
typedef struct extra {
	int symbol, bits;
	uint32_t value;
} extra;

static extra extra_of(uint32_t v, int kept)
{
	int bits = 0;
	while (v >> bits >= (uint32_t)2 << kept)
		bits++;
	return (extra){(bits << kept) + (int)(v >> bits), bits, v & (((uint32_t)1 << bits) - 1)};
}

static extra length_of(size_t pieces)
{
	extra e = extra_of((uint32_t)(pieces * PIECE - 3), 2);
	e.symbol += END + 1;
	return e;
}

static extra distance_of(size_t distance)
{
	return extra_of((uint32_t)(distance - 1), 1);
}

/* ---- what repeats ----------------------------------------------------------- */

typedef struct plane {
	const unsigned char *in;
	size_t n, distance; /* 0: nothing repeats */
	uint64_t *repeats; /* [AM_PLANES_SCRATCH(n)] bit i: piece i does */
	unsigned char length[SYMBOLS];
	bool stored;
	size_t bytes; /* at most, in the stream */
} plane;

static inline bool same_piece(const unsigned char *a, const unsigned char *b)
{
	uint64_t x[PIECE / 8], y[PIECE / 8];
	memcpy(x, a, sizeof x);
	memcpy(y, b, sizeof y);
	return !((x[0] ^ y[0]) | (x[1] ^ y[1]));
}

/* Marks the pieces that repeat the bytes `distance` before; returns how many. */
static size_t mark(const unsigned char *in, size_t n, size_t distance, uint64_t *repeats)
{
	size_t pieces = n / PIECE, first = (distance + PIECE - 1) / PIECE, found = 0;
	for (size_t w = 0; 64 * w < pieces; w++) {
		size_t end = 64 * w + 64 < pieces ? 64 * w + 64 : pieces;
		uint64_t bits = 0;
		for (size_t i = 64 * w > first ? 64 * w : first; i < end; i++)
			bits |= (uint64_t)same_piece(in + i * PIECE, in + i * PIECE - distance) << (i % 64);
		repeats[w] = bits;
		found += (size_t)__builtin_popcountll(bits);
	}
	return found;
}

static bool possible(size_t distance, size_t n)
{
	return distance >= 1 && distance <= FARTHEST && distance < n;
}

/* The distance at which most of the pieces i, i + step, ... repeat; 0 where hardly any do. */
static size_t likely_distance(const unsigned char *in, size_t n, size_t step, const size_t *distance)
{
	size_t pieces = n / PIECE, most = pieces / step / 16, best = 0;
	for (int d = 0; d < AM_PLANES_DISTANCES; d++) {
		if (!possible(distance[d], n))
			continue;
		size_t found = 0, first = (distance[d] + PIECE - 1) / PIECE;
		for (size_t i = step / 2; i < pieces; i += step)
			found += i >= first && same_piece(in + i * PIECE, in + i * PIECE - distance[d]);
		best = found > most ? distance[d] : best;
		most = found > most ? found : most;
	}
	return best;
}

/* Whether pieces i, i + step, ... look like noise: two bytes are so seldom equal that the entropy of order 2, most
 * often little less than entropy, leaves no more to gain than is worth coding. */
static bool is_noise(const unsigned char *in, size_t n, size_t step)
{
	uint32_t count[256] = {0};
	uint64_t equal = 0, m = 0;
	for (size_t i = step / 2; i < n / PIECE; i += step, m += PIECE)
		for (size_t j = i * PIECE; j < (i + 1) * PIECE; j++)
			equal += count[in[j]]++;
	return m >= SAMPLE / NOISE_STEP / 2 * PIECE && 2 * equal * NOISE <= m * (m - 1);
}

/* Finds what repeats, if it is worth its symbols. */
static void find_repeats(plane *p, size_t distance)
{
	size_t pieces = p->n / PIECE;
	p->distance = distance && mark(p->in, p->n, distance, p->repeats) > pieces / 8 ? distance : 0;
	if (!p->distance)
		memset(p->repeats, 0, (pieces + 63) / 64 * sizeof *p->repeats);
}

/* How many pieces from i on are marked (`same`: ~0) or not (0) as i is. */
static inline size_t run_of(const plane *p, size_t i, uint64_t same)
{
	size_t pieces = p->n / PIECE, w = i / 64;
	uint64_t other = (p->repeats[w] ^ same) >> (i % 64) << (i % 64);
	while (!other && 64 * (w + 1) < pieces)
		other = p->repeats[++w] ^ same;
	size_t end = other ? 64 * w + (size_t)__builtin_ctzll(other) : pieces;
	return (end < pieces ? end : pieces) - i;
}

/* ---- a plane ---------------------------------------------------------------- */

/* Adds the symbols of repetitions, of which there are times[] of each length; returns their extra bits. */
static size_t count_repetitions(const plane *p, const uint32_t *times, uint32_t *count)
{
	size_t bits = 0;
	int distance_bits = p->distance ? 1 + distance_of(p->distance).bits : 0;
	for (size_t m = 1; m <= LONGEST; m++) {
		extra e = length_of(m);
		count[e.symbol] += times[m];
		bits += (size_t)times[m] * (size_t)(e.bits + distance_bits);
	}
	return bits;
}

/* Eight counters a value: one that was stored just now would be waited for. */
static void count_bytes(const unsigned char *in, size_t n, uint32_t part[8][256])
{
	for (size_t j = 0; j < n; j += 8) {
		uint64_t x;
		memcpy(&x, in + j, sizeof x);
		for (int k = 0; k < 8; k++)
			part[k][x >> (8 * k) & 255]++;
	}
}

/* How often each symbol occurs; returns the extra bits. */
static size_t count_symbols(const plane *p, uint32_t *count)
{
	uint32_t part[8][256] = {{0}}, times[LONGEST + 1] = {0};
	size_t pieces = p->n / PIECE;
	memset(count, 0, SYMBOLS * sizeof *count);
	for (size_t i = 0, m; i < pieces; i += m) {
		m = run_of(p, i, ~(uint64_t)0);
		times[LONGEST] += (uint32_t)(m / LONGEST);
		times[m % LONGEST]++;
		i += m;
		m = i < pieces ? run_of(p, i, 0) : 0;
		count_bytes(p->in + i * PIECE, m * PIECE, part);
	}
	for (size_t j = pieces * PIECE; j < p->n; j++)
		part[0][p->in[j]]++;
	for (int k = 0; k < 8; k++)
		for (int s = 0; s < 256; s++)
			count[s] += part[k][s];
	count[END] = 1;
	return count_repetitions(p, times, count);
}

/* Bits of a block's header: its kind, three numbers, the lengths of the codes for lengths (19 of
 * 3 bits), and as many lengths of 4 bits as it has symbols. */
static size_t header_bits(const plane *p)
{
	return 3 + 14 + 19 * 3 + 4 * (size_t)(SYMBOLS + (p->distance ? distance_of(p->distance).symbol + 1 : 1));
}

static void plan(plane *p, const size_t *distance)
{
	uint32_t count[SYMBOLS];
	/* An odd step does not fall in with rows that come by powers of 2. */
	size_t step = p->n / PIECE / SAMPLE | 1, likely = likely_distance(p->in, p->n, step, distance);
	size_t stored = p->n + (p->n / STORED_MOST + 1) * 5 + 1;
	p->stored = !likely && is_noise(p->in, p->n, NOISE_STEP * step);
	p->bytes = stored;
	if (p->stored)
		return;
	find_repeats(p, likely);
	size_t bits = count_symbols(p, count) + header_bits(p);
	am_codes_lengths(count, p->length);
	for (int s = 0; s < SYMBOLS; s++)
		bits += (size_t)count[s] * p->length[s];
	p->stored = bits / 8 + p->n / WORTH >= stored;
	p->bytes = p->stored ? stored : bits / 8 + 1;
}

static void put_stored(const plane *p, bit_stream *b)
{
	const unsigned char *from = p->in;
	for (size_t left = p->n, m; left; left -= m, from += m) {
		m = left < STORED_MOST ? left : STORED_MOST;
		bits_put(b, 0, 3);
		bits_align(b);
		bits_put(b, m | (~(uint64_t)m & 0xffff) << 16, 32);
		bits_flush(b);
		memcpy(b->to, from, m);
		b->to += m;
	}
}

/* Lengths 0 to 15 have codes of 4 bits, the number itself; what repeats lengths has none. */
static void put_header(const plane *p, bit_stream *b)
{
	static const unsigned char reversed[16] = {0, 8, 4, 12, 2, 10, 6, 14, 1, 9, 5, 13, 3, 11, 7, 15};
	extra d = p->distance ? distance_of(p->distance) : (extra){0};
	bits_put(b, 2 << 1, 3);
	bits_put(b, SYMBOLS - 257, 5);
	bits_put(b, (uint64_t)d.symbol, 5);
	bits_put(b, 19 - 4, 4);
	bits_flush(b);
	for (int i = 0; i < 19; i++) {
		bits_put(b, i < 3 ? 0 : 4, 3);
		bits_flush(b);
	}
	for (int i = 0; i < SYMBOLS; i += 2) {
		bits_put(b, reversed[p->length[i]] | reversed[p->length[i + 1]] << 4, 8);
		bits_flush(b);
	}
	for (int i = 0; i <= d.symbol; i++) {
		bits_put(b, reversed[p->distance && i == d.symbol], 4);
		bits_flush(b);
	}
}

static inline void put_symbol(bit_stream *b, uint32_t code)
{
	bits_put(b, code & 0xffff, (int)(code >> 16));
}

/* A repetition as one value: its length, then the only distance, of at most 14 + 5 + 1 + 13 bits. */
typedef struct repetition {
	uint64_t value;
	int bits;
} repetition;

/* Of 1 .. LONGEST pieces. */
static void make_repetitions(const plane *p, const uint32_t *code, repetition *of)
{
	extra d = p->distance ? distance_of(p->distance) : (extra){0};
	for (size_t m = 1; m <= LONGEST; m++) {
		extra l = length_of(m);
		int symbol = (int)(code[l.symbol] >> 16);
		of[m].value = (code[l.symbol] & 0xffff) | (uint64_t)l.value << symbol | (uint64_t)d.value << (symbol + l.bits + 1);
		of[m].bits = symbol + l.bits + d.bits + 1;
	}
}

static inline void put_repetition(size_t pieces, const repetition *of, bit_stream *b)
{
	for (size_t left = pieces, m; left; left -= m) {
		m = left < LONGEST ? left : LONGEST;
		bits_put(b, of[m].value, of[m].bits);
		bits_flush(b);
	}
}

static inline void put_bytes(const unsigned char *in, size_t n, const uint32_t *code, bit_stream *b)
{
	for (size_t j = 0; j < n; j += 4) {
		for (size_t k = 0; k < 4; k++)
			put_symbol(b, code[in[j + k]]);
		bits_flush(b);
	}
}

static void put_coded(const plane *p, bit_stream *b)
{
	uint32_t code[SYMBOLS];
	repetition of[LONGEST + 1];
	bit_stream c = *b; /* in registers */
	size_t pieces = p->n / PIECE;
	put_header(p, &c);
	am_codes_make(p->length, code);
	make_repetitions(p, code, of);
	for (size_t i = 0, m; i < pieces; i += m) {
		m = run_of(p, i, ~(uint64_t)0);
		put_repetition(m, of, &c);
		i += m;
		m = i < pieces ? run_of(p, i, 0) : 0;
		put_bytes(p->in + i * PIECE, m * PIECE, code, &c);
	}
	for (size_t j = pieces * PIECE; j < p->n; j++) {
		put_symbol(&c, code[p->in[j]]);
		bits_flush(&c);
	}
	put_symbol(&c, code[END]);
	bits_flush(&c);
	*b = c;
}

/* ---- a stream --------------------------------------------------------------- */

size_t am_planes_pack(const unsigned char *in, size_t n, size_t planes, const size_t distance[AM_PLANES_DISTANCES],
                      unsigned char *out, size_t room, uint64_t *scratch)
{
	enum { HEADER = 2, LAST_BLOCK = 2, CHECKSUM = 4 };
	bit_stream b = {.to = out + HEADER};
	for (size_t i = 0; i < planes; i++) {
		plane p = {.in = in + i * n, .n = n, .repeats = scratch};
		plan(&p, distance);
		if ((size_t)(b.to - out) + p.bytes + LAST_BLOCK + CHECKSUM + SLACK > room)
			return 0;
		if (p.stored)
			put_stored(&p, &b);
		else
			put_coded(&p, &b);
	}
	out[0] = 0x78; /* deflate, a window of 32 KiB */
	out[1] = 0x01; /* fastest; makes the two a multiple of 31 */
	bits_put(&b, 1 | 1 << 1, 10); /* an empty last block */
	bits_align(&b);
	uint32_t sum = libdeflate_adler32(1, in, n * planes);
	for (int i = 0; i < CHECKSUM; i++)
		*b.to++ = (unsigned char)(sum >> (24 - 8 * i));
	return (size_t)(b.to - out);
}
