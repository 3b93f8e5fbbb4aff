#include "task/haystack.h"

#include "base/mem.h"

#include <ctype.h>
#include <string.h>

static bool is_title(const char *word, size_t n)
{
	static const char *const titles[] = {"Mr", "Mrs", "Dr", "St", "Messrs", "Esq"};
	if (n == 1 && isupper((unsigned char)*word))
		return true;
	for (size_t i = 0; i < sizeof titles / sizeof titles[0]; i++)
		if (strlen(titles[i]) == n && !memcmp(titles[i], word, n))
			return true;
	return false;
}

/* Bytes of the sentence at p[0 .. n). */
static size_t sentence_size(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!strchr(".!?", p[i]))
			continue;
		size_t word = i;
		while (word > 0 && isalpha((unsigned char)p[word - 1]))
			word--;
		if (p[i] == '.' && is_title(p + word, i - word))
			continue;
		size_t end = i + 1;
		while (end < n && p[end] && strchr(".!?\"')", p[end]))
			end++;
		if (end == n || p[end] == ' ')
			return end;
		i = end - 1;
	}
	return n;
}

static bool add_sentence(am_haystack *h, const char *p, size_t n, bool opens)
{
	if (h->n == h->room) {
		int room = h->room ? 2 * h->room : 256;
		am_sentence *s = am_grow(h->sentence, (size_t)h->n * sizeof *s, (size_t)room, sizeof *s);
		if (!s)
			return false;
		h->sentence = s;
		h->room = room;
	}
	h->sentence[h->n++] = (am_sentence){p, (int)n, opens};
	h->n_paragraphs += opens;
	return true;
}

static bool add_paragraph(am_haystack *h, const char *p, size_t n)
{
	bool opens = true, ok = true;
	while (n && ok) {
		if (*p == ' ') {
			p++, n--;
			continue;
		}
		size_t size = sentence_size(p, n);
		ok = add_sentence(h, p, size, opens);
		opens = false;
		p += size;
		n -= size;
	}
	return ok;
}

am_status am_haystack_split(const char *text, size_t n, am_haystack *out, am_error *err)
{
	am_haystack h = {0};
	bool ok = true;
	for (size_t at = 0; at < n && ok;) {
		const char *end = memchr(text + at, '\n', n - at);
		size_t size = end ? (size_t)(end - (text + at)) : n - at;
		ok = add_paragraph(&h, text + at, size);
		at += size + 1;
	}
	h.paragraph = am_alloc((size_t)h.n_paragraphs, sizeof *h.paragraph);
	am_status s = ok && h.paragraph ? AM_OK : am_fail(err, AM_ERR_MEMORY, "haystack: out of memory");
	if (!s && h.n == 0)
		s = am_fail(err, AM_ERR_FORMAT, "haystack: expected a text, found no sentence");
	if (s) {
		am_haystack_fini(&h);
		return s;
	}
	for (int i = 0, p = 0; i < h.n; i++)
		if (h.sentence[i].opens)
			h.paragraph[p++] = i;
	*out = h;
	return AM_OK;
}

void am_haystack_fini(am_haystack *h)
{
	am_free(h->sentence);
	am_free(h->paragraph);
	*h = (am_haystack){0};
}

void am_haystack_put(const am_haystack *h, int start, int i, am_text *out)
{
	const am_sentence *s = &h->sentence[(int)(((int64_t)start + i) % h->n)];
	if (i)
		am_text_puts(out, s->opens ? "\n" : " ");
	am_text_append(out, s->at, (size_t)s->size);
}

void am_noise_put(int i, am_text *out)
{
	am_text_puts(out, i ? " " : "");
	am_text_puts(out, i % 2 ? "The hill is steep and the day is warm." : "The road is long and the wind is cold.");
}
