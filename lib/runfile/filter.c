#include "runfile/filter.h"

#include "base/mem.h"
#include "runfile/planes.h"

#include <libdeflate.h>
#include <string.h>

am_status am_filter_init(am_filter *f, int level, am_error *err)
{
	*f = (am_filter){.level = level};
	if (level && !(f->deflate = libdeflate_alloc_compressor(level)))
		return am_fail(err, AM_ERR_MEMORY, "cannot start deflate level %d", level);
	return AM_OK;
}

void am_filter_fini(am_filter *f)
{
	libdeflate_free_compressor(f->deflate);
	am_free(f->shuffled);
	*f = (am_filter){0};
}

typedef uint8_t bytes16 __attribute__((vector_size(16)));

/* Every second byte of two vectors, from the first or the second on. */
static inline bytes16 evens(bytes16 a, bytes16 b)
{
	return __builtin_shufflevector(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30);
}

static inline bytes16 odds(bytes16 a, bytes16 b)
{
	return __builtin_shufflevector(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

/* Byte b of every element goes to plane b: like bytes lie together. Elements of 4 bytes, nearly
 * all there are, go 16 at a time. */
static void shuffle(const unsigned char *in, size_t n, size_t size, unsigned char *out)
{
	size_t done = size == 4 ? n / 16 * 16 : 0;
	for (size_t i = 0; i < done; i += 16) {
		bytes16 x[4], even[2], odd[2], plane[4];
		memcpy(x, in + 4 * i, sizeof x);
		for (int h = 0; h < 2; h++) {
			even[h] = evens(x[2 * h], x[2 * h + 1]);
			odd[h] = odds(x[2 * h], x[2 * h + 1]);
		}
		plane[0] = evens(even[0], even[1]);
		plane[1] = evens(odd[0], odd[1]);
		plane[2] = odds(even[0], even[1]);
		plane[3] = odds(odd[0], odd[1]);
		for (size_t b = 0; b < 4; b++)
			memcpy(out + b * n + i, &plane[b], sizeof plane[b]);
	}
	for (size_t b = 0; b < size; b++)
		for (size_t i = done; i < n; i++)
			out[b * n + i] = in[i * size + b];
}

static void unshuffle(const unsigned char *in, size_t n, size_t size, unsigned char *out)
{
	for (size_t b = 0; b < size; b++)
		for (size_t i = 0; i < n; i++)
			out[i * size + b] = in[b * n + i];
}

static am_status reserve(am_filter *f, size_t bytes, am_error *err)
{
	if (bytes <= f->room)
		return AM_OK;
	am_free(f->shuffled);
	f->shuffled = am_alloc(bytes, 1);
	f->room = f->shuffled ? bytes : 0;
	return f->room ? AM_OK : am_fail(err, AM_ERR_MEMORY, "out of memory for a chunk of %zu bytes", bytes);
}

static size_t aligned(size_t bytes)
{
	return (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
}

/* A zlib stream of the shuffled bytes; 0 where it is not smaller than they are. */
static size_t pack(const am_filter *f, size_t n, size_t size, const size_t *inner, unsigned char *out)
{
	enum { FEW = 4096 };
	size_t bytes = n * size;
	if (f->level > 1 || n < FEW)
		return libdeflate_zlib_compress(f->deflate, f->shuffled, bytes, out, bytes);
	return am_planes_pack(f->shuffled, n, size, (size_t[AM_PLANES_DISTANCES]){1, inner[0], inner[1]}, out, bytes,
	                      (uint64_t *)(void *)(f->shuffled + aligned(bytes)));
}

am_status am_filter_chunk(am_filter *f, void *data, size_t n, size_t size, const size_t inner[2], size_t *out_size,
                          uint32_t *mask, am_error *err)
{
	size_t bytes = n * size, packed = 0;
	if (f->level) {
		am_status s = reserve(f, aligned(bytes) + AM_PLANES_SCRATCH(n) * sizeof(uint64_t), err);
		if (s)
			return s;
		shuffle(data, n, size, f->shuffled);
		packed = pack(f, n, size, inner, data);
		if (!packed)
			unshuffle(f->shuffled, n, size, data);
	}
	*out_size = packed ? packed : bytes;
	*mask = f->level && !packed ? AM_FILTER_SKIP : 0;
	return AM_OK;
}
