#include "cli/options.h"

#include "base/mem.h"
#include "cli/option_help.h"
#include "cli/option_values.h"
#include "cli/report.h"

#include <string.h>

/* Where the parse stands in argv. */
typedef struct cursor {
	int argc, next;
	char **argv;
} cursor;

static const am_option *find_long(const am_options *o, const char *name, size_t n)
{
	for (int i = 0; i < o->n_table; i++)
		if (o->table[i].name && strlen(o->table[i].name) == n && !memcmp(o->table[i].name, name, n))
			return &o->table[i];
	return NULL;
}

static const am_option *find_short(const am_options *o, char c)
{
	for (int i = 0; i < o->n_table; i++)
		if (o->table[i].short_name == c)
			return &o->table[i];
	return NULL;
}

static const char *option_name(const void *ctx, int i)
{
	const am_options *o = ctx;
	if (i == o->n_table)
		return "help";
	return o->table[i].name ? o->table[i].name : "";
}

static int unknown(const am_options *o, const char *word, int n)
{
	char name[64];
	size_t length = (size_t)n < sizeof name ? (size_t)n : sizeof name - 1;
	memcpy(name, word, length);
	name[length] = 0;
	int near = !strncmp(name, "--", 2) ? am_nearest_name(name + 2, o->n_table + 1, option_name, o) : -1;
	if (near >= 0)
		return am_report_usage(o->command, "unknown option '%s'; did you mean '--%s'?", name,
		                       option_name(o, near));
	return am_report_usage(o->command, "unknown option '%s'", name);
}

/* The next word as the value of an option. A known long option there means that
 * the value was forgotten. */
static const char *take_value(const am_options *o, cursor *c)
{
	if (c->next >= c->argc)
		return NULL;
	const char *word = c->argv[c->next];
	if (!strncmp(word, "--", 2) && find_long(o, word + 2, strcspn(word + 2, "=")))
		return NULL;
	c->next++;
	return word;
}

/* `shown` is the option as the user wrote it, n characters of it. */
static int store(am_options *o, const am_option *opt, const char *value, const char *shown, int n)
{
	am_error err = {0};
	if (!value)
		return am_report_usage(o->command, "%.*s: needs a value", n, shown);
	am_status s = am_option_store(o, opt, value, &err);
	if (!s)
		return -1;
	if (s == AM_ERR_USAGE)
		return am_report_usage(o->command, "%.*s: %s", n, shown, err.text);
	return am_report_error(o->command, s, &err);
}

static int parse_long(am_options *o, cursor *c, const char *word)
{
	size_t n = strcspn(word + 2, "=");
	const char *value = word[2 + n] ? word + 2 + n + 1 : NULL;
	const am_option *opt = find_long(o, word + 2, n);
	if (!opt)
		return unknown(o, word, (int)n + 2);
	if (opt->type == AM_OPT_FLAG) {
		if (value)
			return am_report_usage(o->command, "--%s: takes no value, found '%s'", opt->name, value);
		*(bool *)opt->target = true;
		return -1;
	}
	return store(o, opt, value ? value : take_value(o, c), word, (int)n + 2);
}

static int parse_short(am_options *o, cursor *c, const char *word)
{
	for (const char *p = word + 1; *p; p++) {
		char shown[] = {'-', *p, 0};
		const am_option *opt = find_short(o, *p);
		if (!opt)
			return unknown(o, shown, 2);
		if (opt->type != AM_OPT_FLAG)
			return store(o, opt, p[1] ? p + 1 : take_value(o, c), shown, 2);
		*(bool *)opt->target = true;
	}
	return -1;
}

static int check_operands(const am_options *o)
{
	if (o->n_operand < o->min_operands)
		return am_report_usage(o->command, "expected %s, found %s", o->operands,
		                       o->n_operand ? o->operand[o->n_operand - 1] : "nothing");
	if (o->n_operand > o->max_operands)
		return am_report_usage(o->command, "unexpected argument '%s'", o->operand[o->max_operands]);
	return -1;
}

static bool is_help(const char *word)
{
	return !strcmp(word, "--help") || !strcmp(word, "-h");
}

int am_options_parse(am_options *o, int argc, char **argv)
{
	cursor c = {argc, 1, argv};
	bool only_operands = false;
	o->n_operand = o->n_owned = 0;
	o->owned = NULL;
	o->operand = am_alloc((size_t)argc, sizeof *o->operand);
	if (!o->operand)
		return am_report_error(o->command, AM_ERR_MEMORY, NULL);
	if (argc > 1 && !strcmp(argv[1], "--help=man"))
		return am_option_man(o);
	if (argc > 1 && !strcmp(argv[1], "--help=complete"))
		return am_option_complete(o, argc - 2, argv + 2);
	while (c.next < argc) {
		const char *word = argv[c.next++];
		int code = -1;
		if (only_operands || word[0] != '-' || !word[1])
			o->operand[o->n_operand++] = word;
		else if (!strcmp(word, "--"))
			only_operands = true;
		else if (is_help(word))
			return am_option_help(o);
		else
			code = word[1] == '-' ? parse_long(o, &c, word) : parse_short(o, &c, word);
		if (code >= 0)
			return code;
	}
	return check_operands(o);
}

void am_options_fini(am_options *o)
{
	for (int i = 0; i < o->n_owned; i++)
		am_free(o->owned[i]);
	am_free(o->owned);
	am_free(o->operand);
	o->owned = NULL;
	o->operand = NULL;
	o->n_owned = o->n_operand = 0;
}

void am_options_line(int argc, char **argv, am_text *out)
{
	am_text_puts(out, "attnmeter");
	for (int i = 0; i < argc; i++) {
		am_text_puts(out, " ");
		am_text_shell(out, argv[i]);
	}
}
