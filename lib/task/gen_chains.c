/* Variable tracking, and key-value retrieval from a JSON object. */
#include "base/mem.h"
#include "task/generator.h"

#include <string.h>

enum { NAME = 8, LETTERS = 5 };

/* Distinct names of capitals. */
static void draw_names(am_rng *rng, char (*name)[NAME], int n)
{
	for (int i = 0; i < n;) {
		for (int j = 0; j < LETTERS; j++)
			name[i][j] = (char)('A' + am_rng_below(rng, 26));
		name[i][LETTERS] = 0;
		int twin = 0;
		while (twin < i && strcmp(name[twin], name[i]) != 0)
			twin++;
		i += twin == i;
	}
}

/* Which chain the i-th assignment belongs to: each chain hops + 1 times, in random order. */
static void draw_order(am_rng *rng, int chains, int hops, int *chain)
{
	for (int i = 0; i < chains * (hops + 1); i++)
		chain[i] = i / (hops + 1);
	am_shuffle(rng, chain, chains * (hops + 1), sizeof *chain);
}

/* Assignments among `size` units of noise, each chain in its order. */
static void put_chains(am_rng *rng, int chains, int hops, char (*name)[NAME], char (*value)[AM_WORD_SIZE], int *chain,
                       int size, am_text *out)
{
	int n = chains * (hops + 1), left = n, at[64] = {0};
	for (int i = 0; i < size || left;) {
		/* The next piece is an assignment with the share of those that are left. */
		uint64_t pieces = (uint64_t)(size - i + left);
		if (left && am_rng_below(rng, pieces) < (uint64_t)left) {
			int c = chain[n - left--], step = at[c]++;
			am_text_printf(out, "%sVAR %s = ", i || left < n - 1 ? " " : "", name[c * (hops + 1) + step]);
			if (step)
				am_text_printf(out, "VAR %s.", name[c * (hops + 1) + step - 1]);
			else
				am_text_printf(out, "%s.", value[c]);
		} else {
			if (i == 0 && left < n)
				am_text_puts(out, " ");
			am_noise_put(i++, out);
		}
	}
}

/* One text with its question; the names of the first chain go to `answer`. */
static void put_problem(am_rng *rng, int chains, int hops, int size, am_text *text, am_text *prefix, am_text *answer,
                        am_draft *outputs)
{
	int n = chains * (hops + 1);
	char (*name)[NAME] = am_alloc((size_t)n, sizeof *name), (*value)[AM_WORD_SIZE] = am_alloc((size_t)chains, sizeof *value);
	int *chain = am_alloc((size_t)n, sizeof *chain);
	if (name && value && chain) {
		draw_names(rng, name, n);
		for (int c = 0; c < chains; c++)
			am_draw_word(rng, AM_WORD_NUMBER, value[c]);
		draw_order(rng, chains, hops, chain);
		put_chains(rng, chains, hops, name, value, chain, size, text);
		am_text_printf(text, "\nQuestion: Which variables hold the value %s?\nAnswer:", value[0]);
		am_text_printf(prefix, " The variables that hold %s are", value[0]);
		for (int i = 0; i <= hops; i++) {
			am_text_printf(answer, "%s %s", i ? "," : "", name[i]);
			if (outputs)
				am_draft_output(outputs, name[i]);
		}
		am_text_puts(answer, ".");
	} else {
		text->failed = true;
	}
	am_free(name);
	am_free(value);
	am_free(chain);
}

void am_make_vt(const am_generator *g, am_rng rng, int size, am_draft *d)
{
	enum { EXAMPLE = 4 };
	am_text prefix = {0}, answer = {0};
	if (!g->o->no_example) {
		put_problem(&rng, g->chains, g->hops, EXAMPLE, &d->input, &prefix, &answer, NULL);
		am_text_printf(&d->input, "%s%s\n\n", am_text_str(&prefix), am_text_str(&answer));
		am_text_free(&prefix);
		am_text_free(&answer);
	}
	am_text body = {0};
	put_problem(&rng, g->chains, g->hops, size, &body, &d->prefix, &d->answer, d);
	am_text_append(&d->input, am_text_str(&body), body.size);
	d->input.failed = d->input.failed || body.failed;
	am_text_free(&body);
}

/* `size` pairs of random identifiers, one of them asked for. */
void am_make_kv(const am_generator *g, am_rng rng, int size, am_draft *d)
{
	char key[AM_WORD_SIZE], value[AM_WORD_SIZE], k[AM_WORD_SIZE], v[AM_WORD_SIZE];
	am_draw_word(&rng, g->kind->key, key);
	am_draw_word(&rng, g->kind->value, value);
	int asked = (int)(am_rng_uniform(&rng) * size);
	am_text_puts(&d->input, "{");
	for (int i = 0; i < size; i++) {
		do
			am_draw_word(&rng, g->kind->key, k);
		while (!strcmp(k, key));
		am_draw_word(&rng, g->kind->value, v);
		am_text_printf(&d->input, "%s\"%s\": \"%s\"", i ? ",\n " : "", i == asked ? key : k, i == asked ? value : v);
		if (i == asked) {
			d->needle_size = strlen(value);
			d->needle_at = d->input.size - 1 - d->needle_size;
		}
	}
	am_text_printf(&d->input, "}\nQuestion: What is the value of the key %s?\nAnswer:", key);
	am_text_printf(&d->prefix, " The value of %s is", key);
	am_text_printf(&d->answer, " %s.", value);
	am_draft_output(d, value);
}
