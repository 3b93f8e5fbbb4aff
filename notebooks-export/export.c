#include "notebooks-export/export.h"

#include "base/json.h"
#include "notebooks-export/export_internal.h"

#include <string.h>

bool am_export_field(const char *name, am_field *out)
{
	for (int f = 0; f < AM_FIELD_COUNT; f++) {
		const char *path = am_fields[f].path, *last = strrchr(path, '/') + 1;
		if (strcmp(path, name) == 0 || strcmp(path + 1, name) == 0 || strcmp(last, name) == 0) {
			*out = (am_field)f;
			return true;
		}
	}
	return false;
}

/* The fields to write: those asked for, or the format's own. */
static am_status choose(const am_run *run, const am_export_options *o, am_field *field, int *n, am_error *err)
{
	*n = 0;
	for (int i = 0; i < o->n_field; i++) {
		if (!am_run_has(run, o->field[i]))
			return am_fail(err, AM_ERR_FORMAT, "%s: has no %s", am_run_path(run), am_fields[o->field[i]].path);
		field[(*n)++] = o->field[i];
	}
	for (int f = 0; f < AM_FIELD_COUNT && o->n_field == 0; f++) {
		bool stat = f == AM_FIELD_ROW_NLL || strncmp(am_fields[f].path, "/stat/", 6) == 0 ||
		            strncmp(am_fields[f].path, "/pair/", 6) == 0;
		if (am_run_has(run, (am_field)f) && (o->format == AM_EXPORT_NPZ || stat))
			field[(*n)++] = (am_field)f;
	}
	return AM_OK;
}

void am_export_attributes(const am_run *run, am_text *t)
{
	am_text_puts(t, "{");
	for (int i = 0; i < am_run_attr_count(run); i++) {
		const char *name = am_run_attr_name(run, i), *text;
		int64_t whole;
		double real;
		am_text_puts(t, i ? ", " : "");
		am_json_string(t, name);
		am_text_puts(t, ": ");
		if (am_run_attr_int(run, name, &whole))
			am_text_printf(t, "%lld", (long long)whole);
		else if (am_run_attr_double(run, name, &real))
			am_json_real(t, real);
		else
			am_json_string(t, am_run_attr_str(run, name, &text) ? text : am_run_attr_text(run, i));
	}
	am_text_puts(t, "}");
}

am_status am_export(am_run *run, const am_export_options *o, am_error *err)
{
	am_field field[AM_FIELD_COUNT];
	int n;
	if (o->format == AM_EXPORT_NPZ && (!o->output || strcmp(o->output, "-") == 0))
		return am_fail(err, AM_ERR_USAGE, "npz: expected a file as output, found standard output; name one by -o");
	if (o->n_field > AM_FIELD_COUNT)
		return am_fail(err, AM_ERR_USAGE, "expected at most %d fields, found %d", AM_FIELD_COUNT, o->n_field);
	am_status s = choose(run, o, field, &n, err);
	am_outfile *out;
	if (!s)
		s = am_outfile_apart(o->output, am_run_path(run), err);
	if (!s)
		s = am_outfile_open(o->output, o->force, &out, err);
	if (s)
		return s;
	switch (o->format) {
	case AM_EXPORT_CSV: s = am_export_csv(run, field, n, out, err); break;
	case AM_EXPORT_JSON: s = am_export_json(run, field, n, out, err); break;
	case AM_EXPORT_NPZ: s = am_export_npz(run, field, n, out, err); break;
	case AM_EXPORT_NOTEBOOK: s = am_export_notebook(run, o->output, out, err); break;
	}
	am_status closed = am_outfile_close(out, s == AM_OK, s ? NULL : err);
	return s ? s : closed;
}
