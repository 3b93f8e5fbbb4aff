/* Completion of a command line, from the same table that parses it. */
#include "base/text.h"
#include "cli/option_help.h"
#include "cli/report.h"

#include <stdio.h>
#include <string.h>

static const am_option *find(const am_options *o, const char *word)
{
	for (int i = 0; i < o->n_table; i++) {
		const am_option *opt = &o->table[i];
		if (!strncmp(word, "--", 2) ? opt->name && !strcmp(word + 2, opt->name)
		                            : word[0] == '-' && word[1] && !word[2] && opt->short_name == word[1])
			return opt;
	}
	return NULL;
}

static bool begins(const char *word, const char *start)
{
	return strncmp(word, start, strlen(start)) == 0;
}

/* The first sentence part of a help text, short enough for a list. */
static void put_help(am_text *t, const char *help)
{
	int n = (int)strcspn(help, ";:(\n");
	while (n > 0 && help[n - 1] == ' ')
		n--;
	am_text_printf(t, "\t%.*s\n", n > 60 ? 60 : n, help);
}

static bool takes_file(const am_option *opt)
{
	am_text name = {0};
	am_option_value_name(opt, &name);
	const char *v = am_text_str(&name);
	bool file = strstr(v, "FILE") || strstr(v, "PATH") || strstr(v, "DIR") || strstr(v, "RUN") || strstr(v, "TEXT");
	am_text_free(&name);
	return file;
}

static void put_values(const am_option *opt, const char *start, am_text *t)
{
	for (int i = 0; opt->names && opt->names[i]; i++)
		if (begins(opt->names[i], start))
			am_text_printf(t, "%s\n", opt->names[i]);
	if (!opt->names && takes_file(opt))
		am_text_puts(t, ":files\n");
}

int am_option_complete(const am_options *o, int n, char **words)
{
	const char *last = n > 0 ? words[n - 1] : "";
	const am_option *before = n > 1 ? find(o, words[n - 2]) : NULL;
	am_text t = {0};
	if (before && before->type != AM_OPT_FLAG) {
		put_values(before, last, &t);
	} else if (last[0] == '-') {
		for (int i = 0; i < o->n_table; i++) {
			char name[80];
			if (!o->table[i].name)
				continue;
			snprintf(name, sizeof name, "--%s", o->table[i].name);
			if (begins(name, last)) {
				am_text_puts(&t, name);
				put_help(&t, o->table[i].help);
			}
		}
		if (begins("--help", last))
			am_text_puts(&t, "--help\tshow the page of the command\n");
	} else if (o->max_operands > 0) {
		am_text_puts(&t, ":files\n");
	}
	am_error err;
	am_status s = am_report_write(NULL, false, &t, &err);
	am_text_free(&t);
	return s ? am_report_error(o->command, s, &err) : 0;
}
