#include "runfile/filter.h"

#include "base/mem.h"

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

/* ---- planes of noise ---------------------------------------------------------
 *
 * The low bytes of most floats are noise: looking for repetitions among them takes most of
 * the time and finds none. Such planes, which come first, go into stored blocks of the zlib
 * stream (RFC 1950, 1951); what follows begins at a byte and is a deflate stream of its own. */

enum { TRIAL = 8192, STORED_MOST = 65535, STORED_HEADER = 5 };

/* Leading planes, n bytes each, of which a piece from the middle does not shrink by 3 %. */
static size_t planes_of_noise(const am_filter *f, size_t n, size_t size, unsigned char *room)
{
	size_t piece = n < TRIAL ? n : TRIAL, planes = 0;
	while (n >= TRIAL && planes < size / 2 &&
	       !libdeflate_deflate_compress(f->deflate, f->shuffled + planes * n + (n - piece) / 2, piece, room,
	                                    piece - piece / 32))
		planes++;
	return planes;
}

/* Blocks that are not the last; returns their bytes. */
static size_t store_blocks(const unsigned char *in, size_t n, unsigned char *out)
{
	unsigned char *to = out;
	for (size_t m; n; in += m, n -= m) {
		m = n < STORED_MOST ? n : STORED_MOST;
		const unsigned char header[STORED_HEADER] = {0, (unsigned char)m, (unsigned char)(m >> 8),
		                                             (unsigned char)~m, (unsigned char)(~m >> 8)};
		memcpy(to, header, sizeof header);
		memcpy(to + sizeof header, in, m);
		to += sizeof header + m;
	}
	return (size_t)(to - out);
}

/* The shuffled bytes as a zlib stream whose first `noise` bytes are stored; 0 where it has no
 * room in out[bytes]. */
static size_t pack_beside_noise(const am_filter *f, size_t noise, size_t bytes, unsigned char *out)
{
	enum { HEADER = 2, TRAILER = 4 };
	size_t stored = noise + (noise + STORED_MOST - 1) / STORED_MOST * STORED_HEADER;
	if (stored + HEADER + TRAILER >= bytes)
		return 0;
	out[0] = 0x78; /* deflate, window of 32 KiB */
	out[1] = 0x01; /* fastest; makes the two a multiple of 31 */
	store_blocks(f->shuffled, noise, out + HEADER);
	size_t n = libdeflate_deflate_compress(f->deflate, f->shuffled + noise, bytes - noise, out + HEADER + stored,
	                                       bytes - stored - HEADER - TRAILER);
	uint32_t sum = libdeflate_adler32(1, f->shuffled, bytes);
	unsigned char *end = out + HEADER + stored + n;
	for (int i = 0; i < TRAILER; i++)
		end[i] = (unsigned char)(sum >> (24 - 8 * i));
	return n ? HEADER + stored + n + TRAILER : 0;
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
		size_t noise = n * planes_of_noise(f, n, size, data);
		packed = noise ? pack_beside_noise(f, noise, bytes, data)
		               : libdeflate_zlib_compress(f->deflate, f->shuffled, bytes, data, bytes);
		if (!packed)
			unshuffle(f->shuffled, n, size, data);
	}
	*out_size = packed ? packed : bytes;
	*mask = f->level && !packed ? AM_FILTER_SKIP : 0;
	return AM_OK;
}
