/* Internal to the pictures: one picture from its words and data to its files.
 *
 * A script is the templates head, BODY and tail in which @word@ is replaced.
 * Words are set as script text or as quoted strings; only the latter may hold
 * text from a file. Failures of memory are sticky and reported by draw. */
#ifndef AM_ANALYSIS_PLOT_PICTURE_H
#define AM_ANALYSIS_PLOT_PICTURE_H

#include "analysis/aggregate.h"
#include "analysis/plot.h"

/* What every kind draws from and to. */
typedef struct am_plot_job {
	am_run *run;
	const am_plot_options *options;
	const char *dir;
	am_text *files;
} am_plot_job;

#define AM_PICTURE_WORDS 40
#define AM_PICTURE_WIDTH 640 /* SVG units; the layout of all templates */

typedef struct am_picture {
	const char *name; /* stem of the files */
	am_text data;     /* the .tsv */
	int n_words;
	struct {
		const char *key;
		am_text value;
	} words[AM_PICTURE_WORDS];
} am_picture;

/* `name` must outlive the picture. */
void am_picture_init(am_picture *p, const char *name);
void am_picture_fini(am_picture *p);

/* @key@ as script text. The key must be a literal. Setting again replaces. */
void am_picture_word(am_picture *p, const char *key, const char *fmt, ...) AM_PRINTF(3, 4);
/* @key@ as a single-quoted gnuplot string of any text. */
void am_picture_string(am_picture *p, const char *key, const char *fmt, ...) AM_PRINTF(3, 4);
/* @key@ as a list of tick labels ('8' 0, '12' 1, ...) for categories named by
 * their ids [n], thinned to at most `most` labels. */
void am_picture_ticks(am_picture *p, const char *key, const double *ids, int n, int most);

#define MOST_IN_KEY 12 /* layers or lines named in a key; more are read off a colour bar */
/* The words layers, overall, layer_titles and bar_ticks of the template "lines". */
void am_picture_layers(am_picture *p, const am_plot_job *job);

/* Height in SVG units without the caption, and the caption's one line, which may be
 * empty. */
void am_picture_size(am_picture *p, int height, const char *caption);

/* Checks the options, refuses a run without rows and makes the directory. */
am_status am_plot_prepare(am_run *r, const am_plot_options *o, const char *dir, am_error *err) AM_MUST_CHECK;

/* Appends a cell to the data: a separator unless first in its line, then the
 * number, nothing when it is not finite. */
void am_picture_cell(am_picture *p, double x);
void am_picture_end_row(am_picture *p);

/* Checks the options and makes the directory, with those above it. */
am_status am_plot_directory(const am_plot_options *o, const char *dir, am_error *err) AM_MUST_CHECK;

/* Writes .tsv and .gp and runs gnuplot. `body` names a template. */
am_status am_picture_draw(am_picture *p, const am_plot_job *job, const char *body,
                          am_error *err) AM_MUST_CHECK;

/* Runs `gnuplot SCRIPT` in `dir` without a shell. AM_ERR_IO when it is not found
 * or fails, with its first error line. */
am_status am_gnuplot_run(const char *dir, const char *script, am_error *err) AM_MUST_CHECK;

/* AM_ERR_IO, and the file is removed, when an SVG or PNG does not reach its end. */
am_status am_picture_whole(const char *path, am_error *err) AM_MUST_CHECK;

/* Template text by name, NULL when there is none; generated from templates/. */
const char *am_plot_template(const char *name);

/* Opens the rows of a job for the means and quantiles that tables show. */
am_status am_plot_aggregate_open(const am_plot_job *job, am_aggregate_level level, am_aggregate *out,
                                 am_error *err) AM_MUST_CHECK;
/* Mean at index `inner` of the statistic's last axis for a layer and head (both
 * indices), a layer (head -1) or all (layer -1); NaN when undefined. */
double am_plot_mean(const am_aggregate *a, const am_means *m, int inner, int layer, int head);

/* Means of a field; am_means_fini. */
am_status am_plot_means(am_aggregate *a, am_field field, am_means_kind kind, am_means *out,
                        am_error *err) AM_MUST_CHECK;
/* (*out)[length of the field's last axis][cells], over pooled rows; am_free. */
am_status am_plot_medians(am_aggregate *a, am_field field, double **out, am_error *err) AM_MUST_CHECK;

/* "2560 rows of 5 sequences": queries, each seen by every head. */
void am_plot_describe_rows(const am_aggregate *a, am_text *out);
/* "6 layers, 8 heads". */
void am_plot_describe_heads(const am_plot_job *job, am_text *out);

/* The kinds. */
am_status am_plot_entropy_heads(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_entropy_position(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_distance_profile(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_attention_map(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_coverage_curves(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_k_at_mass(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_recall_curves(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_recall_selectors(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_recall_mass(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_recall_position(const am_plot_job *job, am_error *err) AM_MUST_CHECK;

#endif
