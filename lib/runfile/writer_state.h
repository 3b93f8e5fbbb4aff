/* The writer's state, shared by the files writer*.c and index.c. */
#ifndef AM_RUNFILE_WRITER_STATE_H
#define AM_RUNFILE_WRITER_STATE_H

#include "runfile/filter.h"
#include "runfile/packer.h"
#include "runfile/space.h"
#include "runfile/stored.h"
#include "runfile/writer.h"

/* A field that grows with the rows, in groups of chunk_rows. A group, [layers][outer][chunk_rows][inner], is cut
 * along the layers into chunks; the last is padded. */
typedef struct am_row_field {
	am_stored stored;
	int pieces;           /* chunks of a group; 0 when the field is not held */
	int layers, piece_layers; /* of a chunk; 1 where the field has none */
	size_t outer, inner;  /* elements of a layer before and after the row axis */
	int row_at;           /* which axis the rows are */
	unsigned char **chunk; /* [slots][pieces] of the open groups, NULL: nothing in it, or handed over */
	int slots;
} am_row_field;

/* /dist of one layer: the open chunk and the rows so far. */
typedef struct am_dist_layer {
	am_stored prob;
	unsigned char *chunk; /* [head][prob.chunk[1]], NULL: none */
	int64_t *offset;      /* [n_rows + 1] */
	int64_t n_rows, room;
} am_dist_layer;

typedef enum { AM_ATTR_STR, AM_ATTR_INT, AM_ATTR_DOUBLE } am_attr_kind;
typedef struct am_attr {
	char *name, *s;
	am_attr_kind kind;
	int64_t i;
	double x;
} am_attr;

typedef struct am_strings {
	char **s;
	int64_t n;
} am_strings;

struct am_run_writer {
	char *path, *part; /* NULL in memory */
	int fd;
	bool force, complete;
	am_status failed; /* AM_OK until a write fails */
	am_space space;
	am_filter filter; /* of the calling thread */
	am_packer *packer;

	int64_t length[AM_AXIS_COUNT]; /* -1 while not known */
	am_stored axis[AM_AXIS_COUNT]; /* coordinates; ROW is in row_axis */
	am_stored field[AM_FIELD_COUNT]; /* those without rows */
	am_strings strings[AM_FIELD_COUNT];

	int64_t chunk_rows, expected_rows;
	int64_t rows, groups; /* rows appended; groups handed to the packer */
	int64_t filled;       /* rows of the open group */
	int64_t ahead;        /* rows of which layers came before the rest */
	int ahead_layers;     /* the layers below are in */
	int n_fields; /* those of shadowed selectors included */
	am_field_spec *spec;    /* [n_fields] */
	am_row_field row_axis, *row; /* [n_fields] */
	int n_selectors;
	am_run_selector *selector; /* [n_selectors], specs owned */

	int n_dist;
	am_dist_layer *dist; /* [n_dist], one a layer */
	int32_t *layer_id, *head_id;

	am_attr *attr;
	int n_attr, attr_room;

	am_range arena[2]; /* where the metadata lies: in use, and before */
	size_t index_size; /* bytes of the metadata in use */
	int64_t flushed_rows;
	double flush_seconds, last_flush;
};

/* writer.c: fails when an earlier write has failed. What failed in the background
 * is told once in full. */
am_status am_writer_ready(am_run_writer *w, am_error *err) AM_MUST_CHECK;

/* writer_put.c: the axes known from the start. */
am_status am_writer_put_axes(am_run_writer *w, const am_run_axes *x, am_error *err) AM_MUST_CHECK;

/* writer_fields.c */
void am_writer_rows_open(am_run_writer *w, const am_run_contents *c);
void am_writer_rows_fini(am_run_writer *w);

/* writer_rows.c */
/* Writes the open group, rows short of a chunk filled up with missing values. */
am_status am_writer_rows_finish(am_run_writer *w, am_error *err) AM_MUST_CHECK;
/* Rows of which every statistic is in the file. The packer must be idle. */
int64_t am_writer_rows_whole(const am_run_writer *w);
/* Bytes the open group takes in the file, filtered. */
int64_t am_writer_rows_pending(am_run_writer *w);

/* writer_dist.c */
am_status am_writer_dist_open(am_run_writer *w, bool half, am_error *err) AM_MUST_CHECK;
am_status am_writer_dist_finish(am_run_writer *w, am_error *err) AM_MUST_CHECK;
/* Bytes the open chunks take in the file, filtered. */
int64_t am_writer_dist_pending(am_run_writer *w);
/* Rows of every layer whose distributions are in the file, at most `rows`. The
 * packer must be idle. */
int64_t am_writer_dist_rows(const am_run_writer *w, int64_t rows);
void am_writer_dist_fini(am_run_writer *w);

/* writer_attr.c: a root attribute, the writer's own included. */
am_status am_writer_attr(am_run_writer *w, const char *name, am_attr value, am_error *err) AM_MUST_CHECK;
void am_writer_attr_fini(am_run_writer *w);

/* commit.c: makes the first `rows` rows and everything put the state of the file. */
am_status am_writer_commit(am_run_writer *w, int64_t rows, am_error *err) AM_MUST_CHECK;

#endif
