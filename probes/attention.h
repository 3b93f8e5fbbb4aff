/* The attention a session is given by its text form. */
#ifndef AM_PROBES_ATTENTION_H
#define AM_PROBES_ATTENTION_H

#include "base/text.h"
#include "model/forward.h"
#include "select/spec.h"

/* Reads a selector with its budget; NULL and "dense" leave out->text NULL. A selector that names
 * no seed has `seed`. am_select_spec_fini in any case. */
am_status am_attention_parse(const char *text, uint64_t seed, am_select_spec *out, am_error *err) AM_MUST_CHECK;
/* Opens the selector and sets it, for every row or those of answers alone; nothing where the text is
 * NULL. out->selector is the caller's (am_selector_close, after the session's end), also on failure.
 * AM_ERR_USAGE: a budget is missing; one without use is told in notes. */
am_status am_attention_set(const am_select_spec *spec, am_session *session, bool all, am_attention_policy *out,
                           am_text *notes, am_error *err) AM_MUST_CHECK;

#endif
