#include "runfile/index.h"
#include "runfile/writer_state.h"

#include <string.h>

/* About what a chunk takes in an index: an entry of a B-tree of version 1, with
 * nodes partly filled. */
#define BYTES_PER_CHUNK 100
#define MOST_SLACK ((int64_t)16 << 20)

/* Bytes by which the index will grow until all expected rows are in. */
static int64_t expected_growth(const am_run_writer *w)
{
	int64_t left = w->expected_rows / w->chunk_rows - w->groups, chunks = 1;
	for (int f = 0; f < w->n_fields; f++)
		if (w->row[f].pieces)
			chunks += w->row[f].pieces;
	if (left < 8)
		left = 8;
	return left > MOST_SLACK / BYTES_PER_CHUNK / chunks ? MOST_SLACK : left * chunks * BYTES_PER_CHUNK;
}

/* Builds where the index before last was; NULL range and no image when it does
 * not fit there. */
static am_status build_in_spare(am_run_writer *w, int64_t rows, am_image *m, am_range *r, am_error *err)
{
	*r = (am_range){0, 0};
	if (!w->arena[1].size || w->arena[1].size < (int64_t)w->index_size)
		return AM_OK;
	am_image_init(m, w->arena[1].addr, w->space.end);
	am_status s = am_index_build(w, rows, m, err);
	if (!s && (int64_t)m->size <= w->arena[1].size)
		*r = w->arena[1];
	else
		am_image_fini(m);
	return s;
}

static am_status build_at_end(am_run_writer *w, int64_t rows, am_image *m, am_range *r, am_error *err)
{
	am_image_init(m, w->space.end, w->space.end);
	am_status s = am_index_build(w, rows, m, err);
	if (!s) {
		*r = (am_range){w->space.end, (int64_t)m->size};
		/* The first index has no rows and the last none to come. */
		if (w->rows > 0 && !w->complete)
			r->size += expected_growth(w);
		s = am_space_extend(&w->space, r->size, err);
	}
	if (s)
		am_image_fini(m);
	return s;
}

am_status am_writer_commit(am_run_writer *w, int64_t rows, am_error *err)
{
	am_image m;
	am_range r;
	am_space_retract(&w->space); /* the file ends where its data do */
	am_status s = build_in_spare(w, rows, &m, &r, err);
	if (s)
		return s;
	bool spare = r.size > 0;
	if (!spare && (s = build_at_end(w, rows, &m, &r, err)))
		return s;
	s = am_space_write(&w->space, r.addr, m.data, m.size, err);
	/* From here on the file is in its new state. */
	if (!s)
		s = am_space_write(&w->space, 0, m.head, sizeof m.head, err);
	if (!s) {
		if (!spare && w->arena[1].size)
			am_space_give(&w->space, w->arena[1]);
		w->arena[1] = w->arena[0];
		w->arena[0] = r;
		w->index_size = m.size;
		w->flushed_rows = rows;
	} else if (!spare) {
		am_space_give(&w->space, r);
	}
	am_image_fini(&m);
	return s;
}
