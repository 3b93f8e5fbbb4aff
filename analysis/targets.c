#include "analysis/targets.h"

#include "analysis/compare_job.h"
#include "base/fnv.h"
#include "base/json.h"
#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

typedef struct targets {
	am_compare_job job;
	am_compare_values entropy;
	int32_t *position; /* [n_rows] */
	int64_t *offset;   /* [n_sequence + 1] */
	am_text *out;
} targets;

/* --- whether a can be the base -------------------------------------------- */

static am_status check_base(const am_run *a, am_error *err)
{
	const char *attention = "dense", *temperatures, *capture;
	(void)am_run_attr_str(a, "attention", &attention);
	if (am_run_attr_str(a, "capture", &capture))
		return am_fail(err, AM_ERR_RANGE, "%s: expected a run of a model, which can be run again, found a replay of %s",
		               am_run_path(a), capture);
	if (strcmp(attention, "dense"))
		return am_fail(err, AM_ERR_RANGE, "%s: expected a run of dense attention to sharpen, found attention %s", am_run_path(a),
		               attention);
	if (am_run_attr_str(a, "temperatures", &temperatures))
		return am_fail(err, AM_ERR_RANGE, "%s: expected a run at its own temperature, found one at those of %s", am_run_path(a),
		               temperatures);
	for (int f = 0; f < 2; f++) {
		am_field need = f ? AM_FIELD_TOKEN_OFFSET : AM_FIELD_TOKEN_ID;
		if (!am_run_has(a, need))
			return am_fail(err, AM_ERR_FORMAT, "%s: has no %s, which tells the sequences", am_run_path(a), am_fields[need].path);
	}
	return AM_OK;
}

/* --- parts ---------------------------------------------------------------- */

static void put_ids(const targets *t, const char *key, am_axis axis)
{
	const double *v = am_run_axis_values(t->job.run[0], axis);
	am_text_printf(t->out, "  \"%s\": [", key);
	for (int64_t i = 0; i < am_run_axis_length(t->job.run[0], axis); i++)
		am_text_printf(t->out, "%s%.0f", i ? ", " : "", v[i]);
	am_text_puts(t->out, "],\n");
}

/* 17 digits, so that a mean comes back as it is. */
static am_status put_means(const targets *t, const char *key, int run, am_error *err)
{
	const am_aggregate *a = &t->job.a;
	am_text_printf(t->out, "  \"%s\": [", key);
	for (int l = 0; l < a->n_layer; l++) {
		for (int h = 0; h < a->n_head; h++) {
			size_t cell = (size_t)am_aggregate_cell(a, 0, l, h);
			double mean = am_bootstrap_estimate(t->entropy.value[run] + cell * (size_t)a->n_sequence, a->task, a->n_sequence,
			                                    a->n_task);
			if (!(mean >= 0 && mean < INFINITY))
				return am_fail(err, AM_ERR_RANGE, "%s: layer %.0f, head %.0f: expected a mean entropy, found none",
				               am_run_path(t->job.run[run]), am_run_axis_values(a->run, AM_AXIS_LAYER)[l],
				               am_run_axis_values(a->run, AM_AXIS_HEAD)[h]);
			am_text_printf(t->out, "%s%.17g", h ? ", " : l ? ",\n    [" : "\n    [", mean);
		}
		am_text_puts(t->out, "]");
	}
	am_text_puts(t->out, "\n  ],\n");
	return AM_OK;
}

/* The sequence's positions as [first, count, step]; returns how many rows there are. */
static int put_rows(const targets *t, int sequence)
{
	const am_aggregate *a = &t->job.a;
	int first = 0, last = 0, step = 0, count = 0, all = 0;
	for (int64_t i = 0; i < a->n_rows; i++) {
		if (a->row_sequence[i] != sequence)
			continue;
		int p = t->position[i];
		if (count == 0 || (count > 1 && p - last != step)) {
			if (count)
				am_text_printf(t->out, "[%d, %d, %d], ", first, count, step ? step : 1);
			first = p;
			count = step = 0;
		} else if (count == 1) {
			step = p - last;
		}
		last = p;
		count++;
		all++;
	}
	if (count)
		am_text_printf(t->out, "[%d, %d, %d]", first, count, step ? step : 1);
	return all;
}

static am_status read_string(am_run *r, am_field f, int sequence, char **out, am_error *err)
{
	if (am_run_has(r, f))
		return am_run_read_string(r, f, sequence, out, err);
	*out = am_strdup("");
	return *out ? AM_OK : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(r));
}

static am_status put_digest(const targets *t, int sequence, am_error *err)
{
	int64_t start = t->offset[sequence], count = t->offset[sequence + 1] - start;
	char digest[AM_IDS_DIGEST];
	int32_t *ids = count > 0 ? am_alloc((size_t)count, sizeof *ids) : NULL;
	if (!ids)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory for sequence %d", am_run_path(t->job.run[0]), sequence);
	am_status s = am_run_read_i32(t->job.run[0], AM_FIELD_TOKEN_ID, &start, &count, ids, err);
	if (!s) {
		am_ids_digest(ids, (size_t)count, digest);
		am_text_printf(t->out, ", \"tokens\": %" PRId64 ", \"digest\": \"%s\"", count, digest);
	}
	am_free(ids);
	return s;
}

static am_status put_sequence(const targets *t, int sequence, am_error *err)
{
	am_run *r = t->job.run[0];
	char *name = NULL, *task = NULL;
	am_status s = read_string(r, AM_FIELD_SEQUENCE_NAME, sequence, &name, err);
	if (!s)
		s = read_string(r, AM_FIELD_SEQUENCE_TASK, sequence, &task, err);
	if (!s) {
		am_text_puts(t->out, "{\"name\": ");
		am_json_string(t->out, name);
		am_text_puts(t->out, ", \"task\": ");
		am_json_string(t->out, task);
		s = put_digest(t, sequence, err);
	}
	if (!s) {
		am_text_puts(t->out, ", \"rows\": [");
		(void)put_rows(t, sequence);
		am_text_puts(t->out, "]}");
	}
	am_free(name);
	am_free(task);
	return s;
}

static bool has_rows(const am_aggregate *a, int sequence)
{
	for (int64_t i = 0; i < a->n_rows; i++)
		if (a->row_sequence[i] == sequence)
			return true;
	return false;
}

static am_status put_sequences(const targets *t, am_error *err)
{
	am_status s = AM_OK;
	const char *before = "\n    ";
	am_text_puts(t->out, "  \"sequences\": [");
	for (int i = 0; i < t->job.a.n_sequence && !s; i++) {
		if (!has_rows(&t->job.a, i))
			continue;
		am_text_puts(t->out, before);
		s = put_sequence(t, i, err);
		before = ",\n    ";
	}
	am_text_puts(t->out, "\n  ]\n");
	return s;
}

/* --- the whole ------------------------------------------------------------ */

static am_status read_all(targets *t, am_error *err)
{
	const am_aggregate *a = &t->job.a;
	am_metric entropy;
	t->position = am_alloc((size_t)a->n_rows, sizeof *t->position);
	t->offset = am_alloc((size_t)a->n_sequence + 1, sizeof *t->offset);
	if (!t->position || !t->offset)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a->run));
	int64_t start = 0, rows = a->n_rows, edges = a->n_sequence + 1;
	am_status s = am_run_read_i32(a->run, AM_FIELD_ROW_POSITION, &start, &rows, t->position, err);
	if (!s)
		s = am_run_read_i64(a->run, AM_FIELD_TOKEN_OFFSET, &start, &edges, t->offset, err);
	if (!s)
		s = am_metric_parse("entropy", &entropy, err);
	return s ? s : am_compare_read(&t->job, &entropy, 1, &t->entropy, err);
}

static void put_string(am_text *out, const char *key, const char *value)
{
	am_text_printf(out, "  \"%s\": ", key);
	am_json_string(out, value);
	am_text_puts(out, ",\n");
}

static am_status put_all(const targets *t, am_error *err)
{
	const char *digest = "";
	(void)am_run_attr_str(t->job.run[0], "model_digest", &digest);
	am_text_puts(t->out, "{\n");
	put_string(t->out, "format", "attnmeter-temperatures");
	am_text_puts(t->out, "  \"format_version\": 1,\n");
	put_string(t->out, "model_digest", digest);
	put_string(t->out, "a", am_run_path(t->job.run[0]));
	put_string(t->out, "b", am_run_path(t->job.run[1]));
	put_ids(t, "layers", AM_AXIS_LAYER);
	put_ids(t, "heads", AM_AXIS_HEAD);
	am_status s = put_means(t, "mean_a", 0, err);
	if (!s)
		s = put_means(t, "target", 1, err);
	if (!s)
		s = put_sequences(t, err);
	am_text_puts(t->out, "}\n");
	return s;
}

am_status am_compare_targets(am_run *a, am_run *b, const am_compare_options *o, am_text *out, am_error *err)
{
	am_compare_options plain = *o;
	am_text warnings = {0};
	targets t = {.out = out};
	plain.aggregate.position_bins = 0;
	plain.by_task = plain.unpaired = false;
	am_status s = check_base(a, err);
	if (s)
		return s;
	s = am_compare_job_open(&t.job, a, b, &plain, &warnings, err);
	if (!s)
		s = read_all(&t, err);
	if (!s)
		s = put_all(&t, err);
	if (!s && !am_text_ok(out))
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(a));
	am_compare_values_fini(&t.entropy);
	am_compare_job_close(&t.job);
	am_free(t.position);
	am_free(t.offset);
	am_text_free(&warnings);
	return s;
}
