/* What a run file says of the run beside its rows: attributes, sequences, prompts. */
#include "base/mem.h"
#include "kernels/gemm.h"
#include "probes/job.h"
#include "probes/pair.h"
#include "probes/replay.h"
#include "probes/row_policy.h"
#include "probes/temperature.h"

#include <math.h>
#include <stdio.h>

am_run_contents am_job_contents(const am_job *job)
{
	const am_run_options *o = job->o;
	am_run_contents c = {.output_error = o->output_error, .deficit = job->replay && am_replay_has_sinks(job->replay),
	                     .no_tokens = !am_job_has_tokens(job), .no_nll = !am_job_has_nll(job),
	                     .pair = job->pair != NULL, .dist = o->dist == AM_DIST_FULL, .dist_float16 = o->dist_float16,
	                     .no_topk = o->dist != AM_DIST_TOPK, .deflate = 1, .threads = am_threads_count(job->threads)};
	c.selector = am_capture_selectors(job->capture, &c.n_selectors);
	return c;
}

am_status am_job_describe(const am_job *job, am_run_writer *w, am_error *err)
{
	if (job->replay)
		return am_replay_describe(job, w, err);
	const am_run_options *o = job->o;
	const am_config *c = am_model_config(job->model);
	char rows[64], rope[64];
	am_row_policy_describe(o, rows, sizeof rows);
	snprintf(rope, sizeof rope, "%s", am_rope_type_name(c->rope[0].type));
	const struct { const char *name, *value; } texts[] = {
		{"command_line", o->command_line ? o->command_line : ""},
		{"model", o->model},
		{"model_family", am_family_name(c->family)},
		{"model_digest", am_model_digest(job->model)},
		{"weights_dtype", am_model_dtype(job->model)},
		{"dtype", am_compute_name(o->dtype)},
		{"device", "cpu"},
		{"kernel", job->kernels->name},
		{"blas", am_gemm_describe()},
		{"attention", job->attention.text ? job->attention.text : "dense"},
		{"rope_layout", "half"},
		{"rope_type", rope},
		{"row_policy", rows},
	};
	const struct { const char *name; int64_t value; } ints[] = {
		{"model_layers", c->layers}, {"model_heads", c->heads}, {"model_kv_heads", c->kv_heads},
		{"model_head_dim", c->head_dim}, {"model_hidden", c->hidden}, {"model_intermediate", c->intermediate},
		{"model_vocab", c->vocab}, {"model_context", c->max_positions}, {"seed", (int64_t)o->seed},
		{"sink_keys", o->sink}, {"recent_keys", o->recent}, {"block_rows", job->block},
	};
	am_status s = AM_OK;
	for (size_t i = 0; !s && i < sizeof texts / sizeof texts[0]; i++)
		s = am_run_writer_attr_str(w, texts[i].name, texts[i].value, err);
	for (size_t i = 0; !s && i < sizeof ints / sizeof ints[0]; i++)
		s = am_run_writer_attr_int(w, ints[i].name, ints[i].value, err);
	if (!s && job->policy.selector)
		s = am_run_writer_attr_str(w, "sparse", o->sparse_decode ? "decode" : "all", err);
	if (!s && job->policy.selector)
		s = am_run_writer_attr_int(w, "attention_seed", (int64_t)job->attention.seed, err);
	if (!s)
		s = am_run_writer_attr_double(w, "scale", 1 / sqrt((double)c->head_dim), err);
	if (!s)
		s = am_run_writer_attr_double(w, "rope_theta", c->rope[0].theta, err);
	if (!s && job->temperature)
		s = am_temperature_describe(job->temperature, w, err);
	return s || !job->pair ? s : am_pair_describe(job->pair, w, err);
}

am_status am_job_put_sequences(const am_job *job, const double *nll_sum, am_run_writer *w, am_error *err)
{
	const am_sequences *q = &job->sequences;
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
		nll[i] = item->n > 1 ? (float)(nll_sum[i] / (item->n - 1)) : NAN;
		for (int j = 0; item->ids && j < item->n; j++)
			ids[offset[i] + j] = item->ids[j];
		offset[i + 1] = offset[i] + item->n;
	}
	const struct { am_field field; int64_t n; const void *data; } puts[] = {
		{AM_FIELD_SEQUENCE_NAME, q->n, name}, {AM_FIELD_SEQUENCE_LENGTH, q->n, length},
		{AM_FIELD_SEQUENCE_TASK, q->n, task}, {AM_FIELD_SEQUENCE_SCORE, q->n, score},
		{AM_FIELD_SEQUENCE_NLL, q->n, nll}, {AM_FIELD_TOKEN_ID, q->tokens, ids},
		{AM_FIELD_TOKEN_OFFSET, q->n, offset},
	};
	for (size_t i = 0; !s && i < sizeof puts / sizeof puts[0]; i++) {
		bool token = puts[i].field == AM_FIELD_TOKEN_ID || puts[i].field == AM_FIELD_TOKEN_OFFSET;
		if ((token && !am_job_has_tokens(job)) || (puts[i].field == AM_FIELD_SEQUENCE_NLL && !am_job_has_nll(job)))
			continue;
		s = am_run_writer_put(w, puts[i].field, puts[i].n, puts[i].data, err);
	}
	void *own[] = {name, task, length, ids, offset, score, nll};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	return s;
}
