#include "runfile/stored.h"

#include "base/mem.h"

#include <math.h>
#include <string.h>

size_t am_stored_element(const am_stored *d)
{
	return d->half ? 2 : am_type_size(d->type);
}

size_t am_stored_chunk_elements(const am_stored *d)
{
	size_t n = 1;
	for (int a = 0; a < d->rank; a++)
		n *= (size_t)d->chunk[a];
	return n;
}

size_t am_stored_chunk_bytes(const am_stored *d)
{
	return am_stored_chunk_elements(d) * am_stored_element(d);
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

am_status am_stored_place(am_stored *d, am_space *s, am_chunk *c, const void *data, am_error *err)
{
	am_status status = am_space_take(s, c->size, &c->addr, err);
	if (status)
		return status;
	status = am_space_write(s, c->addr, data, c->size, err);
	if (!status)
		status = remember(d, c, err);
	if (status)
		am_space_give(s, (am_range){c->addr, c->size});
	return status;
}

am_status am_stored_filter(const am_stored *d, am_filter *f, void *data, size_t *size, uint32_t *mask, am_error *err)
{
	size_t last = d->rank > 0 ? (size_t)d->chunk[d->rank - 1] : 1, before = d->rank > 1 ? (size_t)d->chunk[d->rank - 2] : 1;
	return am_filter_chunk(f, data, am_stored_chunk_elements(d), am_stored_element(d), d->shuffled,
	                       (size_t[]){last, last * before}, size, mask, err);
}

int64_t am_stored_filtered_size(const am_stored *d, am_filter *f, const void *data)
{
	size_t n = am_stored_chunk_elements(d), element = am_stored_element(d), size = 0;
	uint32_t mask;
	void *copy = am_alloc(n, element);
	if (copy) {
		memcpy(copy, data, n * element);
		if (am_stored_filter(d, f, copy, &size, &mask, NULL))
			size = 0;
	}
	am_free(copy);
	return (int64_t)size;
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

void am_stored_copy_at(const am_stored *d, unsigned char *chunk, size_t at, const void *data, size_t n)
{
	size_t size = am_stored_element(d);
	if (d->shuffled)
		am_filter_shuffle(data, n, size, chunk + at, am_stored_chunk_elements(d));
	else
		memcpy(chunk + at * size, data, n * size);
}

void am_stored_fill_at(const am_stored *d, unsigned char *chunk, size_t at, size_t n)
{
	size_t size = am_stored_element(d), whole = am_stored_chunk_elements(d);
	unsigned char one[sizeof(double)];
	am_stored_fill(d, one, 1);
	for (size_t b = 0; b < size && d->shuffled; b++)
		memset(chunk + b * whole + at, one[b], n);
	if (!d->shuffled)
		am_stored_fill(d, chunk + at * size, n);
}

void am_stored_fini(am_stored *d)
{
	am_free(d->chunks);
	*d = (am_stored){0};
}
