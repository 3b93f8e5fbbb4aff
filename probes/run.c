#include "probes/run.h"

#include "base/clock.h"
#include "base/mem.h"
#include "probes/job.h"

#include <math.h>
#include <stdio.h>
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
	am_status s = am_session_start(job->session, q->n, err);
	for (int start = 0; start < q->n && !s; start += job->block) {
		int n = q->n - start < job->block ? q->n - start : job->block;
		s = am_job_block(job, index, start, n, r->writer, &r->rows, err);
		if (!s)
			s = am_run_writer_flush(r->writer, err);
		for (int i = 0; i < n && !s; i++)
			if (start + i + 1 < q->n)
				r->nll_sum[index] += (double)job->nll[i];
		r->done += n;
		am_progress_update(&job->o->progress, (double)r->done, (double)job->sequences.tokens);
	}
	return s;
}

/* Fields that describe sequences and prompts. */
static am_status put_sequences(capture_run *r, am_error *err)
{
	const am_sequences *q = &r->job->sequences;
	size_t n = (size_t)q->n;
	const char **name = am_calloc(n, sizeof *name), **task = am_calloc(n, sizeof *task);
	int32_t *length = am_calloc(n, sizeof *length), *ids = am_calloc((size_t)q->tokens, sizeof *ids);
	int64_t *offset = am_calloc(n + 1, sizeof *offset);
	float *score = am_calloc(n, sizeof *score), *nll = am_calloc(n, sizeof *nll);
	am_status s = AM_OK;
	if (!name || !task || !length || !ids || !offset || !score || !nll)
		s = am_fail(err, AM_ERR_MEMORY, "run: out of memory");
	for (int i = 0; !s && i < q->n; i++) {
		const am_sequence *item = &q->item[i];
		name[i] = item->name;
		task[i] = item->task;
		length[i] = item->n;
		score[i] = NAN;
		nll[i] = item->n > 1 ? (float)(r->nll_sum[i] / (item->n - 1)) : NAN;
		for (int j = 0; j < item->n; j++)
			ids[offset[i] + j] = item->ids[j];
		offset[i + 1] = offset[i] + item->n;
	}
	const struct { am_field field; int64_t n; const void *data; } puts[] = {
		{AM_FIELD_SEQUENCE_NAME, q->n, name}, {AM_FIELD_SEQUENCE_LENGTH, q->n, length},
		{AM_FIELD_SEQUENCE_TASK, q->n, task}, {AM_FIELD_SEQUENCE_SCORE, q->n, score},
		{AM_FIELD_SEQUENCE_NLL, q->n, nll}, {AM_FIELD_TOKEN_ID, q->tokens, ids},
		{AM_FIELD_TOKEN_OFFSET, q->n, offset},
	};
	for (size_t i = 0; !s && i < sizeof puts / sizeof puts[0]; i++)
		s = am_run_writer_put(r->writer, puts[i].field, puts[i].n, puts[i].data, err);
	void *own[] = {name, task, length, ids, offset, score, nll};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
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
	return n ? sum / (double)n : NAN;
}

static am_status capture_all(capture_run *r, am_error *err)
{
	am_status s = am_job_describe(r->job, r->writer, err);
	am_capture_set_writer(r->job->capture, r->writer);
	for (int i = 0; i < r->job->sequences.n && !s; i++)
		s = run_sequence(r, i, err);
	if (!s)
		s = am_capture_finish(r->job->capture, r->writer, err);
	return s ? s : put_sequences(r, err);
}

/* A run that failed before any row leaves nothing; later ones keep their .part. */
static void give_up(capture_run *r, const char *path)
{
	am_run_writer_abandon(r->writer);
	if (r->rows == 0) {
		am_text part = {0};
		am_text_printf(&part, "%s.part", path);
		if (am_text_ok(&part))
			unlink(am_text_str(&part));
		am_text_free(&part);
	}
}

static am_status capture(am_job *job, am_run_summary *out, am_error *err)
{
	const am_run_options *o = job->o;
	am_run_contents contents = {.output_error = o->output_error, .dist = o->dist == AM_DIST_FULL,
	                            .dist_float16 = o->dist_float16, .deflate = 4};
	capture_run r = {.job = job, .nll_sum = am_calloc((size_t)job->sequences.n, sizeof *r.nll_sum)};
	if (!r.nll_sum)
		return am_fail(err, AM_ERR_MEMORY, "run: out of memory");
	am_status s = am_run_writer_open(o->output, o->force, am_capture_axes(job->capture), &contents, &r.writer, err);
	if (!s) {
		s = capture_all(&r, err);
		if (s) {
			give_up(&r, o->output);
		} else {
			out->file_bytes = am_run_writer_bytes(r.writer);
			s = am_run_writer_close(r.writer, err);
		}
	}
	out->sequences = job->sequences.n;
	out->tokens = job->sequences.tokens;
	out->rows = r.rows;
	out->mean_nll = mean_nll(&r);
	am_free(r.nll_sum);
	return s;
}

am_status am_run_capture(const am_run_options *o, am_run_summary *out, am_error *err)
{
	if (!o->output)
		return am_fail(err, AM_ERR_USAGE, "no output given");
	double start = am_now();
	am_job job;
	am_run_summary summary = {0};
	am_status s = am_job_open(o, &job, err);
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
