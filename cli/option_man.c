/* Manual pages, from the same table as the help page. */
#include "base/text.h"
#include "base/version.h"
#include "cli/commands.h"
#include "cli/man.h"
#include "cli/option_help.h"
#include "cli/report.h"

#include <ctype.h>
#include <string.h>

void am_man_words(am_text *t, const char *s)
{
	bool start = true;
	for (; *s; s++) {
		if (start && (*s == '.' || *s == '\''))
			am_text_puts(t, "\\&");
		if (*s == '\\')
			am_text_puts(t, "\\e");
		else if (*s == '-')
			am_text_puts(t, "\\-");
		else
			am_text_append(t, s, 1);
		start = *s == '\n';
	}
}

/* Paragraphs are separated by empty lines. */
void am_man_paragraphs(am_text *t, const char *s)
{
	while (*s) {
		const char *end = strstr(s, "\n\n");
		size_t n = end ? (size_t)(end - s) : strlen(s);
		am_text one = {0};
		am_text_append(&one, s, n);
		am_text_puts(t, ".PP\n");
		am_man_words(t, am_text_str(&one));
		am_text_puts(t, "\n");
		am_text_free(&one);
		s += n + (end ? 2 : 0);
	}
}

void am_man_title(am_text *t, const char *name, const char *summary)
{
	am_text_puts(t, ".TH ");
	for (const char *p = name; *p; p++)
		am_text_printf(t, "%s%c", *p == '-' ? "\\" : "", toupper((unsigned char)*p));
	am_text_printf(t, " 1 \"\" \"attnmeter %s\" \"User Commands\"\n.SH NAME\n", AM_VERSION);
	am_man_words(t, name);
	am_text_puts(t, " \\- ");
	am_man_words(t, summary);
	am_text_puts(t, "\n");
}

void am_man_exit_status(am_text *t)
{
	am_text_puts(t, ".SH EXIT STATUS\n"
	                ".TP\n0\ndone\n.TP\n1\na file, data or the machine was at fault (an existing output included)\n"
	                ".TP\n2\nan option or value was wrong\n.TP\n3\na check or gate failed\n"
	                ".TP\n128 + n\nstopped by signal n\n");
}

static void option_item(const am_option *opt, am_text *t)
{
	am_text_puts(t, ".TP\n");
	if (opt->short_name)
		am_text_printf(t, "\\fB\\-%c\\fR%s", opt->short_name, opt->name ? ", " : "");
	if (opt->name) {
		am_text_puts(t, "\\fB\\-\\-");
		am_man_words(t, opt->name);
		am_text_puts(t, "\\fR");
	}
	if (opt->type != AM_OPT_FLAG) {
		am_text_puts(t, " \\fI");
		am_text value = {0};
		am_option_value_name(opt, &value);
		am_man_words(t, am_text_str(&value));
		am_text_free(&value);
		am_text_puts(t, "\\fR");
	}
	am_text_puts(t, "\n");
	am_man_words(t, opt->help);
	am_text_puts(t, "\n");
}

int am_option_man(const am_options *o)
{
	am_text t = {0}, name = {0};
	am_text_printf(&name, "attnmeter-%s", o->command);
	am_man_title(&t, am_text_str(&name), am_command_summary(o->command));
	am_text_puts(&t, ".SH SYNOPSIS\n\\fBattnmeter ");
	am_man_words(&t, o->command);
	am_text_printf(&t, "\\fR [\\fIOPTIONS\\fR]%s%s\n.SH DESCRIPTION\n", o->operands ? " " : "", o->operands ? o->operands : "");
	am_man_paragraphs(&t, o->summary);
	am_text_puts(&t, ".SH OPTIONS\n");
	for (int i = 0; i < o->n_table; i++)
		option_item(&o->table[i], &t);
	option_item(&(am_option){.short_name = 'h', .name = "help", .type = AM_OPT_FLAG, .help = "show the help page"}, &t);
	if (o->notes) {
		am_text_puts(&t, ".SH NOTES\n.nf\n");
		am_man_words(&t, o->notes);
		am_text_puts(&t, ".fi\n");
	}
	am_man_exit_status(&t);
	am_text_puts(&t, ".SH SEE ALSO\n.BR attnmeter (1)\n");
	am_error err;
	am_status s = am_report_write(NULL, false, &t, &err);
	am_text_free(&t);
	am_text_free(&name);
	return s ? am_report_error(o->command, s, &err) : 0;
}
