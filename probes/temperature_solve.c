#include "base/mem.h"
#include "model/layers.h"
#include "probes/temperature_internal.h"

#include <math.h>
#include <string.h>

typedef struct solver {
	am_temperature *t;
	am_session *session;
	am_states states;
	int64_t *first;      /* [n_sequence] token of the states where a sequence begins */
	int *head_index;     /* [heads] of the model -> of the file, -1 */
	unsigned char *row;  /* [longest] whether the position counts, of the sequence at hand */
	/* Of the block at hand, [n_head][block]. */
	double *entropy, *variance;
	/* Of a pass, [n_head]: sums of the sequence at hand, means of all. */
	double *sum_entropy, *sum_variance, *mean_entropy, *mean_variance;
} solver;

/* ---- rows ----------------------------------------------------------------------- */

static unsigned wants(void *ctx, int layer, int head, int64_t position)
{
	(void)layer;
	const solver *v = ctx;
	return v->head_index[head] >= 0 && v->row[position] ? AM_TAP_ROW : 0;
}

static void observe(void *ctx, int worker, const am_attn_row *row)
{
	(void)worker;
	const solver *v = ctx;
	const am_row_sums *s = row->sums;
	size_t at = (size_t)v->head_index[row->head] * (size_t)v->t->job->block + (size_t)row->row;
	double ln_z = log(s->z), mean = s->a / s->z;
	v->entropy[at] = fmin(fmax(ln_z - mean, 0), log((double)row->n));
	v->variance[at] = fmax(s->b / s->z - mean * mean, 0);
}

static void choose_rows(solver *v, const am_target_sequence *q)
{
	memset(v->row, 0, (size_t)q->tokens);
	for (int i = 0; i < q->n_range; i++)
		for (int j = 0; j < q->range[i].count; j++)
			v->row[q->range[i].first + j * q->range[i].step] = 1;
}

/* In the order of the rows, whichever thread observed them. Returns how many count. */
static int add_block(solver *v, int start, int n)
{
	int rows = 0;
	for (int h = 0; h < v->t->file.n_head; h++)
		for (int r = 0; r < n; r++)
			if (v->row[start + r]) {
				size_t at = (size_t)h * (size_t)v->t->job->block + (size_t)r;
				v->sum_entropy[h] += v->entropy[at];
				v->sum_variance[h] += v->variance[at];
			}
	for (int r = 0; r < n; r++)
		rows += v->row[start + r];
	return rows;
}

/* ---- passes --------------------------------------------------------------------- */

typedef enum { PASS_EMBED, PASS_MEASURE, PASS_ADVANCE } pass_kind;

/* One block of a sequence: states in, through the layer, or its attention alone, states out. */
static am_status run_block(solver *v, pass_kind kind, int layer, int index, int start, int n, am_error *err)
{
	am_session *s = v->session;
	const am_sequence *q = &v->t->job->sequences.item[v->t->sequence[index]];
	const am_tap tap = {.ctx = v, .wants = wants, .observe = observe};
	int64_t at = v->first[index] + start;
	am_status status = am_session_begin(s, kind == PASS_EMBED ? q->ids + start : NULL, n, err);
	if (status)
		return status;
	if (kind != PASS_EMBED)
		status = am_states_read(&v->states, at, n, am_session_hidden(s), err);
	if (!status && kind != PASS_EMBED)
		status = am_session_attend_layer(s, layer, n, kind == PASS_MEASURE ? &tap : NULL, err);
	if (!status && kind == PASS_ADVANCE)
		status = am_session_finish_layer(s, layer, n, err);
	if (!status && kind != PASS_MEASURE)
		status = am_states_write(&v->states, at, n, am_session_hidden(s), err);
	return am_session_end(s, NULL, n, status, err);
}

static am_status run_sequence(solver *v, pass_kind kind, int layer, int index, int *rows, am_error *err)
{
	const am_job *job = v->t->job;
	const am_target_sequence *q = &v->t->file.sequence[index];
	am_status s = am_session_start(v->session, v->t->sequence[index], q->tokens, q->tokens, err);
	*rows = 0;
	if (kind == PASS_MEASURE)
		choose_rows(v, q);
	for (int start = 0, n; start < q->tokens && !s; start += n) {
		n = q->tokens - start < job->block ? q->tokens - start : job->block;
		s = run_block(v, kind, layer, index, start, n, err);
		if (!s && kind == PASS_MEASURE)
			*rows += add_block(v, start, n);
		if (!s && job->o->stop && *job->o->stop)
			s = am_fail(err, AM_ERR_STOPPED, "stopped while solving temperatures, at layer %d", layer < 0 ? 0 : layer);
	}
	return s ? am_fail_in(err, s, "%s", q->name) : AM_OK;
}

static am_status run_pass(solver *v, pass_kind kind, int layer, am_error *err)
{
	am_temperature *t = v->t;
	size_t heads = (size_t)t->file.n_head;
	am_status s = AM_OK;
	memset(v->mean_entropy, 0, heads * sizeof *v->mean_entropy);
	memset(v->mean_variance, 0, heads * sizeof *v->mean_variance);
	for (int i = 0, rows; i < t->file.n_sequence && !s; i++) {
		memset(v->sum_entropy, 0, heads * sizeof *v->sum_entropy);
		memset(v->sum_variance, 0, heads * sizeof *v->sum_variance);
		s = run_sequence(v, kind, layer, i, &rows, err);
		for (size_t h = 0; h < heads && rows > 0; h++) {
			v->mean_entropy[h] += t->weight[i] * v->sum_entropy[h] / rows;
			v->mean_variance[h] += t->weight[i] * v->sum_variance[h] / rows;
		}
	}
	t->passes += kind == PASS_MEASURE;
	return s;
}

/* ---- layers --------------------------------------------------------------------- */

/* Index of a layer among those with targets, -1. */
static int target_index(const am_temperatures *f, int layer)
{
	for (int l = 0; l < f->n_layer; l++)
		if (f->layer[l] == layer)
			return l;
	return -1;
}

static bool set_betas(am_temperature *t, int layer, const am_root *root)
{
	bool open = false;
	float *beta = t->beta + (size_t)layer * (size_t)am_model_config(t->job->model)->heads;
	for (int h = 0; h < t->file.n_head; h++) {
		beta[t->file.head[h]] = (float)exp(root[h].t);
		open |= root[h].state == AM_ROOT_OPEN;
	}
	return open;
}

static am_status solve_layer(solver *v, int layer, int index, am_error *err)
{
	am_temperature *t = v->t;
	size_t heads = (size_t)t->file.n_head;
	am_root *root = t->root + (size_t)index * heads;
	am_status s = AM_OK;
	while (!s && set_betas(t, layer, root)) {
		s = run_pass(v, PASS_MEASURE, layer, err);
		for (size_t h = 0; h < heads && !s; h++)
			am_root_step(&root[h], t->file.target[(size_t)index * heads + h], v->mean_entropy[h], v->mean_variance[h]);
	}
	return s;
}

static am_status solve_layers(solver *v, am_error *err)
{
	const am_temperatures *f = &v->t->file;
	am_status s = run_pass(v, PASS_EMBED, -1, err);
	for (int layer = 0; layer <= f->layer[f->n_layer - 1] && !s; layer++) {
		int index = target_index(f, layer);
		if (index >= 0)
			s = solve_layer(v, layer, index, err);
		if (!s && layer < f->layer[f->n_layer - 1])
			s = run_pass(v, PASS_ADVANCE, layer, err);
	}
	return s;
}

/* ---- all ------------------------------------------------------------------------ */

static bool allocate(solver *v)
{
	am_temperature *t = v->t;
	size_t heads = (size_t)t->file.n_head, cells = heads * (size_t)t->job->block, n = (size_t)t->file.n_sequence;
	int model_heads = am_model_config(t->job->model)->heads;
	v->first = am_alloc(n, sizeof *v->first);
	v->head_index = am_alloc((size_t)model_heads, sizeof *v->head_index);
	v->row = am_calloc((size_t)t->job->sequences.longest, 1);
	double **of_block[] = {&v->entropy, &v->variance};
	double **of_pass[] = {&v->sum_entropy, &v->sum_variance, &v->mean_entropy, &v->mean_variance};
	bool ok = v->first && v->head_index && v->row;
	for (size_t i = 0; i < 2; i++)
		ok = (*of_block[i] = am_calloc(cells, sizeof(double))) && ok;
	for (size_t i = 0; i < 4; i++)
		ok = (*of_pass[i] = am_calloc(heads, sizeof(double))) && ok;
	for (int h = 0; ok && h < model_heads; h++)
		v->head_index[h] = -1;
	for (size_t h = 0; ok && h < heads; h++)
		v->head_index[t->file.head[h]] = (int)h;
	int64_t at = 0;
	for (size_t i = 0; ok && i < n; i++) {
		v->first[i] = at;
		at += t->file.sequence[i].tokens;
	}
	return ok;
}

static void release(solver *v)
{
	void *own[] = {v->first, v->head_index, v->row, v->entropy, v->variance, v->sum_entropy, v->sum_variance,
	               v->mean_entropy, v->mean_variance};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	am_states_close(&v->states);
}

static void note_clamped(am_temperature *t, int l, int h)
{
	const am_root *r = &t->root[l * t->file.n_head + h];
	am_text_printf(&t->job->notes,
	               "layer %d, head %d: no inverse temperature from 1/%g to %g gives a mean entropy of %.6g nat; "
	               "%s gives %.6g and is taken\n", t->file.layer[l], t->file.head[h], AM_ROOT_MOST, AM_ROOT_MOST,
	               t->file.target[l * t->file.n_head + h], r->state == AM_ROOT_LEAST ? "1/1024" : "1024", r->entropy);
}

static void judge(am_temperature *t)
{
	int open = 0;
	for (int l = 0; l < t->file.n_layer; l++)
		for (int h = 0; h < t->file.n_head; h++) {
			const am_root *r = &t->root[l * t->file.n_head + h];
			double off = fabs(r->entropy - t->file.target[l * t->file.n_head + h]);
			if (r->state == AM_ROOT_LEAST || r->state == AM_ROOT_MOST_BETA) {
				t->clamped++;
				note_clamped(t, l, h);
			} else {
				t->worst = off > t->worst ? off : t->worst;
				open += r->state == AM_ROOT_RESOLVED;
			}
		}
	am_text_printf(&t->job->notes,
	               "inverse temperatures of %d heads solved over %d sequences in %d passes, mean entropies within %.1e nat "
	               "of their targets\n", t->file.n_layer * t->file.n_head - t->clamped, t->file.n_sequence, t->passes, t->worst);
	if (open)
		am_text_printf(&t->job->notes, "%d of them as near as float32 allows, not within %g nat\n", open, AM_ROOT_TOLERANCE);
}

am_status am_temperature_solve(am_temperature *t, am_error *err)
{
	if (t->file.beta)
		return AM_OK;
	solver v = {.t = t, .session = t->job->session, .states = {.fd = -1}};
	am_status s = allocate(&v) ? AM_OK : am_fail(err, AM_ERR_MEMORY, "temperatures: out of memory");
	if (!s)
		s = am_states_open(t->job->o->output, am_model_config(t->job->model)->hidden, &v.states, err);
	if (!s)
		s = solve_layers(&v, err);
	if (!s)
		judge(t);
	release(&v);
	return s;
}
