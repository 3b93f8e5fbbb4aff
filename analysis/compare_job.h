/* Internal to compare.h: two runs opened together, and tables of their changes. */
#ifndef AM_ANALYSIS_COMPARE_JOB_H
#define AM_ANALYSIS_COMPARE_JOB_H

#include "analysis/aggregate.h"
#include "analysis/compare.h"
#include "analysis/contrast.h"

typedef struct am_compare_job {
	const am_compare_options *o;
	am_run *run[2];
	am_aggregate a, b; /* of unpaired runs; a stands for both when paired */
	char **task_name;  /* [n_task] of both runs */
	int n_task;
	int *task_b;  /* [n_sequence of b] indices among them */
	am_text *warnings;
} am_compare_job;

/* Reads what the rows are, and refuses runs that do not pair. Close it after a failure
 * too. Options, runs and warnings must outlive it. */
am_status am_compare_job_open(am_compare_job *j, am_run *a, am_run *b, const am_compare_options *o,
                              am_text *warnings, am_error *err) AM_MUST_CHECK;
void am_compare_job_close(am_compare_job *j);

/* Values by sequence of consecutive metrics of one field, in each run. */
typedef struct am_compare_values {
	int n_metric;
	double *value[2]; /* [n_metric][cells][n_sequence of the run] */
} am_compare_values;

/* How many metrics from the first on can be read together. */
int am_compare_group(const am_metric *metric, int n);
/* Reads metric[n] of one group; adds to the job's warnings. */
am_status am_compare_read(am_compare_job *j, const am_metric *metric, int n, am_compare_values *out,
                          am_error *err) AM_MUST_CHECK;
void am_compare_values_fini(am_compare_values *v);

/* Indices of metric[n] in a run, as am_paired_field wants them; the caller's, am_free. */
am_status am_compare_inner(const am_metric *metric, int n, const am_run *run, int **out,
                           am_error *err) AM_MUST_CHECK;

/* kind[n] of metrics of one field. */
void am_compare_kinds(const am_metric *metric, int n, am_means_kind *out);

/* The options of the contrasts. */
am_contrast_options am_compare_contrast_options(const am_compare_options *o);

/* Fills table (am_comparison.table) and, where they are not NULL, corrected and
 * controls: the overall rows of nll and normalised, which the runs may lack. The
 * controls want a job without bins and tasks; they cost no pass over a file of
 * their own where entropy is among the metrics. */
am_status am_compare_table(am_compare_job *j, am_table *table, am_table *corrected, am_table *controls,
                           am_error *err) AM_MUST_CHECK;

/* am_comparison.control. */
am_status am_compare_control(am_run *a, am_run *b, am_run *control, const am_compare_options *o, am_table *out,
                             am_error *err) AM_MUST_CHECK;
/* am_comparison.accuracy and .differences. */
am_status am_compare_accuracy(const am_compare_job *j, am_accuracy_change *out, am_error *err) AM_MUST_CHECK;
am_status am_compare_differences(const am_compare_job *j, am_table *out, am_error *err) AM_MUST_CHECK;
/* A warning where rows that pair see different numbers of keys. */
am_status am_compare_warn_visible(am_compare_job *j, am_error *err) AM_MUST_CHECK;
/* A warning for each mass and error at k where rows see at most k keys. */
am_status am_compare_warn_trivial(am_compare_job *j, bool paired, am_error *err) AM_MUST_CHECK;

#endif
