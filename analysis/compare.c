#include "analysis/compare.h"

#include "analysis/compare_job.h"
#include "analysis/pair_table.h"

#include <inttypes.h>
#include <string.h>

static const am_metric entropy_metric = {.name = "entropy", .kind = AM_METRIC_ROWS, .field = AM_FIELD_ENTROPY,
                                         .unit = "nat"};

void am_compare_options_init(am_compare_options *o)
{
	*o = (am_compare_options){.metric = &entropy_metric, .n_metric = 1};
	am_aggregate_options_init(&o->aggregate);
}

am_contrast_options am_compare_contrast_options(const am_compare_options *o)
{
	return (am_contrast_options){.resamples = o->aggregate.resamples, .seed = o->aggregate.seed,
	                             .interval = o->interval, .zeros = o->zeros, .margin = o->margin,
	                             .margin_relative = o->margin_relative};
}

/* The controls of a table by position or task, which are overall all the same. */
static am_status compare_controls(am_run *a, am_run *b, const am_compare_options *o, am_table *out,
                                  am_text *warnings, am_error *err)
{
	am_compare_options plain = *o;
	plain.aggregate.position_bins = 0;
	plain.by_task = false;
	plain.n_metric = 0;
	am_compare_job j;
	am_table none = {0};
	am_status s = am_compare_job_open(&j, a, b, &plain, warnings, err);
	if (!s)
		s = am_compare_table(&j, &none, NULL, out, err);
	am_table_fini(&none);
	am_compare_job_close(&j);
	return s;
}

/* Sequences of the smallest task that both runs have. */
static int smallest_task(const am_compare_job *j)
{
	int least = j->a.n_sequence;
	for (int t = 0; t < j->n_task; t++) {
		int in_a = 0, in_b = 0;
		for (int i = 0; i < j->a.n_sequence; i++)
			in_a += j->a.task[i] == t;
		for (int i = 0; i < j->b.n_sequence; i++)
			in_b += j->task_b[i] == t;
		int fewer = in_a < in_b ? in_a : in_b;
		least = fewer && fewer < least ? fewer : least;
	}
	return least;
}

static void describe(const am_compare_job *j, am_comparison *c)
{
	c->paired = !j->o->unpaired;
	c->n_sequences[0] = j->a.n_sequences_used;
	c->n_sequences[1] = j->b.n_sequences_used;
	c->n_rows[0] = j->a.n_rows_used;
	c->n_rows[1] = j->b.n_rows_used;
	int n = j->a.n_sequence + (c->paired ? 0 : j->b.n_sequence);
	c->interval = am_bootstrap_method(j->o->interval, n, smallest_task(j));
}

static am_status compare_runs(am_compare_job *j, am_comparison *c, am_error *err)
{
	bool plain = j->o->aggregate.position_bins <= 0 && !j->o->by_task;
	am_status s = am_compare_table(j, &c->table, &c->corrected, plain ? &c->controls : NULL, err);
	if (!s && !plain)
		s = compare_controls(j->run[0], j->run[1], j->o, &c->controls, j->warnings, err);
	if (!s && c->paired)
		s = am_compare_warn_visible(j, err);
	if (!s && !j->o->trivial_told)
		s = am_compare_warn_trivial(j, c->paired, err);
	if (!s && c->paired)
		s = am_compare_accuracy(j, &c->accuracy, err);
	if (!s)
		s = am_compare_differences(j, &c->differences, err);
	c->table.n_sequences = c->n_sequences[0];
	c->table.n_source_rows = c->n_rows[0];
	return s;
}

static am_status check_request(am_run *a, am_run *b, const am_run *control, const am_compare_options *o,
                               am_error *err)
{
	if (control && o->unpaired)
		return am_fail(err, AM_ERR_USAGE, "--control: runs of different sequences have no common control");
	am_run *run[] = {a, b};
	for (int i = 0; i < o->n_metric; i++)
		for (int r = 0; r < 2; r++) {
			am_metric m = o->metric[i];
			am_status s = am_metric_find(&m, run[r], err);
			if (s)
				return s;
		}
	return AM_OK;
}

/* Each line once: the same runs are gone through for several tables. */
static void keep_lines_once(am_text *t)
{
	am_text out = {0};
	for (const char *line = am_text_str(t), *end; *line; line = end) {
		end = strchr(line, '\n') + 1;
		am_text one = {0};
		am_text_append(&one, line, (size_t)(end - line));
		if (!strstr(am_text_str(&out), am_text_str(&one)))
			am_text_append(&out, line, (size_t)(end - line));
		am_text_free(&one);
	}
	am_text_free(t);
	*t = out;
}

static void warn_clamped(const am_run *control, am_text *warnings)
{
	int64_t n;
	if (am_run_attr_int(control, "temperature_clamped", &n) && n > 0)
		am_text_printf(warnings, "%s: %" PRId64 " head%s could not be brought to %s target entropy\n", am_run_path(control), n,
		               n == 1 ? "" : "s", n == 1 ? "its" : "their");
}

static am_status compare_pair(am_run *a, const am_compare_options *o, am_comparison *c, am_error *err)
{
	am_aggregate_options plain = o->aggregate;
	plain.position_bins = 0;
	plain.level = o->pair_level;
	c->has_pair = am_pair_table_has(a);
	return c->has_pair ? am_pair_table(a, &plain, &c->pair, err) : AM_OK;
}

static am_status compare_all(am_run *a, am_run *b, am_run *control, const am_compare_options *o,
                             am_comparison *c, am_error *err)
{
	am_compare_job j;
	am_status s = am_compare_job_open(&j, a, b, o, &c->warnings, err);
	if (!s) {
		describe(&j, c);
		s = compare_runs(&j, c, err);
	}
	am_compare_job_close(&j);
	if (!s && control) {
		c->has_control = true;
		warn_clamped(control, &c->warnings);
		s = am_compare_control(a, b, control, o, &c->control, err);
	}
	return s ? s : compare_pair(a, o, c, err);
}

am_status am_compare(am_run *a, am_run *b, am_run *control, const am_compare_options *o, am_comparison *out,
                     am_error *err)
{
	am_comparison c = {0};
	am_status s = check_request(a, b, control, o, err);
	if (!s)
		s = compare_all(a, b, control, o, &c, err);
	keep_lines_once(&c.warnings);
	if (s)
		am_comparison_fini(&c);
	else
		*out = c;
	return s;
}

void am_comparison_fini(am_comparison *c)
{
	am_table_fini(&c->table);
	am_table_fini(&c->corrected);
	am_table_fini(&c->controls);
	am_table_fini(&c->control);
	am_table_fini(&c->pair);
	am_table_fini(&c->differences);
	am_text_free(&c->warnings);
	*c = (am_comparison){0};
}
