/* Inverse temperatures of a run's heads: read, or solved so that the mean entropy of each head meets
 * a target over the sequences the target is of.
 *
 * Layer by layer, since the hidden states before a layer depend on the temperatures of those before
 * it: all sequences go through a layer together, some passes over its attention alone until every
 * head has met its target (root.h), then one through the rest of the layer. The states between layers
 * lie in a file beside the output (4 bytes times tokens times hidden size); memory is that of the run. */
#ifndef AM_PROBES_TEMPERATURE_H
#define AM_PROBES_TEMPERATURE_H

#include "probes/job.h"

typedef struct am_temperature am_temperature;

enum { AM_TEMPERATURE_PASSES = 5 }; /* that a layer takes, about; for estimates */

/* Reads o->temperatures for a job whose model, sequences and session are open, and sets the session's
 * inverse temperatures where the file has them. AM_ERR_RANGE: another model, layers or heads it lacks,
 * or a sequence that is not among the inputs. AM_ERR_USAGE: to be solved under sparse attention. */
am_status am_temperature_open(am_job *job, am_temperature **out, am_error *err) AM_MUST_CHECK;
void am_temperature_close(am_temperature *t);

/* Solves them, if the file does not have them. Targets that no inverse temperature meets are
 * clamped, and named in the job's notes. AM_ERR_STOPPED as of the run. */
am_status am_temperature_solve(am_temperature *t, am_error *err) AM_MUST_CHECK;

/* Passes of the model over the sequences that solving takes, about, and whether it does each; 0: none. */
int am_temperature_passes(const am_temperature *t);
bool am_temperature_uses(const am_temperature *t, int sequence);

/* Attributes, and /temperature at the end. */
am_status am_temperature_describe(const am_temperature *t, am_run_writer *w, am_error *err) AM_MUST_CHECK;
am_status am_temperature_put(const am_temperature *t, am_run_writer *w, am_error *err) AM_MUST_CHECK;

#endif
