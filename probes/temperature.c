#include "probes/temperature_internal.h"

#include "base/mem.h"
#include "runfile/reader.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- the file ------------------------------------------------------------------ */

/* Run files begin with the signature of HDF5. */
static bool is_run(const char *path)
{
	static const unsigned char signature[] = {0x89, 'H', 'D', 'F'};
	unsigned char head[sizeof signature] = {0};
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(head, 1, sizeof head, f) : 0;
	if (f)
		fclose(f);
	return n == sizeof head && memcmp(head, signature, n) == 0;
}

static bool copy_axis(const am_run *r, am_axis axis, int *n, int **out)
{
	const double *v = am_run_axis_values(r, axis);
	*n = (int)am_run_axis_length(r, axis);
	*out = am_alloc((size_t)*n, sizeof **out);
	for (int i = 0; *out && i < *n; i++)
		(*out)[i] = (int)v[i];
	return *out;
}

static am_status take_run(am_run *r, am_temperatures *t, am_error *err)
{
	int64_t elsewhere = 0;
	const char *digest;
	if (!am_run_has(r, AM_FIELD_TEMPERATURE_BETA))
		return am_fail(err, AM_ERR_FORMAT, "%s: expected a run with %s, found none", am_run_path(r),
		               am_fields[AM_FIELD_TEMPERATURE_BETA].path);
	if (am_run_attr_int(r, "temperature_elsewhere", &elsewhere) && elsewhere > 0)
		return am_fail(err, AM_ERR_RANGE, "%s: expected the inverse temperatures of all heads, found %lld heads that were "
		               "not captured (--layers, --heads)", am_run_path(r), (long long)elsewhere);
	bool ok = copy_axis(r, AM_AXIS_LAYER, &t->n_layer, &t->layer) && copy_axis(r, AM_AXIS_HEAD, &t->n_head, &t->head);
	size_t n = (size_t)t->n_layer * (size_t)t->n_head;
	float *beta = ok ? am_alloc(n, sizeof *beta) : NULL;
	ok = beta && (t->beta = am_alloc(n, sizeof *t->beta));
	if (ok && am_run_attr_str(r, "model_digest", &digest))
		ok = (t->model_digest = am_strdup(digest));
	int64_t start[] = {0, 0}, count[] = {t->n_layer, t->n_head};
	am_status s = ok ? am_run_read_f32(r, AM_FIELD_TEMPERATURE_BETA, start, count, beta, err)
	                 : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(r));
	for (size_t i = 0; i < n && !s; i++) {
		t->beta[i] = (double)beta[i];
		if (!(beta[i] > 0 && beta[i] < 1e30f))
			s = am_fail(err, AM_ERR_RANGE, "%s: %s: expected numbers above 0, found %g", am_run_path(r),
			            am_fields[AM_FIELD_TEMPERATURE_BETA].path, (double)beta[i]);
	}
	am_free(beta);
	return s;
}

static am_status read_run(const char *path, am_temperatures *out, am_error *err)
{
	am_run *r;
	am_temperatures t = {0};
	am_status s = am_run_open(path, &r, err);
	if (s)
		return s;
	s = take_run(r, &t, err);
	am_run_close(r);
	if (s)
		am_temperatures_fini(&t);
	else
		*out = t;
	return s;
}

/* ---- whether it fits the job ---------------------------------------------------- */

static am_status check_model(const am_temperature *t, am_error *err)
{
	const char *path = t->job->o->temperatures, *digest = am_model_digest(t->job->model);
	const am_config *c = am_model_config(t->job->model);
	const am_temperatures *f = &t->file;
	if (f->model_digest && strcmp(f->model_digest, digest))
		return am_fail(err, AM_ERR_RANGE, "%s: expected the model of digest %s that it is for, found %s of digest %s", path,
		               f->model_digest, t->job->o->model, digest);
	if (f->layer[f->n_layer - 1] >= c->layers || f->head[f->n_head - 1] >= c->heads)
		return am_fail(err, AM_ERR_RANGE, "%s: expected layers to %d and heads to %d, found %d and %d", path, c->layers - 1,
		               c->heads - 1, f->layer[f->n_layer - 1], f->head[f->n_head - 1]);
	return AM_OK;
}

static int find_sequence(const am_sequences *all, char (*digest)[AM_IDS_DIGEST], const am_target_sequence *q)
{
	for (int i = 0; i < all->n; i++)
		if (all->item[i].n == q->tokens && !strcmp(digest[i], q->digest))
			return i;
	return -1;
}

static am_status match_sequences(am_temperature *t, am_error *err)
{
	const am_sequences *all = &t->job->sequences;
	size_t n = (size_t)t->file.n_sequence;
	char (*digest)[AM_IDS_DIGEST] = am_alloc((size_t)all->n, sizeof *digest);
	t->sequence = am_calloc(n, sizeof *t->sequence);
	am_status s = digest && t->sequence ? AM_OK : am_fail(err, AM_ERR_MEMORY, "temperatures: out of memory");
	for (int i = 0; i < all->n && !s; i++)
		am_ids_digest(all->item[i].ids, (size_t)all->item[i].n, digest[i]);
	for (size_t i = 0; i < n && !s; i++) {
		const am_target_sequence *q = &t->file.sequence[i];
		t->sequence[i] = find_sequence(all, digest, q);
		if (t->sequence[i] < 0)
			s = am_fail(err, AM_ERR_RANGE, "%s: sequence '%s' of %d tokens (digest %s) is not among the inputs: give the texts "
			            "that its runs were made of", t->job->o->temperatures, q->name, q->tokens, q->digest);
	}
	am_free(digest);
	return s;
}

/* Sequences count alike within a task, and tasks: as in every table. */
static am_status set_weights(am_temperature *t, am_error *err)
{
	const am_target_sequence *q = t->file.sequence;
	int n = t->file.n_sequence, tasks = 0;
	t->weight = am_calloc((size_t)n, sizeof *t->weight);
	if (!t->weight)
		return am_fail(err, AM_ERR_MEMORY, "temperatures: out of memory");
	for (int i = 0; i < n; i++) {
		int same = 0, first = i;
		for (int j = 0; j < n; j++)
			if (!strcmp(q[i].task, q[j].task)) {
				same++;
				first = j < first ? j : first;
			}
		tasks += first == i;
		t->weight[i] = 1.0 / same;
	}
	for (int i = 0; i < n; i++)
		t->weight[i] /= tasks;
	return AM_OK;
}

static am_status prepare_to_solve(am_temperature *t, am_error *err)
{
	size_t n = (size_t)t->file.n_layer * (size_t)t->file.n_head;
	if (t->job->policy.selector)
		return am_fail(err, AM_ERR_USAGE, "--temperatures: expected dense attention to solve them for, found --attention %s",
		               t->job->o->attention);
	t->root = am_calloc(n, sizeof *t->root);
	if (!t->root)
		return am_fail(err, AM_ERR_MEMORY, "temperatures: out of memory");
	for (size_t i = 0; i < n; i++)
		am_root_start(&t->root[i]);
	am_status s = match_sequences(t, err);
	return s ? s : set_weights(t, err);
}

/* ---- open, close ---------------------------------------------------------------- */

/* What the file has, to the session. */
static am_status set_session(am_temperature *t, am_error *err)
{
	const am_config *c = am_model_config(t->job->model);
	const am_temperatures *f = &t->file;
	size_t n = (size_t)c->layers * (size_t)c->heads;
	t->beta = am_alloc(n, sizeof *t->beta);
	if (!t->beta)
		return am_fail(err, AM_ERR_MEMORY, "temperatures: out of memory");
	for (size_t i = 0; i < n; i++)
		t->beta[i] = 1;
	for (int l = 0; f->beta && l < f->n_layer; l++)
		for (int h = 0; h < f->n_head; h++)
			t->beta[f->layer[l] * c->heads + f->head[h]] = (float)f->beta[l * f->n_head + h];
	return am_session_set_temperatures(t->job->session, t->beta, err);
}

am_status am_temperature_open(am_job *job, am_temperature **out, am_error *err)
{
	const char *path = job->o->temperatures;
	am_temperature *t = am_calloc(1, sizeof *t);
	if (!t)
		return am_fail(err, AM_ERR_MEMORY, "temperatures: out of memory");
	t->job = job;
	am_status s = is_run(path) ? read_run(path, &t->file, err) : am_temperatures_read(path, &t->file, err);
	if (!s)
		s = check_model(t, err);
	if (!s && !t->file.beta)
		s = prepare_to_solve(t, err);
	if (!s)
		s = set_session(t, err);
	if (s)
		am_temperature_close(t);
	else
		*out = t;
	return s;
}

void am_temperature_close(am_temperature *t)
{
	if (!t)
		return;
	am_temperatures_fini(&t->file);
	am_free(t->beta);
	am_free(t->sequence);
	am_free(t->weight);
	am_free(t->root);
	am_free(t);
}

int am_temperature_passes(const am_temperature *t)
{
	return t->file.beta ? 0 : AM_TEMPERATURE_PASSES + 1;
}

bool am_temperature_uses(const am_temperature *t, int sequence)
{
	for (int i = 0; t->sequence && i < t->file.n_sequence; i++)
		if (t->sequence[i] == sequence)
			return true;
	return false;
}
