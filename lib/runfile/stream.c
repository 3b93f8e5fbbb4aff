/* Reading past HDF5's filter pipeline: it hands over chunks as they lie in the file, one
 * thread at a time, and our threads decompress them, straight to their places. */
#include "base/mem.h"
#include "runfile/reader_state.h"

#include <libdeflate.h>

#include <inttypes.h>
#include <string.h>

#define ELEMENT 4 /* bytes; float32 and int32 */
#define MOST_CHUNK ((size_t)64 << 20) /* bytes; larger ones are left to HDF5 */
#define BATCH_BYTES ((size_t)8 << 20) /* of chunks as they lie in the file */
#define BATCH 128 /* chunks */

typedef struct piece {
	hsize_t at[AM_MAX_AXES];
	size_t from, size; /* in `raw` */
	uint32_t mask;
	bool failed;
} piece;

typedef struct lane { /* of a worker */
	struct libdeflate_decompressor *inflater;
	unsigned char *chunk;
} lane;

typedef struct job {
	am_run *run;
	am_field field;
	const am_layout *layout;
	int rank;
	const int64_t *start, *count;
	bool widen; /* integers to float */
	uint32_t *out;
	size_t n; /* elements of a chunk */
	piece pieces[BATCH];
	int n_pieces;
	unsigned char *raw;
	size_t used, room;
	lane *lanes;
	int n_lanes;
} job;

/* --- how a field is stored -------------------------------------------------- */

/* The pipeline may hold shuffle, deflate, or the one before the other. */
static bool find_filters(am_layout *l, hid_t dcpl)
{
	int n = H5Pget_nfilters(dcpl);
	for (int i = 0; i < n; i++) {
		unsigned flags, config;
		size_t n_values = 0;
		H5Z_filter_t id = H5Pget_filter2(dcpl, (unsigned)i, &flags, &n_values, NULL, 0, NULL, &config);
		int *place = id == H5Z_FILTER_SHUFFLE ? &l->shuffle : id == H5Z_FILTER_DEFLATE ? &l->deflate : NULL;
		if (!place || *place >= 0)
			return false;
		*place = i;
	}
	return n >= 0 && (l->shuffle < 0 || l->deflate < 0 || l->shuffle < l->deflate);
}

static bool is_native(am_layout *l, hid_t dataset)
{
	hid_t type = H5Dget_type(dataset);
	if (type < 0)
		return false;
	l->is_float = H5Tequal(type, H5T_NATIVE_FLOAT) > 0;
	bool ok = l->is_float || H5Tequal(type, H5T_NATIVE_INT32) > 0;
	H5Tclose(type);
	return ok && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

static void find_layout(am_layout *l, hid_t dataset, int rank)
{
	hsize_t chunk[AM_MAX_AXES];
	unsigned options = 0;
	*l = (am_layout){.known = true, .shuffle = -1, .deflate = -1};
	for (int a = 0; a < AM_MAX_AXES; a++)
		l->chunk[a] = 1;
	hid_t dcpl = H5Dget_create_plist(dataset);
	if (dcpl < 0)
		return;
	size_t bytes = ELEMENT;
	if (H5Pget_layout(dcpl) == H5D_CHUNKED && H5Pget_chunk(dcpl, rank, chunk) == rank) {
		l->plain = H5Pget_chunk_opts(dcpl, &options) >= 0 && !options && find_filters(l, dcpl) && is_native(l, dataset);
		for (int a = 0; a < rank; a++) {
			l->chunk[a] = (int64_t)chunk[a];
			l->plain = l->plain && am_mul_size(bytes, (size_t)chunk[a], &bytes) && bytes <= MOST_CHUNK;
		}
	}
	H5Pclose(dcpl);
}

static const am_layout *layout_of(am_run *r, am_field f)
{
	am_layout *l = &r->layout[f];
	if (!l->known) {
		am_h5_quiet q = am_h5_begin();
		find_layout(l, r->field[f], r->spec[f].n_axes);
		am_h5_end(&q);
	}
	return l;
}

int64_t am_run_chunk_length(am_run *r, am_field f, int at)
{
	return am_run_has(r, f) ? layout_of(r, f)->chunk[at] : 1;
}

/* --- one chunk --------------------------------------------------------------- */

/* Elements from .. from + n of a chunk. */
static void put(const job *j, const unsigned char *chunk, bool shuffled, size_t from, size_t n, uint32_t *out)
{
	if (shuffled) {
		const unsigned char *p0 = chunk + from, *p1 = p0 + j->n, *p2 = p1 + j->n, *p3 = p2 + j->n;
		for (size_t i = 0; i < n; i++)
			out[i] = (uint32_t)p0[i] | (uint32_t)p1[i] << 8 | (uint32_t)p2[i] << 16 | (uint32_t)p3[i] << 24;
	} else {
		memcpy(out, chunk + ELEMENT * from, ELEMENT * n);
	}
	for (size_t i = 0; i < n && j->widen; i++) {
		float x = (float)(int32_t)out[i];
		memcpy(&out[i], &x, sizeof x);
	}
}

/* What of a chunk lies in the box asked for, to its place there. */
static void place(const job *j, const piece *p, const unsigned char *chunk, bool shuffled)
{
	int64_t low[AM_MAX_AXES] = {0}, n[AM_MAX_AXES] = {0}, i[AM_MAX_AXES] = {0};
	for (int a = 0; a < j->rank; a++) {
		int64_t at = (int64_t)p->at[a], end = at + j->layout->chunk[a], stop = j->start[a] + j->count[a];
		low[a] = at > j->start[a] ? at : j->start[a];
		n[a] = (end < stop ? end : stop) - low[a];
	}
	int last = j->rank - 1; /* axes from here on are one piece of memory on both sides */
	size_t length = (size_t)n[last];
	for (; last > 0 && n[last] == j->layout->chunk[last] && n[last] == j->count[last]; last--)
		length *= (size_t)n[last - 1];
	for (bool more = true; more;) {
		size_t from = 0, to = 0;
		for (int a = 0; a < j->rank; a++) {
			from = from * (size_t)j->layout->chunk[a] + (size_t)(low[a] + i[a] - (int64_t)p->at[a]);
			to = to * (size_t)j->count[a] + (size_t)(low[a] + i[a] - j->start[a]);
		}
		put(j, chunk, shuffled, from, length, j->out + to);
		more = false;
		for (int a = last - 1; a >= 0 && !more; a--) {
			more = ++i[a] < n[a];
			if (!more)
				i[a] = 0;
		}
	}
}

static bool applied(int filter, uint32_t mask)
{
	return filter >= 0 && !(mask >> filter & 1);
}

static void unpack(void *ctx, int task, int worker)
{
	job *j = ctx;
	piece *p = &j->pieces[task];
	lane *w = &j->lanes[worker];
	const unsigned char *chunk = j->raw + p->from;
	size_t bytes = ELEMENT * j->n;
	if (applied(j->layout->deflate, p->mask)) {
		p->failed = libdeflate_zlib_decompress(w->inflater, chunk, p->size, w->chunk, bytes, NULL) != LIBDEFLATE_SUCCESS;
		chunk = w->chunk;
	} else {
		p->failed = p->size != bytes;
	}
	if (!p->failed)
		place(j, p, chunk, applied(j->layout->shuffle, p->mask));
}

/* --- all chunks of a box ------------------------------------------------------- */

static am_status flush(job *j, am_error *err)
{
	if (j->run->threads)
		am_threads_run(j->run->threads, j->n_pieces, unpack, j);
	else
		for (int i = 0; i < j->n_pieces; i++)
			unpack(j, i, 0);
	am_status s = AM_OK;
	for (int i = 0; i < j->n_pieces && !s; i++)
		if (j->pieces[i].failed)
			s = am_fail(err, AM_ERR_FORMAT, "%s: %s: a chunk is damaged", j->run->path, j->run->spec[j->field].path);
	j->n_pieces = 0;
	j->used = 0;
	return s;
}

/* *absent: the chunk was never written, or is no chunk of ours. */
static am_status fetch(job *j, const int64_t *at, bool *absent, am_error *err)
{
	hid_t d = j->run->field[j->field];
	piece *p = &j->pieces[j->n_pieces];
	hsize_t size = 0;
	for (int a = 0; a < j->rank; a++)
		p->at[a] = (hsize_t)at[a];
	*absent = H5Dget_chunk_storage_size(d, p->at, &size) < 0 || !size || size > ELEMENT * j->n * 2 + 1024;
	if (*absent)
		return AM_OK;
	if (j->used + size > j->room) {
		size_t room = j->used + size > BATCH_BYTES ? j->used + size : BATCH_BYTES;
		unsigned char *raw = am_grow(j->raw, j->used, room, 1);
		if (!raw)
			return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", j->run->path);
		j->raw = raw;
		j->room = room;
	}
	p->from = j->used;
	p->size = (size_t)size;
	if (H5Dread_chunk(d, H5P_DEFAULT, p->at, &p->mask, j->raw + j->used) < 0)
		return am_h5_fail(err, AM_ERR_FORMAT, "%s: %s: cannot read", j->run->path, j->run->spec[j->field].path);
	j->used += p->size;
	j->n_pieces++;
	return j->n_pieces == BATCH || j->used >= BATCH_BYTES ? flush(j, err) : AM_OK;
}

static am_status read_chunks(job *j, bool *absent, am_error *err)
{
	int64_t first[AM_MAX_AXES], at[AM_MAX_AXES];
	for (int a = 0; a < j->rank; a++)
		at[a] = first[a] = j->start[a] - j->start[a] % j->layout->chunk[a];
	for (bool more = true; more;) {
		am_status s = fetch(j, at, absent, err);
		if (s || *absent)
			return s;
		more = false;
		for (int a = j->rank - 1; a >= 0 && !more; a--) {
			at[a] += j->layout->chunk[a];
			more = at[a] < j->start[a] + j->count[a];
			if (!more)
				at[a] = first[a];
		}
	}
	return flush(j, err);
}

static am_status job_init(job *j, am_error *err)
{
	j->n_lanes = j->run->threads ? am_threads_count(j->run->threads) : 1;
	j->lanes = am_calloc((size_t)j->n_lanes, sizeof *j->lanes);
	bool ok = j->lanes != NULL;
	for (int i = 0; i < j->n_lanes && ok; i++) {
		j->lanes[i].inflater = libdeflate_alloc_decompressor();
		j->lanes[i].chunk = am_alloc(j->n, ELEMENT);
		ok = j->lanes[i].inflater && j->lanes[i].chunk;
	}
	return ok ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", j->run->path);
}

static void job_fini(job *j)
{
	for (int i = 0; i < j->n_lanes && j->lanes; i++) {
		if (j->lanes[i].inflater)
			libdeflate_free_decompressor(j->lanes[i].inflater);
		am_free(j->lanes[i].chunk);
	}
	am_free(j->lanes);
	am_free(j->raw);
}

/* *done: false where the field is stored in a way that HDF5 has to undo. */
static am_status stream(am_run *r, am_field f, const int64_t *start, const int64_t *count, bool to_float, void *out,
                        bool *done, am_error *err)
{
	am_status s = am_run_check_box(r, f, start, count, err);
	if (s)
		return s;
	const am_layout *l = layout_of(r, f);
	job j = {.run = r, .field = f, .layout = l, .rank = r->spec[f].n_axes, .start = start, .count = count,
	         .widen = to_float && !l->is_float, .out = out, .n = 1};
	*done = false;
	if (!l->plain || (l->is_float && !to_float))
		return AM_OK;
	for (int a = 0; a < j.rank; a++) {
		j.n *= (size_t)l->chunk[a];
		if (!count[a])
			return AM_OK;
	}
	bool absent = false;
	s = job_init(&j, err);
	am_h5_quiet q = am_h5_begin();
	if (!s)
		s = read_chunks(&j, &absent, err);
	am_h5_end(&q);
	job_fini(&j);
	*done = !absent;
	return s;
}

am_status am_run_stream_f32(am_run *r, am_field f, const int64_t *start, const int64_t *count, float *out,
                            am_error *err)
{
	bool done;
	am_status s = stream(r, f, start, count, true, out, &done, err);
	return s || done ? s : am_run_read_f32(r, f, start, count, out, err);
}

am_status am_run_stream_i32(am_run *r, am_field f, const int64_t *start, const int64_t *count, int32_t *out,
                            am_error *err)
{
	bool done;
	am_status s = stream(r, f, start, count, false, out, &done, err);
	return s || done ? s : am_run_read_i32(r, f, start, count, out, err);
}
