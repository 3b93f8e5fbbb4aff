/* What `compare` and `show` print of a run with a second model beside it. */
#ifndef AM_CLI_PAIR_OUTPUT_H
#define AM_CLI_PAIR_OUTPUT_H

#include "analysis/table.h"
#include "base/text.h"
#include "runfile/reader.h"

/* The table under a line that names the second model. */
void am_pair_text(const am_run *run, const am_table *t, am_text *out);
/* {"model": ..., "attention": ..., "table": [...]}; null where t is NULL. `indent` blanks stand
 * before the closing bracket of the table. */
void am_pair_json(const am_run *run, const am_table *t, int indent, am_text *out);

#endif
