#include "runfile/planes.h"

#include <libdeflate.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	PIECE = 16,          /* a piece of a plane repeats the bytes before as a whole, or is coded */
	FARTHEST = 32768,    /* of deflate */
	LONGEST = 16,        /* pieces of a repetition: 256 bytes of the 258 allowed */
	END = 256,           /* symbol that ends a block */
	SYMBOLS = 286,
	MOST_BITS = 14,      /* of a code, so that four fit the bits held */
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

/* ---- codes ------------------------------------------------------------------ */

static int by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* Depths of the leaves of a Huffman tree over m >= 2 ascending weights; returns the largest. */
static int tree_depths(const uint32_t *weight, int m, int *depth)
{
	uint32_t of[2 * SYMBOLS];
	int parent[2 * SYMBOLS], leaf = 0, inner = m, end = m, most = 0;
	for (int i = 0; i < m; i++)
		of[i] = weight[i];
	for (; end < 2 * m - 1; end++) {
		uint32_t sum = 0;
		for (int i = 0; i < 2; i++) {
			int least = leaf < m && (inner == end || of[leaf] <= of[inner]) ? leaf++ : inner++;
			sum += of[least];
			parent[least] = end;
		}
		of[end] = sum;
	}
	int level[2 * SYMBOLS];
	level[end - 1] = 0;
	for (int i = end - 2; i >= 0; i--) {
		level[i] = level[parent[i]] + 1;
		most = level[i] > most ? level[i] : most;
	}
	for (int i = 0; i < m; i++)
		depth[i] = level[i];
	return most;
}

/* Code lengths for counts, of which two are not 0; 0 for what does not occur. */
static void code_lengths(const uint32_t *count, unsigned char *length)
{
	uint64_t key[SYMBOLS];
	uint32_t weight[SYMBOLS];
	int m = 0, depth[SYMBOLS];
	for (int i = 0; i < SYMBOLS; i++)
		if (count[i])
			key[m++] = (uint64_t)count[i] << 9 | (uint64_t)i;
	qsort(key, (size_t)m, sizeof *key, by_value);
	for (int i = 0; i < m; i++)
		weight[i] = (uint32_t)(key[i] >> 9);
	/* Flatter until no code is too long; the order stays. */
	while (tree_depths(weight, m, depth) > MOST_BITS)
		for (int i = 0; i < m; i++)
			weight[i] = weight[i] / 2 + 1;
	memset(length, 0, SYMBOLS);
	for (int i = 0; i < m; i++)
		length[key[i] & 511] = (unsigned char)depth[i];
}

static uint32_t reversed(uint32_t code, int n)
{
	uint32_t r = 0;
	for (int i = 0; i < n; i++)
		r |= (code >> i & 1) << (n - 1 - i);
	return r;
}

/* RFC 1951, 3.2.2: by length, then symbol; code[i] holds the bits, their number from bit 16 on. */
static void make_codes(const unsigned char *length, uint32_t *code)
{
	uint32_t next = 0;
	for (int n = 1; n <= MOST_BITS; n++, next <<= 1)
		for (int i = 0; i < SYMBOLS; i++)
			if (length[i] == n)
				code[i] = reversed(next++, n) | (uint32_t)n << 16;
}

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

static extra length_of(int pieces)
{
	extra e = extra_of((uint32_t)(pieces * PIECE - 3), 2);
	e.symbol += END + 1;
	return e;
}

static extra distance_of(size_t distance)
{
	return extra_of((uint32_t)(distance - 1), 1);
}

/* ---- a plane ---------------------------------------------------------------- */

typedef struct plane {
	const unsigned char *in;
	size_t n, distance; /* 0: nothing repeats */
	unsigned char *repeats; /* [n / PIECE] */
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

static size_t mark(const unsigned char *in, size_t n, size_t distance, unsigned char *repeats)
{
	size_t found = 0, first = (distance + PIECE - 1) / PIECE;
	for (size_t i = 0; i < n / PIECE; i++) {
		bool same = i >= first && same_piece(in + i * PIECE, in + i * PIECE - distance);
		repeats[i] = same;
		found += same;
	}
	return found;
}

/* The distance at which most repeats, if it is worth its symbols. */
static void choose_distance(plane *p, const size_t *distance)
{
	size_t most = p->n / PIECE / 8, marked = 0;
	for (int i = 0; i < AM_PLANES_DISTANCES; i++) {
		if (distance[i] < 1 || distance[i] > FARTHEST || distance[i] >= p->n)
			continue;
		marked = distance[i];
		size_t found = mark(p->in, p->n, marked, p->repeats);
		p->distance = found > most ? marked : p->distance;
		most = found > most ? found : most;
	}
	if (!p->distance)
		memset(p->repeats, 0, p->n / PIECE);
	else if (marked != p->distance)
		mark(p->in, p->n, p->distance, p->repeats);
}

/* Pieces from i on that repeat, as many as one symbol takes. */
static int run_of(const plane *p, size_t i)
{
	int m = 0;
	while (m < LONGEST && i + (size_t)m < p->n / PIECE && p->repeats[i + (size_t)m])
		m++;
	return m;
}

/* How often each symbol occurs; returns the extra bits. */
static size_t count_symbols(const plane *p, uint32_t *count)
{
	uint32_t part[4][256] = {{0}};
	size_t pieces = p->n / PIECE, bits = 0;
	int distance_bits = p->distance ? 1 + distance_of(p->distance).bits : 0;
	memset(count, 0, SYMBOLS * sizeof *count);
	for (size_t i = 0; i < pieces;) {
		int m = run_of(p, i);
		if (m) {
			extra e = length_of(m);
			count[e.symbol]++;
			bits += (size_t)(e.bits + distance_bits);
			i += (size_t)m;
			continue;
		}
		for (size_t j = i * PIECE; j < (i + 1) * PIECE; j += 4)
			for (size_t k = 0; k < 4; k++)
				part[k][p->in[j + k]]++;
		i++;
	}
	for (size_t j = pieces * PIECE; j < p->n; j++)
		part[0][p->in[j]]++;
	for (int s = 0; s < 256; s++)
		count[s] = part[0][s] + part[1][s] + part[2][s] + part[3][s];
	count[END] = 1;
	return bits;
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
	choose_distance(p, distance);
	size_t bits = count_symbols(p, count) + header_bits(p);
	code_lengths(count, p->length);
	for (int s = 0; s < SYMBOLS; s++)
		bits += (size_t)count[s] * p->length[s];
	size_t stored = p->n + (p->n / STORED_MOST + 1) * 5 + 1;
	p->stored = bits / 8 + p->n / 32 >= stored; /* 3 % are not worth decoding */
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
	for (int i = 0; i < SYMBOLS; i++) {
		bits_put(b, reversed(p->length[i], 4), 4);
		bits_flush(b);
	}
	for (int i = 0; i <= d.symbol; i++) {
		bits_put(b, reversed(p->distance && i == d.symbol, 4), 4);
		bits_flush(b);
	}
}

static inline void put_symbol(bit_stream *b, uint32_t code)
{
	bits_put(b, code & 0xffff, (int)(code >> 16));
}

static void put_repetition(const plane *p, int pieces, const uint32_t *code, bit_stream *b)
{
	extra l = length_of(pieces), d = distance_of(p->distance);
	put_symbol(b, code[l.symbol]);
	bits_put(b, l.value, l.bits);
	bits_flush(b);
	bits_put(b, 0, 1); /* the only distance */
	bits_put(b, d.value, d.bits);
	bits_flush(b);
}

static void put_coded(const plane *p, bit_stream *b)
{
	uint32_t code[SYMBOLS] = {0};
	bit_stream c = *b; /* in registers */
	size_t pieces = p->n / PIECE;
	put_header(p, &c);
	make_codes(p->length, code);
	for (size_t i = 0; i < pieces;) {
		int m = run_of(p, i);
		if (m) {
			put_repetition(p, m, code, &c);
			i += (size_t)m;
			continue;
		}
		for (size_t j = i * PIECE; j < (i + 1) * PIECE; j += 4) {
			for (size_t k = 0; k < 4; k++)
				put_symbol(&c, code[p->in[j + k]]);
			bits_flush(&c);
		}
		i++;
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
                      unsigned char *out, size_t room, unsigned char *scratch)
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
