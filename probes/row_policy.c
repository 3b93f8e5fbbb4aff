#include "probes/row_policy.h"

#include "base/mem.h"
#include "base/rng.h"

#include <stdio.h>
#include <stdlib.h>

static int ascending(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;
	return (x > y) - (x < y);
}

/* N of [0, length) without replacement: the head of a Fisher-Yates shuffle. */
static am_status draw(am_row_policy *r, uint64_t seed, int index, am_error *err)
{
	int n = r->n < r->length ? r->n : r->length;
	int32_t *all = am_alloc((size_t)r->length, sizeof *all);
	if (!all)
		return am_fail(err, AM_ERR_MEMORY, "rows: out of memory");
	for (int i = 0; i < r->length; i++)
		all[i] = i;
	am_rng rng = am_rng_split(seed, (uint64_t)index);
	for (int i = 0; i < n; i++) {
		int j = i + (int)am_rng_below(&rng, (uint64_t)(r->length - i));
		int32_t t = all[i];
		all[i] = all[j];
		all[j] = t;
	}
	qsort(all, (size_t)n, sizeof *all, ascending);
	r->sample = all;
	r->n_sample = n;
	return AM_OK;
}

am_status am_row_policy_init(am_row_policy *out, const am_run_options *o, int index, int length, am_error *err)
{
	am_row_policy r = {.kind = o->rows, .n = o->rows_n, .length = length};
	am_status status = r.kind == AM_ROWS_SAMPLE ? draw(&r, o->seed, index, err) : AM_OK;
	if (!status)
		*out = r;
	return status;
}

void am_row_policy_fini(am_row_policy *r)
{
	am_free(r->sample);
	*r = (am_row_policy){0};
}

bool am_row_policy_has(const am_row_policy *r, int position)
{
	int32_t key = position;
	switch (r->kind) {
	case AM_ROWS_ALL:
		return true;
	case AM_ROWS_LAST:
		return position >= r->length - r->n;
	case AM_ROWS_EVERY:
		return position % r->n == 0;
	case AM_ROWS_SAMPLE:
		return bsearch(&key, r->sample, (size_t)r->n_sample, sizeof key, ascending) != NULL;
	}
	return false;
}

int64_t am_row_policy_count(const am_run_options *o, int length)
{
	switch (o->rows) {
	case AM_ROWS_ALL:
		return length;
	case AM_ROWS_EVERY:
		return ((int64_t)length + o->rows_n - 1) / o->rows_n;
	case AM_ROWS_LAST:
	case AM_ROWS_SAMPLE:
		return o->rows_n < length ? o->rows_n : length;
	}
	return 0;
}

void am_row_policy_describe(const am_run_options *o, char *out, size_t room)
{
	static const char *const names[] = {"all", "last", "every", "sample"};
	if (o->rows == AM_ROWS_ALL)
		snprintf(out, room, "all");
	else
		snprintf(out, room, "%s:%d", names[o->rows], o->rows_n);
}
