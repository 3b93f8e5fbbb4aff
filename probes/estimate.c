/* --dry-run: a first block and a last block of the longest sequence are run with the
 * real weights, into a file in memory; the rest is extrapolated. */
#include "base/clock.h"
#include "base/mem.h"
#include "probes/job.h"
#include "probes/row_policy.h"

#include <sys/resource.h>

enum { SAMPLE = 256 };

typedef struct timing {
	double linear, attention, write; /* s */
} timing;

typedef struct work {
	double rows, scores;                   /* query rows; (layer, head, key) scores */
	double captured_rows, captured_scores; /* of these, captured */
} work;

static double visible(const am_config *c, int layer, int position)
{
	int w = c->window[layer];
	return w > 0 && position >= w ? w : position + 1;
}

/* Work of positions from .. to - 1 of a sequence. */
static am_status count_work(const am_job *job, int sequence, int from, int to, work *w, am_error *err)
{
	const am_config *c = am_model_config(job->model);
	const am_run_axes *a = am_capture_axes(job->capture);
	am_row_policy rows;
	am_status s = am_row_policy_init(&rows, job->o, sequence, job->sequences.item[sequence].n, err);
	if (s)
		return s;
	for (int p = from; p < to; p++) {
		bool captured = am_row_policy_has(&rows, p);
		w->rows++;
		w->captured_rows += captured;
		for (int l = 0; l < c->layers; l++)
			w->scores += c->heads * visible(c, l, p);
		for (int l = 0; captured && l < a->n_layer; l++)
			w->captured_scores += a->n_head * visible(c, a->layer[l], p);
	}
	am_row_policy_fini(&rows);
	return AM_OK;
}

static am_status timed_block(am_job *job, int sequence, int start, int n, am_run_writer *w, timing *t, am_error *err)
{
	double attention[2], total[2], begin = am_now();
	int64_t rows = 0;
	am_session_times(job->session, &attention[0], &total[0]);
	am_status s = am_job_block(job, sequence, start, n, w, &rows, err);
	am_session_times(job->session, &attention[1], &total[1]);
	t->attention = attention[1] - attention[0];
	t->linear = total[1] - total[0] - t->attention;
	t->write = am_now() - begin - (total[1] - total[0]);
	return s;
}

/* What the two sample blocks told. */
typedef struct sample {
	int sequence, n; /* the longest sequence; rows a block */
	timing first, plain, last; /* first block; last block without and with capture */
	work first_work, last_work;
	double bytes[3]; /* of the file: empty, after the first, after the last block */
} sample;

static am_status take_sample(am_job *job, am_run_writer *w, sample *m, am_error *err)
{
	int length = job->sequences.item[m->sequence].n, at = length - m->n;
	am_status s = am_session_start(job->session, length, err);
	if (!s)
		s = count_work(job, m->sequence, 0, m->n, &m->first_work, err);
	if (!s)
		s = count_work(job, m->sequence, at, length, &m->last_work, err);
	m->bytes[0] = (double)am_run_writer_bytes(w);
	if (!s)
		s = timed_block(job, m->sequence, 0, m->n, w, &m->first, err);
	m->bytes[1] = (double)am_run_writer_bytes(w);
	am_session_skip(job->session, at);
	am_session_rewind(job->session, at);
	if (!s)
		s = timed_block(job, m->sequence, at, m->n, NULL, &m->plain, err);
	am_session_rewind(job->session, at);
	if (!s)
		s = timed_block(job, m->sequence, at, m->n, w, &m->last, err);
	m->bytes[2] = (double)am_run_writer_bytes(w);
	return s;
}

static double per(double x, double n)
{
	return n > 0 && x > 0 ? x / n : 0;
}

static double seconds_of(const sample *m, const work *w)
{
	double row = per(m->plain.linear, m->n);
	double score = per(m->plain.attention, m->last_work.scores);
	double capture = per(m->last.attention - m->plain.attention, m->last_work.captured_scores);
	if (m->last_work.captured_scores == 0)
		capture = per(m->first.attention - score * m->first_work.scores, m->first_work.captured_scores);
	double write = per(m->first.write + m->last.write, m->first_work.captured_rows + m->last_work.captured_rows);
	double warm = m->first.linear - m->plain.linear; /* first touch of weights and buffers */
	return (warm > 0 ? warm : 0) + w->rows * row + w->scores * score + w->captured_scores * capture +
	       w->captured_rows * write;
}

/* Early rows see few keys and compress better than the rest. */
static double bytes_of(const sample *m, const work *w)
{
	double early = per(m->bytes[1] - m->bytes[0], m->first_work.captured_rows);
	double late = per(m->bytes[2] - m->bytes[1], m->last_work.captured_rows);
	if (late == 0)
		late = early;
	double first = m->first_work.captured_rows;
	return m->bytes[0] + first * early + (w->captured_rows > first ? w->captured_rows - first : 0) * late;
}

static am_status estimate(am_job *job, am_run_estimate *out, am_error *err)
{
	const am_run_options *o = job->o;
	am_run_contents contents = {.output_error = o->output_error, .dist = o->dist == AM_DIST_FULL,
	                            .dist_float16 = o->dist_float16, .deflate = 4};
	am_run_writer *w;
	am_status s = am_run_writer_open(NULL, false, am_capture_axes(job->capture), &contents, &w, err);
	if (s)
		return s;
	am_capture_set_writer(job->capture, w);
	sample m = {0};
	for (int i = 1; i < job->sequences.n; i++)
		if (job->sequences.item[i].n > job->sequences.item[m.sequence].n)
			m.sequence = i;
	int length = job->sequences.item[m.sequence].n;
	m.n = SAMPLE < job->block ? SAMPLE : job->block;
	if (m.n > length)
		m.n = length;
	s = take_sample(job, w, &m, err);
	am_run_writer_abandon(w);
	work all = {0};
	for (int i = 0; i < job->sequences.n && !s; i++)
		s = count_work(job, i, 0, job->sequences.item[i].n, &all, err);
	if (s)
		return s;
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	*out = (am_run_estimate){
		.sequences = job->sequences.n, .tokens = job->sequences.tokens, .rows = (int64_t)all.captured_rows,
		.memory_bytes = (double)u.ru_maxrss * 1024, .disk_bytes = bytes_of(&m, &all),
		.seconds = seconds_of(&m, &all),
	};
	return AM_OK;
}

am_status am_run_estimate_cost(const am_run_options *o, am_run_estimate *out, am_error *err)
{
	am_job job;
	double start = am_now();
	am_status s = am_job_open(o, &job, err);
	double opened = am_now() - start;
	if (!s)
		s = estimate(&job, out, err);
	if (!s)
		out->seconds += opened;
	am_job_close(&job);
	return s;
}
