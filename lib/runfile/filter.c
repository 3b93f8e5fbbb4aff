#include "runfile/filter.h"

#include "base/mem.h"
#include "runfile/planes.h"

#include <assert.h>
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
	am_free(f->scratch);
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

/* Like bytes lie together. Elements of 4 bytes, nearly all there are, go 16 at a time. */
void am_filter_shuffle(const void *elements, size_t n, size_t size, unsigned char *out, size_t stride)
{
	const unsigned char *in = elements;
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
			memcpy(out + b * stride + i, &plane[b], sizeof plane[b]);
	}
	for (size_t b = 0; b < size; b++)
		for (size_t i = done; i < n; i++)
			out[b * stride + i] = in[i * size + b];
}

/* With stride n. */
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
	am_free(f->scratch);
	f->scratch = am_alloc(bytes, 1);
	f->room = f->scratch ? bytes : 0;
	return f->room ? AM_OK : am_fail(err, AM_ERR_MEMORY, "out of memory for a chunk of %zu bytes", bytes);
}

static size_t aligned(size_t bytes)
{
	return (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t) * sizeof(uint64_t);
}

/* A zlib stream of shuffled elements in as many bytes; 0 where it is not smaller than they are. */
static size_t pack(const am_filter *f, const unsigned char *planes, size_t n, size_t size, const size_t *inner, unsigned char *out)
{
	enum { FEW = 4096 };
	size_t bytes = n * size;
	if (f->level > 1 || n < FEW)
		return libdeflate_zlib_compress(f->deflate, planes, bytes, out, bytes);
	return am_planes_pack(planes, n, size, (size_t[AM_PLANES_DISTANCES]){1, inner[0], inner[1]}, out, bytes,
	                      (uint64_t *)(void *)(f->scratch + aligned(bytes)));
}

/* Packs planes that lie in data[]; returns the bytes, 0 where they are elements again. */
static size_t pack_planes(const am_filter *f, unsigned char *data, size_t n, size_t size, const size_t *inner)
{
	size_t packed = pack(f, data, n, size, inner, f->scratch);
	if (!packed)
		unshuffle(data, n, size, f->scratch);
	memcpy(data, f->scratch, packed ? packed : n * size);
	return packed;
}

/* Packs elements in data[]; returns the bytes, 0 where they are as before. */
static size_t pack_elements(const am_filter *f, unsigned char *data, size_t n, size_t size, const size_t *inner)
{
	am_filter_shuffle(data, n, size, f->scratch, n);
	size_t packed = pack(f, f->scratch, n, size, inner, data);
	if (!packed)
		unshuffle(f->scratch, n, size, data);
	return packed;
}

am_status am_filter_chunk(am_filter *f, void *data, size_t n, size_t size, bool shuffled, const size_t inner[2],
                          size_t *out_size, uint32_t *mask, am_error *err)
{
	size_t packed = 0;
	assert(f->level || !shuffled);
	if (f->level) {
		am_status s = reserve(f, aligned(n * size) + AM_PLANES_SCRATCH(n) * sizeof(uint64_t), err);
		if (s)
			return s;
		packed = shuffled ? pack_planes(f, data, n, size, inner) : pack_elements(f, data, n, size, inner);
	}
	*out_size = packed ? packed : n * size;
	*mask = f->level && !packed ? AM_FILTER_SKIP : 0;
	return AM_OK;
}
