#include "runfile/filter.h"

#include "base/mem.h"

#include <libdeflate.h>

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

/* Byte b of every element goes to plane b: like bytes lie together. */
static void shuffle(const unsigned char *in, size_t n, size_t size, unsigned char *out)
{
	for (size_t b = 0; b < size; b++)
		for (size_t i = 0; i < n; i++)
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

am_status am_filter_chunk(am_filter *f, void *data, size_t n, size_t size, size_t *out_size, uint32_t *mask,
                          am_error *err)
{
	size_t bytes = n * size, packed = 0;
	if (f->level) {
		am_status s = reserve(f, bytes, err);
		if (s)
			return s;
		shuffle(data, n, size, f->shuffled);
		/* Room for the plain bytes only: 0 means no gain. */
		packed = libdeflate_zlib_compress(f->deflate, f->shuffled, bytes, data, bytes);
		if (!packed)
			unshuffle(f->shuffled, n, size, data);
	}
	*out_size = packed ? packed : bytes;
	*mask = f->level && !packed ? AM_FILTER_SKIP : 0;
	return AM_OK;
}
