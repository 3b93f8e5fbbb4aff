/* A progress bar on stderr: share done, rate and time left. Nothing is drawn
 * when stderr is no terminal. */
#ifndef AM_CLI_PROGRESS_H
#define AM_CLI_PROGRESS_H

#include "base/progress.h"

#include <stdbool.h>

typedef struct am_progress_bar {
	const char *unit; /* plural, for the rate: "tokens" */
	bool shown;       /* stderr is a terminal and quiet was not asked for */
	bool drawn;       /* a line stands on the terminal */
	double start;     /* s, am_now() */
	double last;      /* s, of the last drawing */
} am_progress_bar;

/* The bar must stay where it is until am_progress_bar_end. */
am_progress am_progress_bar_begin(am_progress_bar *bar, const char *unit, bool quiet);
/* Erases what is drawn. */
void am_progress_bar_end(am_progress_bar *bar);

#endif
