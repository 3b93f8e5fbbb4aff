#include "cli/table_command.h"

#include "analysis/bootstrap.h"
#include "analysis/run_notes.h"
#include "base/json.h"
#include "base/outfile.h"
#include "cli/options.h"
#include "cli/report.h"
#include "cli/table_options.h"

#include <assert.h>
#include <inttypes.h>
#include <string.h>

#define MOST_OPTIONS 24
#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

enum { BY_HEAD, BY_LAYER, BY_OVERALL, BY_POSITION, BY_DEFAULT };

typedef struct request {
	const char *run;
	int by;
	am_table_options table;
	am_aggregate_options aggregate;
} request;

/* --- options ------------------------------------------------------------- */

static const char *const by_names[] = {"head", "layer", "overall", "position", NULL};

/* What is printed when nothing is said: JSON and CSV hold everything, the text
 * what fits a screen. */
static void settle(request *q)
{
	bool text = am_table_options_format(&q->table) == AM_FORMAT_TEXT;
	if (q->by == BY_DEFAULT && q->aggregate.position_bins)
		q->by = BY_POSITION;
	if (q->by == BY_POSITION)
		am_table_options_bins(&q->aggregate);
	if (q->by == BY_POSITION)
		q->aggregate.level = text ? AM_LEVEL_OVERALL : AM_LEVEL_HEAD;
	else if (q->by == BY_DEFAULT)
		q->aggregate.level = text ? AM_LEVEL_LAYER : AM_LEVEL_HEAD;
	else
		q->aggregate.level = (am_aggregate_level)q->by;
}

static int parse(const am_table_command *c, request *q, int argc, char **argv)
{
	am_aggregate_options_init(&q->aggregate);
	q->by = BY_DEFAULT;
	const am_option own[] = {
		{.name = "by", .type = AM_OPT_ENUM, .target = &q->by, .names = by_names,
		 .help = "rows of the table: head is everything, layer leaves out the heads, overall is one row, "
		         "position splits by query position (default: everything in CSV and JSON, layer in text)"},
		{.name = "resamples", .type = AM_OPT_INT, .target = &q->aggregate.resamples, .min = 100, .max = 1e6,
		 .help = "bootstrap resamples of the intervals (default 9999)"},
		{.name = "seed", .type = AM_OPT_UINT64, .target = &q->aggregate.seed,
		 .help = "seed of the resampling (default 0)"},
	};
	am_option table[MOST_OPTIONS];
	assert(c->n_options + COUNT(own) + AM_TABLE_OPTIONS <= MOST_OPTIONS);
	int n = c->n_options;
	for (int i = 0; i < n; i++)
		table[i] = c->options[i];
	memcpy(table + n, own, sizeof own);
	n = am_table_options_add(&q->table, &q->aggregate, table, n + COUNT(own));
	am_options o = {
		.command = c->name, .operands = "RUN", .min_operands = 1, .max_operands = 1,
		.summary = c->summary, .notes = c->notes, .table = table, .n_table = n,
	};
	int code = am_options_parse(&o, argc, argv);
	if (code < 0) {
		q->run = o.operand[0];
		code = am_table_options_check(&q->table, c->name);
	}
	am_options_fini(&o);
	settle(q);
	return code;
}

/* --- rendering ----------------------------------------------------------- */

static void render_json(const request *q, const am_table *table, am_text *t)
{
	am_text_puts(t, "{\n  \"run\": ");
	am_json_string(t, q->run);
	am_text_printf(t, ",\n  \"n_sequences\": %" PRId64 ",\n  \"n_rows\": %" PRId64 ",\n", table->n_sequences,
	               table->n_source_rows);
	am_text_printf(t,
	               "  \"interval\": {\"level\": %g, \"method\": \"bca\", \"unit\": \"sequence\", "
	               "\"resamples\": %d, \"seed\": %" PRIu64 "},\n  \"warnings\": ",
	               AM_BOOTSTRAP_LEVEL, q->aggregate.resamples, q->aggregate.seed);
	am_json_lines(t, am_text_str(&table->warnings));
	am_text_puts(t, ",\n  \"table\": ");
	am_table_json(table, 2, t);
	am_text_puts(t, "\n}\n");
}

static void render_text(const am_table_command *c, const request *q, const am_table *table, am_text *t)
{
	am_text_printf(t, "%s: %" PRId64 " sequence%s, %" PRId64 " row%s of each head", q->run, table->n_sequences,
	               table->n_sequences == 1 ? "" : "s", table->n_source_rows,
	               table->n_source_rows == 1 ? "" : "s");
	if (table->n_sequences < AM_BOOTSTRAP_MIN_SEQUENCES)
		am_text_printf(t, "; intervals need %d sequences\n", AM_BOOTSTRAP_MIN_SEQUENCES);
	else
		am_text_printf(t, "; %g %% intervals over sequences\n", 100 * AM_BOOTSTRAP_LEVEL);
	c->text(table, t);
}

static am_status write_table(const am_table_command *c, const request *q, const am_table *table, am_error *err)
{
	am_text t = am_report_text(q->table.output);
	am_table_format format = am_table_options_format(&q->table);
	if (format == AM_FORMAT_JSON)
		render_json(q, table, &t);
	else if (format == AM_FORMAT_CSV)
		am_table_csv(table, &t);
	else
		render_text(c, q, table, &t);
	am_status s = am_report_write(q->table.output, q->table.force, &t, err);
	am_text_free(&t);
	return s;
}

/* --- the command --------------------------------------------------------- */

static am_status draw(const am_table_command *c, const request *q, am_run *run, am_error *err)
{
	am_text files = {0}, notes = {0};
	am_plot_options o;
	am_plot_options_init(&o);
	o.theme = am_plot_theme_names()[q->table.theme];
	o.min_position = q->aggregate.min_position;
	o.notes = &notes;
	const am_plot_request what = {.run = {run}, .options = &o, .dir = q->table.plot, .files = &files};
	am_status s = am_plot_draw_set(c->plots, &what, err);
	if (!q->table.quiet) {
		am_report_notes(c->name, am_text_str(&notes));
		am_report_files(am_text_str(&files));
	}
	am_text_free(&files);
	am_text_free(&notes);
	return s;
}

static am_status work(const am_table_command *c, const request *q, am_run *run, am_error *err)
{
	am_table table;
	am_status s = c->with_table ? c->with_table(c->ctx, run, &q->aggregate, &table, err)
	                            : c->table(run, &q->aggregate, &table, err);
	if (s)
		return s;
	am_run_notes(run, &table.warnings);
	if (!q->table.quiet)
		am_report_notes(c->name, am_text_str(&table.warnings));
	s = write_table(c, q, &table, err);
	am_table_fini(&table);
	if (!s && q->table.plot)
		s = draw(c, q, run, err);
	return s || !c->after ? s : c->after(c->ctx, run, &q->aggregate, err);
}

int am_table_command_run(const am_table_command *c, int argc, char **argv)
{
	request q = {0};
	int code = parse(c, &q, argc, argv);
	if (code >= 0)
		return code;
	am_error err = {0};
	am_run *run;
	am_threads *threads = NULL;
	am_status s = am_outfile_apart(q.table.output, q.run, &err);
	if (!s)
		s = am_run_open(q.run, &run, &err);
	if (s)
		return am_report_run_error(c->name, q.run, q.table.quiet, s, &err);
	s = am_table_options_threads(&q.table, &threads, &err);
	am_run_use_threads(run, threads);
	if (!s)
		s = work(c, &q, run, &err);
	am_run_close(run);
	am_threads_free(threads);
	return s ? am_report_error(c->name, s, &err) : 0;
}
