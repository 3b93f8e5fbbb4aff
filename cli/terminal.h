/* What may be written to a terminal besides text. */
#ifndef AM_CLI_TERMINAL_H
#define AM_CLI_TERMINAL_H

#include <stdbool.h>

/* Whether the descriptor is a terminal that can move its cursor (TERM is set and not "dumb"). */
bool am_terminal_is(int fd);
/* Whether colours and bold may go there: such a terminal, and no NO_COLOR (no-color.org: set and
 * not empty). */
bool am_terminal_color(int fd);

/* Before and after a word on standard error; empty where am_terminal_color says no. */
typedef enum { AM_STYLE_ERROR, AM_STYLE_NOTE, AM_STYLE_FAINT } am_style;
const char *am_style_on(am_style s);
const char *am_style_off(void);

#endif
