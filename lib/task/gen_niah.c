/* Needles in a haystack: "The secret number for amber acorn is 1234567." */
#include "base/mem.h"
#include "task/generator.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTHS = 40, NEEDLES = 512 };

typedef struct needle {
	char key[AM_WORD_SIZE], value[AM_WORD_SIZE];
	double depth; /* 0 start, 1 end of the filling */
	int at;       /* units of filling in front */
} needle;

static const char *thing(const am_generator *g)
{
	return g->kind->value == AM_WORD_NUMBER ? "number" : g->kind->value == AM_WORD_UUID ? "code" : "word";
}

static void put_needle(const am_generator *g, const needle *n, am_text *out)
{
	am_text_printf(out, "The secret %s for %s is %s.", thing(g), n->key, n->value);
}

static bool has_key(const needle *list, int n, const char *key)
{
	for (int i = 0; i < n; i++)
		if (!strcmp(list[i].key, key))
			return true;
	return false;
}

/* Distinct keys; the first holds all the values of the task, the others one each. */
static int draw_needles(const am_generator *g, am_rng *rng, needle *list)
{
	int n = 0;
	for (int k = 0; k < g->keys; k++) {
		char key[AM_WORD_SIZE];
		do
			am_draw_word(rng, g->kind->key, key);
		while (has_key(list, n, key));
		int values = k == 0 ? g->values : 1;
		for (int v = 0; v < values; v++) {
			memcpy(list[n].key, key, sizeof key);
			am_draw_word(rng, g->kind->value, list[n++].value);
		}
	}
	return n;
}

/* Evenly spaced depths drawn without replacement, or uniform ones where there are not
 * enough. */
static void draw_depths(am_rng *rng, needle *list, int n)
{
	int depth[DEPTHS];
	for (int i = 0; i < DEPTHS; i++)
		depth[i] = i;
	am_shuffle(rng, depth, DEPTHS, sizeof *depth);
	for (int i = 0; i < n; i++)
		list[i].depth = n <= DEPTHS ? depth[i] / (DEPTHS - 1.0) : am_rng_uniform(rng);
}

static int by_place(const void *a, const void *b)
{
	const needle *const *x = a, *const *y = b;
	return (*x)->at != (*y)->at ? ((*x)->at > (*y)->at) - ((*x)->at < (*y)->at) : (*x > *y) - (*x < *y);
}

/* Unit i of the filling, which never has the key asked for. */
static void put_filling(const am_generator *g, am_rng *rng, const char *asked, int start, int i, am_text *out)
{
	if (g->kind->hay == AM_HAY_PROSE) {
		am_haystack_put(&g->hay, start, i, out);
	} else if (g->kind->hay == AM_HAY_NOISE) {
		am_noise_put(i, out);
	} else {
		needle other = {0};
		do
			am_draw_word(rng, g->kind->key, other.key);
		while (!strcmp(other.key, asked));
		am_draw_word(rng, g->kind->value, other.value);
		am_text_puts(out, i ? " " : "");
		put_needle(g, &other, out);
	}
}

/* The filling with the needles; where the first needle's value stands goes to the draft. */
static void put_text(const am_generator *g, am_rng *rng, int start, int size, needle *list, int n, am_draft *d)
{
	const needle *order[NEEDLES];
	for (int i = 0; i < n; i++) {
		list[i].at = (int)(list[i].depth * size);
		order[i] = &list[i];
	}
	qsort(order, (size_t)n, sizeof order[0], by_place);
	for (int i = 0, next = 0; i <= size; i++) {
		for (; next < n && (order[next]->at <= i || i == size); next++) {
			am_text_puts(&d->input, d->input.size ? " " : "");
			put_needle(g, order[next], &d->input);
			if (order[next] == &list[0]) {
				d->needle_size = strlen(list[0].value);
				d->needle_at = d->input.size - 1 - d->needle_size;
			}
		}
		if (i == size)
			break;
		/* A needle may stand before the first sentence. */
		if (i == 0 && d->input.size)
			am_text_puts(&d->input, " ");
		put_filling(g, rng, list[0].key, start, i, &d->input);
	}
}

static void put_keys(const am_generator *g, const needle *list, am_text *out)
{
	for (int q = 0; q < g->queries; q++) {
		const char *gap = q == 0 ? " " : q == g->queries - 1 ? " and " : ", ";
		am_text_printf(out, "%s%s", gap, list[q == 0 ? 0 : g->values - 1 + q].key);
	}
}

static void put_question(const am_generator *g, const needle *list, am_draft *d)
{
	int n = g->values + g->queries - 1; /* the needles asked for come first */
	bool many = n > 1;
	am_text_printf(&d->input, "\nQuestion: What %s%s secret %s%s for", many ? "are" : "is",
	               g->values > 1 ? " all the" : " the", thing(g), many ? "s" : "");
	put_keys(g, list, &d->input);
	am_text_puts(&d->input, "?\nAnswer:");
	am_text_printf(&d->prefix, " The secret %s%s for", thing(g), many ? "s" : "");
	put_keys(g, list, &d->prefix);
	am_text_puts(&d->prefix, many ? " are" : " is");
	for (int i = 0; i < n; i++) {
		am_text_printf(&d->answer, "%s %s", i ? "," : "", list[i].value);
		am_draft_output(d, list[i].value);
	}
	am_text_puts(&d->answer, ".");
}

void am_make_niah(const am_generator *g, am_rng rng, int size, am_draft *d)
{
	needle *list = am_calloc(NEEDLES, sizeof *list);
	if (!list) {
		d->input.failed = true;
		return;
	}
	int n = draw_needles(g, &rng, list);
	draw_depths(&rng, list, n);
	int start = 0;
	if (g->kind->hay == AM_HAY_PROSE)
		start = g->hay.paragraph[am_rng_below(&rng, (uint64_t)g->hay.n_paragraphs)];
	put_text(g, &rng, start, size, list, n, d);
	put_question(g, list, d);
	am_free(list);
}
