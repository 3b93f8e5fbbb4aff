/* Tidy CSV: a line for each value, with the coordinates of all its axes. */
#include "base/mem.h"
#include "notebooks-export/export_internal.h"

#include "base/json.h"

#include <math.h>
#include <string.h>

typedef struct csv {
	am_run *run;
	am_outfile *out;
	am_text line;
	bool column[AM_AXIS_COUNT]; /* axes of any exported field */
	int32_t *sequence, *position; /* of the rows, for the columns that replace "row" */
} csv;

static void put_coordinate(csv *c, am_axis axis, int64_t at)
{
	if (axis == AM_AXIS_ROW) {
		am_text_printf(&c->line, ",%lld,%d,%d", (long long)at, c->sequence[at], c->position[at]);
		return;
	}
	const double *values = am_run_axis_values(c->run, axis);
	am_text_puts(&c->line, ",");
	am_json_real(&c->line, values ? values[at] : (double)at);
}

/* The field and the coordinates of one value; axes it does not have stay empty. */
static void put_coordinates(csv *c, am_field field, const int64_t *at)
{
	const am_field_spec *spec = &am_fields[field];
	am_text_csv(&c->line, strrchr(spec->path, '/') + 1);
	for (int axis = 0; axis < AM_AXIS_COUNT; axis++) {
		int a = 0;
		if (!c->column[axis])
			continue;
		while (a < spec->n_axes && spec->axes[a] != (am_axis)axis)
			a++;
		if (a < spec->n_axes)
			put_coordinate(c, (am_axis)axis, at[a]);
		else
			am_text_puts(&c->line, axis == AM_AXIS_ROW ? ",,," : ",");
	}
	am_text_puts(&c->line, ",");
}

static void flush(csv *c, size_t most)
{
	if (c->line.size <= most)
		return;
	am_outfile_write(c->out, am_text_str(&c->line), c->line.size);
	am_text_clear(&c->line);
}

static void put_slab(void *ctx, const am_slab *slab)
{
	csv *c = ctx;
	int64_t at[AM_MAX_AXES];
	memcpy(at, slab->start, sizeof at);
	for (size_t i = 0; i < slab->n; i++) {
		double x = am_slab_value(slab, i);
		put_coordinates(c, slab->field, at);
		if (!isnan(x))
			am_json_real(&c->line, x);
		am_text_puts(&c->line, "\n");
		flush(c, 1 << 16);
		for (int a = slab->rank - 1; a >= 0 && ++at[a] == slab->start[a] + slab->count[a]; a--)
			at[a] = slab->start[a];
	}
}

static am_status put_strings(csv *c, am_field field, am_error *err)
{
	char **s;
	int64_t n;
	am_status status = am_export_strings(c->run, field, &s, &n, err);
	if (status)
		return status;
	for (int64_t i = 0; i < n; i++) {
		put_coordinates(c, field, &i);
		am_text_csv(&c->line, s[i]);
		am_text_puts(&c->line, "\n");
	}
	am_export_free_strings(s, n);
	return AM_OK;
}

static void put_header(csv *c)
{
	am_text_puts(&c->line, "field");
	for (int axis = 0; axis < AM_AXIS_COUNT; axis++)
		if (c->column[axis])
			am_text_printf(&c->line, ",%s%s", am_axes[axis].name, axis == AM_AXIS_ROW ? ",row_sequence,row_position" : "");
	am_text_puts(&c->line, ",value\n");
}

static am_status read_rows(csv *c, am_error *err)
{
	int64_t zero = 0, n = am_run_axis_length(c->run, AM_AXIS_ROW);
	c->sequence = am_calloc((size_t)n, sizeof *c->sequence);
	c->position = am_calloc((size_t)n, sizeof *c->position);
	if (!c->sequence || !c->position)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(c->run));
	am_status s = am_run_read_i32(c->run, AM_FIELD_ROW_SEQUENCE, &zero, &n, c->sequence, err);
	return s ? s : am_run_read_i32(c->run, AM_FIELD_ROW_POSITION, &zero, &n, c->position, err);
}

am_status am_export_csv(am_run *run, const am_field *field, int n, am_outfile *o, am_error *err)
{
	csv c = {.run = run, .out = o};
	for (int i = 0; i < n; i++)
		for (int a = 0; a < am_fields[field[i]].n_axes; a++)
			c.column[am_fields[field[i]].axes[a]] = true;
	am_status s = read_rows(&c, err);
	put_header(&c);
	for (int i = 0; i < n && !s; i++)
		s = am_fields[field[i]].type == AM_TYPE_STRING ? put_strings(&c, field[i], err)
		                                               : am_slabs_each(run, field[i], o, put_slab, &c, err);
	flush(&c, 0);
	if (!s && !am_text_ok(&c.line))
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
	am_text_free(&c.line);
	am_free(c.sequence);
	am_free(c.position);
	return s;
}
