#include "model/tokenizer.h"

#include "base/file.h"
#include "base/mem.h"
#include "model/added_tokens.h"
#include "model/bpe.h"
#include "model/detokenize.h"
#include "model/id_list.h"
#include "model/normalize.h"
#include "model/postprocess.h"
#include "model/pretokenize.h"
#include "model/tokenizer_fields.h"
#include "model/utf8.h"
#include "model/vocab.h"

#include <string.h>

#define FILE_LIMIT ((size_t)1 << 28) /* bytes; the largest in use has some 30 MB */
#define TEXT_LIMIT ((size_t)1 << 30) /* bytes, before normalisation */

struct am_tokenizer {
	am_vocab vocab;
	am_bpe *model;
	am_normalizer *normalizer;
	am_added_tokens *added;
	am_pretokenizer *pretokenizer;
	am_template template;
	am_detokenizer *detokenizer;
};

/* Truncation and padding in the file are settings of a call, not of the
 * tokenizer; they are left to the caller. */
static am_status load_parts(am_tokenizer *t, const json_t *root, am_error *err)
{
	const char *version = "1.0";
	if (!json_is_object(root))
		return am_fail(err, AM_ERR_FORMAT, "expected an object, found %s", am_json_kind(root));
	am_status st = am_field_string_or(root, "version", "tokenizer", &version, err);
	if (st == AM_OK && strcmp(version, "1.0") != 0)
		st = am_fail(err, AM_ERR_UNSUPPORTED, "version %s is not supported, only 1.0 is",
		             am_quote(version).text);
	if (st == AM_OK)
		st = am_bpe_new(json_object_get(root, "model"), &t->vocab, &t->model, err);
	if (st == AM_OK)
		st = am_normalizer_new(json_object_get(root, "normalizer"), &t->normalizer, err);
	if (st == AM_OK)
		st = am_added_tokens_new(json_object_get(root, "added_tokens"), t->normalizer, &t->vocab,
		                         &t->added, err);
	if (st == AM_OK)
		st = am_pretokenizer_new(json_object_get(root, "pre_tokenizer"), &t->pretokenizer, err);
	if (st == AM_OK)
		st = am_template_init(&t->template, json_object_get(root, "post_processor"), &t->vocab, err);
	if (st == AM_OK)
		st = am_detokenizer_new(json_object_get(root, "decoder"), &t->detokenizer, err);
	return st;
}

static am_status read_json(const char *path, json_t **out, am_error *err)
{
	char *data;
	size_t size;
	am_status st = am_file_read(path, FILE_LIMIT, &data, &size, err);
	if (st != AM_OK)
		return st;
	json_error_t where;
	json_t *root = json_loadb(data, size, JSON_REJECT_DUPLICATES, &where);
	am_free(data);
	if (!root)
		return am_fail(err, AM_ERR_FORMAT, "%s: line %d: %s", path, where.line,
		               am_quote(where.text).text);
	*out = root;
	return AM_OK;
}

static am_status open_file(const char *path, am_tokenizer **out, am_error *err)
{
	json_t *root;
	am_status st = read_json(path, &root, err);
	if (st != AM_OK)
		return st;
	am_tokenizer *t = am_calloc(1, sizeof *t);
	st = t ? load_parts(t, root, err) : am_fail(err, AM_ERR_MEMORY, "no memory for a tokenizer");
	json_decref(root);
	if (st != AM_OK) {
		am_tokenizer_close(t);
		return am_fail_in(err, st, "%s", path);
	}
	*out = t;
	return AM_OK;
}

am_status am_tokenizer_open(const char *path, am_tokenizer **out, am_error *err)
{
	if (!am_file_is_directory(path))
		return open_file(path, out, err);
	char *file = am_path_join(path, "tokenizer.json");
	if (!file)
		return am_fail(err, AM_ERR_MEMORY, "%s: no memory for a path", path);
	am_status st = open_file(file, out, err);
	am_free(file);
	return st;
}

void am_tokenizer_close(am_tokenizer *t)
{
	if (!t)
		return;
	am_detokenizer_free(t->detokenizer);
	am_template_fini(&t->template);
	am_pretokenizer_free(t->pretokenizer);
	am_added_tokens_free(t->added);
	am_normalizer_free(t->normalizer);
	am_bpe_free(t->model);
	am_vocab_fini(&t->vocab);
	am_free(t);
}

/* Ids of text that holds no added token: split, then merged piece by piece. */
static am_status encode_plain(am_tokenizer *t, const char *text, size_t n, bool at_start,
                              am_id_list *ids, am_error *err)
{
	am_pieces pieces = {.at_start = at_start};
	am_text_append(&pieces.text, text, n);
	pieces.failed = !am_text_ok(&pieces.text);
	am_pieces_push(&pieces, 0, n);
	am_status st = pieces.failed ? am_fail(err, AM_ERR_MEMORY, "no memory to split the text")
	                             : am_pretokenizer_run(t->pretokenizer, &pieces, err);
	for (size_t i = 0; st == AM_OK && i < pieces.n; i++) {
		size_t from = pieces.piece[i].from, size = pieces.piece[i].to - from;
		st = size > INT32_MAX
		         ? am_fail(err, AM_ERR_RANGE, "a piece of the text has %zu bytes, at most %d fit",
		                   size, INT32_MAX)
		         : am_bpe_encode(t->model, pieces.text.data + from, size, ids, err);
	}
	am_pieces_fini(&pieces);
	return st;
}

typedef am_status encode_fn(am_tokenizer *t, const char *text, size_t n, bool at_start,
                            am_id_list *ids, am_error *err);

/* Cuts at added tokens and gives what lies between to `encode`. */
static am_status encode_between(am_tokenizer *t, bool normalized, const char *text, size_t n,
                                bool at_start, encode_fn *encode, am_id_list *ids, am_error *err)
{
	am_segment *segments;
	size_t n_segments;
	am_status st = am_added_tokens_split(t->added, normalized, text, n, &segments, &n_segments, err);
	if (st != AM_OK)
		return st;
	for (size_t i = 0; st == AM_OK && i < n_segments; i++) {
		const am_segment *s = &segments[i];
		if (s->id >= 0)
			am_id_list_push(ids, s->id);
		else
			st = encode(t, text + s->from, s->to - s->from, at_start && s->from == 0, ids, err);
	}
	am_free(segments);
	return st;
}

static am_status encode_raw(am_tokenizer *t, const char *text, size_t n, bool at_start,
                            am_id_list *ids, am_error *err)
{
	am_text normal = {0};
	am_text_append(&normal, text, n);
	am_status st = am_text_ok(&normal)
	                   ? am_normalizer_run(t->normalizer, &normal, &at_start, err)
	                   : am_fail(err, AM_ERR_MEMORY, "no memory to normalise the text");
	if (st == AM_OK)
		st = encode_between(t, true, am_text_str(&normal), normal.size, at_start, encode_plain, ids,
		                    err);
	am_text_free(&normal);
	return st;
}

am_status am_tokenizer_encode(am_tokenizer *t, const char *bytes, size_t n, bool special,
                              int32_t **out, size_t *n_out, am_error *err)
{
	static const am_template nothing;
	const am_template *around = special ? &t->template : &nothing;
	am_text text = {0};
	am_id_list ids = {0};
	if (n > TEXT_LIMIT)
		return am_fail(err, AM_ERR_RANGE, "the text has %zu bytes, at most %zu fit", n, TEXT_LIMIT);
	am_id_list_append(&ids, around->before.data, around->before.n);
	am_utf8_append_lossy(&text, bytes, n);
	am_status st = am_text_ok(&text) ? encode_between(t, false, am_text_str(&text), text.size, true,
	                                                  encode_raw, &ids, err)
	                                 : am_fail(err, AM_ERR_MEMORY, "no memory to encode the text");
	am_text_free(&text);
	am_id_list_append(&ids, around->after.data, around->after.n);
	if (st == AM_OK && !ids.data && !ids.failed)
		ids.failed = !(ids.data = am_alloc(1, sizeof *ids.data));
	if (st == AM_OK && ids.failed)
		st = am_fail(err, AM_ERR_MEMORY, "no memory to encode the text");
	if (st != AM_OK) {
		am_id_list_fini(&ids);
		return st;
	}
	*out = ids.data;
	*n_out = ids.n;
	return AM_OK;
}

static am_status spell(const am_tokenizer *t, const int32_t *ids, size_t n, bool skip_special,
                       am_token_list *tokens, am_error *err)
{
	for (size_t i = 0; i < n; i++) {
		const char *token = am_added_tokens_text(t->added, ids[i]);
		if (!token)
			token = am_vocab_token(&t->vocab, ids[i]);
		if (!token)
			return am_fail(err, AM_ERR_RANGE, "token id %d is not in the vocabulary", ids[i]);
		if (!skip_special || !am_added_tokens_is_special(t->added, ids[i]))
			am_token_list_push(tokens, token, strlen(token));
	}
	return AM_OK;
}

am_status am_tokenizer_decode(am_tokenizer *t, const int32_t *ids, size_t n_ids, bool skip_special,
                              char **out, size_t *n_out, am_error *err)
{
	am_token_list tokens = {0};
	am_text text = {0};
	am_status st = spell(t, ids, n_ids, skip_special, &tokens, err);
	if (st != AM_OK) {
		am_token_list_fini(&tokens);
		return st;
	}
	am_text_puts(&text, "");
	st = am_detokenizer_run(t->detokenizer, &tokens, &text, err);
	if (st != AM_OK) {
		am_text_free(&text);
		return st;
	}
	*out = text.data;
	*n_out = text.size;
	return AM_OK;
}

int am_tokenizer_size(const am_tokenizer *t)
{
	return (int)t->vocab.limit;
}

const char *am_tokenizer_token(const am_tokenizer *t, int32_t id)
{
	return am_vocab_token(&t->vocab, id);
}

int32_t am_tokenizer_id(const am_tokenizer *t, const char *token)
{
	return am_vocab_id(&t->vocab, token, strlen(token));
}
