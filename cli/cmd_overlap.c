/* attnmeter overlap: two index dumps of serving engines against each other. */
#include "analysis/table.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"
#include "select/overlap.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const am_column columns[] = {
	{"layer", AM_COL_INT}, {"recall", AM_COL_REAL, 4}, {"iou", AM_COL_REAL, 4}, {"p05", AM_COL_REAL, 4},
	{"median", AM_COL_REAL, 4}, {"worst", AM_COL_REAL, 4}, {"worst_sequence", AM_COL_INT}, {"worst_token", AM_COL_INT},
	{"n_tokens", AM_COL_INT}, {"n_different", AM_COL_INT}, {"n_tokens_trivial", AM_COL_INT},
};

static am_status add_row(am_table *t, const am_overlap *o, int layer, am_error *err)
{
	am_cell *c = am_table_add(t);
	if (!c)
		return am_fail(err, AM_ERR_MEMORY, "out of memory");
	c[0].i = layer < 0 ? INT64_MIN : layer;
	c[1].x = o->recall;
	c[2].x = o->iou;
	c[3].x = o->p05;
	c[4].x = o->p50;
	c[5].x = o->worst;
	c[6].i = o->worst_sequence < 0 ? INT64_MIN : o->worst_sequence;
	c[7].i = o->worst_token < 0 ? INT64_MIN : o->worst_token;
	c[8].i = o->tokens;
	c[9].i = o->different;
	c[10].i = o->trivial;
	return AM_OK;
}

static am_status fill(const am_index_dump d[2], int start, am_table *t, am_error *err)
{
	am_status s = AM_OK;
	am_overlap o;
	for (int l = 0; !s && l < d[0].sequence[0].layers; l++) {
		s = am_overlap_measure(&d[0], &d[1], start, l, &o, err);
		if (!s)
			s = add_row(t, &o, l, err);
	}
	if (!s)
		s = am_overlap_measure(&d[0], &d[1], start, -1, &o, err);
	return s ? s : add_row(t, &o, -1, err);
}

static am_status compare(const char *const path[2], const am_index_shape *shape, am_table *t, am_error *err)
{
	am_index_dump d[2] = {{0}};
	am_status s = am_index_dump_read(path[0], shape, &d[0], err);
	if (!s)
		s = am_index_dump_read(path[1], shape, &d[1], err);
	/* Layer counts differ between sequences only by mistake. */
	for (int i = 1; !s && i < d[0].n; i++)
		if (d[0].sequence[i].layers != d[0].sequence[0].layers)
			s = am_fail(err, AM_ERR_FORMAT, "%s: sequence %d: expected %d layers, found %d", path[0], i,
			            d[0].sequence[0].layers, d[0].sequence[i].layers);
	if (!s)
		s = fill(d, shape->start, t, err);
	am_index_dump_fini(&d[0]);
	am_index_dump_fini(&d[1]);
	return s;
}

static void render(const am_table *t, bool json, bool csv, am_text *out)
{
	if (json) {
		am_text_puts(out, "{\"table\": ");
		am_table_json(t, 0, out);
		am_text_puts(out, "}\n");
	} else if (csv) {
		am_table_csv(t, out);
	} else {
		am_table_text(t, out);
	}
}

int am_cmd_overlap(int argc, char **argv)
{
	bool json = false, csv = false;
	am_index_shape shape = {0};
	const am_option table[] = {
		{.name = "start", .type = AM_OPT_INT, .target = &shape.start, .value = "N",
		 .help = "position of the dumps' first token [0]", .max = 1 << 30},
		{.name = "width", .type = AM_OPT_INT, .target = &shape.width, .value = "N",
		 .help = "keys a token and layer, for dumps of bare values", .min = 1, .max = 1 << 24},
		{.name = "layers", .type = AM_OPT_INT, .target = &shape.layers, .value = "N",
		 .help = "indexer layers, for dumps of bare values without a count of tokens", .min = 1, .max = 1 << 20},
		{.name = "csv", .type = AM_OPT_FLAG, .target = &csv, .help = "print the table as CSV"},
		{.name = "json", .type = AM_OPT_FLAG, .target = &json, .help = "print the table as JSON"},
	};
	am_options options = {
		.command = "overlap", .operands = "DUMP REFERENCE", .min_operands = 2, .max_operands = 2,
		.summary = "Compares two index dumps of serving engines, set by set: the share of the reference's keys that the "
		           "other has too, per indexer layer and over all.",
		.notes = "Tokens that see no more keys than a set holds are counted apart: they agree by necessity.\n"
		         "docs/index-dumps.md tells which files are read.\n",
		.table = table, .n_table = COUNT(table),
	};
	am_error err = {0};
	am_table t;
	am_text out = am_report_text(NULL);
	int code = am_options_parse(&options, argc, argv);
	if (code < 0) {
		am_status s = am_table_init(&t, columns, COUNT(columns), &err);
		if (!s) {
			s = compare(options.operand, &shape, &t, &err);
			if (!s) {
				render(&t, json, csv, &out);
				s = am_report_write(NULL, false, &out, &err);
			}
			am_table_fini(&t);
		}
		code = s ? am_report_error("overlap", s, &err) : 0;
	}
	am_text_free(&out);
	am_options_fini(&options);
	return am_report_finish("overlap", code);
}
