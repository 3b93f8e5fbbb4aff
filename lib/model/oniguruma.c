/* From Oniguruma's Ruby syntax to PCRE2's. What differs between the two:
 *   ^ and $      always at lines                     -> MULTILINE
 *   \s \S        White_Space; PCRE2 adds U+180E      -> the property
 *   \w \W \b \B  letters, marks, digits, connectors  -> the classes written out
 *   \p{Script}   Script; PCRE2 takes extensions      -> sc:
 *   \uHHHH       a code point                        -> \x{HHHH}
 * Not carried over: case folds of several characters ((?i:ss) for a sharp s).
 * Refused: \h \R \X \G \K, back references, (?m), class operations ([..&&..],
 * [..[..]]), {n,m}+, {n}?, {,n}, which mean something else in PCRE2. */
#include "model/pattern.h"

#include "model/tokenizer_fields.h"
#include "model/utf8.h"

#include <ctype.h>
#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* The superscripts and fractions of Latin-1 are words to Oniguruma. */
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\xb2\\xb3\\xb9\\xbc-\\xbe"

typedef struct translation {
	const char *p; /* what is left */
	const char *expression, *where;
	am_text *out;
	bool in_class, group_start;
	am_error *err;
} translation;

static am_status refuse(const translation *t, const char *construct)
{
	return am_fail(t->err, AM_ERR_UNSUPPORTED, "%s: pattern %s: unsupported construct %s", t->where,
	               am_quote(t->expression).text, am_quote(construct).text);
}

static am_status copy(translation *t, size_t n)
{
	am_text_append(t->out, t->p, n);
	t->p += n;
	return AM_OK;
}

static am_status replace(translation *t, size_t n, const char *with)
{
	am_text_puts(t->out, with);
	t->p += n;
	return AM_OK;
}

static bool is_script(const char *name, size_t n)
{
	am_text text = {0};
	am_text_puts(&text, "\\p{sc:");
	am_text_append(&text, name, n);
	am_text_puts(&text, "}");
	int code;
	PCRE2_SIZE at;
	pcre2_code *c = pcre2_compile((PCRE2_SPTR)am_text_str(&text), PCRE2_ZERO_TERMINATED, PCRE2_UTF,
	                              &code, &at, NULL);
	am_text_free(&text);
	pcre2_code_free(c);
	return c != NULL;
}

/* \p{Name}, \P{Name}, \p{^Name}. General categories have one or two letters and
 * mean the same in both; a longer name may be a script. */
static am_status property(translation *t)
{
	const char *close = t->p[2] == '{' ? strchr(t->p, '}') : NULL;
	if (!close)
		return refuse(t, "\\p without braces");
	const char *name = t->p + 3;
	size_t caret = *name == '^';
	name += caret;
	size_t n = (size_t)(close - name);
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_')
			return refuse(t, "\\p with a name that is not a word");
	if (n <= 2 || !is_script(name, n))
		return copy(t, (size_t)(close + 1 - t->p));
	am_text_append(t->out, t->p, 3 + caret);
	am_text_puts(t->out, "sc:");
	am_text_append(t->out, name, n + 1);
	t->p = close + 1;
	return AM_OK;
}

static am_status code_point(translation *t)
{
	for (int i = 2; i < 6; i++)
		if (!isxdigit((unsigned char)t->p[i]))
			return refuse(t, "\\u without four digits");
	am_text_printf(t->out, "\\x{%.4s}", t->p + 2);
	t->p += 6;
	return AM_OK;
}

/* \xHH is a byte of the text to Oniguruma: the same only for ASCII. */
static am_status hex(translation *t)
{
	if (t->p[2] == '{') {
		const char *close = strchr(t->p, '}');
		size_t n = close ? (size_t)(close - t->p) : 0;
		if (n < 4 || strspn(t->p + 3, "0123456789abcdefABCDEF") != n - 3)
			return refuse(t, "\\x{ without a number");
		return copy(t, n + 1);
	}
	if (t->p[2] < '0' || t->p[2] > '7' || !isxdigit((unsigned char)t->p[3]))
		return refuse(t, "\\x of a byte that is not ASCII");
	return copy(t, 4);
}

static am_status word_escape(translation *t)
{
	switch (t->p[1]) {
	case 'w':
		return replace(t, 2, t->in_class ? WORD : "[" WORD "]");
	case 'W':
		return t->in_class ? refuse(t, "\\W in a class") : replace(t, 2, "[^" WORD "]");
	case 'b':
		return t->in_class ? copy(t, 2)
		                   : replace(t, 2, "(?:(?<=[" WORD "])(?![" WORD "])|(?<![" WORD
		                                   "])(?=[" WORD "]))");
	default:
		return t->in_class ? refuse(t, "\\B in a class")
		                   : replace(t, 2, "(?:(?<=[" WORD "])(?=[" WORD "])|(?<![" WORD
		                                   "])(?![" WORD "]))");
	}
}

static am_status escape(translation *t)
{
	char c = t->p[1];
	char name[3] = {'\\', c, 0};
	if (!c)
		return refuse(t, "a final \\");
	if ((unsigned char)c >= 0x80)
		return copy(t, 1 + am_utf8_width(c));
	if (strchr("wWbB", c))
		return word_escape(t);
	switch (c) {
	case 'p':
	case 'P':
		return property(t);
	case 'u':
		return code_point(t);
	case 'x':
		return hex(t);
	case 's':
		return replace(t, 2, "\\p{White_Space}");
	case 'S':
		return replace(t, 2, "\\P{White_Space}");
	case 'A':
	case 'z':
	case 'Z':
		return t->in_class ? refuse(t, name) : copy(t, 2);
	default:
		if (isalnum((unsigned char)c) && !strchr("rntfaedD", c))
			return refuse(t, name);
		return copy(t, 2);
	}
}

/* One step inside [...]; a '[' or "&&" there is an operation on classes. */
static am_status class_step(translation *t)
{
	if (*t->p == ']')
		t->in_class = false;
	else if (*t->p == '[')
		return refuse(t, "[ inside a class");
	else if (t->p[0] == '&' && t->p[1] == '&')
		return refuse(t, "&& inside a class");
	return copy(t, 1);
}

/* Opens a class; a ']' that comes first has two readings. */
static am_status class_open(translation *t)
{
	size_t n = t->p[1] == '^' ? 2 : 1;
	if (t->p[n] == ']')
		return refuse(t, "[]");
	t->in_class = true;
	return copy(t, n);
}

static am_status group_open(translation *t)
{
	static const char *const openings[] = {"(?:", "(?i:", "(?=", "(?!", "(?<=", "(?<!", "(?>"};
	bool start = t->group_start;
	t->group_start = true;
	if (t->p[1] != '?' && t->p[1] != '*')
		return copy(t, 1);
	for (size_t i = 0; i < sizeof openings / sizeof *openings; i++)
		if (strncmp(t->p, openings[i], strlen(openings[i])) == 0)
			return copy(t, strlen(openings[i]));
	/* Elsewhere than at the start, the alternatives it covers differ. */
	if (strncmp(t->p, "(?i)", 4) == 0 && start)
		return copy(t, 4);
	char name[5] = "";
	for (size_t i = 0; i < 4 && isprint((unsigned char)t->p[i]); i++)
		name[i] = t->p[i];
	return refuse(t, name);
}

static am_status interval(translation *t)
{
	size_t digits = strspn(t->p + 1, "0123456789");
	const char *end = t->p + 1 + digits;
	bool exact = *end != ',';
	if (!exact)
		end += 1 + strspn(end + 1, "0123456789");
	if (!digits || *end != '}')
		return refuse(t, "{ that is not {n}, {n,} or {n,m}");
	if (end[1] == '+' || (exact && end[1] == '?'))
		return refuse(t, exact ? "{n} with a suffix" : "{n,m}+");
	return copy(t, (size_t)(end + 1 - t->p));
}

static am_status step(translation *t)
{
	if (*t->p == '\\') {
		t->group_start = false;
		return escape(t);
	}
	if (t->in_class)
		return class_step(t);
	if (*t->p == '(')
		return group_open(t);
	t->group_start = false;
	if (*t->p == '[')
		return class_open(t);
	if (*t->p == '{')
		return interval(t);
	return copy(t, 1);
}

am_status am_oniguruma_translate(const char *expression, const char *where, am_text *out,
                                 am_error *err)
{
	translation t = {expression, expression, where, out, false, true, err};
	while (*t.p) {
		am_status st = step(&t);
		if (st != AM_OK)
			return st;
	}
	if (!am_text_ok(out))
		return am_fail(err, AM_ERR_MEMORY, "%s: no memory for a pattern", where);
	return AM_OK;
}
