#include "analysis/plot_picture.h"

#include "analysis/bootstrap.h"
#include "analysis/rows.h"

#include <inttypes.h>

am_status am_plot_aggregate_open(const am_plot_job *job, am_aggregate_level level, am_aggregate *out,
                                 am_error *err)
{
	am_aggregate_options o;
	am_aggregate_options_init(&o);
	o.min_position = job->options->min_position;
	o.level = level;
	return am_aggregate_open(job->run, &o, out, err);
}

double am_plot_mean(const am_aggregate *a, const am_means *m, int inner, int layer, int head)
{
	size_t cell = (size_t)inner * (size_t)am_aggregate_cells(a) +
	              (size_t)am_aggregate_cell(a, 0, layer, head);
	return am_bootstrap_estimate(m->value + cell * (size_t)a->n_sequence, a->task, a->n_sequence,
	                             a->n_task);
}

am_status am_plot_means(am_aggregate *a, am_field field, am_means_kind kind, am_means *out, am_error *err)
{
	am_rows rows;
	am_status s = am_rows_open(a->run, field, false, &rows, err);
	if (s)
		return s;
	s = am_aggregate_means(a, &rows, kind, out, err);
	am_rows_close(&rows);
	return s;
}

am_status am_plot_medians(am_aggregate *a, am_field field, double **out, am_error *err)
{
	am_rows rows;
	am_status s = am_rows_open(a->run, field, true, &rows, err);
	if (s)
		return s;
	s = am_aggregate_quantiles(a, &rows, &(double){0.5}, 1, out, err);
	am_rows_close(&rows);
	return s;
}

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

void am_plot_describe_rows(const am_aggregate *a, am_text *out)
{
	am_text_printf(out, "%" PRId64 " row%s of %" PRId64 " sequence%s", a->n_rows_used,
	               plural(a->n_rows_used), a->n_sequences_used, plural(a->n_sequences_used));
}

void am_plot_describe_heads(const am_plot_job *job, am_text *out)
{
	int64_t L = am_run_axis_length(job->run, AM_AXIS_LAYER);
	int64_t H = am_run_axis_length(job->run, AM_AXIS_HEAD);
	am_text_printf(out, "%" PRId64 " layer%s, %" PRId64 " head%s", L, plural(L), H, plural(H));
}
