#include "task/spans.h"

#include "base/mem.h"

#include <stdbool.h>
#include <string.h>

typedef struct prompt {
	am_tokenizer *t;
	const int32_t *ids;
	size_t n;
} prompt;

/* Bytes that the first m tokens decode to. */
static am_status decoded(const prompt *p, size_t m, size_t *bytes, am_error *err)
{
	char *text;
	am_status s = am_tokenizer_decode(p->t, p->ids, m, true, &text, bytes, err);
	if (!s)
		am_free(text);
	return s;
}

/* The smallest m whose first m tokens decode to more than `bytes` bytes (or, with
 * `reach`, at least that many). */
static am_status first_beyond(const prompt *p, size_t bytes, bool reach, size_t *out, am_error *err)
{
	size_t low = 0, high = p->n;
	while (low < high) {
		size_t middle = low + (high - low) / 2, got;
		am_status s = decoded(p, middle, &got, err);
		if (s)
			return s;
		if (reach ? got >= bytes : got > bytes)
			high = middle;
		else
			low = middle + 1;
	}
	*out = low;
	return AM_OK;
}

static am_status is_text(const prompt *p, const char *text, bool *same, am_error *err)
{
	char *all;
	size_t n;
	am_status s = am_tokenizer_decode(p->t, p->ids, p->n, true, &all, &n, err);
	if (s)
		return s;
	*same = n == strlen(text) && !memcmp(all, text, n);
	am_free(all);
	return AM_OK;
}

am_status am_span_of_bytes(am_tokenizer *t, const int32_t *ids, size_t n_ids, const char *text, size_t at, size_t n,
                           am_token_span *out, am_error *err)
{
	prompt p = {t, ids, n_ids};
	bool same = false;
	size_t first = 0, last = 0;
	am_status s = is_text(&p, text, &same, err);
	if (!s && same)
		s = first_beyond(&p, at, false, &first, err); /* token first - 1 reaches past `at` */
	if (!s && same)
		s = first_beyond(&p, at + n, true, &last, err);
	if (s)
		return s;
	*out = same && first ? (am_token_span){(int)first - 1, (int)last} : (am_token_span){-1, -1};
	return AM_OK;
}
