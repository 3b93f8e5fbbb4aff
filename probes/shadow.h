/* Shadowed selectors: sets of keys that a run scores beside its attention, which they do
 * not change. Part of a capture (capture_internal.h); definitions in docs/numerics.md. */
#ifndef AM_PROBES_SHADOW_H
#define AM_PROBES_SHADOW_H

#include "base/error.h"
#include "model/config.h"
#include "model/tap.h"
#include "probes/run.h"
#include "runfile/shadow_fields.h"
#include "runfile/writer.h"
#include "select/selector.h"

typedef struct am_shadow am_shadow;
struct am_capture;
struct am_budgets;

/* Reads the specs of o->shadows; *out NULL where there are none. AM_ERR_USAGE as
 * am_select_spec_parse, and for a spec with a budget. */
am_status am_shadow_open(const am_run_options *o, am_shadow **out, am_error *err) AM_MUST_CHECK;
/* Opens the selectors; the capture's axes are set. */
am_status am_shadow_start(am_shadow *s, struct am_capture *c, am_error *err) AM_MUST_CHECK;
void am_shadow_free(am_shadow *s);

/* What the run file says of them: [*n], valid until free. */
const am_run_selector *am_shadow_selectors(const am_shadow *s, int *n);
/* Keys a stored set holds at most, 0 when none is stored. */
int am_shadow_ranks(const am_shadow *s, const am_run_options *o);
/* About how many values a run of n shadows stores for a row of a head. */
size_t am_shadow_values(const am_run_options *o);

/* A block of the capture begins: its rows are known. */
void am_shadow_begin(am_shadow *s, int index, int start, int n);
/* The values of the layer that was done last; valid until the next begins. */
void am_shadow_give(const am_shadow *s, am_run_layer *out);

/* The tap's. */
am_status am_shadow_layer_begin(am_shadow *s, const am_select_block *block, am_threads *threads, am_error *err) AM_MUST_CHECK;
bool am_shadow_wants(const am_shadow *s, int layer, int64_t position);
/* Where the best keys of a head's row end (am_budgets.bound) and their mass, found before the row is
 * observed with the others. */
void am_shadow_bounds(am_shadow *s, const am_attn_row *row, const struct am_budgets *b);
void am_shadow_observe(am_shadow *s, int worker, const am_select_row *row);
void am_shadow_layer_done(am_shadow *s, int layer);

#endif
