#include "analysis/compare_job.h"

#include "analysis/paired_means.h"
#include "analysis/pairing.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

/* --- open, close ---------------------------------------------------------- */

static am_status same_bins(const am_compare_job *j, am_error *err)
{
	const am_aggregate *a = &j->a, *b = &j->b;
	if (j->o->aggregate.position_bins <= 0)
		return AM_OK;
	if (a->n_bin == b->n_bin && !memcmp(a->bin_edge, b->bin_edge, ((size_t)a->n_bin + 1) * sizeof *a->bin_edge))
		return AM_OK;
	return am_fail(err, AM_ERR_RANGE,
	               "%s and %s: positions cannot be compared, the longest sequence has %" PRId64
	               " tokens in the first and %" PRId64 " in the second",
	               am_run_path(j->run[0]), am_run_path(j->run[1]), a->bin_edge[a->n_bin], b->bin_edge[b->n_bin]);
}

static void warn_lone_tasks(am_compare_job *j)
{
	for (int t = 0; t < j->n_task; t++) {
		bool in_b = false;
		for (int i = 0; i < j->b.n_sequence; i++)
			in_b = in_b || j->task_b[i] == t;
		if (!in_b || t >= j->a.n_task)
			am_text_printf(j->warnings, "task '%s' is in %s alone and left out\n", j->task_name[t],
			               am_run_path(j->run[in_b]));
	}
}

static am_status open_both(am_compare_job *j, am_error *err)
{
	am_status s = j->o->unpaired ? am_pairing_check_heads(j->run[0], j->run[1], err)
	                             : am_pairing_check(j->run[0], j->run[1], err);
	if (!s)
		s = am_aggregate_open(j->run[0], &j->o->aggregate, &j->a, err);
	if (!s)
		s = am_aggregate_open(j->run[1], &j->o->aggregate, &j->b, err);
	if (!s)
		s = same_bins(j, err);
	if (!s)
		s = am_pairing_tasks(&j->a, &j->b, &j->task_name, &j->n_task, &j->task_b, err);
	if (!s && j->o->unpaired)
		warn_lone_tasks(j);
	return s;
}

am_status am_compare_job_open(am_compare_job *j, am_run *a, am_run *b, const am_compare_options *o,
                              am_text *warnings, am_error *err)
{
	*j = (am_compare_job){.o = o, .run = {a, b}, .warnings = warnings};
	return open_both(j, err);
}

void am_compare_job_close(am_compare_job *j)
{
	am_pairing_tasks_free(j->task_name, j->n_task);
	am_free(j->task_b);
	am_aggregate_close(&j->a);
	am_aggregate_close(&j->b);
}

/* --- values --------------------------------------------------------------- */

int am_compare_group(const am_metric *metric, int n)
{
	int i = 1;
	while (i < n && metric[i].field == metric[0].field)
		i++;
	return i;
}

am_status am_compare_inner(const am_metric *metric, int n, const am_run *run, int **out, am_error *err)
{
	int *inner = am_alloc((size_t)n, sizeof *inner);
	am_status s = inner ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
	for (int i = 0; i < n && !s; i++) {
		am_metric m = metric[i];
		s = am_metric_find(&m, run, err);
		inner[i] = m.inner;
	}
	if (s)
		am_free(inner);
	else
		*out = inner;
	return s;
}

void am_compare_kinds(const am_metric *metric, int n, am_means_kind *out)
{
	for (int i = 0; i < n; i++)
		out[i] = metric[i].kind == AM_METRIC_NORMALISED ? AM_MEANS_NORMALISED : AM_MEANS_PLAIN;
}

static void warn_nan(am_compare_job *j, const am_metric *m, int64_t n)
{
	if (n)
		am_text_printf(j->warnings, "%s: %" PRId64 " NaN value%s left out of both runs\n",
		               am_fields[m->field].path, n, n == 1 ? "" : "s");
}

/* Means of n_run runs on the rows of `a`; takes their values over. */
static am_status read_rows(am_compare_job *j, const am_aggregate *a, am_run *const *run, int n_run,
                           const am_metric *metric, int n, double **value, am_error *err)
{
	am_means_kind kind[AM_COMPARE_METRICS + 1];
	am_paired_field f = {.n_run = n_run, .field = metric[0].field, .n_inner = n, .kind = kind};
	int *inner[2] = {NULL, NULL};
	am_means m[2];
	int64_t n_nan = 0;
	am_status s = AM_OK;
	am_compare_kinds(metric, n, kind);
	for (int r = 0; r < n_run && !s; r++) {
		f.run[r] = run[r];
		s = am_compare_inner(metric, n, run[r], &inner[r], err);
		f.inner[r] = inner[r];
	}
	if (!s)
		s = am_paired_means(a, &f, m, &n_nan, err);
	for (int r = 0; r < n_run; r++) {
		am_free(inner[r]);
		if (s)
			continue;
		value[r] = m[r].value;
		m[r].value = NULL;
		am_means_fini(&m[r]);
	}
	if (!s)
		warn_nan(j, metric, n_nan);
	return s;
}

/* NLL has no layers: its values stand in the cells of all. */
static am_status read_nll(am_compare_job *j, const am_aggregate *a, am_run *const *run, int n_run, double **value,
                          am_error *err)
{
	size_t S = (size_t)a->n_sequence, cells = (size_t)am_aggregate_cells(a), B = (size_t)a->n_bin;
	double *nll = am_alloc((size_t)n_run * B, S * sizeof *nll);
	am_status s = nll ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	am_metric m;
	bool of_rows = false;
	if (!s)
		s = am_metric_parse("nll", &m, err);
	for (int r = 0; r < n_run && !s; r++) {
		s = am_metric_find(&m, run[r], err);
		value[r] = s ? NULL : am_alloc(cells, S * sizeof(double));
		if (!s && !value[r])
			s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	}
	if (!s)
		s = am_paired_nll(a, run, n_run, nll, &of_rows, err);
	for (int r = 0; r < n_run && !s; r++) {
		for (size_t i = 0; i < cells * S; i++)
			value[r][i] = NAN;
		for (size_t b = 0; b < B; b++)
			memcpy(value[r] + (size_t)am_aggregate_cell(a, (int)b, -1, -1) * S, nll + ((size_t)r * B + b) * S,
			       S * sizeof *nll);
	}
	if (!s && of_rows && a->n_bin == 1)
		am_text_puts(j->warnings, "nll is of the captured rows, not of all tokens\n");
	am_free(nll);
	return s;
}

am_status am_compare_read(am_compare_job *j, const am_metric *metric, int n, am_compare_values *out, am_error *err)
{
	am_compare_values v = {.n_metric = n};
	int at_once = j->o->unpaired ? 1 : 2;
	am_status s = AM_OK;
	for (int r = 0; r < 2 && !s; r += at_once) {
		const am_aggregate *a = r ? &j->b : &j->a;
		s = metric[0].kind == AM_METRIC_NLL
		        ? read_nll(j, a, &j->run[r], at_once, &v.value[r], err)
		        : read_rows(j, a, &j->run[r], at_once, metric, n, &v.value[r], err);
	}
	if (s)
		am_compare_values_fini(&v);
	else
		*out = v;
	return s;
}

void am_compare_values_fini(am_compare_values *v)
{
	am_free(v->value[0]);
	am_free(v->value[1]);
	*v = (am_compare_values){0};
}
