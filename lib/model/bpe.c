#include "model/bpe_model.h"

#include "model/tokenizer_fields.h"
#include "model/utf8.h"

#include <assert.h>
#include <string.h>

#define CACHED_WORD_MAX 64 /* bytes; longer pieces seldom come again */
#define CACHED_WORDS 65536

/* Binary heap of 64-bit keys. */
static void heap_push(uint64_t *heap, size_t *n, uint64_t key)
{
	size_t i = (*n)++;
	for (; i && heap[(i - 1) / 2] > key; i = (i - 1) / 2)
		heap[i] = heap[(i - 1) / 2];
	heap[i] = key;
}

static uint64_t heap_pop(uint64_t *heap, size_t *n)
{
	uint64_t top = heap[0], last = heap[--*n];
	size_t i = 0;
	for (size_t child; (child = 2 * i + 1) < *n; i = child) {
		child += child + 1 < *n && heap[child + 1] < heap[child];
		if (heap[child] >= last)
			break;
		heap[i] = heap[child];
	}
	heap[i] = last;
	return top;
}

static bool reserve(am_bpe *b, size_t n)
{
	if (n <= b->room)
		return true;
	size_t room = n + n / 4 + 64;
	am_symbol *symbols = am_alloc(room, sizeof *symbols);
	uint64_t *heap = am_alloc(room, 3 * sizeof *heap);
	if (!symbols || !heap) {
		am_free(symbols);
		am_free(heap);
		return false;
	}
	am_free(b->symbols);
	am_free(b->heap);
	b->symbols = symbols;
	b->heap = heap;
	b->room = room;
	return true;
}

/* Queues the pair that begins at a symbol, if it merges. */
static void queue_pair(am_bpe *b, size_t *n_heap, int32_t at)
{
	const am_symbol *s = &b->symbols[at];
	if (s->next < 0)
		return;
	const am_merge *m = am_merges_find(&b->merges, s->id, b->symbols[s->next].id);
	if (m)
		heap_push(b->heap, n_heap, (uint64_t)m->rank << 32 | (uint32_t)at);
}

/* Joins the symbol at `at` with the next one. */
static void join(am_symbol *symbols, int32_t at, int32_t id)
{
	am_symbol *left = &symbols[at], *right = &symbols[left->next];
	left->id = id;
	left->next = right->next;
	right->id = -1;
	if (left->next >= 0)
		symbols[left->next].previous = at;
}

/* Merges b->start in place. Each join queues at most two pairs, so the heap sees
 * fewer than 3 n keys. An entry whose symbols have changed is passed over. */
static void merge(am_bpe *b, size_t n)
{
	am_symbol *symbols = b->symbols;
	size_t n_heap = 0;
	for (size_t i = 0; i < n; i++)
		symbols[i] = (am_symbol){b->start.data[i], (int32_t)i - 1, i + 1 < n ? (int32_t)i + 1 : -1};
	for (size_t i = 0; i < n; i++)
		queue_pair(b, &n_heap, (int32_t)i);
	while (n_heap) {
		uint64_t key = heap_pop(b->heap, &n_heap);
		int32_t at = (int32_t)(uint32_t)key;
		const am_symbol *s = &symbols[at];
		if (s->id < 0 || s->next < 0)
			continue;
		const am_merge *m = am_merges_find(&b->merges, s->id, symbols[s->next].id);
		if (!m || m->rank != key >> 32)
			continue;
		join(symbols, at, m->id);
		if (s->previous >= 0)
			queue_pair(b, &n_heap, s->previous);
		queue_pair(b, &n_heap, at);
	}
	b->start.n = 0;
	for (int32_t i = 0; i >= 0; i = symbols[i].next)
		am_id_list_push(&b->start, symbols[i].id);
}

/* The ids of a character's bytes, if the vocabulary has them all. */
static bool push_bytes(am_bpe *b, const char *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (b->byte_ids[(unsigned char)bytes[i]] < 0)
			return false;
	for (size_t i = 0; i < n; i++)
		am_id_list_push(&b->start, b->byte_ids[(unsigned char)bytes[i]]);
	return true;
}

/* The spelling of the character at `at` in the vocabulary. */
static const char *spelling(am_bpe *b, const char *piece, size_t n, size_t at, size_t *size)
{
	size_t width = am_utf8_width(piece[at]);
	bool inside = at > 0 && *b->prefix, last = at + width == n && *b->suffix;
	*size = width;
	if (!inside && !last)
		return piece + at;
	am_text_clear(&b->scratch);
	if (inside)
		am_text_puts(&b->scratch, b->prefix);
	am_text_append(&b->scratch, piece + at, width);
	if (last)
		am_text_puts(&b->scratch, b->suffix);
	*size = b->scratch.size;
	return am_text_str(&b->scratch);
}

/* Fills b->start. An unknown character waits in `unknown` so that the next can
 * be fused with it; characters that fall back to bytes do not end the wait. */
static am_status start(am_bpe *b, const char *piece, size_t n, am_error *err)
{
	bool unknown = false;
	b->start.n = 0;
	for (size_t at = 0; at < n; at += am_utf8_width(piece[at])) {
		size_t size;
		const char *s = spelling(b, piece, n, at, &size);
		int32_t id = am_vocab_id(b->vocab, s, size);
		if (id >= 0) {
			if (unknown)
				am_id_list_push(&b->start, b->unk);
			unknown = false;
			am_id_list_push(&b->start, id);
			continue;
		}
		if ((b->byte_fallback && push_bytes(b, s, size)) || !b->unk_token)
			continue;
		if (b->unk < 0)
			return am_fail(err, AM_ERR_FORMAT,
			               "the text has a character that is not in the vocabulary, nor is "
			               "unk_token %s",
			               am_quote(b->unk_token).text);
		if (unknown && !b->fuse_unk)
			am_id_list_push(&b->start, b->unk);
		unknown = true;
	}
	if (unknown)
		am_id_list_push(&b->start, b->unk);
	if (b->start.failed || !am_text_ok(&b->scratch))
		return am_fail(err, AM_ERR_MEMORY, "no memory to encode the text");
	return AM_OK;
}

static bool append_cached(const am_word_cache *c, const char *piece, size_t n, am_id_list *ids)
{
	int32_t word = am_strmap_find(&c->words, piece, n);
	if (word >= 0 && c->range[word].n) /* a word may have no ids, and the list then no memory */
		am_id_list_append(ids, c->ids.data + c->range[word].from, c->range[word].n);
	return word >= 0;
}

/* Failing to remember a word is no error. */
static void remember(am_word_cache *c, const char *piece, size_t n, const am_id_list *ids)
{
	if (n > CACHED_WORD_MAX || c->words.n == CACHED_WORDS)
		return;
	if (!c->range && !(c->range = am_alloc(CACHED_WORDS, sizeof *c->range)))
		return;
	size_t from = c->ids.n;
	am_id_list_append(&c->ids, ids->data, ids->n);
	if (c->ids.failed)
		return;
	c->range[c->words.n] = (struct am_word_range){(uint32_t)from, (uint32_t)ids->n};
	(void)am_strmap_add(&c->words, piece, n, (int32_t)c->words.n, NULL);
}

am_status am_bpe_encode(am_bpe *b, const char *piece, size_t n, am_id_list *ids, am_error *err)
{
	assert(n >= 1 && n <= INT32_MAX);
	if (append_cached(&b->cache, piece, n, ids))
		return AM_OK;
	int32_t whole = b->ignore_merges ? am_vocab_id(b->vocab, piece, n) : -1;
	if (whole >= 0) {
		am_id_list_push(ids, whole);
		return AM_OK;
	}
	am_status st = start(b, piece, n, err);
	if (st != AM_OK)
		return st;
	if (!reserve(b, b->start.n))
		return am_fail(err, AM_ERR_MEMORY, "no memory to encode %zu bytes", n);
	if (b->start.n > 1)
		merge(b, b->start.n);
	am_id_list_append(ids, b->start.data, b->start.n);
	remember(&b->cache, piece, n, &b->start);
	return AM_OK;
}
