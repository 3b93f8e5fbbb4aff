#include "model/detokenize.h"

#include "base/mem.h"
#include "model/pattern.h"
#include "model/pretokenize_steps.h"
#include "model/tokenizer_fields.h"
#include "model/utf8.h"

#include <string.h>

typedef struct step step;
typedef am_status apply_fn(const step *s, const am_token_list *in, am_token_list *out,
                           am_error *err);

struct step {
	apply_fn *apply;
	am_pattern *match;   /* Replace, BPEDecoder */
	char *content;       /* Replace */
	char mark[5];        /* Strip, Metaspace: one character */
	size_t start, stop;  /* Strip: most characters taken from each end */
	bool drop_first;     /* Metaspace: marks of the first token are not blanks */
};

struct am_detokenizer {
	step *steps; /* [n] */
	size_t n;
	bool present;
};

/* One token of the bytes that all stand for; a token outside the alphabet stands
 * for itself. */
static am_status apply_byte_level(const step *s, const am_token_list *in, am_token_list *out,
                                  am_error *err)
{
	(void)s, (void)err;
	am_text bytes = {0};
	for (size_t i = 0; i < in->n; i++) {
		const char *token = in->text.data + am_token_list_from(in, i);
		size_t n = in->end[i] - am_token_list_from(in, i);
		if (!am_byte_alphabet_decode(&bytes, token, n))
			am_text_append(&bytes, token, n);
	}
	out->failed |= !am_text_ok(&bytes);
	am_utf8_append_lossy(&out->text, am_text_str(&bytes), bytes.size);
	am_token_list_end(out);
	am_text_free(&bytes);
	return AM_OK;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte of "<0xNN>", -1 when the token is another. */
static int fallback_byte(const char *token, size_t n)
{
	if (n != 6 || memcmp(token, "<0x", 3) != 0 || token[5] != '>')
		return -1;
	int high = hex_digit(token[3]), low = hex_digit(token[4]);
	return high < 0 || low < 0 ? -1 : high << 4 | low;
}

/* A run of bytes is text when all of it is UTF-8, else one U+FFFD a byte. */
static void flush_bytes(am_text *bytes, am_token_list *out)
{
	size_t at = 0, bad;
	while (at < bytes->size) {
		size_t width = am_utf8_sequence(bytes->data + at, bytes->size - at, &bad);
		if (!width)
			break;
		at += width;
	}
	if (at < bytes->size)
		for (size_t i = 0; i < bytes->size; i++)
			am_token_list_push(out, "\xef\xbf\xbd", 3);
	else if (at)
		am_token_list_push(out, bytes->data, bytes->size);
	out->failed |= !am_text_ok(bytes);
	am_text_clear(bytes);
}

static am_status apply_byte_fallback(const step *s, const am_token_list *in, am_token_list *out,
                                     am_error *err)
{
	(void)s, (void)err;
	am_text bytes = {0};
	for (size_t i = 0; i < in->n; i++) {
		const char *token = in->text.data + am_token_list_from(in, i);
		size_t n = in->end[i] - am_token_list_from(in, i);
		int byte = fallback_byte(token, n);
		if (byte >= 0) {
			am_text_append(&bytes, &(char){(char)byte}, 1);
			continue;
		}
		flush_bytes(&bytes, out);
		am_token_list_push(out, token, n);
	}
	flush_bytes(&bytes, out);
	am_text_free(&bytes);
	return AM_OK;
}

static am_status apply_fuse(const step *s, const am_token_list *in, am_token_list *out,
                            am_error *err)
{
	(void)s, (void)err;
	am_token_list_push(out, am_text_str(&in->text), in->text.size);
	return AM_OK;
}

static am_status apply_strip(const step *s, const am_token_list *in, am_token_list *out,
                             am_error *err)
{
	(void)err;
	size_t width = strlen(s->mark);
	for (size_t i = 0; i < in->n; i++) {
		size_t from = am_token_list_from(in, i), to = in->end[i];
		const char *text = in->text.data;
		for (size_t k = 0; k < s->start && to - from >= width; k++, from += width)
			if (memcmp(text + from, s->mark, width) != 0)
				break;
		for (size_t k = 0; k < s->stop && to - from >= width; k++, to -= width)
			if (memcmp(text + to - width, s->mark, width) != 0)
				break;
		am_token_list_push(out, text + from, to - from);
	}
	return AM_OK;
}

static am_status replace_token(const step *s, const char *content, const char *token, size_t n,
                               am_token_list *out, am_error *err)
{
	am_matches it = {.pattern = s->match, .text = token, .n = n};
	size_t from = 0;
	for (;;) {
		am_match m;
		am_status st = am_matches_next(&it, &m, err);
		if (st != AM_OK)
			return st;
		if (!m.found)
			break;
		am_text_append(&out->text, token + from, m.from - from);
		am_text_puts(&out->text, content);
		from = m.to;
	}
	am_text_append(&out->text, token + from, n - from);
	am_token_list_end(out);
	return AM_OK;
}

/* With a content, every token's matches become it; without (BPEDecoder), the
 * suffix becomes a blank, and nothing in the last token. */
static am_status apply_replace(const step *s, const am_token_list *in, am_token_list *out,
                               am_error *err)
{
	am_status st = AM_OK;
	for (size_t i = 0; st == AM_OK && i < in->n; i++) {
		const char *content = s->content ? s->content : i + 1 < in->n ? " " : "";
		size_t from = am_token_list_from(in, i), n = in->end[i] - from;
		if (n)
			st = replace_token(s, content, in->text.data + from, n, out, err);
		else
			am_token_list_end(out);
	}
	return st;
}

static am_status apply_metaspace(const step *s, const am_token_list *in, am_token_list *out,
                                 am_error *err)
{
	(void)err;
	size_t width = strlen(s->mark);
	for (size_t i = 0; i < in->n; i++) {
		for (size_t at = am_token_list_from(in, i); at < in->end[i];) {
			const char *c = in->text.data + at;
			size_t n = am_utf8_width(*c);
			bool mark = n == width && memcmp(c, s->mark, width) == 0;
			if (!mark)
				am_text_append(&out->text, c, n);
			else if (i > 0 || !s->drop_first)
				am_text_append(&out->text, " ", 1);
			at += n;
		}
		am_token_list_end(out);
	}
	return AM_OK;
}

static am_status load_count(const json_t *v, const char *key, size_t *out, am_error *err)
{
	const json_t *count = json_object_get(v, key);
	if (!json_is_integer(count) || json_integer_value(count) < 0)
		return am_fail(err, AM_ERR_FORMAT, "decoder Strip: %s: expected a count, found %s", key,
		               am_json_kind(count));
	*out = (size_t)json_integer_value(count);
	return AM_OK;
}

static am_status load_strip(const json_t *v, step *s, am_error *err)
{
	const char *mark;
	am_status st = am_field_char(v, "content", "decoder Strip", &mark, err);
	if (st != AM_OK)
		return st;
	memcpy(s->mark, mark, strlen(mark) + 1);
	st = load_count(v, "start", &s->start, err);
	return st != AM_OK ? st : load_count(v, "stop", &s->stop, err);
}

static am_status load_replace(const json_t *v, step *s, am_error *err)
{
	const char *content;
	am_status st = am_field_string(v, "content", "decoder Replace", &content, err);
	if (st == AM_OK)
		st = am_pattern_load(v, "decoder Replace", &s->match, err);
	if (st == AM_OK && !(s->content = am_strdup(content)))
		st = am_fail(err, AM_ERR_MEMORY, "no memory for the decoder");
	return st;
}

static am_status load_suffix(const json_t *v, step *s, am_error *err)
{
	const char *suffix;
	am_status st = am_field_string(v, "suffix", "decoder BPEDecoder", &suffix, err);
	if (st == AM_OK && !*suffix)
		st = am_fail(err, AM_ERR_FORMAT, "decoder BPEDecoder: suffix: expected a string, found ''");
	return st != AM_OK ? st
	                   : am_pattern_new_literal(suffix, "decoder BPEDecoder", &s->match, err);
}

static am_status load_metaspace(const json_t *v, step *s, am_error *err)
{
	am_prepend_scheme scheme;
	am_status st = am_metaspace_load(v, "decoder Metaspace", s->mark, &scheme, err);
	if (st == AM_OK)
		s->drop_first = scheme != AM_PREPEND_NEVER;
	return st;
}

static const struct kind {
	const char *type;
	apply_fn *apply;
	am_status (*load)(const json_t *v, step *s, am_error *err);
} kinds[] = {
	{"ByteLevel", apply_byte_level, NULL},
	{"ByteFallback", apply_byte_fallback, NULL},
	{"Fuse", apply_fuse, NULL},
	{"Strip", apply_strip, load_strip},
	{"Replace", apply_replace, load_replace},
	{"BPEDecoder", apply_replace, load_suffix},
	{"Metaspace", apply_metaspace, load_metaspace},
};

static am_status add_step(void *ctx, const char *type, const json_t *v, am_error *err)
{
	am_detokenizer *d = ctx;
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (strcmp(type, kinds[i].type) != 0)
			continue;
		step *steps = am_grow(d->steps, d->n * sizeof *steps, d->n + 1, sizeof *steps);
		if (!steps)
			return am_fail(err, AM_ERR_MEMORY, "no memory for the decoder");
		d->steps = steps;
		step *s = &steps[d->n++];
		*s = (step){.apply = kinds[i].apply};
		return kinds[i].load ? kinds[i].load(v, s, err) : AM_OK;
	}
	return am_fail(err, AM_ERR_UNSUPPORTED, "decoder %s is not supported", am_quote(type).text);
}

am_status am_detokenizer_new(const json_t *component, am_detokenizer **out, am_error *err)
{
	am_detokenizer *d = am_calloc(1, sizeof *d);
	if (!d)
		return am_fail(err, AM_ERR_MEMORY, "no memory for the decoder");
	d->present = component && !json_is_null(component);
	am_status st = am_components_walk(component, "decoder", "decoders", add_step, d, err);
	if (st != AM_OK) {
		am_detokenizer_free(d);
		return st;
	}
	*out = d;
	return AM_OK;
}

void am_detokenizer_free(am_detokenizer *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->n; i++) {
		am_pattern_free(d->steps[i].match);
		am_free(d->steps[i].content);
	}
	am_free(d->steps);
	am_free(d);
}

am_status am_detokenizer_run(const am_detokenizer *d, am_token_list *tokens, am_text *out,
                             am_error *err)
{
	am_status st = AM_OK;
	for (size_t i = 0; st == AM_OK && i < d->n; i++) {
		am_token_list next = {0};
		st = d->steps[i].apply(&d->steps[i], tokens, &next, err);
		am_token_list_fini(tokens);
		*tokens = next;
	}
	for (size_t i = 0; i < tokens->n; i++) {
		if (i && !d->present)
			am_text_append(out, " ", 1);
		am_text_append(out, tokens->text.data + am_token_list_from(tokens, i),
		               tokens->end[i] - am_token_list_from(tokens, i));
	}
	if (st == AM_OK && (tokens->failed || !am_text_ok(out)))
		st = am_fail(err, AM_ERR_MEMORY, "no memory to decode the tokens");
	am_token_list_fini(tokens);
	return st;
}
