/* Internal to the pictures: one picture from its words and data to its files.
 *
 * A script is the templates head, BODY and tail in which @word@ is replaced.
 * Words are set as script text or as quoted strings; only the latter may hold
 * text from a file. Failures of memory are sticky and reported by draw. */
#ifndef AM_ANALYSIS_PLOT_PICTURE_H
#define AM_ANALYSIS_PLOT_PICTURE_H

#include "analysis/aggregate.h"
#include "analysis/plot.h"
#include "analysis/plot_theme.h"

/* Layers or heads to be shown, in the order of the run. */
typedef struct am_plot_chosen {
	int n;
	int *index; /* [n] along the axis */
	double *id; /* [n] */
} am_plot_chosen;

/* What every kind draws from and to. */
typedef struct am_plot_job {
	const am_plot_kind *kind;
	am_run *run, *after; /* after: NULL where the kind takes one run */
	am_run *control;     /* or NULL */
	const am_plot_theme *theme;
	const am_plot_page *page; /* of the theme */
	const am_plot_chosen *layers, *heads; /* of `run` to be shown */
	const struct am_evaluation *evaluation;
	const am_plot_options *options;
	const am_compare_options *compare;
	struct am_plot_changes *changes; /* of both runs, made by the first kind that asks */
	const char *dir;
	am_text *files;
} am_plot_job;

#define AM_PICTURE_WORDS 64

typedef struct am_picture {
	const char *name; /* stem of the files */
	am_text data;     /* the .tsv */
	am_text stem;     /* where the name is not the kind's */
	int inner;        /* units between the header and the axis */
	int key_height;   /* units for a key above the plot */
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

/* Height of a layer x head map, and whether its cells have room for a number. */
int am_picture_grid(const am_plot_job *job, int layers, int heads, bool *text);

/* Units between the header and the axis below, and the caption, which may be empty.
 * Title, subtitle and caption are broken into lines of the page. */
void am_picture_size(am_picture *p, int inner, const char *caption);
/* Lines of a key above the plot, in a wide page and in a narrow one. */
void am_picture_key(am_picture *p, const am_plot_job *job, int wide, int narrow);
/* The same for n titles, of which the longest has so many letters: beside the plot in a wide page,
 * in @key_columns@ above it in a narrow one. */
void am_picture_key_of(am_picture *p, const am_plot_job *job, int n, size_t longest);

/* Appends a cell to the data: a separator unless first in its line, then the
 * number, nothing when it is not finite. */
void am_picture_cell(am_picture *p, double x);
void am_picture_end_row(am_picture *p);

/* Writes .tsv and .gp and runs gnuplot. `body` names a template. */
am_status am_picture_draw(am_picture *p, const am_plot_job *job, const char *body,
                          am_error *err) AM_MUST_CHECK;

/* Runs `gnuplot SCRIPT` in `dir` without a shell. AM_ERR_IO when it is not found
 * or fails, with its first error line. */
am_status am_gnuplot_run(const char *dir, const char *script, am_error *err) AM_MUST_CHECK;

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
am_status am_plot_change_map(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_change_forest(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_change_volcano(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_change_scatter(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_change_densities(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_change_coverage(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_change_position(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_accuracy_sweep(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_accuracy_mass(const am_plot_job *job, am_error *err) AM_MUST_CHECK;

/* Whether the run shadows selectors and has the k asked for; the metric has heads; both runs have
 * a k in common; the results have what is on the x axis. */
am_status am_plot_check_recall(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_check_heads(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_check_counts(const am_plot_job *job, am_error *err) AM_MUST_CHECK;
am_status am_plot_check_sweep(const am_plot_job *job, am_error *err) AM_MUST_CHECK;

#endif
