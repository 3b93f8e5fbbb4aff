#include "runfile/stored.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

size_t am_stored_element(const am_stored *d)
{
	return d->half ? 2 : am_type_size(d->type);
}

static size_t product(const int64_t *n, int from, int to)
{
	size_t p = 1;
	for (int i = from; i < to; i++)
		p *= (size_t)n[i];
	return p;
}

size_t am_stored_chunk_elements(const am_stored *d)
{
	return product(d->chunk, 0, d->rank);
}

void am_stored_choose_chunk(am_stored *d, size_t limit)
{
	size_t left = limit / am_stored_element(d);
	for (int a = d->rank - 1; a >= 0; a--) {
		int64_t n = d->dims[a];
		if (n == 0) { /* a chunk of 1 where HDF5 allows none of 0 */
			d->unlimited |= 1u << a;
			n = 1;
		}
		if ((size_t)n > left) {
			/* Equal pieces rather than one small rest. */
			int64_t pieces = left ? (n + (int64_t)left - 1) / (int64_t)left : n;
			n = (n + pieces - 1) / pieces;
			left = 1;
		}
		d->chunk[a] = n;
		left /= (size_t)n;
	}
}

static am_status remember(am_stored *d, const am_chunk *c, am_error *err)
{
	if (d->n_chunks == d->room) {
		int room = d->room ? 2 * d->room : 8;
		am_chunk *p = am_grow(d->chunks, (size_t)d->n_chunks * sizeof *p, (size_t)room, sizeof *p);
		if (!p)
			return am_fail(err, AM_ERR_MEMORY, "out of memory for %d chunks", room);
		d->chunks = p;
		d->room = room;
	}
	d->chunks[d->n_chunks++] = *c;
	return AM_OK;
}

am_status am_stored_write_chunk(am_stored *d, am_filter *f, am_space *s, const int64_t *at,
                                const void *data, am_error *err)
{
	am_chunk c = {.addr = 0};
	const void *bytes;
	size_t size;
	memcpy(c.at, at, (size_t)d->rank * sizeof *at);
	am_status status = am_filter_chunk(f, data, am_stored_chunk_elements(d), am_stored_element(d),
	                                   &bytes, &size, &c.mask, err);
	if (!status)
		status = am_space_take(s, (int64_t)size, &c.addr, err);
	if (status)
		return status;
	c.size = (uint32_t)size;
	status = am_space_write(s, c.addr, bytes, size, err);
	if (!status)
		status = remember(d, &c, err);
	if (status)
		am_space_give(s, (am_range){c.addr, (int64_t)size});
	return status;
}

am_status am_stored_write_all(am_stored *d, am_filter *f, am_space *s, const void *data, am_error *err)
{
	size_t element = am_stored_element(d), whole = am_stored_chunk_elements(d);
	size_t n = product(d->dims, 0, d->rank);
	unsigned char *padded = NULL;
	/* The axis that is cut; those before it have chunks of 1, those after are whole. */
	int cut = 0;
	while (cut < d->rank - 1 && d->chunk[cut] == 1)
		cut++;
	int64_t inner = (int64_t)product(d->dims, cut + 1, d->rank);
	int64_t at[AM_MAX_AXES] = {0};
	am_status status = AM_OK;
	for (size_t first = 0; first < n && !status;) {
		int64_t count = d->dims[cut] - at[cut];
		if (count > d->chunk[cut])
			count = d->chunk[cut];
		size_t elements = (size_t)(count * inner);
		const unsigned char *p = (const unsigned char *)data + first * element;
		if (elements < whole) {
			if (!padded && !(padded = am_alloc(whole, element)))
				return am_fail(err, AM_ERR_MEMORY, "out of memory for a chunk");
			am_stored_fill(d, padded, whole);
			memcpy(padded, p, elements * element);
			p = padded;
		}
		status = am_stored_write_chunk(d, f, s, at, p, err);
		first += elements;
		at[cut] += count;
		for (int a = cut; a > 0 && at[a] == d->dims[a]; a--) {
			at[a] = 0;
			at[a - 1]++;
		}
	}
	am_free(padded);
	return status;
}

int64_t am_stored_filtered_size(const am_stored *d, am_filter *f, const void *data)
{
	const void *bytes;
	size_t size;
	uint32_t mask;
	return am_filter_chunk(f, data, am_stored_chunk_elements(d), am_stored_element(d), &bytes, &size, &mask,
	                       NULL) ? 0 : (int64_t)size;
}

void am_stored_fill(const am_stored *d, void *data, size_t n)
{
	if (d->half) {
		uint16_t *p = data;
		for (size_t i = 0; i < n; i++)
			p[i] = 0x7e00; /* NaN */
	} else if (d->type == AM_TYPE_F32) {
		float *p = data;
		for (size_t i = 0; i < n; i++)
			p[i] = NAN;
	} else if (d->type == AM_TYPE_F64) {
		double *p = data;
		for (size_t i = 0; i < n; i++)
			p[i] = NAN;
	} else {
		memset(data, 0xff, n * am_stored_element(d)); /* -1 */
	}
}

void am_stored_fini(am_stored *d)
{
	am_free(d->chunks);
	*d = (am_stored){0};
}
