/* Pieces of manual pages in man(7) macros. */
#ifndef AM_CLI_MAN_H
#define AM_CLI_MAN_H

#include "base/text.h"

/* Text with everything escaped that roff would take for its own. */
void am_man_words(am_text *t, const char *s);
/* The same as paragraphs, which empty lines separate. */
void am_man_paragraphs(am_text *t, const char *s);
/* Title and NAME section of attnmeter(1) or attnmeter-COMMAND(1). */
void am_man_title(am_text *t, const char *name, const char *summary);
/* The exit codes that all commands share. */
void am_man_exit_status(am_text *t);

#endif
