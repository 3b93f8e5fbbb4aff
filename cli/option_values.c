#include "cli/option_values.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_ITEMS 65536 /* of a list; "0-2000000000" is a slip, not a wish */

/* --- one number ---------------------------------------------------------- */

/* The whole of text[0..n) as an unsigned decimal number. */
static bool parse_u64(const char *text, size_t n, uint64_t *out)
{
	uint64_t v = 0;
	for (size_t i = 0; i < n; i++) {
		unsigned digit = (unsigned)(text[i] - '0');
		if (digit > 9 || v > (UINT64_MAX - digit) / 10)
			return false;
		v = 10 * v + digit;
	}
	*out = v;
	return n > 0;
}

static double upper(const am_option *opt)
{
	return opt->max ? opt->max : INFINITY;
}

static bool parse_int(const am_option *opt, const char *text, size_t n, int *out)
{
	uint64_t v;
	if (!parse_u64(text, n, &v) || v > INT_MAX || !((double)v >= opt->min && (double)v <= upper(opt)))
		return false;
	*out = (int)v;
	return true;
}

/* A finite decimal number; a share may carry a per cent sign. */
static bool parse_double(const am_option *opt, const char *text, size_t n, double *out)
{
	bool share = opt->type == AM_OPT_SHARES;
	char buffer[64];
	if (!n || n >= sizeof buffer)
		return false;
	memcpy(buffer, text, n);
	buffer[n] = 0;
	double unit = 1;
	if (share && buffer[n - 1] == '%') {
		buffer[--n] = 0;
		unit = 100;
	}
	if (!n || strspn(buffer, "0123456789+-.eE") != n) /* no blanks, hexadecimal, inf or nan */
		return false;
	char *end;
	double v = strtod(buffer, &end) / unit;
	if (*end || !isfinite(v))
		return false;
	if (share ? !(v > 0 && v <= 1) : !(v >= opt->min && v <= upper(opt)))
		return false;
	*out = v;
	return true;
}

/* --- what was expected --------------------------------------------------- */

static void describe_range(const am_option *opt, am_text *t)
{
	if (opt->max)
		am_text_printf(t, " from %.15g to %.15g", opt->min, opt->max);
	else
		am_text_printf(t, " of at least %.15g", opt->min);
}

/* The least N of a choice "name:N". */
static int least_n(const am_option *opt)
{
	return opt->min > 1 ? (int)opt->min : 1;
}

static void describe_names(const am_option *opt, am_text *t)
{
	bool numbered = false;
	for (int i = 0; opt->names[i]; i++) {
		am_text_printf(t, "%s%s", !i ? "" : opt->names[i + 1] ? ", " : " or ", opt->names[i]);
		numbered |= strstr(opt->names[i], ":N") != NULL;
	}
	if (numbered && opt->max)
		am_text_printf(t, ", N from %d to %.15g", least_n(opt), opt->max);
	else if (numbered)
		am_text_printf(t, ", N at least %d", least_n(opt));
}

static void describe(const am_option *opt, am_text *t)
{
	switch (opt->type) {
	case AM_OPT_INT: am_text_puts(t, "a whole number"); describe_range(opt, t); break;
	case AM_OPT_UINT64: am_text_puts(t, "a whole number from 0 to 18446744073709551615"); break;
	case AM_OPT_DOUBLE: am_text_puts(t, "a number"); describe_range(opt, t); break;
	case AM_OPT_ENUM:
	case AM_OPT_CHOICE: describe_names(opt, t); break;
	case AM_OPT_INTS: am_text_puts(t, "distinct whole numbers"); describe_range(opt, t);
		am_text_puts(t, ", as in 1,16,64"); break;
	case AM_OPT_RANGES: am_text_puts(t, "distinct numbers and ranges, as in 0,4-7, or all"); break;
	case AM_OPT_DOUBLES: am_text_puts(t, "distinct numbers"); describe_range(opt, t);
		am_text_puts(t, ", separated by commas"); break;
	case AM_OPT_SHARES: am_text_puts(t, "distinct shares above 0 and up to 1, as in 1%,5% or 0.01,0.05"); break;
	default: am_text_puts(t, "a value"); break;
	}
}

/* Whether a number in it is larger than any that whole numbers may be. */
static bool is_too_large(const char *text)
{
	uint64_t v;
	for (size_t n; *text; text += n) {
		n = strspn(text, "0123456789");
		if (n && (!parse_u64(text, n, &v) || v > INT_MAX))
			return true;
		n += !n;
	}
	return false;
}

static am_status refuse(const am_option *opt, const char *text, am_error *err)
{
	bool whole = opt->type == AM_OPT_INT || opt->type == AM_OPT_INTS || opt->type == AM_OPT_CHOICE;
	am_text t = {0};
	describe(opt, &t);
	if (whole && !opt->max && is_too_large(text))
		am_text_printf(&t, ", none above %d", INT_MAX);
	am_status s = am_fail(err, AM_ERR_USAGE, "expected %s, found '%s'", am_text_str(&t), text);
	am_text_free(&t);
	return s;
}

/* --- lists --------------------------------------------------------------- */

static am_status own(am_options *o, void *p, am_error *err)
{
	void **grown = p ? am_grow(o->owned, (size_t)o->n_owned * sizeof(void *), (size_t)o->n_owned + 1,
	                           sizeof(void *))
	                 : NULL;
	if (!grown) {
		am_free(p);
		return am_fail(err, AM_ERR_MEMORY, "out of memory");
	}
	o->owned = grown;
	o->owned[o->n_owned++] = p;
	return AM_OK;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* One item "7" or, for ranges, "4-7": appended to v; false when it is none. */
static bool parse_item(const am_option *opt, const char *text, size_t n, double *v, int *count)
{
	if (opt->type == AM_OPT_DOUBLES || opt->type == AM_OPT_SHARES) {
		if (*count >= MAX_ITEMS || !parse_double(opt, text, n, &v[*count]))
			return false;
		return ++*count, true;
	}
	const char *dash = opt->type == AM_OPT_RANGES ? memchr(text, '-', n) : NULL;
	int first, last;
	if (!parse_int(opt, text, dash ? (size_t)(dash - text) : n, &first))
		return false;
	last = first;
	if (dash && !parse_int(opt, dash + 1, n - (size_t)(dash + 1 - text), &last))
		return false;
	if (last < first || last - first >= MAX_ITEMS - *count)
		return false;
	for (int i = 0; i <= last - first; i++)
		v[(*count)++] = first + i;
	return true;
}

/* Sorted values of a comma list; false when it is malformed or repeats one. */
static bool parse_list(const am_option *opt, const char *text, double *v, int *count)
{
	*count = 0;
	for (;;) {
		size_t n = strcspn(text, ",");
		if (!parse_item(opt, text, n, v, count))
			return false;
		if (!text[n])
			break;
		text += n + 1;
	}
	qsort(v, (size_t)*count, sizeof *v, compare_double);
	for (int i = 1; i < *count; i++)
		if (v[i] == v[i - 1])
			return false;
	return true;
}

static am_status store_doubles(am_options *o, const am_option *opt, const double *v, int n, am_error *err)
{
	double *items = am_alloc((size_t)n, sizeof *items);
	am_status s = own(o, items, err);
	if (s)
		return s;
	memcpy(items, v, (size_t)n * sizeof *items);
	*(am_opt_doubles *)opt->target = (am_opt_doubles){items, n};
	return AM_OK;
}

static am_status store_ints(am_options *o, const am_option *opt, const double *v, int n, am_error *err)
{
	int *items = am_alloc((size_t)n, sizeof *items);
	am_status s = own(o, items, err);
	if (s)
		return s;
	for (int i = 0; i < n; i++)
		items[i] = (int)v[i];
	*(am_opt_ints *)opt->target = (am_opt_ints){items, n};
	return AM_OK;
}

static am_status store_list(am_options *o, const am_option *opt, const char *text, am_error *err)
{
	if (opt->type == AM_OPT_RANGES && !strcmp(text, "all")) {
		*(am_opt_ints *)opt->target = (am_opt_ints){0};
		return AM_OK;
	}
	double *v = am_alloc(MAX_ITEMS, sizeof *v);
	int n;
	am_status s;
	if (!v)
		s = am_fail(err, AM_ERR_MEMORY, "out of memory");
	else if (!parse_list(opt, text, v, &n))
		s = refuse(opt, text, err);
	else if (opt->type == AM_OPT_DOUBLES || opt->type == AM_OPT_SHARES)
		s = store_doubles(o, opt, v, n, err);
	else
		s = store_ints(o, opt, v, n, err);
	am_free(v);
	return s;
}

static am_status store_strings(am_options *o, const am_option *opt, const char *text, am_error *err)
{
	am_opt_strings *list = opt->target;
	const char **items = am_alloc((size_t)list->n + 1, sizeof *items);
	am_status s = own(o, items, err);
	if (s)
		return s;
	if (list->n)
		memcpy(items, list->items, (size_t)list->n * sizeof *items);
	items[list->n] = text;
	*list = (am_opt_strings){items, list->n + 1};
	return AM_OK;
}

/* --- names --------------------------------------------------------------- */

static bool parse_choice(const am_option *opt, const char *text, am_opt_choice *out)
{
	for (int i = 0; opt->names[i]; i++) {
		const char *name = opt->names[i], *colon = strstr(name, ":N");
		size_t stem = colon ? (size_t)(colon - name) + 1 : strlen(name) + 1;
		if (strncmp(text, name, stem))
			continue;
		am_opt_choice c = {.index = i};
		am_option number = {.min = least_n(opt), .max = opt->max};
		if (colon && !parse_int(&number, text + stem, strlen(text + stem), &c.n))
			return false;
		*out = c;
		return true;
	}
	return false;
}

static bool store_scalar(const am_option *opt, const char *text)
{
	am_opt_choice c;
	switch (opt->type) {
	case AM_OPT_INT: return parse_int(opt, text, strlen(text), opt->target);
	case AM_OPT_UINT64: return parse_u64(text, strlen(text), opt->target);
	case AM_OPT_DOUBLE: return parse_double(opt, text, strlen(text), opt->target);
	case AM_OPT_CHOICE: return parse_choice(opt, text, opt->target);
	case AM_OPT_ENUM:
		if (!parse_choice(opt, text, &c))
			return false;
		*(int *)opt->target = c.index;
		return true;
	default:
		if (!*text)
			return false;
		*(const char **)opt->target = text;
		return true;
	}
}

am_status am_option_store(am_options *o, const am_option *opt, const char *text, am_error *err)
{
	switch (opt->type) {
	case AM_OPT_CALL: return opt->call(opt->target, text, err);
	case AM_OPT_STRINGS: return *text ? store_strings(o, opt, text, err) : refuse(opt, text, err);
	case AM_OPT_INTS:
	case AM_OPT_RANGES:
	case AM_OPT_DOUBLES:
	case AM_OPT_SHARES: return store_list(o, opt, text, err);
	default: return store_scalar(opt, text) ? AM_OK : refuse(opt, text, err);
	}
}
