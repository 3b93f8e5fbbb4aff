#include "cli/option_help.h"

#include "base/text.h"
#include "cli/report.h"

#include <string.h>

#define WIDTH 80
#define COLUMN 26 /* where the explanations start */

/* Appends `words` filled to WIDTH with continuation lines indented; the line is
 * at `at` already. Newlines in the words are kept. */
static void fill(am_text *t, const char *words, int at, int indent)
{
	int start = at;
	while (*words) {
		int n = (int)strcspn(words, " \n");
		if (at > start && at + 1 + n > WIDTH) {
			am_text_printf(t, "\n%*s", indent, "");
			at = start = indent;
		}
		if (at > start) {
			am_text_puts(t, " ");
			at++;
		}
		am_text_append(t, words, (size_t)n);
		at += n;
		words += n;
		if (*words == '\n') {
			am_text_printf(t, "\n%*s", words[1] == '\n' ? 0 : indent, "");
			at = start = indent;
		}
		words += *words != 0;
	}
	am_text_puts(t, "\n");
}

void am_option_value_name(const am_option *opt, am_text *t)
{
	static const char *const by_type[] = {
		[AM_OPT_INT] = "N", [AM_OPT_UINT64] = "N", [AM_OPT_DOUBLE] = "X", [AM_OPT_STRING] = "TEXT",
		[AM_OPT_STRINGS] = "TEXT", [AM_OPT_INTS] = "N,N", [AM_OPT_RANGES] = "LIST",
		[AM_OPT_DOUBLES] = "X,X", [AM_OPT_SHARES] = "X%,X%", [AM_OPT_CALL] = "VALUE",
	};
	if (opt->value)
		am_text_puts(t, opt->value);
	else if (opt->names)
		for (int i = 0; opt->names[i]; i++)
			am_text_printf(t, "%s%s", i ? "|" : "", opt->names[i]);
	else
		am_text_puts(t, by_type[opt->type]);
}

static void option_line(const am_option *opt, am_text *t)
{
	size_t start = t->size;
	if (opt->short_name && opt->name)
		am_text_printf(t, "  -%c, --%s", opt->short_name, opt->name);
	else if (opt->name)
		am_text_printf(t, "      --%s", opt->name);
	else
		am_text_printf(t, "  -%c", opt->short_name);
	if (opt->type != AM_OPT_FLAG) {
		am_text_puts(t, " ");
		am_option_value_name(opt, t);
	}
	int at = (int)(t->size - start);
	if (at + 2 > COLUMN)
		am_text_printf(t, "\n%*s", COLUMN, "");
	else
		am_text_printf(t, "%*s", COLUMN - at, "");
	fill(t, opt->help, COLUMN, COLUMN);
}

int am_option_help(const am_options *o)
{
	am_text t = {0};
	am_text_printf(&t, "Usage: attnmeter %s [OPTIONS]%s%s\n\n", o->command, o->operands ? " " : "",
	               o->operands ? o->operands : "");
	fill(&t, o->summary, 0, 0);
	am_text_puts(&t, "\nOptions:\n");
	for (int i = 0; i < o->n_table; i++)
		option_line(&o->table[i], &t);
	option_line(&(am_option){.short_name = 'h', .name = "help", .type = AM_OPT_FLAG,
	                         .help = "show this page"}, &t);
	if (o->notes)
		am_text_printf(&t, "\n%s", o->notes);
	am_error err;
	am_status s = am_report_write(NULL, false, &t, &err);
	am_text_free(&t);
	return s ? am_report_error(o->command, s, &err) : 0;
}
