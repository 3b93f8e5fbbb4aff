/* Inside lib/task: the formats of task files, one row of a table each. */
#ifndef AM_TASK_FORMATS_H
#define AM_TASK_FORMATS_H

#include "task/fields.h"
#include "task/tasks.h"

/* What reading one sample needs. */
typedef struct am_sample_reader {
	const char *where;    /* "FILE:LINE" */
	const char *task;     /* the file's task name */
	const char *template; /* never NULL for formats that have one */
} am_sample_reader;

typedef struct am_format {
	const char *name;
	const char *signs[4];  /* fields by which the format is told, all present */
	const char *template;  /* default prompt; NULL: the prompt stands in the file */
	/* Fills a sample whose index, line and length are set; the caller frees it. */
	am_status (*read)(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err);
} am_format;

/* By AM_FORMAT_; NULL for AUTO. */
const am_format *am_format_of(am_task_format f);
/* By the fields of an object. A known format that is not read is AM_ERR_UNSUPPORTED. */
am_status am_format_detect(const json_t *o, const char *where, am_task_format *out, am_error *err) AM_MUST_CHECK;

/* Readers of formats.c's table. */
am_status am_read_ruler(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err);
am_status am_read_helmet_ruler(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err);
am_status am_read_helmet_kv(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err);
am_status am_read_kilt(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err);
am_status am_read_rerank(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err);
am_status am_read_infbench(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err);
am_status am_read_longbench(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err);
am_status am_read_kv_records(const am_sample_reader *r, const json_t *o, am_task_sample *s, am_error *err);

/* New tokens that RULER allows a task by its name: niah 128, vt 30, cwe 120, fwe 50, qa 32; 128
 * for others. */
int am_ruler_new_tokens(const char *task);

#endif
