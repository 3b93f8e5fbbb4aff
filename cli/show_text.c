#include "analysis/sequence_list.h"
#include "analysis/table.h"
#include "base/mem.h"
#include "cli/pair_output.h"
#include "cli/show.h"

#include <inttypes.h>
#include <string.h>

#define MOST_SEQUENCES 20 /* listed; JSON has them all */

/* Row and token counters say nothing that their length does not. */
static bool worth_listing(am_axis a)
{
	return a != AM_AXIS_ROW && a != AM_AXIS_TOKEN && a != AM_AXIS_SEQUENCE &&
	       a != AM_AXIS_MAP_Q && a != AM_AXIS_MAP_K && a != AM_AXIS_RANK && a != AM_AXIS_DISTANCE_BIN;
}

static void put_size(int64_t bytes, am_text *out)
{
	static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
	double x = (double)bytes;
	int u = 0;
	for (; x >= 1000 && u < 4; u++)
		x /= 1000;
	am_text_printf(out, "%.*f %s", u ? 1 : 0, x, units[u]);
}

static void put_axes(const am_run *r, am_text *out)
{
	am_text_puts(out, "\nAxes\n");
	for (int a = 0; a < AM_AXIS_COUNT; a++) {
		int64_t n = am_run_axis_length(r, (am_axis)a);
		const double *v = am_run_axis_values(r, (am_axis)a);
		if (!n || a == AM_AXIS_TOKEN_EDGE)
			continue;
		am_text_printf(out, "  %-13s %8" PRId64, am_axes[a].name, n);
		if (v && worth_listing((am_axis)a)) {
			am_text_puts(out, "  ");
			am_text_ranges(out, v, n);
		}
		am_text_puts(out, "\n");
	}
}

static void put_attributes(const am_run *r, am_text *out)
{
	int width = 0;
	for (int i = 0; i < am_run_attr_count(r); i++) {
		int w = (int)strlen(am_run_attr_name(r, i));
		width = w > width ? w : width;
	}
	for (int i = 0; i < am_run_attr_count(r); i++)
		am_text_printf(out, "  %-*s  %s\n", width, am_run_attr_name(r, i), am_run_attr_text(r, i));
}

static am_status fill_sequences(const am_run *r, const am_sequence_list *q, am_table *t, am_error *err)
{
	for (int64_t i = 0; i < q->n && i < MOST_SEQUENCES; i++) {
		am_cell *c = am_table_add(t);
		if (!c)
			return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(r));
		c[0].i = i;
		c[1].s = q->name[i] && q->name[i][0] ? am_strdup(q->name[i]) : NULL;
		c[2].s = q->task[i] && q->task[i][0] ? am_strdup(q->task[i]) : NULL;
		c[3].i = q->length[i] >= 0 ? q->length[i] : INT64_MIN;
		c[4].x = q->nll[i];
	}
	return AM_OK;
}

static am_status put_sequences(am_run *r, am_text *out, am_error *err)
{
	static const am_column columns[] = {
		{"sequence", AM_COL_INT, 0, false}, {"name", AM_COL_TEXT, 0, false}, {"task", AM_COL_TEXT, 0, false},
		{"tokens", AM_COL_INT, 0, false}, {"nll", AM_COL_REAL, 4, false},
	};
	am_sequence_list q;
	am_table t = {0};
	am_status s = am_sequence_list_read(r, &q, err);
	if (s)
		return s;
	s = am_table_init(&t, columns, 5, err);
	if (!s)
		s = fill_sequences(r, &q, &t, err);
	if (!s && q.n) {
		am_text_puts(out, "\nSequences (nll: nat a token)\n");
		am_table_text(&t, out);
		if (q.n > MOST_SEQUENCES)
			am_text_printf(out, "... and %" PRId64 " more\n", q.n - MOST_SEQUENCES);
	}
	am_table_fini(&t);
	am_sequence_list_fini(&q);
	return s;
}

static void put_selectors(const am_run *r, am_text *out)
{
	if (am_run_selector_count(r))
		am_text_puts(out, "\nSelectors shadowed\n");
	for (int i = 0; i < am_run_selector_count(r); i++) {
		const am_run_selector *s = am_run_selector_at(r, i);
		am_text_printf(out, "  s%-3d %s (%s)\n", i, s->spec,
		               s->sets == AM_AXIS_HEAD ? "a set a head" : s->sets == AM_AXIS_KV_HEAD ? "a set a key/value head"
		                                                                                     : "a set a layer");
	}
}

static void put_shape(const am_run *r, am_field f, am_text *out)
{
	int64_t shape[AM_MAX_AXES];
	int rank = am_run_shape(r, f, shape);
	for (int a = 0; a < rank; a++)
		am_text_printf(out, "%s%s %" PRId64, a ? " x " : "", am_axes[am_run_field(r, f)->axes[a]].name, shape[a]);
}

static am_status put_fields(const am_run *r, am_text *out, am_error *err)
{
	static const am_column columns[] = {
		{"field", AM_COL_TEXT, 0, false}, {"type", AM_COL_TEXT, 0, false}, {"unit", AM_COL_TEXT, 0, false},
		{"shape", AM_COL_TEXT, 0, false},
	};
	am_table t;
	am_status s = am_table_init(&t, columns, 4, err);
	if (s)
		return s;
	for (int f = 0; f < am_run_field_end(r); f++) {
		if (!am_run_has(r, (am_field)f))
			continue;
		const am_field_spec *spec = am_run_field(r, (am_field)f);
		am_text shape = {0};
		put_shape(r, (am_field)f, &shape);
		am_cell *c = am_table_add(&t);
		if (c) {
			c[0].s = am_strdup(spec->path);
			c[1].s = am_strdup(am_show_type_name(spec->type));
			c[2].s = am_strdup(spec->unit);
			c[3].s = am_strdup(am_text_str(&shape));
		} else {
			out->failed = true;
		}
		am_text_free(&shape);
	}
	am_text_puts(out, "\nFields\n");
	am_table_text(&t, out);
	if (am_run_has_dist(r))
		am_text_puts(out, "and the full distributions under /dist\n");
	am_table_fini(&t);
	return AM_OK;
}

static am_status put_pair(am_run *r, am_text *out, am_error *err)
{
	am_table t = {0};
	am_status s = am_show_pair(r, AM_LEVEL_OVERALL, &t, err);
	if (!s && t.n_columns)
		am_pair_text(r, &t, out);
	am_table_fini(&t);
	return s;
}

am_status am_show_text(am_run *r, am_text *out, am_error *err)
{
	int64_t bytes = am_show_file_bytes(r);
	am_text_printf(out, "%s: attention run, %s", am_run_path(r),
	               am_run_complete(r) ? "complete" : "NOT complete (interrupted)");
	if (bytes >= 0) {
		am_text_puts(out, ", ");
		put_size(bytes, out);
	}
	am_text_puts(out, "\n\nAttributes\n");
	put_attributes(r, out);
	put_axes(r, out);
	am_status s = put_sequences(r, out, err);
	if (!s)
		put_selectors(r, out);
	if (!s)
		s = put_fields(r, out, err);
	return s ? s : put_pair(r, out, err);
}
