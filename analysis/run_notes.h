/* What keeps a run's numbers from meaning what they seem to, beside any table of it. */
#ifndef AM_ANALYSIS_RUN_NOTES_H
#define AM_ANALYSIS_RUN_NOTES_H

#include "base/text.h"
#include "runfile/reader.h"

/* A line if the run dropped keys: what it measured is the row before. */
void am_run_note_dropped(const am_run *r, am_text *out);
/* That, and a line if the run did not finish. */
void am_run_notes(const am_run *r, am_text *out);

#endif
