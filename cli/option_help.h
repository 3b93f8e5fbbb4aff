/* The help page of a command, made from its table. Private to the parser. */
#ifndef AM_CLI_OPTION_HELP_H
#define AM_CLI_OPTION_HELP_H

#include "cli/options.h"

/* Prints the page on stdout; returns the exit code. */
int am_option_help(const am_options *o);

#endif
