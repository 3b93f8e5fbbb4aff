/* What was run: a column a run, a line a property. */
#include "report/html.h"
#include "report/page_parts.h"

#include "base/mem.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_SEQUENCES 200 /* listed */

typedef void property(const am_page_run *r, am_text *out);

static const char *attribute(const am_run *r, const char *name)
{
	for (int i = 0; i < am_run_attr_count(r); i++)
		if (!strcmp(am_run_attr_name(r, i), name))
			return am_run_attr_text(r, i);
	return NULL;
}

/* --- properties ----------------------------------------------------------- */

static void put_file(const am_page_run *r, am_text *out)
{
	am_text_puts(out, am_run_path(r->run));
}

static void put_state(const am_page_run *r, am_text *out)
{
	am_text_puts(out, am_run_complete(r->run) ? "complete" : "interrupted");
}

static void put_sizes(const am_page_run *r, am_text *out)
{
	static const char *const parts[][2] = {
		{"model_layers", "layers"}, {"model_heads", "heads"}, {"model_kv_heads", "key/value heads"},
		{"model_head_dim", "head size"}, {"model_hidden", "hidden"}, {"model_vocab", "vocabulary"},
	};
	for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
		const char *value = attribute(r->run, parts[i][0]);
		if (value)
			am_text_printf(out, i < 3 ? "%s%s %s" : "%s%s %s", out->size ? ", " : "", i < 3 ? value : parts[i][1],
			               i < 3 ? parts[i][1] : value);
	}
}

static void put_text(const am_page_run *r, am_text *out)
{
	int64_t tokens = am_run_axis_length(r->run, AM_AXIS_TOKEN), n = am_run_axis_length(r->run, AM_AXIS_SEQUENCE);
	if (n)
		am_text_printf(out, "%" PRId64 " sequence%s", n, n == 1 ? "" : "s");
	if (tokens)
		am_text_printf(out, ", %" PRId64 " tokens", tokens);
	for (int64_t i = 0; i < n && i < 1; i++)
		if (r->sequences.name[i])
			am_text_printf(out, ": %s%s", r->sequences.name[i], n > 1 ? ", ..." : "");
}

static void put_rows(const am_page_run *r, am_text *out)
{
	const char *policy = attribute(r->run, "row_policy");
	am_text_printf(out, "%" PRId64 " of each head%s%s", am_run_axis_length(r->run, AM_AXIS_ROW), policy ? ", " : "",
	               policy ? policy : "");
}

static void put_axis(const am_page_run *r, am_axis axis, am_text *out)
{
	if (am_run_axis_length(r->run, axis))
		am_text_ranges(out, am_run_axis_values(r->run, axis), am_run_axis_length(r->run, axis));
}

static void put_layers(const am_page_run *r, am_text *out)
{
	put_axis(r, AM_AXIS_LAYER, out);
}

static void put_heads(const am_page_run *r, am_text *out)
{
	put_axis(r, AM_AXIS_HEAD, out);
}

static void put_k(const am_page_run *r, am_text *out)
{
	put_axis(r, AM_AXIS_K, out);
	const double *ratio = am_run_axis_values(r->run, AM_AXIS_RATIO);
	for (int64_t i = 0; i < am_run_axis_length(r->run, AM_AXIS_RATIO); i++)
		am_text_printf(out, "%s%g%%", i ? ", " : out->size ? "; " : "", 100 * ratio[i]);
}

static void put_mass(const am_page_run *r, am_text *out)
{
	put_axis(r, AM_AXIS_MASS, out);
}

static void put_attention(const am_page_run *r, am_text *out)
{
	const char *attention = attribute(r->run, "attention"), *sparse = attribute(r->run, "sparse");
	const char *seed = attribute(r->run, "attention_seed");
	am_text_puts(out, attention ? attention : "");
	if (sparse)
		am_text_printf(out, ", rows cut: %s", sparse);
	if (seed)
		am_text_printf(out, ", seed %s", seed);
}

static void put_selectors(const am_page_run *r, am_text *out)
{
	for (int i = 0; i < am_run_selector_count(r->run); i++)
		am_text_printf(out, "%ss%d %s", i ? ", " : "", i, am_run_selector_at(r->run, i)->spec);
}

static void put_masses(const am_page_run *r, am_text *out)
{
	const char *sink = attribute(r->run, "sink_keys"), *recent = attribute(r->run, "recent_keys");
	if (sink && recent)
		am_text_printf(out, "first %s, latest %s keys", sink, recent);
}

/* A property that is one attribute has no function. */
static const struct {
	const char *label, *attribute;
	property *put;
} properties[] = {
	{"File", NULL, put_file}, {"State", NULL, put_state},
	{"Model", "model", NULL}, {"Family", "model_family", NULL}, {"Sizes", NULL, put_sizes},
	{"Digest of the model", "model_digest", NULL},
	{"Text", NULL, put_text}, {"Rows", NULL, put_rows}, {"Layers", NULL, put_layers}, {"Heads", NULL, put_heads},
	{"Attention", NULL, put_attention}, {"Selectors shadowed", NULL, put_selectors},
	{"k", NULL, put_k}, {"Masses", NULL, put_mass}, {"Sink and recent mass", NULL, put_masses},
	{"Weights", "weights_dtype", NULL}, {"Arithmetic", "dtype", NULL}, {"Kernel", "kernel", NULL}, {"BLAS", "blas", NULL},
	{"Device", "device", NULL}, {"Rotation", "rope_layout", NULL}, {"Scale of scores", "scale", NULL},
	{"Ties", "tie_rule", NULL}, {"Seed", "seed", NULL}, {"Captured by attnmeter", "attnmeter_version", NULL},
	{"Format", "format_version", NULL},
};
/* Shown above in another form, or telling of the capture and not of what was captured. */
static const char *const elsewhere[] = {
	"format", "complete", "created", "finished", "command_line", "block_rows", "model_layers", "model_heads",
	"model_kv_heads", "model_head_dim", "model_hidden", "model_vocab", "row_policy", "attention", "sparse",
	"attention_seed", "sink_keys", "recent_keys", NULL,
};

/* --- the table ------------------------------------------------------------ */

static void put_line(const am_page *p, const char *label, const am_text *value, am_text *t)
{
	bool any = false, same = true;
	for (int i = 0; i < p->n_run; i++) {
		any = any || value[i].size;
		same = same && !strcmp(am_text_str(&value[i]), am_text_str(&value[0]));
	}
	if (!any)
		return;
	am_text_puts(t, same ? "<tr><th scope=row>" : "<tr class=differs><th scope=row>");
	am_html_text(t, label);
	am_text_puts(t, "</th>");
	for (int i = 0; i < p->n_run; i++) {
		am_text_puts(t, "<td>");
		if (value[i].size)
			am_html_text(t, am_text_str(&value[i]));
		else
			am_text_puts(t, "&ndash;");
		am_text_puts(t, "</td>");
		t->failed |= value[i].failed;
	}
	am_text_puts(t, "</tr>\n");
}

static void free_values(am_text *value, int n)
{
	for (int i = 0; i < n; i++)
		am_text_free(&value[i]);
}

static void put_attribute(const am_page *p, const char *label, const char *name, am_text *t)
{
	am_text value[AM_PAGE_RUNS] = {{0}};
	for (int i = 0; i < p->n_run; i++) {
		const char *v = attribute(p->run[i].run, name);
		am_text_puts(&value[i], v ? v : "");
	}
	put_line(p, label, value, t);
	free_values(value, p->n_run);
}

static void put_property(const am_page *p, const char *label, property *put, am_text *t)
{
	am_text value[AM_PAGE_RUNS] = {{0}};
	for (int i = 0; i < p->n_run; i++)
		put(&p->run[i], &value[i]);
	put_line(p, label, value, t);
	free_values(value, p->n_run);
}

static bool is_shown(const char *name)
{
	for (const char *const *e = elsewhere; *e; e++)
		if (!strcmp(*e, name))
			return true;
	for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
		if (properties[i].attribute && !strcmp(properties[i].attribute, name))
			return true;
	return false;
}

/* Attributes that have no line of their own, by the name they have in the file. */
static void put_others(const am_page *p, am_text *t)
{
	for (int i = 0; i < p->n_run; i++)
		for (int a = 0; a < am_run_attr_count(p->run[i].run); a++) {
			const char *name = am_run_attr_name(p->run[i].run, a);
			bool before = is_shown(name);
			for (int j = 0; j < i && !before; j++)
				before = attribute(p->run[j].run, name) != NULL;
			if (!before)
				put_attribute(p, name, name, t);
		}
}

static void put_heads_of_columns(const am_page *p, am_text *t)
{
	am_text_puts(t, "<div class=box tabindex=0 role=region aria-label=\"What was run\"><table class=properties>\n");
	if (p->n_run == 1)
		return;
	am_text_puts(t, "<thead><tr><td></td>");
	for (int i = 0; i < p->n_run; i++)
		am_html_element(t, "th scope=col", p->run[i].label);
	am_text_puts(t, "</tr></thead>\n");
}

/* --- sequences ------------------------------------------------------------ */

static bool add_sequences(const am_page_run *r, am_table *out)
{
	const am_sequence_list *q = &r->sequences;
	for (int64_t i = 0; i < q->n && i < MOST_SEQUENCES; i++) {
		am_cell *c = am_table_add(out);
		if (!c)
			return false;
		c[0].i = i;
		c[1].s = q->name[i] && q->name[i][0] ? am_strdup(q->name[i]) : NULL;
		c[2].s = q->task[i] && q->task[i][0] ? am_strdup(q->task[i]) : NULL;
		c[3].i = q->length[i] >= 0 ? q->length[i] : INT64_MIN;
		c[4].x = q->nll[i];
	}
	return true;
}

static void put_sequences(const am_page *p, const am_page_run *r, am_text *t)
{
	static const am_column columns[] = {
		{"sequence", AM_COL_INT, 0, false}, {"name", AM_COL_TEXT, 0, false}, {"task", AM_COL_TEXT, 0, false},
		{"tokens", AM_COL_INT, 0, false}, {"nll", AM_COL_REAL, 4, false},
	};
	char caption[96];
	am_table list;
	am_error err;
	if (am_table_init(&list, columns, 5, &err)) {
		t->failed = true;
		return;
	}
	t->failed |= !add_sequences(r, &list);
	const char *of = p->n_run > 1 ? " of " : "", *label = p->n_run > 1 ? r->label : "";
	if (r->sequences.n > MOST_SEQUENCES)
		snprintf(caption, sizeof caption, "The first %d sequences%s%s", MOST_SEQUENCES, of, label);
	else
		snprintf(caption, sizeof caption, "Sequences%s%s", of, label);
	am_html_put_table(t, &(am_html_table){.table = &list, .caption = caption, .folded = true});
	am_table_fini(&list);
}

void am_page_put_runs(const am_page *p, am_text *t)
{
	am_text_puts(t, "<section id=runs>\n<h2>What was run</h2>\n");
	if (p->n_run > 1)
		am_text_puts(t, "<p>Marked lines are those in which the runs differ.</p>\n");
	put_heads_of_columns(p, t);
	am_text_puts(t, "<tbody>\n");
	for (size_t i = 0; i < sizeof properties / sizeof *properties; i++)
		if (properties[i].put)
			put_property(p, properties[i].label, properties[i].put, t);
		else
			put_attribute(p, properties[i].label, properties[i].attribute, t);
	put_others(p, t);
	am_text_puts(t, "</tbody></table></div>\n");
	for (int i = 0; i < p->n_run; i++)
		put_sequences(p, &p->run[i], t);
	am_text_puts(t, "</section>\n");
}
