#include "analysis/sequence_list.h"
#include "base/json.h"
#include "cli/pair_output.h"
#include "cli/show.h"

#include <inttypes.h>

static void put_attributes(const am_run *r, am_text *out)
{
	am_text_puts(out, "  \"attributes\": {");
	for (int i = 0; i < am_run_attr_count(r); i++) {
		const char *name = am_run_attr_name(r, i);
		int64_t n;
		double x;
		am_text_puts(out, i ? ",\n    " : "\n    ");
		am_json_string(out, name);
		am_text_puts(out, ": ");
		if (am_run_attr_int(r, name, &n))
			am_text_printf(out, "%" PRId64, n);
		else if (am_run_attr_double(r, name, &x))
			am_json_real(out, x);
		else
			am_json_string(out, am_run_attr_text(r, i));
	}
	am_text_puts(out, "\n  },\n");
}

/* Coordinates of the axes that are choices of the run; lengths of the others. */
static void put_axes(const am_run *r, am_text *out)
{
	const char *comma = "";
	am_text_puts(out, "  \"axes\": {");
	for (int a = 0; a < AM_AXIS_COUNT; a++) {
		int64_t n = am_run_axis_length(r, (am_axis)a);
		const double *v = am_run_axis_values(r, (am_axis)a);
		bool counted = a == AM_AXIS_ROW || a == AM_AXIS_TOKEN || a == AM_AXIS_TOKEN_EDGE;
		if (!n)
			continue;
		am_text_printf(out, "%s\n    \"%s\": {\"length\": %" PRId64, comma, am_axes[a].name, n);
		for (int64_t i = 0; i < n && v && !counted; i++) {
			am_text_puts(out, i ? ", " : ", \"values\": [");
			am_json_real(out, v[i]);
		}
		am_text_puts(out, v && !counted ? "]}" : "}");
		comma = ",";
	}
	am_text_puts(out, "\n  },\n");
}

static am_status put_sequences(am_run *r, am_text *out, am_error *err)
{
	am_sequence_list q;
	am_status s = am_sequence_list_read(r, &q, err);
	if (s)
		return s;
	am_text_puts(out, "  \"sequences\": [");
	for (int64_t i = 0; i < q.n; i++) {
		am_text_puts(out, i ? ",\n    {\"name\": " : "\n    {\"name\": ");
		am_json_string(out, q.name[i]);
		am_text_puts(out, ", \"task\": ");
		am_json_string(out, q.task[i]);
		if (q.length[i] >= 0)
			am_text_printf(out, ", \"tokens\": %" PRId32 ", \"nll\": ", q.length[i]);
		else
			am_text_puts(out, ", \"tokens\": null, \"nll\": ");
		am_json_real(out, q.nll[i]);
		am_text_puts(out, "}");
	}
	am_text_puts(out, q.n ? "\n  ],\n" : "],\n");
	am_sequence_list_fini(&q);
	return AM_OK;
}

static void put_selectors(const am_run *r, am_text *out)
{
	am_text_puts(out, "  \"selectors\": [");
	for (int i = 0; i < am_run_selector_count(r); i++) {
		const am_run_selector *s = am_run_selector_at(r, i);
		am_text_printf(out, "%s\n    {\"id\": \"s%d\", \"spec\": ", i ? "," : "", i);
		am_json_string(out, s->spec);
		am_text_printf(out, ", \"sets\": \"%s\"}", am_run_sets_name(s->sets));
	}
	am_text_puts(out, am_run_selector_count(r) ? "\n  ],\n" : "],\n");
}

static void put_field(const am_run *r, am_field f, am_text *out)
{
	int64_t shape[AM_MAX_AXES];
	int rank = am_run_shape(r, f, shape);
	const am_field_spec *spec = am_run_field(r, f);
	am_text_printf(out, "{\"path\": \"%s\", \"type\": \"%s\", \"unit\": \"%s\", \"long_name\": ",
	               spec->path, am_show_type_name(spec->type), spec->unit);
	am_json_string(out, spec->long_name);
	am_text_puts(out, ", \"axes\": [");
	for (int a = 0; a < rank; a++)
		am_text_printf(out, "%s\"%s\"", a ? ", " : "", am_axes[spec->axes[a]].name);
	am_text_puts(out, "], \"shape\": [");
	for (int a = 0; a < rank; a++)
		am_text_printf(out, "%s%" PRId64, a ? ", " : "", shape[a]);
	am_text_puts(out, "]}");
}

static void put_head(const am_run *r, am_text *out)
{
	am_text_puts(out, "{\n  \"run\": ");
	am_json_string(out, am_run_path(r));
	am_text_printf(out, ",\n  \"complete\": %s,\n", am_run_complete(r) ? "true" : "false");
}

am_status am_show_json(am_run *r, am_text *out, am_error *err)
{
	put_head(r, out);
	am_text_printf(out, "  \"bytes\": %" PRId64 ",\n", am_show_file_bytes(r));
	put_attributes(r, out);
	put_axes(r, out);
	am_status s = put_sequences(r, out, err);
	if (s)
		return s;
	put_selectors(r, out);
	const char *comma = "";
	am_text_puts(out, "  \"fields\": [");
	for (int f = 0; f < am_run_field_end(r); f++)
		if (am_run_has(r, (am_field)f)) {
			am_text_printf(out, "%s\n    ", comma);
			put_field(r, (am_field)f, out);
			comma = ",";
		}
	am_text_printf(out, "\n  ],\n  \"distributions\": %s,\n  \"pair\": ", am_run_has_dist(r) ? "true" : "false");
	am_table t = {0};
	s = am_show_pair(r, AM_LEVEL_HEAD, &t, err);
	if (!s)
		am_pair_json(r, t.n_columns ? &t : NULL, 2, out);
	am_table_fini(&t);
	am_text_puts(out, "\n}\n");
	return s;
}

void am_show_check_json(const am_run *r, const char *problems, am_text *out)
{
	put_head(r, out);
	am_text_puts(out, "  \"problems\": ");
	am_json_lines(out, problems);
	am_text_puts(out, "\n}\n");
}
