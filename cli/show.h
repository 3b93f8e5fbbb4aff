/* Renderings of a run file's contents for `attnmeter show`. */
#ifndef AM_CLI_SHOW_H
#define AM_CLI_SHOW_H

#include "analysis/aggregate_options.h"
#include "analysis/table.h"
#include "base/text.h"
#include "runfile/reader.h"

/* For people: attributes, axes, the first sequences, fields. */
am_status am_show_text(am_run *r, am_text *out, am_error *err) AM_MUST_CHECK;
/* One object that holds everything but the fields' data. */
am_status am_show_json(am_run *r, am_text *out, am_error *err) AM_MUST_CHECK;
/* `problems`: a line each. */
void am_show_check_json(const am_run *r, const char *problems, am_text *out);

/* The pair table (analysis/pair_table.h) where the run has one: *t stays without columns otherwise. */
am_status am_show_pair(am_run *r, am_aggregate_level level, am_table *t, am_error *err) AM_MUST_CHECK;

/* Bytes of the file, -1 when it cannot be asked. */
int64_t am_show_file_bytes(const am_run *r);
const char *am_show_type_name(am_type t);

#endif
