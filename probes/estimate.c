/* --dry-run: a first block and a last block of the longest sequence are run with the
 * real weights, into a file in memory, which is then finished as a real one would be;
 * the rest is extrapolated. All rows of the two blocks are captured, whatever the
 * policy, so that a few rows of a long text are estimated as well as many. */
#include "base/clock.h"
#include "base/mem.h"
#include "probes/estimate_internal.h"
#include "probes/row_policy.h"
#include "probes/temperature.h"

#include <stdio.h>
#include <sys/resource.h>

static double visible(const am_config *c, int layer, int position)
{
	int w = c->window[layer];
	return w > 0 && position >= w ? w : position + 1;
}

/* A captured row at position p of `length` fills its line of the map up to the
 * diagonal, in the columns that any key falls into. */
static void count_map(am_estimate_work *w, int cells, int p, int length)
{
	int line = (int)((int64_t)p * cells / length);
	int filled = p < line ? p + 1 : line + 1;
	if (w->map_cells[line] < filled)
		w->map_cells[line] = filled;
}

/* A replay runs the layers that are captured, a model all of them. */
void am_estimate_row(const am_job *job, int p, int length, bool captured, am_estimate_work *w)
{
	const am_config *c = am_model_config(job->model);
	const am_run_axes *a = am_capture_axes(job->capture);
	w->rows++;
	w->captured_rows += captured;
	w->early_rows += captured && p < AM_ESTIMATE_SAMPLE;
	for (int l = 0, n = job->replay ? a->n_layer : c->layers; l < n; l++)
		w->scores += c->heads * visible(c, job->replay ? a->layer[l] : l, p);
	for (int l = 0; captured && l < a->n_layer; l++)
		w->captured_scores += a->n_head * visible(c, a->layer[l], p);
	if (captured && a->n_map)
		count_map(w, a->n_map, p, length);
}

/* Adds the work of positions from .. to - 1 of a sequence, with rows as `o` says. */
static am_status count_work(const am_job *job, const am_run_options *o, int sequence, int from, int to,
                            am_estimate_work *w, am_error *err)
{
	am_row_policy rows;
	int length = job->sequences.item[sequence].n;
	am_status s = am_row_policy_init(&rows, o, sequence, length, err);
	if (s)
		return s;
	for (int p = from; p < to; p++)
		am_estimate_row(job, p, length, am_row_policy_has(&rows, p), w);
	am_row_policy_fini(&rows);
	return AM_OK;
}

static double map_cells(const am_job *job, const am_estimate_work *w)
{
	double sum = 0;
	for (int i = 0; i < am_capture_axes(job->capture)->n_map; i++)
		sum += w->map_cells[i];
	return sum;
}

am_status am_estimate_block(am_job *job, int sequence, int start, int n, am_run_writer *w, am_estimate_timing *t,
                            am_error *err)
{
	double attention[2], total[2], begin = am_now();
	int64_t rows = 0;
	am_job_times(job, &attention[0], &total[0]);
	am_status s = am_job_block(job, sequence, start, n, w, &rows, err);
	if (!s && w)
		s = am_run_writer_wait(w, err);
	am_job_times(job, &attention[1], &total[1]);
	t->attention = attention[1] - attention[0];
	t->linear = total[1] - total[0] - t->attention;
	t->write = am_now() - begin - (total[1] - total[0]);
	return s;
}

static am_status run_blocks(am_job *job, am_run_writer *w, am_estimate_sample *m, am_error *err)
{
	int length = job->sequences.item[m->sequence].n, at = length - m->n;
	am_status s = count_work(job, job->o, m->sequence, 0, m->n, &m->first_work, err);
	if (!s)
		s = count_work(job, job->o, m->sequence, at, length, &m->last_work, err);
	if (!s)
		s = am_job_start(job, m->sequence, err);
	m->bytes[0] = (double)am_run_writer_bytes(w);
	if (!s)
		s = am_estimate_block(job, m->sequence, 0, m->n, w, &m->first, err);
	m->bytes[1] = (double)am_run_writer_bytes(w);
	if (!s)
		s = am_job_skip(job, at, err);
	am_job_rewind(job, at);
	if (!s)
		s = am_estimate_block(job, m->sequence, at, m->n, NULL, &m->plain, err);
	am_job_rewind(job, at);
	if (!s)
		s = am_estimate_block(job, m->sequence, at, m->n, w, &m->last, err);
	m->bytes[2] = (double)am_run_writer_bytes(w);
	return s;
}

/* Ends the file as a run does, then drops it. */
static am_status finish(am_job *job, am_run_writer *w, am_estimate_sample *m, am_error *err)
{
	double begin = am_now();
	double *nll = am_calloc((size_t)job->sequences.n, sizeof *nll);
	am_status s = nll ? am_run_writer_flush(w, err) : am_fail(err, AM_ERR_MEMORY, "run: out of memory");
	m->bytes[3] = (double)am_run_writer_bytes(w);
	if (!s)
		s = am_capture_finish(job->capture, w, err);
	m->bytes[4] = (double)am_run_writer_bytes(w);
	if (!s)
		s = am_job_put_sequences(job, nll, w, err);
	m->bytes[5] = (double)am_run_writer_bytes(w);
	am_free(nll);
	if (s)
		am_run_writer_abandon(w);
	else
		s = am_run_writer_close(w, err);
	m->finish = am_now() - begin;
	return s;
}

static am_status take_sample(am_job *job, am_run_writer *w, am_estimate_sample *m, am_error *err)
{
	am_status s = am_job_describe(job, w, err);
	am_capture_set_writer(job->capture, w);
	if (!s)
		s = job->replay ? am_estimate_replay_blocks(job, w, m, err) : run_blocks(job, w, m, err);
	if (!s)
		return finish(job, w, m, err);
	am_run_writer_abandon(w);
	return s;
}

static double per(double x, double n)
{
	return n > 0 && x > 0 ? x / n : 0;
}

static double seconds_of(const am_estimate_sample *m, const am_estimate_work *w, const am_estimate_work *solve)
{
	double row = per(m->plain.linear, m->n);
	double score = per(m->plain.attention, m->last_work.scores);
	/* What observing costs: beside attention, distributions are handed over after each layer. */
	double observed = m->last.attention + m->last.linear - m->plain.attention - m->plain.linear;
	double capture = per(observed, m->last_work.captured_scores);
	double write = per(m->first.write + m->last.write, 2 * m->n);
	double warm = m->first.linear - m->plain.linear; /* first touch of weights and buffers */
	return (warm > 0 ? warm : 0) + w->rows * row + w->scores * score + w->captured_scores * capture +
	       w->captured_rows * write + solve->rows * row + solve->scores * score + m->finish;
}

/* Bytes of `w`'s rows. What is stored a row grows little with its keys (`full`: in
 * step with them), and early rows compress better than the rest. */
static double row_bytes(const am_estimate_sample *m, const am_estimate_work *w, bool full)
{
	double early = m->bytes[1] - m->bytes[0], late = m->bytes[2] - m->bytes[1];
	if (full)
		return per(early + late, m->first_work.captured_scores + m->last_work.captured_scores) * w->captured_scores;
	return w->early_rows * per(early, m->first_work.captured_rows) +
	       (w->captured_rows - w->early_rows) * per(late, m->last_work.captured_rows);
}

static double bytes_of(const am_job *job, const am_estimate_sample *m, const am_estimate_work *all)
{
	double rows = row_bytes(m, all, job->o->dist == AM_DIST_FULL);
	double index = 2 * (m->bytes[3] - m->bytes[2]); /* two copies take turns */
	double profiles = per(m->bytes[4] - m->bytes[3], map_cells(job, &m->last_work)) * map_cells(job, all);
	return m->bytes[0] + rows + index + profiles + m->bytes[5] - m->bytes[4];
}

/* Most bytes this process has held. getrusage counts what its parent held before
 * exec, so Linux is asked for this program's own. */
static double resident_peak(void)
{
	char line[128];
	long kb = -1;
	FILE *f = fopen("/proc/self/status", "r");
	while (f && kb < 0 && fgets(line, sizeof line, f))
		if (sscanf(line, "VmHWM: %ld", &kb) != 1)
			kb = -1;
	if (f)
		fclose(f);
	struct rusage u = {0};
	if (kb < 0 && getrusage(RUSAGE_SELF, &u) == 0)
		kb = u.ru_maxrss;
	return (double)kb * 1024;
}

/* The process as it is now, and what full blocks touch beyond the sample's rows. */
static double peak_memory(const am_job *job, const am_estimate_sample *m)
{
	double untouched = m->most > m->n ? (double)(m->most - m->n) / job->block : 0;
	return resident_peak() + untouched * (double)am_job_memory(job);
}

static int longest(const am_sequences *s)
{
	int best = 0;
	for (int i = 1; i < s->n; i++)
		if (s->item[i].n > s->item[best].n)
			best = i;
	return best;
}

/* Passes over the sequences that temperatures are solved on. */
static am_status count_solve(am_job *job, am_estimate_work *solve, am_error *err)
{
	const am_temperature *t = job->temperature;
	am_run_options none = *job->o;
	none.rows = AM_ROWS_LAST;
	none.rows_n = 0;
	am_status s = AM_OK;
	double bytes = 0;
	for (int i = 0; t && am_temperature_passes(t) && i < job->sequences.n && !s; i++)
		if (am_temperature_uses(t, i)) {
			s = count_work(job, &none, i, 0, job->sequences.item[i].n, solve, err);
			bytes += (double)job->sequences.item[i].n * am_model_config(job->model)->hidden * 4;
		}
	solve->rows *= t ? am_temperature_passes(t) : 0;
	solve->scores *= t ? am_temperature_passes(t) : 0;
	if (bytes > 0)
		am_text_printf(&job->notes, "solving temperatures takes %.1f MB of disk beside, while it goes on\n", bytes / 1e6);
	return s;
}

/* Work of the whole run, rows captured as `o` says. */
static am_status count_all(const am_job *job, const am_run_options *o, am_estimate_work *all, am_error *err)
{
	am_status s = AM_OK;
	for (int i = 0; i < job->sequences.n && !s; i++)
		s = job->replay ? am_estimate_replay_work(job, o, i, all, err)
		                : count_work(job, o, i, 0, job->sequences.item[i].n, all, err);
	return s;
}

static am_status estimate(am_job *job, const am_run_options *o, am_estimate_work *all, am_estimate_sample *m,
                          am_run_estimate *out, am_error *err)
{
	am_estimate_work solve = {0};
	am_status s = count_all(job, o, all, err);
	if (!s)
		s = count_solve(job, &solve, err);
	if (s)
		return s;
	am_run_contents contents = am_job_contents(job);
	am_run_axes axes = *am_capture_axes(job->capture);
	axes.n_row = (int64_t)all->captured_rows;
	am_run_writer *w;
	s = am_run_writer_open(NULL, false, &axes, &contents, &w, err);
	if (s)
		return s;
	m->sequence = longest(&job->sequences);
	m->n = AM_ESTIMATE_SAMPLE < job->block ? AM_ESTIMATE_SAMPLE : job->block;
	m->most = job->block;
	s = take_sample(job, w, m, err);
	if (s)
		return s;
	*out = (am_run_estimate){
		.sequences = job->sequences.n, .tokens = job->sequences.tokens, .rows = (int64_t)all->captured_rows,
		.memory_bytes = peak_memory(job, m), .disk_bytes = bytes_of(job, m, all),
		.seconds = job->replay ? am_estimate_replay_seconds(job, m, all) : seconds_of(m, all, &solve),
	};
	return AM_OK;
}

am_status am_run_estimate_cost(const am_run_options *o, am_run_estimate *out, am_error *err)
{
	am_run_options every_row = *o;
	every_row.rows = AM_ROWS_ALL;
	am_job job;
	double start = am_now();
	am_status s = am_job_open(&every_row, &job, err);
	double opened = am_now() - start;
	size_t lines = (size_t)o->map + 1;
	am_estimate_work all = {.map_cells = am_calloc(lines, sizeof *all.map_cells)};
	am_estimate_sample m = {.first_work = {.map_cells = am_calloc(lines, sizeof *all.map_cells)}};
	m.last_work.map_cells = m.first_work.map_cells; /* lines of both blocks together */
	if (!s && (!all.map_cells || !m.first_work.map_cells))
		s = am_fail(err, AM_ERR_MEMORY, "run: out of memory");
	if (!s)
		s = estimate(&job, o, &all, &m, out, err);
	if (!s) {
		out->seconds += opened;
		out->notes = job.notes;
		job.notes = (am_text){0};
	}
	am_free(all.map_cells);
	am_free(m.first_work.map_cells);
	am_job_close(&job);
	return s;
}

void am_run_estimate_fini(am_run_estimate *e)
{
	am_text_free(&e->notes);
}
