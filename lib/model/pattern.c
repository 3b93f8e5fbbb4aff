#include "model/pattern.h"

#include "base/mem.h"
#include "model/tokenizer_fields.h"
#include "model/utf8.h"

#include <string.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

/* Backtracking allowed in one search: a base, and some for each byte, since a
 * run of blanks is walked back once. Nested repeats run into it instead of
 * running for ever. */
#define MATCH_STEPS 10000000u
#define MATCH_STEPS_PER_BYTE 16u
#define JIT_STACK_MAX ((size_t)16 << 20)

struct am_pattern {
	pcre2_code *code;
	pcre2_match_data *data;
	pcre2_match_context *context;
	pcre2_jit_stack *stack;
	char *where;
};

static am_status compile(am_pattern *p, const char *text, uint32_t options, am_error *err)
{
	pcre2_compile_context *context = pcre2_compile_context_create(NULL);
	if (!context)
		return am_fail(err, AM_ERR_MEMORY, "%s: no memory for a pattern", p->where);
	int code;
	PCRE2_SIZE at;
	pcre2_set_newline(context, PCRE2_NEWLINE_LF);
	p->code = pcre2_compile((PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, PCRE2_UTF | options, &code,
	                        &at, context);
	pcre2_compile_context_free(context);
	if (p->code)
		return AM_OK;
	char message[128] = "";
	pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof message);
	return am_fail(err, AM_ERR_UNSUPPORTED, "%s: pattern %s: %s", p->where, am_quote(text).text,
	               message);
}

/* Without JIT (it may be forbidden on this machine) the interpreter runs. */
static bool prepare(am_pattern *p)
{
	p->context = pcre2_match_context_create(NULL);
	p->data = pcre2_match_data_create(1, NULL);
	if (!p->context || !p->data)
		return false;
	if (pcre2_jit_compile(p->code, PCRE2_JIT_COMPLETE) == 0) {
		p->stack = pcre2_jit_stack_create((size_t)32 << 10, JIT_STACK_MAX, NULL);
		if (p->stack)
			pcre2_jit_stack_assign(p->context, NULL, p->stack);
	}
	return true;
}

static am_status make(const char *text, uint32_t options, const char *where, am_pattern **out,
                      am_error *err)
{
	am_pattern *p = am_calloc(1, sizeof *p);
	if (!p || !(p->where = am_strdup(where))) {
		am_free(p);
		return am_fail(err, AM_ERR_MEMORY, "%s: no memory for a pattern", where);
	}
	am_status st = compile(p, text, options, err);
	if (st == AM_OK && !prepare(p))
		st = am_fail(err, AM_ERR_MEMORY, "%s: no memory for a pattern", where);
	if (st != AM_OK) {
		am_pattern_free(p);
		return st;
	}
	*out = p;
	return AM_OK;
}

am_status am_pattern_new(const char *expression, const char *where, am_pattern **out, am_error *err)
{
	am_text text = {0};
	am_status st = am_oniguruma_translate(expression, where, &text, err);
	if (st == AM_OK)
		st = make(am_text_str(&text), PCRE2_UCP | PCRE2_MULTILINE, where, out, err);
	am_text_free(&text);
	return st;
}

am_status am_pattern_new_literal(const char *text, const char *where, am_pattern **out,
                                 am_error *err)
{
	return make(text, PCRE2_LITERAL, where, out, err);
}

am_status am_pattern_load(const json_t *component, const char *where, am_pattern **out,
                          am_error *err)
{
	const json_t *v = json_object_get(component, "pattern");
	const char *regex = json_string_value(json_object_get(v, "Regex"));
	const char *text = json_string_value(json_object_get(v, "String"));
	if (!json_is_object(v) || json_object_size(v) != 1 || (!regex && !(text && *text)))
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: pattern: expected {\"Regex\": ...} or {\"String\": ...}, not empty, found %s",
		               where, am_json_kind(v));
	return regex ? am_pattern_new(regex, where, out, err)
	             : am_pattern_new_literal(text, where, out, err);
}

void am_pattern_free(am_pattern *p)
{
	if (!p)
		return;
	pcre2_jit_stack_free(p->stack);
	pcre2_match_context_free(p->context);
	pcre2_match_data_free(p->data);
	pcre2_code_free(p->code);
	am_free(p->where);
	am_free(p);
}

static int search(const am_matches *it)
{
	am_pattern *p = it->pattern;
	size_t steps = MATCH_STEPS + it->n / 1024 * (1024 * MATCH_STEPS_PER_BYTE);
	pcre2_set_match_limit(p->context, steps < UINT32_MAX ? (uint32_t)steps : UINT32_MAX);
	int rc = pcre2_match(p->code, (PCRE2_SPTR)it->text, it->n, it->at, PCRE2_NO_UTF_CHECK, p->data,
	                     p->context);
	/* The interpreter keeps its frames on the heap, without that limit. */
	if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
		rc = pcre2_match(p->code, (PCRE2_SPTR)it->text, it->n, it->at,
		                 PCRE2_NO_UTF_CHECK | PCRE2_NO_JIT, p->data, p->context);
	return rc;
}

static am_status search_failed(const am_pattern *p, int rc, am_error *err)
{
	char message[128] = "";
	pcre2_get_error_message(rc, (PCRE2_UCHAR *)message, sizeof message);
	am_status st = rc == PCRE2_ERROR_NOMEMORY ? AM_ERR_MEMORY : AM_ERR_UNSUPPORTED;
	return am_fail(err, st, "%s: the pattern cannot be matched on this text: %s", p->where, message);
}

am_status am_matches_next(am_matches *it, am_match *out, am_error *err)
{
	out->found = false;
	while (it->at <= it->n) {
		int rc = search(it);
		if (rc == PCRE2_ERROR_NOMATCH)
			break;
		if (rc < 0)
			return search_failed(it->pattern, rc, err);
		const PCRE2_SIZE *ends = pcre2_get_ovector_pointer(it->pattern->data);
		if (ends[0] == ends[1] && it->matched && it->last == ends[1]) {
			it->at += it->at < it->n ? am_utf8_width(it->text[it->at]) : 1;
			continue;
		}
		it->at = it->last = ends[1];
		it->matched = true;
		*out = (am_match){ends[0], ends[1], true};
		return AM_OK;
	}
	it->at = it->n + 1;
	return AM_OK;
}
