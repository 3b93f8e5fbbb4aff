#include "model/normalize.h"

#include "base/mem.h"
#include "model/pattern.h"
#include "model/tokenizer_fields.h"
#include "model/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

typedef struct step step;
typedef am_status apply_fn(const step *s, const am_text *in, am_text *out, bool *at_start,
                           am_error *err);

struct step {
	apply_fn *apply;
	int form;          /* utf8proc options of a normal form */
	bool left, right;  /* Strip */
	char *content;     /* Prepend, Replace */
	am_pattern *match; /* Replace */
};

struct am_normalizer {
	step *steps;
	size_t n;
};

static am_status no_memory(am_error *err)
{
	return am_fail(err, AM_ERR_MEMORY, "no memory to normalise the text");
}

static bool is_ascii(const am_text *t)
{
	unsigned char all = 0;
	for (size_t i = 0; i < t->size; i++)
		all |= (unsigned char)t->data[i];
	return all < 0x80;
}

static am_status apply_form(const step *s, const am_text *in, am_text *out, bool *at_start,
                            am_error *err)
{
	(void)at_start;
	if (is_ascii(in)) {
		am_text_append(out, in->data, in->size);
		return AM_OK;
	}
	utf8proc_uint8_t *result = NULL;
	utf8proc_ssize_t size = utf8proc_map((const utf8proc_uint8_t *)in->data,
	                                     (utf8proc_ssize_t)in->size, &result,
	                                     (utf8proc_option_t)s->form);
	if (size < 0)
		return size == UTF8PROC_ERROR_NOMEM || size == UTF8PROC_ERROR_OVERFLOW
		           ? no_memory(err)
		           : am_fail(err, AM_ERR_FORMAT, "normaliser: %s", utf8proc_errmsg(size));
	am_text_append(out, (const char *)result, (size_t)size);
	free(result);
	return AM_OK;
}

static am_status apply_lowercase(const step *s, const am_text *in, am_text *out, bool *at_start,
                                 am_error *err)
{
	(void)s, (void)at_start, (void)err;
	for (size_t i = 0; i < in->size; i += am_utf8_width(in->data[i])) {
		char c[4];
		uint32_t upper = am_utf8_get(in->data + i);
		/* The only character whose full lower case is two: i, dot above. */
		if (upper == 0x130)
			am_text_append(out, "i\xcc\x87", 3);
		else
			am_text_append(out, c,
			               am_utf8_put((uint32_t)utf8proc_tolower((utf8proc_int32_t)upper), c));
	}
	return AM_OK;
}

static am_status apply_prepend(const step *s, const am_text *in, am_text *out, bool *at_start,
                               am_error *err)
{
	(void)at_start, (void)err;
	if (in->size)
		am_text_puts(out, s->content);
	am_text_append(out, in->data, in->size);
	return AM_OK;
}

static am_status apply_replace(const step *s, const am_text *in, am_text *out, bool *at_start,
                               am_error *err)
{
	am_matches it = {.pattern = s->match, .text = in->data, .n = in->size};
	size_t from = 0;
	for (;;) {
		am_match m;
		am_status st = am_matches_next(&it, &m, err);
		if (st != AM_OK)
			return st;
		if (!m.found)
			break;
		/* What replaces one character stands for it, what replaces more does not. */
		if (m.from == 0 && m.to > 0 && (!*s->content || am_utf8_count(in->data, m.to) > 1))
			*at_start = false;
		am_text_append(out, in->data + from, m.from - from);
		am_text_puts(out, s->content);
		from = m.to;
	}
	am_text_append(out, in->data + from, in->size - from);
	return AM_OK;
}

static am_status apply_strip(const step *s, const am_text *in, am_text *out, bool *at_start,
                             am_error *err)
{
	(void)err;
	size_t from = 0, to = in->size;
	while (s->left && from < to && am_char_is_space(am_utf8_get(in->data + from)))
		from += am_utf8_width(in->data[from]);
	while (s->right && to > from) {
		size_t last = am_utf8_back(in->data, to);
		if (!am_char_is_space(am_utf8_get(in->data + last)))
			break;
		to = last;
	}
	if (from)
		*at_start = false;
	am_text_append(out, in->data + from, to - from);
	return AM_OK;
}

static am_status apply_byte_level(const step *s, const am_text *in, am_text *out, bool *at_start,
                                  am_error *err)
{
	(void)s, (void)at_start, (void)err;
	am_byte_alphabet_append(out, in->data, in->size);
	return AM_OK;
}

am_status am_normalizer_run(const am_normalizer *n, am_text *text, bool *at_start, am_error *err)
{
	for (size_t i = 0; i < n->n && text->size; i++) {
		am_text out = {0};
		am_status st = n->steps[i].apply(&n->steps[i], text, &out, at_start, err);
		if (st == AM_OK && !am_text_ok(&out))
			st = no_memory(err);
		if (st != AM_OK) {
			am_text_free(&out);
			return st;
		}
		am_text_free(text);
		*text = out;
	}
	return AM_OK;
}

static am_status own(const char *s, char **out, am_error *err)
{
	*out = am_strdup(s);
	return *out ? AM_OK : am_fail(err, AM_ERR_MEMORY, "no memory for the normaliser");
}

static am_status load_prepend(const json_t *v, step *s, am_error *err)
{
	const char *content;
	am_status st = am_field_string(v, "prepend", "normalizer Prepend", &content, err);
	return st != AM_OK ? st : own(content, &s->content, err);
}

static am_status load_replace(const json_t *v, step *s, am_error *err)
{
	const char *content;
	am_status st = am_field_string(v, "content", "normalizer Replace", &content, err);
	if (st == AM_OK)
		st = am_pattern_load(v, "normalizer Replace", &s->match, err);
	return st != AM_OK ? st : own(content, &s->content, err);
}

static am_status load_strip(const json_t *v, step *s, am_error *err)
{
	am_status st = am_field_bool(v, "strip_left", "normalizer Strip", &s->left, err);
	return st != AM_OK ? st : am_field_bool(v, "strip_right", "normalizer Strip", &s->right, err);
}

static const struct kind {
	const char *type;
	apply_fn *apply;
	am_status (*load)(const json_t *v, step *s, am_error *err);
	int form;
} kinds[] = {
	{"NFC", apply_form, NULL, UTF8PROC_STABLE | UTF8PROC_COMPOSE},
	{"NFD", apply_form, NULL, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE},
	{"NFKC", apply_form, NULL, UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_COMPAT},
	{"NFKD", apply_form, NULL, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE | UTF8PROC_COMPAT},
	{"Lowercase", apply_lowercase, NULL, 0},
	{"Prepend", apply_prepend, load_prepend, 0},
	{"Replace", apply_replace, load_replace, 0},
	{"Strip", apply_strip, load_strip, 0},
	{"ByteLevel", apply_byte_level, NULL, 0},
};

static am_status add_step(void *ctx, const char *type, const json_t *v, am_error *err)
{
	am_normalizer *n = ctx;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(type, kinds[i].type) != 0)
			continue;
		step *steps = am_grow(n->steps, n->n * sizeof *steps, n->n + 1, sizeof *steps);
		if (!steps)
			return am_fail(err, AM_ERR_MEMORY, "no memory for the normaliser");
		n->steps = steps;
		step *s = &steps[n->n++];
		*s = (step){.apply = kinds[i].apply, .form = kinds[i].form};
		return kinds[i].load ? kinds[i].load(v, s, err) : AM_OK;
	}
	return am_fail(err, AM_ERR_UNSUPPORTED, "normalizer %s is not supported", am_quote(type).text);
}

am_status am_normalizer_new(const json_t *component, am_normalizer **out, am_error *err)
{
	am_normalizer *n = am_calloc(1, sizeof *n);
	if (!n)
		return am_fail(err, AM_ERR_MEMORY, "no memory for the normaliser");
	am_status st = am_components_walk(component, "normalizer", "normalizers", add_step, n, err);
	if (st != AM_OK) {
		am_normalizer_free(n);
		return st;
	}
	*out = n;
	return AM_OK;
}

void am_normalizer_free(am_normalizer *n)
{
	if (!n)
		return;
	for (size_t i = 0; i < n->n; i++) {
		am_pattern_free(n->steps[i].match);
		am_free(n->steps[i].content);
	}
	am_free(n->steps);
	am_free(n);
}
