/* Pictures drawn for a page: gnuplot works in a temporary folder that is gone afterwards. */
#ifndef AM_REPORT_PICTURES_H
#define AM_REPORT_PICTURES_H

#include "analysis/plot.h"
#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>

enum { AM_PICTURE_LIGHT, AM_PICTURE_DARK, AM_PICTURE_THEMES };

typedef struct am_page_picture {
	char *name;                      /* stem of its files */
	am_text svg[AM_PICTURE_THEMES];  /* elements; empty where not drawn */
} am_page_picture;

typedef struct am_page_pictures {
	am_page_picture *item;
	int n, room;
} am_page_pictures;

typedef struct am_pictures_options {
	bool theme[AM_PICTURE_THEMES]; /* which are drawn */
	int min_position;
	am_run *control;               /* of a comparison, or NULL */
	am_text *notes;                /* of pictures that cannot be; may be NULL */
	const char *prefix;            /* of the ids in the pictures */
} am_pictures_options;

/* Appends the pictures of a set in the order of drawing: of run[0], or of what changed to
 * run[1]. AM_ERR_IO where gnuplot is missing, with what to do; otherwise as
 * am_plot_draw_set. */
am_status am_pictures_add(am_page_pictures *p, const am_pictures_options *o, am_plot_set set, am_run *const run[2],
                          const am_compare_options *compare, am_error *err) AM_MUST_CHECK;
void am_pictures_fini(am_page_pictures *p);

#endif
