/* Statistics of attention rows: the tap that fills one block of a run file. */
#ifndef AM_PROBES_CAPTURE_H
#define AM_PROBES_CAPTURE_H

#include "base/error.h"
#include "model/config.h"
#include "model/tap.h"
#include "probes/run.h"
#include "probes/sequences.h"
#include "runfile/shadow_fields.h"
#include "runfile/writer.h"

typedef struct am_capture am_capture;

/* For blocks of at most `block` query rows; `workers` threads may observe at once.
 * The axes of the run file follow from the options, the config and the longest
 * sequence. Options must have been checked (am_run_options_check). */
am_status am_capture_new(const am_run_options *o, const am_config *c, const am_kernels *kernels,
                         const am_sequences *sequences, int block, int workers, am_capture **out,
                         am_error *err) AM_MUST_CHECK;
void am_capture_free(am_capture *c);

/* The axes of what is captured and the tap that does it; valid until free. */
const am_run_axes *am_capture_axes(const am_capture *c);
const am_tap *am_capture_tap(am_capture *c);
/* Learned logits in the denominators of the softmax, sink[model layer][query head], a layer's
 * NULL where it has none: what they take is stored as the deficit. Borrowed. */
am_status am_capture_set_sinks(am_capture *c, const float *const *sink, am_error *err) AM_MUST_CHECK;
/* The selectors whose fields the capture fills, [*n]; valid until free. */
const am_run_selector *am_capture_selectors(const am_capture *c, int *n);
/* Full distributions and what selectors say go to this writer as layers finish; without one they are dropped. */
void am_capture_set_writer(am_capture *c, am_run_writer *w);

/* Rows of sequence `index` at positions start .. start + n - 1 come next (there must be
 * rows of all of them). Returns
 * how many of them are captured. */
int am_capture_begin(am_capture *c, int index, int start, int n);
/* The rest of the block's rows once the forward pass has run; nll[n] of its tokens, NULL when they
 * are not known. The arrays
 * stay the capture's own, valid until the next am_capture_begin. */
void am_capture_end(am_capture *c, const float *nll, am_run_block *out);

/* Writes /profile once all sequences have been run. */
am_status am_capture_finish(am_capture *c, am_run_writer *w, am_error *err) AM_MUST_CHECK;

/* Bytes held. */
size_t am_capture_memory(const am_capture *c);

#endif
