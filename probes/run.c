#include "probes/run.h"

#include "base/clock.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/outfile.h"
#include "probes/job.h"
#include "probes/pair.h"
#include "probes/replay.h"
#include "probes/temperature.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void am_run_options_init(am_run_options *o)
{
	static const int k[] = {1, 4, 16, 64, 256, 1024};
	static const double ratio[] = {0.01, 0.05, 0.1}, mass[] = {0.5, 0.9, 0.95, 0.99};
	*o = (am_run_options){
		.k = k, .n_k = 6, .ratio = ratio, .n_ratio = 3, .mass = mass, .n_mass = 4,
		.sink = 4, .recent = 64, .map = 64,
	};
}

/* Everything of a run beside the job itself. */
typedef struct capture_run {
	am_job *job;
	am_run_writer *writer;
	int64_t rows, done; /* captured rows; tokens run */
	double *nll_sum;    /* [sequences] */
} capture_run;

static am_status run_sequence(capture_run *r, int index, am_error *err)
{
	am_job *job = r->job;
	const am_sequence *q = &job->sequences.item[index];
	int start, n;
	int64_t before = r->done;
	am_status s = am_job_start(job, index, err);
	for (int from = 0; !s && am_job_next(job, index, from, &start, &n); from = start + n) {
		s = am_job_block(job, index, start, n, r->writer, &r->rows, err);
		if (!s)
			s = am_run_writer_flush(r->writer, err);
		for (int i = 0; i < n && !s && !job->replay; i++)
			if (start + i + 1 < q->n)
				r->nll_sum[index] += (double)job->nll[i];
		r->done = before + start + n;
		am_progress_update(&job->o->progress, (double)r->done, (double)job->sequences.tokens);
		if (!s && r->done < job->sequences.tokens && job->o->stop && *job->o->stop)
			s = am_fail(err, AM_ERR_STOPPED, "stopped after %lld of %lld tokens", (long long)r->done,
			            (long long)job->sequences.tokens);
	}
	r->done = before + q->n;
	if (job->replay)
		r->nll_sum[index] = am_replay_nll_sum(job->replay, index);
	return s;
}

/* Mean over all predicted tokens of all sequences. */
static double mean_nll(const capture_run *r)
{
	double sum = 0;
	int64_t n = 0;
	for (int i = 0; i < r->job->sequences.n; i++) {
		sum += r->nll_sum[i];
		n += r->job->sequences.item[i].n - 1;
	}
	return n && am_job_has_nll(r->job) ? sum / (double)n : NAN;
}

static am_status capture_all(capture_run *r, am_error *err)
{
	am_status s = am_job_describe(r->job, r->writer, err);
	am_capture_set_writer(r->job->capture, r->writer);
	for (int i = 0; i < r->job->sequences.n && !s; i++)
		s = run_sequence(r, i, err);
	if (!s)
		s = am_capture_finish(r->job->capture, r->writer, err);
	if (!s && r->job->pair)
		s = am_pair_finish(r->job->pair, r->writer, err);
	if (!s && r->job->temperature)
		s = am_temperature_put(r->job->temperature, r->writer, err);
	return s ? s : am_job_put_sequences(r->job, r->nll_sum, r->writer, err);
}

/* A run that failed before any row was written leaves nothing; later ones keep their
 * .part, and the message says so. */
static void give_up(capture_run *r, const char *path, am_error *err)
{
	int64_t kept = am_run_writer_abandon(r->writer);
	am_text part = {0};
	am_text_printf(&part, "%s.part", path);
	if (kept == 0 && am_text_ok(&part)) {
		unlink(am_text_str(&part));
	} else if (err) {
		am_run_part_keeps(am_text_str(&part), kept, err);
	}
	am_text_free(&part);
}

static am_status capture(am_job *job, am_run_summary *out, am_error *err)
{
	const am_run_options *o = job->o;
	am_run_contents contents = am_job_contents(job);
	capture_run r = {.job = job, .nll_sum = am_calloc((size_t)job->sequences.n, sizeof *r.nll_sum)};
	if (!r.nll_sum)
		return am_fail(err, AM_ERR_MEMORY, "run: out of memory");
	am_status s = am_run_writer_open(o->output, o->force, am_capture_axes(job->capture), &contents, &r.writer, err);
	if (!s) {
		s = capture_all(&r, err);
		if (s) {
			give_up(&r, o->output, err);
		} else {
			s = am_run_writer_close(r.writer, err);
			out->file_bytes = am_file_size(o->output);
		}
	}
	out->sequences = job->sequences.n;
	out->tokens = job->sequences.tokens;
	out->rows = r.rows;
	out->mean_nll = mean_nll(&r);
	am_free(r.nll_sum);
	return s;
}

static bool ends_with(const char *text, const char *end)
{
	size_t n = strlen(text), m = strlen(end);
	return n >= m && !strcmp(text + n - m, end);
}

/* Run files may lie in a model's folder. */
static am_status check_apart_from_model(const char *output, const char *model, am_error *err)
{
	if (!model || !am_file_is_regular(output) || !(ends_with(output, ".json") || ends_with(output, ".safetensors")))
		return AM_OK;
	const char *slash = strrchr(output, '/');
	char *parent = slash ? am_strndup(output, (size_t)(slash - output) + 1) : am_strdup(".");
	bool same = parent && am_file_is_same(parent, model);
	am_status s = !parent ? am_fail(err, AM_ERR_MEMORY, "%s: out of memory", output)
	              : same ? am_fail(err, AM_ERR_USAGE, "%s: is a file of the model, expected another output", output) : AM_OK;
	am_free(parent);
	return s;
}

/* Replacing a text, or a model, by its measurements is a slip, not a wish. */
static am_status check_output(const am_run_options *o, am_error *err)
{
	if (!o->output)
		return am_fail(err, AM_ERR_USAGE, "no output given");
	am_status s = am_outfile_apart(o->output, o->capture, err);
	for (int i = 0; i < o->n_inputs && !s; i++)
		s = o->inputs[i].kind == AM_INPUT_PROMPT ? AM_OK : am_outfile_apart(o->output, o->inputs[i].value, err);
	if (!s)
		s = check_apart_from_model(o->output, o->model, err);
	return s ? s : check_apart_from_model(o->output, o->pair, err);
}

am_status am_run_capture(const am_run_options *o, am_run_summary *out, am_error *err)
{
	am_status s = check_output(o, err);
	if (s)
		return s;
	double start = am_now();
	am_job job;
	am_run_summary summary = {0};
	s = am_job_open(o, &job, err);
	if (!s && job.temperature)
		s = am_temperature_solve(job.temperature, err);
	if (!s)
		s = capture(&job, &summary, err);
	summary.seconds = am_now() - start;
	if (!s) {
		summary.notes = job.notes;
		job.notes = (am_text){0};
		*out = summary;
	}
	am_job_close(&job);
	return s;
}

void am_run_summary_fini(am_run_summary *s)
{
	am_text_free(&s->notes);
}
