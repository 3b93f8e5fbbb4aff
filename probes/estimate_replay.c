/* --dry-run of a replay: the first and the last block of the longest sequence go through, with
 * the keys read and told to selectors before them; what these cost is timed apart from the rows. */
#include "base/clock.h"
#include "probes/estimate_internal.h"
#include "probes/replay.h"
#include "probes/row_policy.h"

/* The rows of a block; true when any of them is captured. */
static bool count_block(const am_job *job, const am_row_policy *rows, int sequence, int start, int n, am_estimate_work *w)
{
	const am_sequence *q = &job->sequences.item[sequence];
	int first = am_sequence_row_from(q, start);
	bool any = false;
	for (int r = 0; r < n; r++)
		any |= am_row_policy_has(rows, first + r);
	for (int r = 0; any && r < n; r++)
		am_estimate_row(job, start + r, q->n, am_row_policy_has(rows, first + r), w);
	return any;
}

/* Blocks without a captured row cost nothing. */
am_status am_estimate_replay_work(const am_job *job, const am_run_options *o, int sequence, am_estimate_work *w, am_error *err)
{
	const am_sequence *q = &job->sequences.item[sequence];
	double layers = am_capture_axes(job->capture)->n_layer;
	am_row_policy rows;
	int start, n, told = 0, blocks = 0;
	am_status s = am_row_policy_init(&rows, o, sequence, am_sequence_rows(q), err);
	if (s)
		return s;
	for (int from = 0; am_replay_next(job, sequence, from, &start, &n); from = start + n)
		if (count_block(job, &rows, sequence, start, n, w)) {
			w->told += layers * (start - told);
			told = start + n;
			blocks++;
		}
	w->loaded += layers * q->n * (am_replay_keeps(job->replay) && blocks ? 1 : blocks);
	am_row_policy_fini(&rows);
	return AM_OK;
}

static am_status run_block(am_job *job, am_run_writer *w, am_estimate_sample *m, int start, int n, am_estimate_timing *t,
                           am_estimate_work *work, am_error *err)
{
	am_row_policy all;
	am_status s = am_row_policy_init(&all, job->o, m->sequence, am_sequence_rows(&job->sequences.item[m->sequence]), err);
	if (s)
		return s;
	am_replay_cost before = am_replay_cost_of(job->replay);
	count_block(job, &all, m->sequence, start, n, work);
	s = am_estimate_block(job, m->sequence, start, n, w, t, err);
	am_replay_cost after = am_replay_cost_of(job->replay);
	t->write -= after.load_seconds - before.load_seconds; /* all but the rows themselves */
	t->attention -= after.tell_seconds - before.tell_seconds;
	am_row_policy_fini(&all);
	return s;
}

static unsigned wants_nothing(void *ctx, int layer, int head, int64_t position)
{
	(void)ctx, (void)layer, (void)head, (void)position;
	return 0;
}

/* The block without anything captured of it: what its other rows cost where few are. */
static am_status run_plain(am_job *job, am_estimate_sample *m, int start, int n, am_error *err)
{
	am_tap tap = {.wants = wants_nothing};
	am_replay_cost before = am_replay_cost_of(job->replay);
	double begin = am_now();
	am_status s = am_replay_block(job, m->sequence, start, n, &tap, err);
	m->plain.attention = am_now() - begin - (am_replay_cost_of(job->replay).load_seconds - before.load_seconds);
	return s;
}

am_status am_estimate_replay_blocks(am_job *job, am_run_writer *w, am_estimate_sample *m, am_error *err)
{
	int start, n, last = 0, n_last = 0;
	m->most = 0;
	for (int i = 0; i < job->sequences.n; i++)
		for (int from = 0; am_replay_next(job, i, from, &start, &n); from = start + n)
			m->most = n > m->most ? n : m->most;
	for (int from = 0; am_replay_next(job, m->sequence, from, &start, &n); from = start + n) {
		last = start;
		n_last = n;
	}
	bool there = am_replay_next(job, m->sequence, 0, &start, &n);
	am_status s = there ? am_job_start(job, m->sequence, err) : AM_OK;
	m->bytes[0] = (double)am_run_writer_bytes(w);
	if (!s && there)
		s = run_block(job, w, m, start, n < m->n ? n : m->n, &m->first, &m->first_work, err);
	m->bytes[1] = (double)am_run_writer_bytes(w);
	n = n_last < m->n ? n_last : m->n;
	if (!s && there)
		s = run_block(job, w, m, last + n_last - n, n, &m->last, &m->last_work, err);
	m->bytes[2] = (double)am_run_writer_bytes(w);
	return s || !there ? s : run_plain(job, m, last + n_last - n, n, err);
}

static double share(double x, double n, double of)
{
	return n > 0 && x > 0 ? x / n * of : 0;
}

/* Time of a block's captured rows, beside what they cost uncaptured. */
static double captured_seconds(const am_estimate_timing *t, const am_estimate_work *w, double score)
{
	double seconds = t->linear + t->attention + t->write - score * w->scores;
	return seconds > 0 ? seconds : 0;
}

/* A captured row and a score of it have a price each, unless the two blocks are too alike to
 * tell them apart. */
double am_estimate_replay_seconds(const am_job *job, const am_estimate_sample *m, const am_estimate_work *w)
{
	const am_estimate_work *a = &m->first_work, *b = &m->last_work;
	double plain = share(m->plain.attention, b->scores, 1);
	double t = captured_seconds(&m->first, a, plain), u = captured_seconds(&m->last, b, plain);
	double det = a->captured_rows * b->captured_scores - b->captured_rows * a->captured_scores;
	double row = 0, score = share(t + u, a->captured_scores + b->captured_scores, 1);
	if (det > 0.2 * a->captured_rows * b->captured_scores) {
		double r = (t * b->captured_scores - u * a->captured_scores) / det;
		double x = (a->captured_rows * u - b->captured_rows * t) / det;
		row = r >= 0 && x >= 0 ? r : row;
		score = r >= 0 && x >= 0 ? x : score;
	}
	am_replay_cost cost = am_replay_cost_of(job->replay);
	return plain * w->scores + row * w->captured_rows + score * w->captured_scores +
	       share(cost.load_seconds, cost.loaded, w->loaded) + share(cost.tell_seconds, cost.told, w->told) + m->finish;
}
