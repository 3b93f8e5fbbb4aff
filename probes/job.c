#include "probes/job.h"

#include "base/mem.h"
#include "kernels/gemm.h"
#include "probes/pair.h"
#include "probes/replay.h"
#include "probes/shadow.h"
#include "probes/temperature.h"

enum { BLOCK = 512, BLOCK_BYTES = 128 << 20 };

static am_status check_ascending(const char *what, const double *x, int n, double most, am_error *err)
{
	for (int i = 0; i < n; i++)
		if (!(x[i] > 0 && x[i] <= most) || (i && !(x[i] > x[i - 1])))
			return am_fail(err, AM_ERR_USAGE, "%s: expected ascending values in (0, %g], found %g", what, most, x[i]);
	return AM_OK;
}

/* `what` is "layers" or "heads". */
static am_status check_ids(const char *what, const int *ids, int n, int total, am_error *err)
{
	for (int i = 0; i < n; i++) {
		if (ids[i] < 0 || ids[i] >= total)
			return am_fail(err, AM_ERR_USAGE, "--%s: expected the model's %s, 0 to %d, found %d", what, what,
			               total - 1, ids[i]);
		if (i && ids[i] <= ids[i - 1])
			return am_fail(err, AM_ERR_USAGE, "--%s: expected ascending ids, found %d after %d", what, ids[i],
			               ids[i - 1]);
	}
	return AM_OK;
}

am_status am_job_check_options(const am_run_options *o, const am_config *c, am_error *err)
{
	am_status s = check_ids("layers", o->layers, o->n_layers, c->layers, err);
	if (!s)
		s = check_ids("heads", o->heads, o->n_heads, c->heads, err);
	for (int i = 0; !s && i < o->n_k; i++)
		if (o->k[i] < 1 || (i && o->k[i] <= o->k[i - 1]))
			s = am_fail(err, AM_ERR_USAGE, "-k: expected ascending counts from 1, found %d", o->k[i]);
	if (!s)
		s = check_ascending("--ratio", o->ratio, o->n_ratio, 1, err);
	if (!s)
		s = check_ascending("--mass", o->mass, o->n_mass, 1, err);
	if (!s && o->rows != AM_ROWS_ALL && o->rows_n < 1)
		s = am_fail(err, AM_ERR_USAGE, "--rows: expected a number from 1, found %d", o->rows_n);
	if (!s && o->dist == AM_DIST_TOPK && o->dist_k < 1)
		s = am_fail(err, AM_ERR_USAGE, "--dist topk: expected a number from 1, found %d", o->dist_k);
	if (!s && (o->sink < 1 || o->recent < 1 || o->map < 0))
		s = am_fail(err, AM_ERR_USAGE, "--sink and --recent: expected at least 1, --map at least 0, found %d, %d, %d",
		            o->sink, o->recent, o->map);
	return s;
}

/* As many rows as keep a block's statistics within BLOCK_BYTES. */
int am_job_choose_block(const am_run_options *o, const am_config *c, const am_sequences *s)
{
	size_t layers = (size_t)(o->n_layers ? o->n_layers : c->layers);
	size_t heads = (size_t)(o->n_heads ? o->n_heads : c->heads);
	size_t values = 8 + (size_t)o->n_k * (o->output_error ? 2 : 1) + (size_t)o->n_ratio + (size_t)o->n_mass;
	values += am_run_is_pair(o) ? 6 + (size_t)o->n_k : 0;
	if (o->dist == AM_DIST_TOPK)
		values += 2 * (size_t)(o->dist_k < s->longest ? o->dist_k : s->longest);
	size_t row = 4 * heads * (layers * values + am_shadow_values(o) + (size_t)o->map + 32);
	if (o->dist == AM_DIST_FULL)
		row += 4 * heads * (size_t)s->longest;
	size_t block = BLOCK_BYTES / row;
	size_t most = o->block > 0 ? (size_t)o->block : BLOCK;
	block = block < 1 ? 1 : block > most ? most : block;
	return block > (size_t)s->longest ? s->longest : (int)block;
}

static am_status open_session(am_job *job, am_error *err)
{
	const am_config *c = am_model_config(job->model);
	job->block = am_job_choose_block(job->o, c, &job->sequences);
	job->target = am_calloc((size_t)job->block, sizeof *job->target);
	job->nll = am_calloc((size_t)job->block, sizeof *job->nll);
	if (!job->target || !job->nll)
		return am_fail(err, AM_ERR_MEMORY, "run: out of memory");
	am_session_options so = {.capacity = job->sequences.longest, .block = job->block, .threads = job->threads,
	                         .kernels = job->kernels, .dtype = job->o->dtype};
	am_status s = am_session_new(job->model, &so, &job->session, err);
	if (!s)
		s = am_job_set_attention(job, err);
	if (!s)
		s = am_capture_new(job->o, c, job->kernels, &job->sequences, job->block, am_threads_count(job->threads),
		                   &job->capture, err);
	if (!s && job->o->temperatures)
		s = am_temperature_open(job, &job->temperature, err);
	if (!s && am_run_is_pair(job->o))
		s = am_pair_open(job, &job->pair, err);
	return s;
}

am_status am_job_open(const am_run_options *o, am_job *job, am_error *err)
{
	*job = (am_job){.o = o};
	am_status s = am_job_read_attention(job, err);
	if (!s)
		s = am_kernels_get(o->kernels, &job->kernels, err);
	if (!s)
		s = am_threads_new(o->threads > 0 ? o->threads : am_threads_available(), &job->threads, err);
	if (!s)
		s = am_gemm_init(err);
	if (!s && o->capture)
		return am_replay_open(job, err);
	if (!s)
		s = am_model_open(o->model, &job->model, err);
	if (!s)
		s = am_job_check_options(o, am_model_config(job->model), err);
	if (!s) {
		const am_config *c = am_model_config(job->model);
		s = am_sequences_read(o, am_config_context(c), c->vocab, &job->sequences, &job->notes, err);
	}
	return s ? s : open_session(job, err);
}

void am_job_close(am_job *job)
{
	am_pair_close(job->pair);
	am_capture_free(job->capture);
	am_session_free(job->session);
	am_temperature_close(job->temperature);
	if (job->replay)
		job->nll = NULL; /* the capture's */
	am_replay_close(job->replay);
	am_selector_close(job->policy.selector);
	am_select_spec_fini(&job->attention);
	am_sequences_fini(&job->sequences);
	am_model_close(job->model);
	am_threads_free(job->threads);
	am_text_free(&job->notes);
	am_free(job->target);
	am_free(job->nll);
	*job = (am_job){0};
}

bool am_job_next(const am_job *job, int sequence, int from, int *start, int *n)
{
	if (job->replay)
		return am_replay_next(job, sequence, from, start, n);
	int left = job->sequences.item[sequence].n - from;
	*start = from;
	*n = left < job->block ? left : job->block;
	return left > 0;
}

bool am_job_has_tokens(const am_job *job)
{
	return !job->replay || am_replay_has_tokens(job->replay);
}

bool am_job_has_nll(const am_job *job)
{
	return !job->replay || am_replay_has_nll(job->replay);
}

void am_job_times(const am_job *job, double *attention, double *total)
{
	double more[2] = {0, 0};
	am_session_times(job->session, attention, total);
	if (job->pair)
		am_pair_times(job->pair, &more[0], &more[1]);
	*attention += more[0];
	*total += more[1];
}

size_t am_job_memory(const am_job *job)
{
	size_t cache, scratch;
	am_session_memory(job->session, &cache, &scratch);
	return scratch + am_capture_memory(job->capture) + (job->pair ? am_pair_memory(job->pair) : 0);
}

/* One block through the model; job->nll of its tokens. */
static am_status forward(am_job *job, const am_sequence *q, int start, int n, const am_tap *tap, am_error *err)
{
	for (int i = 0; i < n; i++)
		job->target[i] = start + i + 1 < q->n ? q->ids[start + i + 1] : -1;
	am_forward_io io = {.ids = q->ids + start, .target = job->target, .nll = job->nll, .tap = tap};
	return job->pair ? am_pair_forward(job->pair, &io, n, err) : am_session_forward(job->session, &io, n, err);
}

am_status am_job_block(am_job *job, int sequence, int start, int n, am_run_writer *writer, int64_t *rows,
                       am_error *err)
{
	const am_sequence *q = &job->sequences.item[sequence];
	int captured = writer ? am_capture_begin(job->capture, sequence, start, n) : 0;
	const am_tap *tap = am_capture_tap(job->capture);
	/* Selectors take in the queries and hidden states of all blocks; a replay tells of them itself. */
	bool followed = writer && tap->layer_begin && !job->replay;
	tap = captured || followed ? tap : NULL;
	am_status s = job->replay ? am_replay_block(job, sequence, start, n, tap, err) : forward(job, q, start, n, tap, err);
	if (s)
		return am_fail_in(err, s, "%s", q->name);
	if (!captured)
		return AM_OK;
	am_run_block block;
	am_capture_end(job->capture, job->nll, &block);
	*rows += captured;
	return am_run_writer_append(writer, &block, err);
}
