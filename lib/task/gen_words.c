/* Words to count: common words of a list (cwe) and frequent made-up words (fwe). */
#include "base/mem.h"
#include "task/generator.h"

#include <math.h>
#include <string.h>

/* cwe: RULER's counts, by the length of the prompt. */
enum { LONG_LENGTH = 4096, COMMON_LONG = 30, OTHER_LONG = 3, COMMON_SHORT = 6, OTHER_SHORT = 1 };

/* A word of the list: its number, as often as it stands there. */
static void put_list(const am_generator *g, am_rng *rng, const int *word, int common, int n, int times, int others,
                     am_text *out)
{
	int total = common * times + (n - common) * others, at = 0;
	int *list = am_alloc((size_t)total, sizeof *list);
	if (!list) {
		out->failed = true;
		return;
	}
	for (int i = 0; i < n; i++)
		for (int j = 0; j < (i < common ? times : others); j++)
			list[at++] = word[i];
	am_shuffle(rng, list, total, sizeof *list);
	am_text_puts(out, "List of words:");
	for (int i = 0; i < total; i++)
		am_text_printf(out, " %s", g->words[list[i]]);
	am_free(list);
}

static void put_words(const am_generator *g, const int *word, int n, am_text *out)
{
	for (int i = 0; i < n; i++)
		am_text_printf(out, "%s %s", i ? "," : "", g->words[word[i]]);
	am_text_puts(out, ".");
}

static void put_question(int n, am_text *out)
{
	am_text_printf(out, "\nQuestion: What are the %d most common words in the list?\nAnswer:", n);
}

static const char prefix[] = " The most common words are";

void am_make_cwe(const am_generator *g, am_rng rng, int size, am_draft *d)
{
	enum { EXAMPLE_TIMES = 4, EXAMPLE_OTHERS = 10 };
	int c = g->common, shown = g->o->no_example ? 0 : c + EXAMPLE_OTHERS;
	bool whole = g->o->length >= LONG_LENGTH;
	int *word = am_alloc((size_t)g->n_words, sizeof *word);
	if (!word) {
		d->input.failed = true;
		return;
	}
	for (int i = 0; i < g->n_words; i++)
		word[i] = i;
	am_shuffle(&rng, word, g->n_words, sizeof *word);
	if (shown) {
		put_list(g, &rng, word, c, shown, EXAMPLE_TIMES, 1, &d->input);
		put_question(c, &d->input);
		am_text_puts(&d->input, prefix);
		put_words(g, word, c, &d->input);
		am_text_puts(&d->input, "\n");
	}
	int room = g->n_words - shown, n = c + size < room ? c + size : room;
	put_list(g, &rng, word + shown, c, n, whole ? COMMON_LONG : COMMON_SHORT, whole ? OTHER_LONG : OTHER_SHORT, &d->input);
	put_question(c, &d->input);
	am_text_puts(&d->prefix, prefix);
	put_words(g, word + shown, c, &d->answer);
	for (int i = 0; i < c; i++)
		am_draft_output(d, g->words[word[shown + i]]);
	am_free(word);
}

/* --- fwe ---------------------------------------------------------------------- */

/* Riemann zeta for s > 1: terms below N, and the Euler-Maclaurin rest. */
static double zeta(double s)
{
	enum { N = 32 };
	double sum = 0;
	for (int k = 1; k < N; k++)
		sum += pow(k, -s);
	return sum + pow(N, 1 - s) / (s - 1) + pow(N, -s) / 2 + s * pow(N, -s - 1) / 12;
}

static void draw_name(am_rng *rng, char out[8])
{
	for (int i = 0; i < 6; i++)
		out[i] = (char)('a' + am_rng_below(rng, 26));
	out[6] = 0;
}

/* `size` words by the zeta law; rank 1 is "...", ranks 2 to 4 are asked for. */
void am_make_fwe(const am_generator *g, am_rng rng, int size, am_draft *d)
{
	enum { ASKED = 3 };
	char (*name)[8] = am_alloc((size_t)size + 1, sizeof *name);
	int *list = am_alloc((size_t)size + 1, sizeof *list), ranks = 0, total = 0;
	if (!name || !list) {
		am_free(name);
		am_free(list);
		d->input.failed = true;
		return;
	}
	for (double z = zeta(g->alpha); ranks < size; ranks++) {
		int count = (int)floor(size * pow(ranks + 1, -g->alpha) / z);
		if (count < 1)
			break;
		draw_name(&rng, name[ranks]);
		for (int i = 0; i < count && total < size; i++)
			list[total++] = ranks;
	}
	am_shuffle(&rng, list, total, sizeof *list);
	am_text_puts(&d->input, "Coded text:");
	for (int i = 0; i < total; i++)
		am_text_printf(&d->input, " %s", list[i] ? name[list[i]] : "...");
	am_text_puts(&d->input, "\nQuestion: What are the 3 most frequent words in the coded text? Dots do not count.\nAnswer:");
	am_text_puts(&d->prefix, " The most frequent words are");
	for (int i = 1; i <= ASKED && i < ranks; i++) {
		am_text_printf(&d->answer, "%s %s", i > 1 ? "," : "", name[i]);
		am_draft_output(d, name[i]);
	}
	am_text_puts(&d->answer, ".");
	am_free(name);
	am_free(list);
}
