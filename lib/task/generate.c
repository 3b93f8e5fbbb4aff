/* The generator: the table of tasks, the size that fits a length, the lines. */
#include "task/generate.h"

#include "base/json.h"
#include "base/mem.h"
#include "task/generator.h"
#include "task/spans.h"
#include "task/words.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const am_task_kind kinds[] = {
	{"niah_single_1", "one number in short sentences over and over", am_make_niah, 128, 1, AM_HAY_NOISE, AM_WORD_PAIR, AM_WORD_NUMBER, 1, 1, 1},
	{"niah_single_2", "one number in prose", am_make_niah, 128, 1, AM_HAY_PROSE, AM_WORD_PAIR, AM_WORD_NUMBER, 1, 1, 1},
	{"niah_single_3", "one identifier in prose", am_make_niah, 128, 1, AM_HAY_PROSE, AM_WORD_PAIR, AM_WORD_UUID, 1, 1, 1},
	{"niah_multikey_1", "4 keys in prose, one asked for", am_make_niah, 128, 1, AM_HAY_PROSE, AM_WORD_PAIR, AM_WORD_NUMBER, 4, 1, 1},
	{"niah_multikey_2", "nothing but keys and numbers", am_make_niah, 128, 1, AM_HAY_NEEDLES, AM_WORD_PAIR, AM_WORD_NUMBER, 1, 1, 1},
	{"niah_multikey_3", "nothing but identifiers for identifiers", am_make_niah, 128, 1, AM_HAY_NEEDLES, AM_WORD_UUID, AM_WORD_UUID, 1, 1, 1},
	{"niah_multivalue", "4 values of one key in prose", am_make_niah, 128, 1, AM_HAY_PROSE, AM_WORD_PAIR, AM_WORD_NUMBER, 1, 4, 1},
	{"niah_multiquery", "4 keys in prose, all asked for", am_make_niah, 128, 1, AM_HAY_PROSE, AM_WORD_PAIR, AM_WORD_NUMBER, 4, 1, 4},
	{"vt", "variables that hold a value, through 4 assignments", am_make_vt, 30, 1, AM_HAY_NOISE, AM_WORD_PAIR, AM_WORD_NUMBER, 1, 1, 1},
	{"cwe", "the 10 most common words of a list", am_make_cwe, 120, 1, AM_HAY_NOISE, AM_WORD_PAIR, AM_WORD_PAIR, 1, 1, 1},
	{"fwe", "the 3 most frequent made-up words", am_make_fwe, 50, 60, AM_HAY_NOISE, AM_WORD_PAIR, AM_WORD_PAIR, 1, 1, 1},
	{"kv", "the value of one key of a JSON object", am_make_kv, 48, 1, AM_HAY_NEEDLES, AM_WORD_UUID, AM_WORD_UUID, 1, 1, 1},
	{"niah_single", "niah_single_2", am_make_niah, 128, 1, AM_HAY_PROSE, AM_WORD_PAIR, AM_WORD_NUMBER, 1, 1, 1},
	{"niah_multikey", "niah_multikey_1", am_make_niah, 128, 1, AM_HAY_PROSE, AM_WORD_PAIR, AM_WORD_NUMBER, 4, 1, 1},
};

bool am_generate_name_at(int i, const char **name, const char **help)
{
	if (i < 0 || i >= COUNT(kinds))
		return false;
	*name = kinds[i].name;
	*help = kinds[i].help;
	return true;
}

/* --- pieces of a draft ---------------------------------------------------------- */

void am_draft_output(am_draft *d, const char *text)
{
	if (d->n_outputs == AM_GEN_OUTPUTS)
		return;
	am_text_puts(&d->outputs, text);
	d->output_end[d->n_outputs++] = d->outputs.size;
}

const char *am_draft_output_at(const am_draft *d, int i, size_t *n)
{
	size_t start = i ? d->output_end[i - 1] : 0;
	*n = d->output_end[i] - start;
	return am_text_str(&d->outputs) + start;
}

static void draft_fini(am_draft *d)
{
	am_text_free(&d->input);
	am_text_free(&d->prefix);
	am_text_free(&d->answer);
	am_text_free(&d->outputs);
	*d = (am_draft){0};
}

void am_shuffle(am_rng *rng, void *items, int n, size_t size)
{
	char *p = items, kept[64];
	for (int i = n - 1; i > 0; i--) {
		size_t j = (size_t)am_rng_below(rng, (uint64_t)i + 1);
		memcpy(kept, p + (size_t)i * size, size);
		memcpy(p + (size_t)i * size, p + j * size, size);
		memcpy(p + j * size, kept, size);
	}
}

void am_draw_word(am_rng *rng, am_word_kind kind, char out[AM_WORD_SIZE])
{
	if (kind == AM_WORD_PAIR) {
		const char *a = am_adjectives[am_rng_below(rng, (uint64_t)am_n_adjectives)];
		const char *b = am_nouns[am_rng_below(rng, (uint64_t)am_n_nouns)];
		snprintf(out, AM_WORD_SIZE, "%s %s", a, b);
	} else if (kind == AM_WORD_NUMBER) {
		snprintf(out, AM_WORD_SIZE, "%d", 1000000 + (int)am_rng_below(rng, 9000000));
	} else { /* version 4: random but for its version and variant */
		uint64_t high = am_rng_next(rng), low = am_rng_next(rng);
		high = (high & 0xffffffffffff0fffu) | 0x4000;
		low = (low & 0x3fffffffffffffffu) | 0x8000000000000000u;
		snprintf(out, AM_WORD_SIZE, "%08x-%04x-%04x-%04x-%012llx", (unsigned)(high >> 32), (unsigned)(high >> 16 & 0xffff),
		         (unsigned)(high & 0xffff), (unsigned)(low >> 48), (unsigned long long)(low & 0xffffffffffffu));
	}
}

/* --- words of the lists --------------------------------------------------------- */

static int compare_words(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* Lower-case words of 4 to 10 letters in the prose, and those of the keys; sorted, each once. */
static am_status gather_words(am_generator *g, am_error *err)
{
	size_t n = g->o->prose_size, room = n / 4 + (size_t)am_n_adjectives + (size_t)am_n_nouns + 1, used = 0;
	g->word_bytes = am_alloc(n + 1, 1);
	g->words = am_alloc(room, sizeof *g->words);
	if (!g->word_bytes || !g->words)
		return am_fail(err, AM_ERR_MEMORY, "tasks: out of memory");
	memcpy(g->word_bytes, g->o->prose, n);
	g->word_bytes[n] = 0;
	for (size_t at = 0, end; at < n; at = end + 1) {
		for (end = at; end < n && isalpha((unsigned char)g->word_bytes[end]); end++)
			;
		g->word_bytes[end] = 0;
		size_t size = end - at, lower = strspn(g->word_bytes + at, "abcdefghijklmnopqrstuvwxyz");
		if (size >= 4 && size <= 10 && lower == size)
			g->words[used++] = g->word_bytes + at;
	}
	for (int i = 0; i < am_n_adjectives; i++)
		g->words[used++] = am_adjectives[i];
	for (int i = 0; i < am_n_nouns; i++)
		g->words[used++] = am_nouns[i];
	qsort(g->words, used, sizeof *g->words, compare_words);
	for (size_t i = 0; i < used; i++)
		if (!i || strcmp(g->words[i], g->words[g->n_words - 1]) != 0)
			g->words[g->n_words++] = g->words[i];
	return AM_OK;
}

/* --- set-up ----------------------------------------------------------------------- */

static am_status unknown_task(const char *name, am_error *err)
{
	am_text names = {0};
	for (int i = 0; i < COUNT(kinds); i++)
		am_text_printf(&names, "%s%s", i ? ", " : "", kinds[i].name);
	am_status s = am_fail(err, AM_ERR_USAGE, "expected one of %s, found '%s'", am_text_str(&names), name);
	am_text_free(&names);
	return s;
}

static am_status check(const am_generator *g, am_error *err)
{
	int needles = g->keys - 1 + g->values;
	if (g->o->samples < 1 || g->o->length < 1)
		return am_fail(err, AM_ERR_USAGE, "expected samples and a length from 1, found %d and %d", g->o->samples, g->o->length);
	if (g->keys < 1 || g->values < 1 || g->queries < 1 || needles > 512 || g->queries > g->keys)
		return am_fail(err, AM_ERR_USAGE, "expected at most 512 needles and no more queries than keys, found %d needles, "
		               "%d keys and %d queries", needles, g->keys, g->queries);
	if (g->values + g->queries - 1 > AM_GEN_OUTPUTS || g->common < 1 || g->common > AM_GEN_OUTPUTS || g->hops < 1 ||
	    g->hops >= AM_GEN_OUTPUTS || g->chains < 1 || g->chains > 64)
		return am_fail(err, AM_ERR_USAGE, "expected 1 to %d answers, hops below that and 1 to 64 chains, found %d, %d and %d",
		               AM_GEN_OUTPUTS, g->values + g->queries - 1 > g->common ? g->values + g->queries - 1 : g->common,
		               g->hops, g->chains);
	if (!(g->alpha > 1 && g->alpha <= 16))
		return am_fail(err, AM_ERR_USAGE, "alpha: expected a number above 1 and up to 16, found %g", g->alpha);
	return AM_OK;
}

static am_status open_generator(const am_generate_options *o, am_generator *g, am_error *err)
{
	*g = (am_generator){.o = o};
	for (int i = 0; i < COUNT(kinds) && !g->kind; i++)
		if (!strcmp(kinds[i].name, o->task))
			g->kind = &kinds[i];
	if (!g->kind)
		return unknown_task(o->task, err);
	g->values = o->values ? o->values : g->kind->values;
	g->queries = o->queries ? o->queries : g->kind->queries;
	g->keys = o->keys ? o->keys : g->kind->keys > g->queries ? g->kind->keys : g->queries;
	g->chains = o->chains ? o->chains : 1;
	g->hops = o->hops ? o->hops : 4;
	g->common = o->common ? o->common : 10;
	g->alpha = o->alpha != 0 ? o->alpha : 2;
	am_status s = check(g, err);
	if (!s)
		s = am_haystack_split(o->prose, o->prose_size, &g->hay, err);
	if (!s && g->kind->make == am_make_cwe)
		s = gather_words(g, err);
	return s;
}

static void close_generator(am_generator *g)
{
	am_haystack_fini(&g->hay);
	am_free((void *)g->words);
	am_free(g->word_bytes);
}

/* --- size by the token count ------------------------------------------------------- */

typedef struct attempt {
	am_draft draft;
	int32_t *ids;
	size_t n; /* tokens of input and prefix, special ones included */
} attempt;

static void attempt_fini(attempt *a)
{
	draft_fini(&a->draft);
	am_free(a->ids);
	*a = (attempt){0};
}

static am_status try_size(const am_generator *g, int index, int size, attempt *a, am_error *err)
{
	attempt_fini(a);
	am_draft *d = &a->draft;
	g->kind->make(g, am_rng_split(g->o->seed, (uint64_t)index), size, d);
	am_text whole = {0};
	am_text_append(&whole, am_text_str(&d->input), d->input.size);
	am_text_append(&whole, am_text_str(&d->prefix), d->prefix.size);
	if (!am_text_ok(&d->input) || !am_text_ok(&d->prefix) || !am_text_ok(&d->answer) || !am_text_ok(&whole)) {
		am_text_free(&whole);
		return am_fail(err, AM_ERR_MEMORY, "tasks: out of memory");
	}
	am_status s = am_tokenizer_encode(g->o->tokenizer, am_text_str(&whole), whole.size, true, &a->ids, &a->n, err);
	am_text_free(&whole);
	return s;
}

/* The largest size whose prompt and answer budget stay within the length, tried into *a. The
 * search starts at *guess, where the last sample ended. */
static am_status fit(const am_generator *g, int index, int budget, int *guess, attempt *a, am_error *err)
{
	int room = g->o->length - budget, low = g->kind->least - 1, high = 0, step = *guess > 8 ? *guess / 8 : 1;
	int size = *guess > low ? *guess : low + 1;
	for (;;) { /* low fits (or is below the least), high does not (0: not known) */
		am_status s = try_size(g, index, size, a, err);
		if (s)
			return s;
		if (room > 0 && a->n <= (size_t)room)
			low = size;
		else
			high = size;
		if (high && high - low == 1)
			break;
		if (!high)
			size = low + step;
		else if (low < g->kind->least)
			size = high - step > low + 1 ? high - step : low + 1;
		else
			size = low + (high - low) / 2;
		step *= 2;
		if (size > 1 << 24)
			break; /* filling that no longer grows: a word list at its end */
		if (size == high)
			size = high - 1;
	}
	if (low < g->kind->least)
		return am_fail(err, AM_ERR_USAGE, "%s: expected a length of at least %zu tokens for the prompt and %d for the answer, "
		               "found %d", g->kind->name, a->n, budget, g->o->length);
	*guess = low;
	return try_size(g, index, low, a, err);
}

/* --- lines ---------------------------------------------------------------------------- */

/* One ASCII line: what is not ASCII is escaped, as RULER's files are. */
static void put_string(am_text *out, const char *s, size_t n)
{
	am_text copy = {0}, json = {0};
	am_text_append(&copy, s, n);
	am_json_string(&json, am_text_str(&copy));
	for (const unsigned char *p = (const unsigned char *)am_text_str(&json); *p;) {
		int more = *p < 0xc0 ? 0 : *p < 0xe0 ? 1 : *p < 0xf0 ? 2 : 3;
		uint32_t c = !more ? *p : *p & (0x3f >> more);
		for (p++; more > 0; more--)
			c = c << 6 | (*p++ & 0x3f);
		if (c < 0x80)
			am_text_append(out, &(char){(char)c}, 1);
		else if (c < 0x10000)
			am_text_printf(out, "\\u%04x", (unsigned)c);
		else
			am_text_printf(out, "\\u%04x\\u%04x", (unsigned)(0xd800 + ((c - 0x10000) >> 10)),
			               (unsigned)(0xdc00 + (c & 0x3ff)));
	}
	out->failed = out->failed || copy.failed || json.failed;
	am_text_free(&copy);
	am_text_free(&json);
}

static am_status put_line(const am_generator *g, int index, int budget, const attempt *a, am_text *out, am_error *err)
{
	const am_draft *d = &a->draft;
	am_token_span span = {-1, -1};
	if (d->needle_size) {
		am_text whole = {0};
		am_text_printf(&whole, "%s%s", am_text_str(&d->input), am_text_str(&d->prefix));
		am_status s = am_span_of_bytes(g->o->tokenizer, a->ids, a->n, am_text_str(&whole), d->needle_at, d->needle_size,
		                               &span, err);
		am_text_free(&whole);
		if (s)
			return s;
	}
	am_text_printf(out, "{\"index\": %d, \"input\": ", index);
	put_string(out, am_text_str(&d->input), d->input.size);
	am_text_puts(out, ", \"outputs\": [");
	for (int i = 0; i < d->n_outputs; i++) {
		size_t n;
		const char *text = am_draft_output_at(d, i, &n);
		am_text_puts(out, i ? ", " : "");
		put_string(out, text, n);
	}
	size_t length = a->n + (size_t)budget;
	am_text_printf(out, "], \"length\": %zu, \"length_w_model_temp\": %zu, \"answer_prefix\": ", length, length);
	put_string(out, am_text_str(&d->prefix), d->prefix.size);
	if (span.start >= 0)
		am_text_printf(out, ", \"token_position_answer\": %d", span.start);
	am_text_puts(out, ", \"answer\": ");
	put_string(out, am_text_str(&d->answer), d->answer.size);
	am_text_printf(out, ", \"task\": \"%s\"}\n", g->kind->name);
	return am_text_ok(out) ? AM_OK : am_fail(err, AM_ERR_MEMORY, "tasks: out of memory");
}

am_status am_generate(const am_generate_options *o, am_text *out, am_error *err)
{
	am_generator g;
	attempt a = {0};
	am_status s = open_generator(o, &g, err);
	if (!s) {
		int budget = o->answer_tokens > 0 ? o->answer_tokens : g.kind->answer_tokens;
		int guess = g.kind->least > o->length / 64 ? g.kind->least : o->length / 64;
		for (int i = 0; i < o->samples && !s; i++) {
			s = fit(&g, i, budget, &guess, &a, err);
			if (!s)
				s = put_line(&g, i, budget, &a, out, err);
			am_progress_update(&o->progress, i + 1, o->samples);
		}
	}
	attempt_fini(&a);
	close_generator(&g);
	return s;
}
