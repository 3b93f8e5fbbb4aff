/* The reader's state, shared by the files reader*.c and check*.c. */
#ifndef AM_RUNFILE_READER_STATE_H
#define AM_RUNFILE_READER_STATE_H

#include "runfile/h5.h"
#include "runfile/reader.h"

typedef enum { AM_VALUE_STR, AM_VALUE_INT, AM_VALUE_DOUBLE, AM_VALUE_OTHER } am_value_kind;
typedef struct am_value {
	char *name, *text; /* text: the value for listing; of a string, itself */
	am_value_kind kind;
	int64_t i;
	double x;
} am_value;

/* The attribute of an object, in memory of its own (name and text) whatever the result;
 * AM_ERR_MEMORY alone. */
am_status am_value_read(hid_t object, const char *name, am_value *out) AM_MUST_CHECK;

typedef struct am_dist_files {
	hid_t prob, offset; /* negative when the layer has none */
	int64_t elements;
} am_dist_files;

/* How a field is stored, found out when it is first streamed. */
typedef struct am_layout {
	bool known;
	bool plain;            /* chunks of native 32-bit numbers, shuffled and deflated or not */
	bool is_float;
	int shuffle, deflate;  /* place in the filter pipeline, -1: not there */
	int64_t chunk[AM_MAX_AXES]; /* 1 along every axis where there are no chunks */
} am_layout;

struct am_run {
	char *path;
	hid_t file;
	bool complete;
	int64_t rows;
	am_value *attr;
	int n_attr, attr_room;
	int64_t length[AM_AXIS_COUNT]; /* 0: absent */
	double *values[AM_AXIS_COUNT]; /* NULL: absent */
	int n_selectors;
	am_run_selector *selector; /* [n_selectors], specs owned */
	int n_fields; /* those of shadowed selectors included */
	am_field_spec *spec;            /* [n_fields] */
	hid_t *field;                   /* negative: absent */
	int64_t (*shape)[AM_MAX_AXES];
	am_dist_files *dist; /* [layer], NULL when the run has no distributions */
	am_layout *layout;   /* [n_fields] */
	am_threads *threads; /* not owned */
};

/* reader_read.c: AM_ERR_FORMAT where the run lacks the field, AM_ERR_RANGE where the box
 * leaves it. */
am_status am_run_check_box(const am_run *r, am_field f, const int64_t *start, const int64_t *count,
                           am_error *err) AM_MUST_CHECK;

/* reader_attr.c: reads all root attributes. */
am_status am_run_load_attrs(am_run *r, am_error *err) AM_MUST_CHECK;
void am_run_free_attrs(am_run *r);

/* reader_selectors.c: what was shadowed, and with that the table of fields. */
am_status am_run_load_selectors(am_run *r, am_error *err) AM_MUST_CHECK;

/* reader_attr.c: a string attribute in new memory (am_free), NULL when there is none. */
char *am_run_attr_of(hid_t object, const char *name);

/* reader_open.c: axes, fields and distributions; refuses what does not fit. */
am_status am_run_load_datasets(am_run *r, am_error *err) AM_MUST_CHECK;

#endif
