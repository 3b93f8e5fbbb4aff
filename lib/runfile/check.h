/* The parts of am_run_check. */
#ifndef AM_RUNFILE_CHECK_H
#define AM_RUNFILE_CHECK_H

#include "runfile/reader_state.h"

#define AM_CHECK_RULES 128 /* distinct rules a report can count */

typedef struct am_checker {
	am_run *r;
	am_text *report;
	int lines; /* in the report */
	int64_t problems;
	struct {
		const char *rule; /* one literal each */
		int64_t times;
	} broken[AM_CHECK_RULES];
	int n_broken;
} am_checker;

/* Enters one break of a rule, "rule: where": the first few of each rule in words,
 * the others counted. `rule` is a string literal. */
void am_check_broken(am_checker *c, const char *rule, const char *where, ...) AM_PRINTF(3, 4);

/* Attributes, axes, types, scales, units, fill values (check_structure.c). */
void am_check_structure(am_checker *c);
/* Values of the row fields, block by block (check_rows.c). */
am_status am_check_rows(am_checker *c, am_error *err) AM_MUST_CHECK;
/* Fields of shadowed selectors, row by row (check_selectors.c). */
am_status am_check_selectors(am_checker *c, am_error *err) AM_MUST_CHECK;
/* Whether a run may leave out a field of a shadowed selector. */
bool am_check_shadow_optional(am_field f);

/* Axes, sequences, tokens, profiles, distributions (check_parts.c). */
am_status am_check_parts(am_checker *c, am_error *err) AM_MUST_CHECK;

/* Inverse temperatures (check_pair.c). */
am_status am_check_temperatures(am_checker *c, am_error *err) AM_MUST_CHECK;

/* The whole field in new memory (am_free) as int64; *out is NULL when absent or
 * not readable, which is entered as a problem. */
am_status am_check_load_i64(am_checker *c, am_field f, int64_t **out, am_error *err) AM_MUST_CHECK;
am_status am_check_load_f32(am_checker *c, am_field f, float **out, am_error *err) AM_MUST_CHECK;

#endif
