#include "runfile/filter.h"

#include "base/mem.h"

am_status am_filter_init(am_filter *f, int level, am_error *err)
{
	*f = (am_filter){.level = level};
	if (level && deflateInit(&f->z, level) != Z_OK)
		return am_fail(err, AM_ERR_MEMORY, "cannot start deflate level %d", level);
	return AM_OK;
}

void am_filter_fini(am_filter *f)
{
	if (f->level)
		deflateEnd(&f->z);
	am_free(f->shuffled);
	am_free(f->packed);
	*f = (am_filter){0};
}

/* Byte b of every element goes to plane b: like bytes lie together. */
static void shuffle(const unsigned char *in, size_t n, size_t size, unsigned char *out)
{
	for (size_t b = 0; b < size; b++)
		for (size_t i = 0; i < n; i++)
			out[b * n + i] = in[i * size + b];
}

static am_status reserve(am_filter *f, size_t bytes, am_error *err)
{
	if (bytes <= f->room)
		return AM_OK;
	am_free(f->shuffled);
	am_free(f->packed);
	f->shuffled = am_alloc(bytes, 1);
	f->packed = am_alloc(bytes, 1);
	f->room = f->shuffled && f->packed ? bytes : 0;
	return f->room ? AM_OK : am_fail(err, AM_ERR_MEMORY, "out of memory for a chunk of %zu bytes", bytes);
}

am_status am_filter_chunk(am_filter *f, const void *data, size_t n, size_t size, const void **out,
                          size_t *out_size, uint32_t *mask, am_error *err)
{
	size_t bytes = n * size;
	if (f->level) {
		am_status s = reserve(f, bytes, err);
		if (s)
			return s;
		shuffle(data, n, size, f->shuffled);
		deflateReset(&f->z);
		f->z.next_in = f->shuffled;
		f->z.avail_in = (uInt)bytes;
		f->z.next_out = f->packed;
		f->z.avail_out = (uInt)bytes;
		/* Room for the plain bytes only: no end means no gain. */
		if (deflate(&f->z, Z_FINISH) == Z_STREAM_END) {
			*out = f->packed;
			*out_size = bytes - f->z.avail_out;
			*mask = 0;
			return AM_OK;
		}
	}
	*out = data;
	*out_size = bytes;
	*mask = f->level ? AM_FILTER_SKIP : 0;
	return AM_OK;
}
