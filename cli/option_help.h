/* Pages made from the table of a command. Private to the parser. */
#ifndef AM_CLI_OPTION_HELP_H
#define AM_CLI_OPTION_HELP_H

#include "base/text.h"
#include "cli/options.h"

/* Prints the help page on stdout; returns the exit code. */
int am_option_help(const am_options *o);
/* The manual page attnmeter-COMMAND(1) in man(7) macros. */
int am_option_man(const am_options *o);
/* What may come next after words[0..n), the last of them being typed: a line each, with a tab and a
 * word of explanation, or ":files" where names of files are wanted. For shells. */
int am_option_complete(const am_options *o, int n, char **words);

/* What stands for an option's value: "FILE", "csv|json", "N". */
void am_option_value_name(const am_option *opt, am_text *t);

#endif
