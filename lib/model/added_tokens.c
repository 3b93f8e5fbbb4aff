#include "model/added_tokens.h"

#include "base/mem.h"
#include "model/tokenizer_fields.h"
#include "model/trie.h"
#include "model/utf8.h"

#include <stdio.h>
#include <string.h>

typedef struct token {
	int32_t id;
	char *text; /* content, after normalisation where it is matched so */
	bool special, lstrip, rstrip, single_word, normalized;
} token;

struct am_added_tokens {
	token *tokens; /* [n] */
	size_t n;
	int32_t *of_id; /* [limit] index in tokens, -1 for none */
	size_t limit;
	am_trie raw, normalized; /* values are indices in tokens */
};

static am_status load_flags(token *t, const json_t *v, const char *where, am_error *err)
{
	const struct {
		const char *key;
		bool *out;
	} flags[] = {
		{"special", &t->special},         {"lstrip", &t->lstrip},
		{"rstrip", &t->rstrip},           {"single_word", &t->single_word},
		{"normalized", &t->normalized},
	};
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		am_status st = am_field_bool(v, flags[i].key, where, flags[i].out, err);
		if (st != AM_OK)
			return st;
	}
	return AM_OK;
}

static am_status set_text(token *t, const char *content, const am_normalizer *normalizer,
                          am_error *err)
{
	am_text text = {0};
	bool at_start = true;
	am_text_puts(&text, content);
	am_status st = AM_OK;
	if (t->normalized)
		st = am_normalizer_run(normalizer, &text, &at_start, err);
	if (st == AM_OK && !(t->text = am_strdup(am_text_str(&text))))
		st = am_fail(err, AM_ERR_MEMORY, "no memory for the added tokens");
	am_text_free(&text);
	return st;
}

static am_status load_token(am_added_tokens *a, size_t i, const json_t *v,
                            const am_normalizer *normalizer, am_vocab *vocab, am_error *err)
{
	char where[40];
	const char *content;
	token *t = &a->tokens[i];
	snprintf(where, sizeof where, "added_tokens[%zu]", i);
	am_status st = am_field_string(v, "content", where, &content, err);
	if (st == AM_OK)
		st = am_json_id(json_object_get(v, "id"), where, &t->id, err);
	if (st == AM_OK)
		st = load_flags(t, v, where, err);
	if (st == AM_OK)
		st = am_vocab_add(vocab, content, t->id, err);
	if (st == AM_OK)
		st = set_text(t, content, normalizer, err);
	if (st != AM_OK)
		return st;
	if (!*t->text)
		return am_fail(err, AM_ERR_FORMAT, "%s: content: %s leaves nothing to match", where,
		               am_quote(content).text);
	am_trie *trie = t->normalized ? &a->normalized : &a->raw;
	am_trie_result added = am_trie_add(trie, t->text, strlen(t->text), (int32_t)i);
	if (added == AM_TRIE_NO_MEMORY)
		return am_fail(err, AM_ERR_MEMORY, "no memory for the added tokens");
	if (added == AM_TRIE_KNOWN)
		return am_fail(err, AM_ERR_FORMAT, "%s: %s matches the same text as another", where,
		               am_quote(content).text);
	return AM_OK;
}

static am_status index_ids(am_added_tokens *a, size_t limit, am_error *err)
{
	a->of_id = am_alloc(limit, sizeof *a->of_id);
	if (!a->of_id)
		return am_fail(err, AM_ERR_MEMORY, "no memory for the added tokens");
	a->limit = limit;
	for (size_t i = 0; i < limit; i++)
		a->of_id[i] = -1;
	for (size_t i = 0; i < a->n; i++)
		a->of_id[a->tokens[i].id] = (int32_t)i;
	return AM_OK;
}

am_status am_added_tokens_new(const json_t *array, const am_normalizer *normalizer,
                              am_vocab *vocab, am_added_tokens **out, am_error *err)
{
	if (array && !json_is_array(array) && !json_is_null(array))
		return am_fail(err, AM_ERR_FORMAT, "added_tokens: expected an array, found %s",
		               am_json_kind(array));
	am_added_tokens *a = am_calloc(1, sizeof *a);
	if (!a || !(a->tokens = am_calloc(json_array_size(array), sizeof *a->tokens))) {
		am_free(a);
		return am_fail(err, AM_ERR_MEMORY, "no memory for the added tokens");
	}
	am_trie_init(&a->raw);
	am_trie_init(&a->normalized);
	a->n = json_array_size(array);
	am_status st = AM_OK;
	for (size_t i = 0; st == AM_OK && i < a->n; i++)
		st = load_token(a, i, json_array_get(array, i), normalizer, vocab, err);
	if (st == AM_OK)
		st = index_ids(a, vocab->limit, err);
	if (st != AM_OK) {
		am_added_tokens_free(a);
		return st;
	}
	*out = a;
	return AM_OK;
}

void am_added_tokens_free(am_added_tokens *a)
{
	if (!a)
		return;
	for (size_t i = 0; i < a->n; i++)
		am_free(a->tokens[i].text);
	am_free(a->tokens);
	am_free(a->of_id);
	am_trie_fini(&a->raw);
	am_trie_fini(&a->normalized);
	am_free(a);
}

/* The token begins and ends where no word goes on. */
static bool stands_alone(const char *text, size_t n, size_t from, size_t to)
{
	return (from == 0 || !am_char_is_word(am_utf8_get(text + am_utf8_back(text, from)))) &&
	       (to == n || !am_char_is_word(am_utf8_get(text + to)));
}

static size_t blanks_before(const char *text, size_t from, size_t limit)
{
	while (from > limit) {
		size_t back = am_utf8_back(text, from);
		if (!am_char_is_space(am_utf8_get(text + back)))
			break;
		from = back;
	}
	return from;
}

static size_t blanks_after(const char *text, size_t n, size_t to)
{
	while (to < n && am_char_is_space(am_utf8_get(text + to)))
		to += am_utf8_width(text[to]);
	return to;
}

typedef struct segments {
	am_segment *data;
	size_t n, room;
	bool failed;
} segments;

static void push(segments *s, size_t from, size_t to, int32_t id)
{
	if (s->n == s->room && !s->failed) {
		size_t room = s->room ? 2 * s->room : 8;
		am_segment *data = am_grow(s->data, s->n * sizeof *data, room, sizeof *data);
		s->failed = !data;
		if (data) {
			s->data = data;
			s->room = room;
		}
	}
	if (!s->failed)
		s->data[s->n++] = (am_segment){from, to, id};
}

/* Where a match ends the search goes on, even when rstrip took more: a token
 * that begins with a blank can still be found in what was taken. */
static void split(const am_added_tokens *a, const am_trie *trie, const char *text, size_t n,
                  segments *out)
{
	size_t done = 0, size;
	for (size_t at = 0; at < n;) {
		int32_t match = am_trie_longest(trie, text + at, n - at, &size);
		if (match < 0) {
			at++;
			continue;
		}
		const token *t = &a->tokens[match];
		size_t from = at, to = at + size;
		at = to;
		if (t->single_word && !stands_alone(text, n, from, to))
			continue;
		if (t->lstrip)
			from = blanks_before(text, from, done < from ? done : from);
		if (t->rstrip)
			to = blanks_after(text, n, to);
		if (done < from)
			push(out, done, from, -1);
		push(out, from, to, t->id);
		done = to;
	}
	if (done < n)
		push(out, done, n, -1);
}

am_status am_added_tokens_split(const am_added_tokens *a, bool normalized, const char *text,
                                size_t n, am_segment **out, size_t *n_out, am_error *err)
{
	segments s = {0};
	split(a, normalized ? &a->normalized : &a->raw, text, n, &s);
	if (s.failed) {
		am_free(s.data);
		return am_fail(err, AM_ERR_MEMORY, "no memory to split the text");
	}
	*out = s.data;
	*n_out = s.n;
	return AM_OK;
}

static const token *token_of(const am_added_tokens *a, int32_t id)
{
	if (id < 0 || (size_t)id >= a->limit || a->of_id[id] < 0)
		return NULL;
	return &a->tokens[a->of_id[id]];
}

bool am_added_tokens_is_special(const am_added_tokens *a, int32_t id)
{
	const token *t = token_of(a, id);
	return t && t->special;
}

const char *am_added_tokens_text(const am_added_tokens *a, int32_t id)
{
	const token *t = token_of(a, id);
	return t ? t->text : NULL;
}
