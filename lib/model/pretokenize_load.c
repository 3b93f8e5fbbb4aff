#include "model/pretokenize_steps.h"

#include "base/mem.h"
#include "model/tokenizer_fields.h"

#include <string.h>

static const char gpt2_pattern[] =
	"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";

/* \w as UTS 18 defines it, which Oniguruma's differs from by a few characters. */
#define WORD "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}"

/* Components that are a split by a fixed pattern. */
static const struct fixed_split {
	const char *type, *pattern;
	am_split_behaviour behaviour;
	bool invert;
} fixed_splits[] = {
	{"Whitespace", "[" WORD "]+|[^" WORD "\\s]+", AM_SPLIT_REMOVED, true},
	{"WhitespaceSplit", "\\s", AM_SPLIT_REMOVED, false},
};

static const struct behaviour_name {
	const char *name;
	am_split_behaviour behaviour;
} behaviour_names[] = {
	{"Isolated", AM_SPLIT_ISOLATED},
	{"Removed", AM_SPLIT_REMOVED},
	{"Contiguous", AM_SPLIT_CONTIGUOUS},
	{"MergedWithPrevious", AM_SPLIT_MERGED_WITH_PREVIOUS},
	{"MergedWithNext", AM_SPLIT_MERGED_WITH_NEXT},
};

static am_status load_behaviour(const json_t *v, const char *where, am_split_behaviour *out,
                                am_error *err)
{
	const char *name;
	am_status st = am_field_string(v, "behavior", where, &name, err);
	if (st != AM_OK)
		return st;
	for (size_t i = 0; i < sizeof behaviour_names / sizeof *behaviour_names; i++) {
		if (strcmp(name, behaviour_names[i].name) == 0) {
			*out = behaviour_names[i].behaviour;
			return AM_OK;
		}
	}
	return am_fail(err, AM_ERR_UNSUPPORTED, "%s: behavior %s is not supported", where,
	               am_quote(name).text);
}

static am_pretokenize_step *new_step(am_pretokenizer *t, am_error *err)
{
	am_pretokenize_step *steps = am_grow(t->steps, t->n * sizeof *steps, t->n + 1, sizeof *steps);
	if (!steps) {
		(void)am_fail(err, AM_ERR_MEMORY, "no memory for the pre-tokeniser");
		return NULL;
	}
	t->steps = steps;
	steps[t->n] = (am_pretokenize_step){0};
	return &steps[t->n++];
}

/* Takes over `match`. */
static am_status add_split(am_pretokenizer *t, am_pattern *match, am_split_behaviour behaviour,
                           bool invert, am_error *err)
{
	am_pretokenize_step *s = new_step(t, err);
	if (!s) {
		am_pattern_free(match);
		return AM_ERR_MEMORY;
	}
	s->is_split = true;
	s->split = (am_split_step){match, behaviour, invert};
	return AM_OK;
}

static am_status add_expression(am_pretokenizer *t, const char *expression, const char *where,
                                am_split_behaviour behaviour, bool invert, am_error *err)
{
	am_pattern *match;
	am_status st = am_pattern_new(expression, where, &match, err);
	return st != AM_OK ? st : add_split(t, match, behaviour, invert, err);
}

static am_status add_rewrite(am_pretokenizer *t, am_rewrite_step rewrite, am_error *err)
{
	am_pretokenize_step *s = new_step(t, err);
	if (!s)
		return AM_ERR_MEMORY;
	s->rewrite = rewrite;
	return AM_OK;
}

static am_status load_byte_level(am_pretokenizer *t, const json_t *v, am_error *err)
{
	static const char where[] = "pre_tokenizer ByteLevel";
	bool prefix, regex = true;
	am_status st = am_field_bool(v, "add_prefix_space", where, &prefix, err);
	if (st == AM_OK)
		st = am_field_bool_or(v, "use_regex", where, &regex, err);
	if (st == AM_OK && prefix)
		st = add_rewrite(t, (am_rewrite_step){.kind = AM_REWRITE_PREFIX_BLANK}, err);
	if (st == AM_OK && regex)
		st = add_expression(t, gpt2_pattern, where, AM_SPLIT_ISOLATED, false, err);
	if (st == AM_OK)
		st = add_rewrite(t, (am_rewrite_step){.kind = AM_REWRITE_BYTE_ALPHABET}, err);
	return st;
}

static am_status load_split(am_pretokenizer *t, const json_t *v, am_error *err)
{
	static const char where[] = "pre_tokenizer Split";
	am_split_behaviour behaviour;
	bool invert = false;
	am_pattern *match;
	am_status st = load_behaviour(v, where, &behaviour, err);
	if (st == AM_OK)
		st = am_field_bool_or(v, "invert", where, &invert, err);
	if (st == AM_OK)
		st = am_pattern_load(v, where, &match, err);
	return st != AM_OK ? st : add_split(t, match, behaviour, invert, err);
}

static am_status load_digits(am_pretokenizer *t, const json_t *v, am_error *err)
{
	static const char where[] = "pre_tokenizer Digits";
	bool individual;
	am_status st = am_field_bool(v, "individual_digits", where, &individual, err);
	if (st != AM_OK)
		return st;
	return add_expression(t, "\\p{N}", where, individual ? AM_SPLIT_ISOLATED : AM_SPLIT_CONTIGUOUS,
	                      false, err);
}

static am_status load_punctuation(am_pretokenizer *t, const json_t *v, am_error *err)
{
	static const char where[] = "pre_tokenizer Punctuation";
	am_split_behaviour behaviour = AM_SPLIT_ISOLATED;
	am_status st = AM_OK;
	if (json_object_get(v, "behavior"))
		st = load_behaviour(v, where, &behaviour, err);
	if (st != AM_OK)
		return st;
	/* Unicode punctuation and the ASCII symbols beside it. */
	return add_expression(t, "[\\p{P}$+<=>\\^`|~]", where, behaviour, false, err);
}

static am_status load_delimiter(am_pretokenizer *t, const json_t *v, am_error *err)
{
	static const char where[] = "pre_tokenizer CharDelimiterSplit";
	const char *delimiter;
	am_pattern *match;
	am_status st = am_field_char(v, "delimiter", where, &delimiter, err);
	if (st == AM_OK)
		st = am_pattern_new_literal(delimiter, where, &match, err);
	return st != AM_OK ? st : add_split(t, match, AM_SPLIT_REMOVED, false, err);
}

static am_status load_scheme(const json_t *v, const char *where, am_prepend_scheme *out,
                             am_error *err)
{
	const char *name = NULL;
	bool add = true; /* of older files: false is "never" */
	am_status st = am_field_string_or(v, "prepend_scheme", where, &name, err);
	if (st == AM_OK)
		st = am_field_bool_or(v, "add_prefix_space", where, &add, err);
	if (st != AM_OK)
		return st;
	if (!name)
		name = add ? "always" : "never";
	if (strcmp(name, "always") == 0 && add)
		*out = AM_PREPEND_ALWAYS;
	else if (strcmp(name, "first") == 0 && add)
		*out = AM_PREPEND_FIRST;
	else if (strcmp(name, "never") == 0)
		*out = AM_PREPEND_NEVER;
	else
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: prepend_scheme: expected always, first or never (never with "
		               "add_prefix_space false), found %s",
		               where, am_quote(name).text);
	return AM_OK;
}

am_status am_metaspace_load(const json_t *v, const char *where, char mark[5],
                            am_prepend_scheme *scheme, am_error *err)
{
	const char *replacement;
	am_status st = am_field_char(v, "replacement", where, &replacement, err);
	if (st != AM_OK)
		return st;
	memcpy(mark, replacement, strlen(replacement) + 1);
	return load_scheme(v, where, scheme, err);
}

static am_status load_metaspace(am_pretokenizer *t, const json_t *v, am_error *err)
{
	static const char where[] = "pre_tokenizer Metaspace";
	am_rewrite_step rewrite = {.kind = AM_REWRITE_METASPACE};
	bool split = true;
	am_pattern *match;
	am_status st = am_metaspace_load(v, where, rewrite.mark, &rewrite.scheme, err);
	if (st == AM_OK)
		st = am_field_bool_or(v, "split", where, &split, err);
	if (st == AM_OK)
		st = add_rewrite(t, rewrite, err);
	if (st != AM_OK || !split)
		return st;
	st = am_pattern_new_literal(rewrite.mark, where, &match, err);
	return st != AM_OK ? st : add_split(t, match, AM_SPLIT_MERGED_WITH_NEXT, false, err);
}

static const struct loader {
	const char *type;
	am_status (*load)(am_pretokenizer *t, const json_t *v, am_error *err);
} loaders[] = {
	{"ByteLevel", load_byte_level}, {"Split", load_split},
	{"Digits", load_digits},        {"Punctuation", load_punctuation},
	{"Metaspace", load_metaspace},  {"CharDelimiterSplit", load_delimiter},
};

static am_status add_component(void *ctx, const char *type, const json_t *v, am_error *err)
{
	am_pretokenizer *t = ctx;
	for (size_t i = 0; i < sizeof loaders / sizeof *loaders; i++)
		if (strcmp(type, loaders[i].type) == 0)
			return loaders[i].load(t, v, err);
	for (size_t i = 0; i < sizeof fixed_splits / sizeof *fixed_splits; i++) {
		const struct fixed_split *f = &fixed_splits[i];
		if (strcmp(type, f->type) == 0)
			return add_expression(t, f->pattern, type, f->behaviour, f->invert, err);
	}
	return am_fail(err, AM_ERR_UNSUPPORTED, "pre_tokenizer %s is not supported",
	               am_quote(type).text);
}

am_status am_pretokenizer_new(const json_t *component, am_pretokenizer **out, am_error *err)
{
	am_pretokenizer *t = am_calloc(1, sizeof *t);
	if (!t)
		return am_fail(err, AM_ERR_MEMORY, "no memory for the pre-tokeniser");
	am_status st = am_components_walk(component, "pre_tokenizer", "pretokenizers", add_component, t,
	                                  err);
	if (st != AM_OK) {
		am_pretokenizer_free(t);
		return st;
	}
	*out = t;
	return AM_OK;
}

void am_pretokenizer_free(am_pretokenizer *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->n; i++)
		am_pattern_free(t->steps[i].split.match);
	am_free(t->steps);
	am_free(t);
}
