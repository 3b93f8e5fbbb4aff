/* One JSON object: attributes, axes, and every field as nested arrays. */
#include "base/json.h"

#include "notebooks-export/export_internal.h"

#include <string.h>

typedef struct json {
	am_outfile *out;
	am_text text;
	int64_t shape[AM_MAX_AXES], at[AM_MAX_AXES];
} json;

static void flush(json *j, size_t most)
{
	if (j->text.size <= most)
		return;
	am_outfile_write(j->out, am_text_str(&j->text), j->text.size);
	am_text_clear(&j->text);
}

/* Brackets open before the first value of an axis and close after its last. */
static void put_slab(void *ctx, const am_slab *slab)
{
	json *j = ctx;
	for (size_t i = 0; i < slab->n; i++) {
		int first = slab->rank;
		while (first > 0 && j->at[first - 1] == 0)
			first--;
		if (first > 0)
			am_text_puts(&j->text, first == slab->rank ? ", " : ",\n   ");
		for (int a = first; a < slab->rank; a++)
			am_text_puts(&j->text, "[");
		am_json_real(&j->text, am_slab_value(slab, i));
		for (int a = slab->rank - 1; a >= 0 && ++j->at[a] == j->shape[a]; a--) {
			j->at[a] = 0;
			am_text_puts(&j->text, "]");
		}
		flush(j, 1 << 16);
	}
}

static void put_axes(json *j, const am_run *run)
{
	const char *comma = "";
	am_text_puts(&j->text, ",\n \"axes\": {");
	for (int a = 0; a < AM_AXIS_COUNT; a++) {
		const double *x = am_run_axis_values(run, (am_axis)a);
		if (!x || a == AM_AXIS_ROW || a == AM_AXIS_TOKEN || a == AM_AXIS_TOKEN_EDGE)
			continue; /* numbered from 0 */
		am_text_printf(&j->text, "%s\n  \"%s\": [", comma, am_axes[a].name);
		for (int64_t i = 0; i < am_run_axis_length(run, (am_axis)a); i++) {
			am_text_puts(&j->text, i ? ", " : "");
			am_json_real(&j->text, x[i]);
		}
		am_text_puts(&j->text, "]");
		comma = ",";
	}
	am_text_puts(&j->text, "\n }");
}

static am_status put_strings(json *j, am_run *run, am_field field, am_error *err)
{
	char **s;
	int64_t n;
	am_status status = am_export_strings(run, field, &s, &n, err);
	if (status)
		return status;
	am_text_puts(&j->text, "[");
	for (int64_t i = 0; i < n; i++) {
		am_text_puts(&j->text, i ? ", " : "");
		am_json_string(&j->text, s[i]);
	}
	am_text_puts(&j->text, "]");
	am_export_free_strings(s, n);
	return AM_OK;
}

static am_status put_field(json *j, am_run *run, am_field field, am_error *err)
{
	const am_field_spec *spec = &am_fields[field];
	am_status s = AM_OK;
	am_text_puts(&j->text, "\n  ");
	am_json_string(&j->text, spec->path);
	am_text_puts(&j->text, ": {\"dims\": [");
	for (int a = 0; a < spec->n_axes; a++)
		am_text_printf(&j->text, "%s\"%s\"", a ? ", " : "", am_axes[spec->axes[a]].name);
	am_text_printf(&j->text, "], \"units\": \"%s\", \"long_name\": ", spec->unit);
	am_json_string(&j->text, spec->long_name);
	am_text_puts(&j->text, ", \"data\":\n   ");
	memset(j->at, 0, sizeof j->at);
	int rank = am_run_shape(run, field, j->shape);
	bool empty = rank == 0;
	for (int a = 0; a < rank; a++)
		empty = empty || j->shape[a] == 0;
	if (empty)
		am_text_puts(&j->text, "[]");
	else if (spec->type == AM_TYPE_STRING)
		s = put_strings(j, run, field, err);
	else
		s = am_slabs_each(run, field, j->out, put_slab, j, err);
	am_text_puts(&j->text, "}");
	return s;
}

am_status am_export_json(am_run *run, const am_field *field, int n, am_outfile *o, am_error *err)
{
	json j = {.out = o};
	am_text_puts(&j.text, "{\"attributes\": ");
	am_export_attributes(run, &j.text);
	put_axes(&j, run);
	am_text_puts(&j.text, ",\n \"fields\": {");
	am_status s = AM_OK;
	for (int i = 0; i < n && !s; i++) {
		am_text_puts(&j.text, i ? "," : "");
		s = put_field(&j, run, field[i], err);
	}
	am_text_puts(&j.text, "\n }\n}\n");
	flush(&j, 0);
	if (!s && !am_text_ok(&j.text))
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
	am_text_free(&j.text);
	return s;
}
