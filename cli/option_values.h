/* Values of options: text to typed target. Private to the parser. */
#ifndef AM_CLI_OPTION_VALUES_H
#define AM_CLI_OPTION_VALUES_H

#include "cli/options.h"

/* Puts `text` into the option's target. The detail of an error says "expected
 * ..., found '...'", without the option. Lists are recorded as owned by `o`. */
am_status am_option_store(am_options *o, const am_option *opt, const char *text, am_error *err) AM_MUST_CHECK;

#endif
