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

typedef struct am_dist_files {
	hid_t prob, offset; /* negative when the layer has none */
	int64_t elements;
} am_dist_files;

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
};

/* reader_attr.c: reads all root attributes. */
am_status am_run_load_attrs(am_run *r, am_error *err) AM_MUST_CHECK;
void am_run_free_attrs(am_run *r);

/* reader_selectors.c: what was shadowed, and with that the table of fields. */
am_status am_run_load_selectors(am_run *r, am_error *err) AM_MUST_CHECK;

/* Whether `path` exists within this file; links to elsewhere do not count. */
bool am_run_path_exists(hid_t file, const char *path);
/* reader_attr.c: a string attribute in new memory (am_free), NULL when there is none. */
char *am_run_attr_of(hid_t object, const char *name);

/* reader_open.c: axes, fields and distributions; refuses what does not fit. */
am_status am_run_load_datasets(am_run *r, am_error *err) AM_MUST_CHECK;

#endif
