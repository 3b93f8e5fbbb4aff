#include "model/bpe_model.h"

#include "model/tokenizer_fields.h"

#include <stdio.h>
#include <string.h>

/* How one merge is written: "left right", or ["left", "right"]. */
typedef struct pair {
	const char *left, *right;
	size_t n_left, n_right;
} pair;

static bool read_pair(const json_t *v, pair *p)
{
	const char *both = json_string_value(v);
	if (both) {
		const char *blank = strchr(both, ' ');
		if (!blank || strchr(blank + 1, ' '))
			return false;
		*p = (pair){both, blank + 1, (size_t)(blank - both), strlen(blank + 1)};
		return true;
	}
	const char *left = json_string_value(json_array_get(v, 0));
	const char *right = json_string_value(json_array_get(v, 1));
	if (json_array_size(v) != 2 || !left || !right)
		return false;
	*p = (pair){left, right, strlen(left), strlen(right)};
	return true;
}

static am_status unknown_token(size_t i, const char *s, size_t n, am_error *err)
{
	am_text token = {0};
	am_text_append(&token, s, n);
	(void)am_fail(err, AM_ERR_FORMAT, "model merges[%zu]: %s is not in the vocabulary", i,
	              am_quote(am_text_str(&token)).text);
	am_text_free(&token);
	return AM_ERR_FORMAT;
}

/* The joined token is left + right, without the prefix of the right one. */
static am_status resolve(am_bpe *b, const pair *p, size_t i, am_merge *m, am_error *err)
{
	size_t n_prefix = strlen(b->prefix);
	m->left = am_vocab_id(b->vocab, p->left, p->n_left);
	m->right = am_vocab_id(b->vocab, p->right, p->n_right);
	if (m->left < 0)
		return unknown_token(i, p->left, p->n_left, err);
	if (m->right < 0)
		return unknown_token(i, p->right, p->n_right, err);
	if (p->n_right < n_prefix || memcmp(p->right, b->prefix, n_prefix) != 0)
		return am_fail(err, AM_ERR_FORMAT,
		               "model merges[%zu]: the second part lacks continuing_subword_prefix", i);
	am_text_clear(&b->scratch);
	am_text_append(&b->scratch, p->left, p->n_left);
	am_text_append(&b->scratch, p->right + n_prefix, p->n_right - n_prefix);
	if (!am_text_ok(&b->scratch))
		return am_fail(err, AM_ERR_MEMORY, "no memory for the merges");
	m->id = am_vocab_id(b->vocab, am_text_str(&b->scratch), b->scratch.size);
	m->rank = (uint32_t)i;
	return m->id < 0 ? unknown_token(i, am_text_str(&b->scratch), b->scratch.size, err) : AM_OK;
}

/* Merges copied from a merges.txt may begin with its comment line. */
static bool is_version_line(const json_t *v)
{
	const char *s = json_string_value(v);
	return s && strncmp(s, "#version", 8) == 0;
}

static am_status load_merges(am_bpe *b, const json_t *model, am_error *err)
{
	const json_t *merges;
	am_status st = am_field_array(model, "merges", "model", &merges, err);
	if (st != AM_OK)
		return st;
	size_t n = json_array_size(merges);
	if (n > UINT32_MAX || !am_merges_init(&b->merges, n))
		return am_fail(err, AM_ERR_MEMORY, "no memory for %zu merges", n);
	for (size_t i = 0; i < n; i++) {
		const json_t *v = json_array_get(merges, i);
		pair p;
		am_merge m = {0};
		if (is_version_line(v))
			continue;
		if (!read_pair(v, &p))
			return am_fail(err, AM_ERR_FORMAT,
			               "model merges[%zu]: expected \"left right\" or [\"left\", \"right\"], "
			               "found %s",
			               i, json_is_string(v) ? am_quote(json_string_value(v)).text
			                                    : am_json_kind(v));
		st = resolve(b, &p, i, &m, err);
		if (st != AM_OK)
			return st;
		am_merges_put(&b->merges, m);
	}
	return AM_OK;
}

/* A model without a type is BPE when it has merges; so older files are. */
static am_status check_type(const json_t *model, am_error *err)
{
	const char *type = json_object_get(model, "merges") ? "BPE" : "of an unnamed type";
	if (!json_is_object(model))
		return am_fail(err, AM_ERR_FORMAT, "model: expected an object, found %s",
		               am_json_kind(model));
	am_status st = am_field_string_or(model, "type", "model", &type, err);
	if (st == AM_OK && strcmp(type, "BPE") != 0)
		st = am_fail(err, AM_ERR_UNSUPPORTED, "model %s is not supported, only BPE is",
		             am_quote(type).text);
	return st;
}

/* Dropout makes merges random; 0 is none. */
static am_status check_dropout(const json_t *model, am_error *err)
{
	const json_t *v = json_object_get(model, "dropout");
	if (!v || json_is_null(v))
		return AM_OK;
	if (!json_is_number(v))
		return am_fail(err, AM_ERR_FORMAT, "model: dropout: expected a number, found %s",
		               am_json_kind(v));
	if (json_number_value(v) != 0)
		return am_fail(err, AM_ERR_UNSUPPORTED, "model: dropout %g is not supported",
		               json_number_value(v));
	return AM_OK;
}

static am_status load_options(am_bpe *b, const json_t *model, am_error *err)
{
	static const char where[] = "model";
	const char *prefix = "", *suffix = "", *unk = NULL;
	am_status st = am_field_string_or(model, "continuing_subword_prefix", where, &prefix, err);
	if (st == AM_OK)
		st = am_field_string_or(model, "end_of_word_suffix", where, &suffix, err);
	if (st == AM_OK)
		st = am_field_string_or(model, "unk_token", where, &unk, err);
	if (st == AM_OK)
		st = am_field_bool_or(model, "fuse_unk", where, &b->fuse_unk, err);
	if (st == AM_OK)
		st = am_field_bool_or(model, "byte_fallback", where, &b->byte_fallback, err);
	if (st == AM_OK)
		st = am_field_bool_or(model, "ignore_merges", where, &b->ignore_merges, err);
	if (st != AM_OK)
		return st;
	b->prefix = am_strdup(prefix);
	b->suffix = am_strdup(suffix);
	b->unk_token = unk ? am_strdup(unk) : NULL;
	if (!b->prefix || !b->suffix || (unk && !b->unk_token))
		return am_fail(err, AM_ERR_MEMORY, "no memory for the model");
	return AM_OK;
}

static am_status load_vocab(am_bpe *b, const json_t *model, am_vocab *vocab, am_error *err)
{
	const json_t *v = json_object_get(model, "vocab");
	if (!json_is_object(v))
		return am_fail(err, AM_ERR_FORMAT, "model: vocab: expected an object, found %s",
		               am_json_kind(v));
	am_status st = am_vocab_load(vocab, v, err);
	b->vocab = vocab;
	b->unk = b->unk_token ? am_vocab_id(vocab, b->unk_token, strlen(b->unk_token)) : -1;
	for (unsigned byte = 0; byte < 256; byte++) {
		char token[8];
		int n = snprintf(token, sizeof token, "<0x%02X>", byte);
		b->byte_ids[byte] = am_vocab_id(vocab, token, (size_t)n);
	}
	return st;
}

am_status am_bpe_new(const json_t *model, am_vocab *vocab, am_bpe **out, am_error *err)
{
	am_status st = check_type(model, err);
	if (st == AM_OK)
		st = check_dropout(model, err);
	if (st != AM_OK)
		return st;
	am_bpe *b = am_calloc(1, sizeof *b);
	if (!b)
		return am_fail(err, AM_ERR_MEMORY, "no memory for the model");
	st = load_options(b, model, err);
	if (st == AM_OK)
		st = load_vocab(b, model, vocab, err);
	if (st == AM_OK)
		st = load_merges(b, model, err);
	if (st != AM_OK) {
		am_bpe_free(b);
		return st;
	}
	*out = b;
	return AM_OK;
}

void am_bpe_free(am_bpe *b)
{
	if (!b)
		return;
	am_merges_fini(&b->merges);
	am_free(b->prefix);
	am_free(b->suffix);
	am_free(b->unk_token);
	am_strmap_fini(&b->cache.words);
	am_free(b->cache.range);
	am_id_list_fini(&b->cache.ids);
	am_text_free(&b->scratch);
	am_id_list_fini(&b->start);
	am_free(b->symbols);
	am_free(b->heap);
	am_free(b);
}
