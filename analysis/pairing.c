#include "analysis/pairing.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

#define CHUNK ((int64_t)1 << 16) /* values read at once */

static am_status out_of_memory(const am_run *run, am_error *err)
{
	return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
}

static am_status same_axis(const am_run *a, const am_run *b, am_axis axis, am_error *err)
{
	int64_t na = am_run_axis_length(a, axis), nb = am_run_axis_length(b, axis);
	const char *name = am_axes[axis].name;
	if (na != nb)
		return am_fail(err, AM_ERR_RANGE, "%s and %s do not pair: %" PRId64 " %ss in the first, %" PRId64 " in the second",
		               am_run_path(a), am_run_path(b), na, name, nb);
	const double *va = am_run_axis_values(a, axis), *vb = am_run_axis_values(b, axis);
	for (int64_t i = 0; i < na; i++)
		if (va[i] != vb[i])
			return am_fail(err, AM_ERR_RANGE,
			               "%s and %s do not pair: captured %s %" PRId64 " is %.0f in the first, %.0f in the second",
			               am_run_path(a), am_run_path(b), name, i, va[i], vb[i]);
	return AM_OK;
}

am_status am_pairing_check_heads(am_run *a, am_run *b, am_error *err)
{
	am_status s = same_axis(a, b, AM_AXIS_LAYER, err);
	return s ? s : same_axis(a, b, AM_AXIS_HEAD, err);
}

/* --- integers of two runs, chunk by chunk --------------------------------- */

typedef struct twin {
	am_run *a, *b;
	int32_t *xa, *xb; /* [CHUNK] */
} twin;

/* Index of the first difference of a field of n values, -1 when there is none; the two
 * values in *va, *vb. */
static am_status first_difference(twin *t, am_field f, int64_t n, int64_t *at, int32_t *va, int32_t *vb,
                                  am_error *err)
{
	*at = -1;
	for (int64_t start = 0, size; start < n; start += size) {
		size = n - start < CHUNK ? n - start : CHUNK;
		am_status s = am_run_read_i32(t->a, f, &start, &size, t->xa, err);
		if (!s)
			s = am_run_read_i32(t->b, f, &start, &size, t->xb, err);
		if (s)
			return s;
		for (int64_t i = 0; i < size; i++)
			if (t->xa[i] != t->xb[i]) {
				*at = start + i;
				*va = t->xa[i];
				*vb = t->xb[i];
				return AM_OK;
			}
	}
	return AM_OK;
}

static am_status refuse(const twin *t, const char *where, int64_t i, int32_t va, int32_t vb, am_error *err)
{
	return am_fail(err, AM_ERR_RANGE, "%s and %s do not pair: %s %" PRId64 " is %d in the first, %d in the second",
	               am_run_path(t->a), am_run_path(t->b), where, i, va, vb);
}

/* --- sequences ------------------------------------------------------------ */

static am_status read_task(am_run *r, int64_t i, char **out, am_error *err)
{
	if (am_run_has(r, AM_FIELD_SEQUENCE_TASK) && i < am_run_axis_length(r, AM_AXIS_SEQUENCE))
		return am_run_read_string(r, AM_FIELD_SEQUENCE_TASK, i, out, err);
	*out = am_strdup("");
	return *out ? AM_OK : out_of_memory(r, err);
}

static am_status same_tasks(const twin *t, int64_t n, am_error *err)
{
	am_status s = AM_OK;
	for (int64_t i = 0; i < n && !s; i++) {
		char *a = NULL, *b = NULL;
		s = read_task(t->a, i, &a, err);
		if (!s)
			s = read_task(t->b, i, &b, err);
		if (!s && strcmp(a, b))
			s = am_fail(err, AM_ERR_RANGE, "%s and %s do not pair: sequence %" PRId64 " is of task '%s' in the first, '%s' in the second",
			            am_run_path(t->a), am_run_path(t->b), i, a, b);
		am_free(a);
		am_free(b);
	}
	return s;
}

/* The sequence that holds a token of the whole; *token becomes its place there. */
static am_status locate(am_run *r, int64_t n, int64_t *token, int64_t *sequence, am_error *err)
{
	int64_t start = 0, count = n + 1;
	int64_t *offset = am_alloc((size_t)count, sizeof *offset);
	if (!offset)
		return out_of_memory(r, err);
	am_status s = am_run_read_i64(r, AM_FIELD_TOKEN_OFFSET, &start, &count, offset, err);
	*sequence = 0;
	while (!s && *sequence + 1 < n && offset[*sequence + 1] <= *token)
		++*sequence;
	if (!s)
		*token -= offset[*sequence];
	am_free(offset);
	return s;
}

static am_status same_prompts(twin *t, int64_t n, am_error *err)
{
	int64_t at, sequence = 0;
	int32_t va, vb;
	am_status s = first_difference(t, AM_FIELD_SEQUENCE_LENGTH, n, &at, &va, &vb, err);
	if (s)
		return s;
	if (at >= 0)
		return refuse(t, "the length of sequence", at, va, vb, err);
	int64_t na = am_run_axis_length(t->a, AM_AXIS_TOKEN), nb = am_run_axis_length(t->b, AM_AXIS_TOKEN);
	s = first_difference(t, AM_FIELD_TOKEN_ID, na < nb ? na : nb, &at, &va, &vb, err);
	if (s || at < 0)
		return s;
	s = locate(t->a, n, &at, &sequence, err);
	return s ? s
	         : am_fail(err, AM_ERR_RANGE,
	                   "%s and %s do not pair: token %" PRId64 " of sequence %" PRId64 " is %d in the first, %d in the second",
	                   am_run_path(t->a), am_run_path(t->b), at, sequence, va, vb);
}

static bool has_prompts(const am_run *r)
{
	return am_run_axis_length(r, AM_AXIS_SEQUENCE) > 0 && am_run_has(r, AM_FIELD_SEQUENCE_LENGTH) &&
	       am_run_has(r, AM_FIELD_TOKEN_ID) && am_run_has(r, AM_FIELD_TOKEN_OFFSET);
}

static am_status same_sequences(twin *t, am_error *err)
{
	int64_t na = am_run_axis_length(t->a, AM_AXIS_SEQUENCE), nb = am_run_axis_length(t->b, AM_AXIS_SEQUENCE);
	if (!has_prompts(t->a) || !has_prompts(t->b))
		return AM_OK; /* a run that did not finish: its rows say what there is */
	if (na != nb)
		return am_fail(err, AM_ERR_RANGE,
		               "%s and %s do not pair: %" PRId64 " sequences in the first, %" PRId64 " in the second",
		               am_run_path(t->a), am_run_path(t->b), na, nb);
	am_status s = same_tasks(t, na, err);
	return s ? s : same_prompts(t, na, err);
}

/* --- rows ----------------------------------------------------------------- */

static am_status same_rows(twin *t, am_error *err)
{
	static const am_field fields[] = {AM_FIELD_ROW_SEQUENCE, AM_FIELD_ROW_POSITION, AM_FIELD_ROW_TOKEN};
	static const char *const names[] = {"the sequence of row", "the position of row", "the token of row"};
	int64_t na = am_run_axis_length(t->a, AM_AXIS_ROW), nb = am_run_axis_length(t->b, AM_AXIS_ROW);
	int64_t first = -1, at;
	int which = 0;
	int32_t va = 0, vb = 0, x, y;
	for (int i = 0; i < 3; i++) {
		am_status s = first_difference(t, fields[i], na < nb ? na : nb, &at, &x, &y, err);
		if (s)
			return s;
		if (at >= 0 && (first < 0 || at < first)) {
			first = at;
			which = i;
			va = x;
			vb = y;
		}
	}
	if (first >= 0)
		return refuse(t, names[which], first, va, vb, err);
	if (na != nb)
		return am_fail(err, AM_ERR_RANGE, "%s and %s do not pair: %" PRId64 " rows in the first, %" PRId64 " in the second",
		               am_run_path(t->a), am_run_path(t->b), na, nb);
	return AM_OK;
}

am_status am_pairing_check(am_run *a, am_run *b, am_error *err)
{
	twin t = {a, b, am_alloc((size_t)CHUNK, sizeof *t.xa), am_alloc((size_t)CHUNK, sizeof *t.xb)};
	am_status s = t.xa && t.xb ? am_pairing_check_heads(a, b, err) : out_of_memory(a, err);
	if (!s)
		s = same_sequences(&t, err);
	if (!s)
		s = same_rows(&t, err);
	am_free(t.xa);
	am_free(t.xb);
	return s;
}

/* --- tasks ---------------------------------------------------------------- */

void am_pairing_tasks_free(char **names, int n_task)
{
	for (int i = 0; names && i < n_task; i++)
		am_free(names[i]);
	am_free(names);
}

/* Index of the name, added behind the others when it is new. It takes the name over. */
static int intern(char **names, int *n, char *name)
{
	for (int i = 0; i < *n; i++)
		if (!strcmp(names[i], name)) {
			am_free(name);
			return i;
		}
	names[*n] = name;
	return (*n)++;
}

static am_status intern_all(const am_aggregate *g, char **names, int *n, int *task, am_error *err)
{
	for (int i = 0; i < g->n_sequence; i++) {
		char *name;
		am_status s = read_task(g->run, i, &name, err);
		if (s)
			return s;
		task[i] = intern(names, n, name);
	}
	return AM_OK;
}

am_status am_pairing_tasks(const am_aggregate *a, const am_aggregate *b, char ***names, int *n_task, int **task_b,
                           am_error *err)
{
	int n = 0, most = a->n_sequence > b->n_sequence ? a->n_sequence : b->n_sequence;
	char **list = am_calloc((size_t)a->n_sequence + (size_t)b->n_sequence + 1, sizeof *list);
	int *task = am_alloc((size_t)most, sizeof *task);
	am_status s = list && task ? AM_OK : out_of_memory(a->run, err);
	if (!s)
		s = intern_all(a, list, &n, task, err); /* in the order of am_aggregate's own */
	if (!s)
		s = intern_all(b, list, &n, task, err);
	if (s) {
		am_pairing_tasks_free(list, n);
		am_free(task);
		return s;
	}
	*names = list;
	*n_task = n;
	*task_b = task;
	return AM_OK;
}
