/* Internal to the pictures: colours, type sizes and the page of a theme. */
#ifndef AM_ANALYSIS_PLOT_THEME_H
#define AM_ANALYSIS_PLOT_THEME_H

#include "base/error.h"

#include <stdbool.h>

/* A page in SVG units, which are 1/96 inch. */
typedef struct am_plot_page {
	int width;
	bool narrow;    /* a column of a paper: keys stand above the plot, panels below each other */
	int axis;       /* below a plot: ticks and label of its x axis */
	int title[3];   /* y of the first line, step to the next, gap to the subtitle */
	int subtitle[2]; /* step, gap to the plot */
	int caption[3]; /* height of one line, step, from the middle of the last line to the edge */
	int room[3];    /* letters in a line of title, subtitle, caption */
	int key_step;   /* a line of a key above the plot */
} am_plot_page;

#define AM_THEME_WORDS 32

typedef struct am_plot_theme {
	const char *name;
	am_plot_page page;
	const char *undefined, *lowest; /* how captions speak of cells without a value, and of the least */
	int png_width; /* pixels, unless asked for otherwise */
	const char *words[AM_THEME_WORDS][2]; /* @word@ of the templates and its script text */
} am_plot_theme;

/* NULL for an unknown name. */
const am_plot_theme *am_plot_theme_find(const char *name);

#endif
