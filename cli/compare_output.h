/* What `compare` prints. */
#ifndef AM_CLI_COMPARE_OUTPUT_H
#define AM_CLI_COMPARE_OUTPUT_H

#include "analysis/compare.h"
#include "base/text.h"
#include "runfile/reader.h"

typedef struct am_compare_paths {
	const char *a, *b, *control; /* control NULL: none */
	const am_run *run_a;
} am_compare_paths;

/* One JSON object (docs/statistics.md has its keys). */
void am_compare_json(const am_compare_paths *p, const am_compare_options *o, const am_comparison *c,
                     am_text *out);
/* For people. The table's columns are marked as detail where they would repeat one
 * word. */
void am_compare_text(const am_compare_paths *p, const am_compare_options *o, am_comparison *c, am_text *out);

#endif
