/* Internal to page.h: what a page is made from, and its parts in the order of the page. */
#ifndef AM_REPORT_PAGE_PARTS_H
#define AM_REPORT_PAGE_PARTS_H

#include "analysis/sequence_list.h"
#include "analysis/table.h"
#include "report/page.h"
#include "report/pictures.h"

typedef struct am_page_run {
	am_run *run;
	char label[8]; /* "a", "b", ... */
	/* Without columns where the run does not hold what they need. */
	am_table entropy, coverage, recall, apart; /* apart: from the model of --pair */
	am_sequence_list sequences;
	am_page_pictures entropy_pictures, coverage_pictures, recall_pictures;
} am_page_run;

/* The first run and another. */
typedef struct am_page_pair {
	const am_page_run *a, *b;
	bool compared;
	am_comparison change;   /* when compared */
	char refused[1024];     /* else why not */
	bool control_left_out;  /* it does not pair */
	am_page_pictures pictures;
} am_page_pair;

/* Told once, for all the runs it is about. */
typedef struct am_page_warning {
	char *text;
	am_text labels; /* "a, b"; empty: of the page */
} am_page_warning;

typedef struct am_page {
	const am_page_options *o;
	am_compare_options compare; /* with the metrics settled */
	am_metric metric[AM_COMPARE_METRICS];
	am_page_run run[AM_PAGE_RUNS];
	int n_run;
	am_page_pair pair[AM_PAGE_RUNS];
	int n_pair;
	am_run *control;
	am_page_warning *warning;
	int n_warnings, warning_room;
	bool failed; /* memory was short for one */
	am_text *notes;
} am_page;

/* Templates by name (templates/), NULL when there is none; generated. */
const char *am_page_template(const char *name);

/* Fills the tables of a run; what it lacks is left out. */
am_status am_page_measure(const am_page *p, am_page_run *r, am_error *err) AM_MUST_CHECK;
/* Compares the first run with each of the others. */
am_status am_page_compare(am_page *p, am_error *err) AM_MUST_CHECK;
/* Draws everything. */
am_status am_page_draw(am_page *p, am_error *err) AM_MUST_CHECK;

/* Gathers the warnings: what a reader must know before the numbers. */
am_status am_page_warn(am_page *p, am_error *err) AM_MUST_CHECK;

/* Parts of the page, appended to t. */
void am_page_put_warnings(const am_page *p, am_text *t);
void am_page_put_glance(const am_page *p, am_text *t);
void am_page_put_runs(const am_page *p, am_text *t);
void am_page_put_run(const am_page *p, const am_page_run *r, am_text *t);
void am_page_put_pair(const am_page *p, const am_page_pair *x, am_text *t);
void am_page_put_methods(const am_page *p, am_text *t);
void am_page_put_commands(const am_page *p, am_text *t);
void am_page_put_pictures(const am_page_pictures *pictures, const am_run *run, am_text *t);

#endif
