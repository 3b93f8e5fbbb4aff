#include "cli/progress.h"

#include "base/clock.h"
#include "cli/terminal.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define CELLS 30
#define INTERVAL 0.1 /* s between drawings */

static void format_seconds(double s, char *out, size_t size)
{
	long t = lround(s);
	if (t >= 3600)
		snprintf(out, size, "%ld:%02ld:%02ld", t / 3600, t / 60 % 60, t % 60);
	else
		snprintf(out, size, "%ld:%02ld", t / 60, t % 60);
}

static void draw(am_progress_bar *bar, double share, double rate, double left)
{
	char cells[CELLS + 1], time[32] = "-:--";
	int full = (int)(share * CELLS);
	memset(cells, '#', (size_t)full);
	memset(cells + full, '.', (size_t)(CELLS - full));
	cells[CELLS] = 0;
	if (left < 1e7)
		format_seconds(left, time, sizeof time);
	fprintf(stderr, "\r\033[K[%s] %3.0f %%  %.*f %s/s  %s left", cells, floor(100 * share),
	        rate < 10 ? 1 : 0, rate, bar->unit, time);
	fflush(stderr);
	bar->drawn = true;
}

static void update(void *ctx, double done, double total)
{
	am_progress_bar *bar = ctx;
	double now = am_now();
	if (!bar->shown || !(total > 0) || now - bar->last < INTERVAL)
		return;
	bar->last = now;
	double share = done >= total ? 1 : done > 0 ? done / total : 0;
	double elapsed = now - bar->start;
	double rate = elapsed > 0 ? done / elapsed : 0;
	draw(bar, share, rate, rate > 0 ? (total - total * share) / rate : INFINITY);
}

am_progress am_progress_bar_begin(am_progress_bar *bar, const char *unit, bool quiet)
{
	*bar = (am_progress_bar){.unit = unit, .shown = !quiet && am_terminal_is(STDERR_FILENO), .start = am_now()};
	return (am_progress){.ctx = bar, .update = update};
}

void am_progress_bar_end(am_progress_bar *bar)
{
	if (bar->drawn)
		fputs("\r\033[K", stderr);
	fflush(stderr);
	bar->drawn = bar->shown = false;
}
