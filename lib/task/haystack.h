/* Filling of the generated prompts: sentences of a text, or short sentences over and over. */
#ifndef AM_TASK_HAYSTACK_H
#define AM_TASK_HAYSTACK_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct am_sentence {
	const char *at;
	int size;
	bool opens; /* the first of its paragraph */
} am_sentence;

typedef struct am_haystack {
	am_sentence *sentence; /* into the text */
	int n, room;
	int *paragraph; /* [n_paragraphs] first sentence of each */
	int n_paragraphs;
} am_haystack;

/* Splits a text of one paragraph a line at sentence ends: one of . ! ? with quotes and brackets
 * behind it before a blank, not after an initial or a title (Mr., Dr.). The text must outlive
 * the haystack. AM_ERR_FORMAT when there are none. */
am_status am_haystack_split(const char *text, size_t n, am_haystack *out, am_error *err) AM_MUST_CHECK;
void am_haystack_fini(am_haystack *h);

/* Filling number i from `start` on, the text beginning anew after its end; with a line end in front
 * of paragraphs and a blank in front of other sentences, but for i = 0. */
void am_haystack_put(const am_haystack *h, int start, int i, am_text *out);
/* The same for the short sentences, two a unit. */
void am_noise_put(int i, am_text *out);

#endif
