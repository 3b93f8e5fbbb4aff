/* The fields that runs with shadowed selectors hold beside those of the schema: a group
 * a selector, /selector/s0 and on, and one for the references they are compared with.
 * Ids go on from AM_FIELD_COUNT; how many there are depends on the run. */
#ifndef AM_RUNFILE_SHADOW_FIELDS_H
#define AM_RUNFILE_SHADOW_FIELDS_H

#include "base/error.h"
#include "runfile/schema.h"

#include <stdbool.h>

enum { AM_RUN_SELECTORS = 64 }; /* at most */

/* Who shares one set of keys, as an axis: AM_AXIS_HEAD nobody, AM_AXIS_KV_HEAD the heads
 * of a key/value head, AM_AXIS_LAYER all heads of a layer. */
typedef struct am_run_selector {
	const char *spec;
	am_axis sets;
	bool own_budget; /* the selector chooses how many keys it keeps */
	bool scores;     /* it ranks keys: rank_correlation */
	bool index;      /* its sets are stored */
} am_run_selector;

const char *am_run_sets_name(am_axis sets); /* "head", "group", "layer" */

typedef enum { AM_RUN_HEAD, AM_RUN_GROUP, AM_RUN_SUM, AM_RUN_MAX, AM_RUN_REFERENCES } am_run_reference;
const char *am_run_reference_name(am_run_reference r); /* "head", "group", "sum", "max" */
/* Axis that a reference's values have one of: AM_AXIS_LAYER for one a layer. */
am_axis am_run_reference_axis(am_run_reference r);

typedef enum { AM_REFERENCE_MASS, AM_REFERENCE_GAP, AM_REFERENCE_STATS } am_reference_stat;

/* Of a selector; the last five also of a reference. */
typedef enum {
	AM_SHADOW_RETAINED_MASS, AM_SHADOW_CHANCE, AM_SHADOW_KEPT, AM_SHADOW_OVERLAP_HEADS,
	AM_SHADOW_OVERLAP_LAYER, AM_SHADOW_OVERLAP_STEP, AM_SHADOW_UNION, AM_SHADOW_INDEX,
	AM_SHADOW_RECALL, AM_SHADOW_MASS_RECALL, AM_SHADOW_TOP1_HIT, AM_SHADOW_RECALL_TIED,
	AM_SHADOW_RANK_CORRELATION,
	AM_SHADOW_STATS
} am_shadow_stat;

/* Ids. `ratio`: the variant over --ratio instead of -k, the id after the other. `r` does not
 * matter for statistics without a reference. */
am_field am_reference_field(am_reference_stat s, am_run_reference r, bool ratio);
am_field am_shadow_field(int selector, am_shadow_stat s, am_run_reference r, bool ratio);
/* All ids of a run with n selectors are below; AM_FIELD_COUNT for n = 0. */
int am_shadow_field_end(int n);

/* The specs of all fields, those of the schema first, [am_shadow_field_end(n)]; ids that the
 * selectors leave out have n_axes = 0. am_free. */
am_status am_field_specs_new(const am_run_selector *selector, int n, am_field_spec **out, am_error *err) AM_MUST_CHECK;

/* As am_field_row_axis. */
int am_spec_row_axis(const am_field_spec *s);

#endif
