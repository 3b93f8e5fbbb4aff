#include "analysis/aggregate.h"

#include "base/mem.h"

#include <inttypes.h>
#include <string.h>

void am_aggregate_options_init(am_aggregate_options *o)
{
	*o = (am_aggregate_options){.resamples = 9999};
}

/* --- what the rows are --------------------------------------------------- */

static am_status out_of_memory(const am_run *run, am_error *err)
{
	return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
}

static am_status read_rows(am_aggregate *a, int32_t *position, am_error *err)
{
	int64_t start = 0;
	am_status s = am_run_read_i32(a->run, AM_FIELD_ROW_SEQUENCE, &start, &a->n_rows, a->row_sequence, err);
	return s ? s : am_run_read_i32(a->run, AM_FIELD_ROW_POSITION, &start, &a->n_rows, position, err);
}

/* The ids are indices of ours from here on. The sequence axis comes at the end of
 * a run; until then there are no more sequences than rows. */
static am_status count_sequences(am_aggregate *a, const int32_t *position, am_error *err)
{
	int64_t limit = am_run_axis_length(a->run, AM_AXIS_SEQUENCE);
	a->n_sequence = (int)limit;
	for (int64_t i = 0; i < a->n_rows; i++) {
		int32_t s = a->row_sequence[i];
		if (s < 0 || s >= (limit ? limit : a->n_rows) || position[i] < 0)
			return am_fail(err, AM_ERR_FORMAT,
			               "%s: row %" PRId64 " has sequence %d, position %d; expected a sequence "
			               "below %" PRId64 " and a position from 0",
			               am_run_path(a->run), i, s, position[i], limit ? limit : a->n_rows);
		if (s >= a->n_sequence)
			a->n_sequence = s + 1;
	}
	return AM_OK;
}

static am_status longest_sequence(am_aggregate *a, const int32_t *position, int64_t *out, am_error *err)
{
	int64_t start = 0, n = am_run_axis_length(a->run, AM_AXIS_SEQUENCE), longest = 1;
	for (int64_t i = 0; i < a->n_rows; i++)
		longest = position[i] >= longest ? position[i] + INT64_C(1) : longest;
	if (n && am_run_has(a->run, AM_FIELD_SEQUENCE_LENGTH)) {
		int32_t *length = am_alloc((size_t)n, sizeof *length);
		if (!length)
			return out_of_memory(a->run, err);
		am_status s = am_run_read_i32(a->run, AM_FIELD_SEQUENCE_LENGTH, &start, &n, length, err);
		for (int64_t i = 0; i < n && !s; i++)
			longest = length[i] > longest ? length[i] : longest;
		am_free(length);
		if (s)
			return s;
	}
	*out = longest;
	return AM_OK;
}

static am_status set_bins(am_aggregate *a, const int32_t *position, am_error *err)
{
	int64_t longest = 1;
	am_status s = longest_sequence(a, position, &longest, err);
	if (s)
		return s;
	a->n_bin = a->options.position_bins < 1 ? 1 : a->options.position_bins;
	if (a->n_bin > longest)
		a->n_bin = (int)longest;
	a->bin_edge = am_alloc((size_t)a->n_bin + 1, sizeof *a->bin_edge);
	if (!a->bin_edge)
		return out_of_memory(a->run, err);
	for (int b = 0; b <= a->n_bin; b++)
		a->bin_edge[b] = (b * longest + a->n_bin - 1) / a->n_bin;
	for (int64_t i = 0; i < a->n_rows; i++)
		a->row_bin[i] = (int32_t)(position[i] * (int64_t)a->n_bin / longest);
	return AM_OK;
}

static am_status drop_early_rows(am_aggregate *a, const int32_t *position, am_error *err)
{
	unsigned char *used = am_calloc((size_t)a->n_sequence, 1);
	if (!used)
		return out_of_memory(a->run, err);
	for (int64_t i = 0; i < a->n_rows; i++) {
		if (position[i] < a->options.min_position) {
			a->row_sequence[i] = -1;
			continue;
		}
		a->n_rows_used++;
		a->n_sequences_used += !used[a->row_sequence[i]];
		used[a->row_sequence[i]] = 1;
	}
	am_free(used);
	if (a->n_rows_used)
		return AM_OK;
	if (!a->n_rows)
		return am_fail(err, AM_ERR_RANGE, "%s: holds no rows", am_run_path(a->run));
	return am_fail(err, AM_ERR_RANGE, "%s: holds no rows at position %d or later", am_run_path(a->run),
	               a->options.min_position);
}

/* --- tasks --------------------------------------------------------------- */

static uint64_t hash(const char *s)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325); /* FNV-1a */
	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(0x100000001b3);
	return h;
}

/* Numbers names in the order they first occur. table[size] holds the index of a name with
 * that task, -1 where empty; size is a power of two above n_sequence. */
static void number_tasks(am_aggregate *a, char *const *name, int *table, size_t size)
{
	for (size_t i = 0; i < size; i++)
		table[i] = -1;
	for (int i = 0; i < a->n_sequence; i++) {
		size_t at = (size_t)hash(name[i]) & (size - 1);
		while (table[at] >= 0 && strcmp(name[table[at]], name[i]))
			at = (at + 1) & (size - 1);
		if (table[at] < 0) {
			table[at] = i;
			a->task[i] = a->n_task++;
		}
		a->task[i] = a->task[table[at]];
	}
}

static am_status read_tasks(am_aggregate *a, char **name, am_error *err)
{
	size_t size = 2;
	while (size < 2 * (size_t)a->n_sequence)
		size *= 2;
	int *table = am_alloc(size, sizeof *table);
	am_status s = table ? AM_OK : out_of_memory(a->run, err);
	for (int i = 0; i < a->n_sequence && !s; i++)
		s = am_run_read_string(a->run, AM_FIELD_SEQUENCE_TASK, i, &name[i], err);
	if (!s)
		number_tasks(a, name, table, size);
	am_free(table);
	return s;
}

static am_status set_tasks(am_aggregate *a, am_error *err)
{
	a->task = am_calloc((size_t)a->n_sequence, sizeof *a->task);
	if (!a->task)
		return out_of_memory(a->run, err);
	if (!am_run_has(a->run, AM_FIELD_SEQUENCE_TASK)) {
		a->n_task = 1;
		return AM_OK;
	}
	char **name = am_calloc((size_t)a->n_sequence, sizeof *name);
	if (!name)
		return out_of_memory(a->run, err);
	am_status s = read_tasks(a, name, err);
	for (int i = 0; i < a->n_sequence; i++)
		am_free(name[i]);
	am_free(name);
	return s;
}

/* --- open, close --------------------------------------------------------- */

static am_status fill(am_aggregate *a, int32_t *position, am_error *err)
{
	a->row_sequence = am_alloc((size_t)a->n_rows, sizeof *a->row_sequence);
	a->row_bin = am_alloc((size_t)a->n_rows, sizeof *a->row_bin);
	if (!position || !a->row_sequence || !a->row_bin)
		return out_of_memory(a->run, err);
	am_status s = read_rows(a, position, err);
	if (!s)
		s = count_sequences(a, position, err);
	if (!s)
		s = set_bins(a, position, err);
	if (!s)
		s = drop_early_rows(a, position, err);
	return s ? s : set_tasks(a, err);
}

am_status am_aggregate_open(am_run *run, const am_aggregate_options *o, am_aggregate *out, am_error *err)
{
	am_aggregate a = {
		.run = run,
		.options = *o,
		.n_layer = (int)am_run_axis_length(run, AM_AXIS_LAYER),
		.n_head = (int)am_run_axis_length(run, AM_AXIS_HEAD),
		.n_rows = am_run_axis_length(run, AM_AXIS_ROW),
	};
	int32_t *position = am_alloc((size_t)a.n_rows, sizeof *position);
	am_status s = fill(&a, position, err);
	am_free(position);
	if (s)
		am_aggregate_close(&a);
	else
		*out = a;
	return s;
}

void am_aggregate_close(am_aggregate *a)
{
	am_free(a->row_sequence);
	am_free(a->row_bin);
	am_free(a->task);
	am_free(a->bin_edge);
	am_text_free(&a->warnings);
	*a = (am_aggregate){0};
}

/* --- cells --------------------------------------------------------------- */

static int cells_of_bin(const am_aggregate *a)
{
	return a->n_layer * a->n_head + a->n_layer + 1;
}

int am_aggregate_cells(const am_aggregate *a)
{
	return a->n_bin * cells_of_bin(a);
}

int am_aggregate_cell(const am_aggregate *a, int bin, int layer, int head)
{
	int base = bin * cells_of_bin(a);
	if (layer < 0)
		return base + cells_of_bin(a) - 1;
	if (head < 0)
		return base + a->n_layer * a->n_head + layer;
	return base + layer * a->n_head + head;
}

am_status am_aggregate_visit(const am_aggregate *a, const int64_t *n_rows, am_cell_visit *visit, void *ctx,
                             am_error *err)
{
	for (int b = 0; b < a->n_bin; b++)
		for (int level = (int)a->options.level; level <= AM_LEVEL_OVERALL; level++) {
			int n_layer = level == AM_LEVEL_OVERALL ? 1 : a->n_layer;
			int n_head = level == AM_LEVEL_HEAD ? a->n_head : 1;
			for (int i = 0; i < n_layer * n_head; i++) {
				int layer = level == AM_LEVEL_OVERALL ? -1 : i / n_head;
				int head = level == AM_LEVEL_HEAD ? i % n_head : -1;
				int cell = am_aggregate_cell(a, b, layer, head);
				if (n_rows && !n_rows[cell])
					continue;
				am_status s = visit(ctx, cell, b, layer, head, err);
				if (s)
					return s;
			}
		}
	return AM_OK;
}

void am_aggregate_warn_nan(am_aggregate *a, am_field field, int64_t n, int layer, int head)
{
	am_text line = {0};
	am_text_printf(&line, "%s: %" PRId64 " NaN row%s left out, the first in layer %.0f, head %.0f\n",
	               am_run_field(a->run, field)->path, n, n == 1 ? "" : "s",
	               am_run_axis_values(a->run, AM_AXIS_LAYER)[layer],
	               am_run_axis_values(a->run, AM_AXIS_HEAD)[head]);
	if (!strstr(am_text_str(&a->warnings), am_text_str(&line)))
		am_text_puts(&a->warnings, am_text_str(&line));
	am_text_free(&line);
}
