/* Tallies of rows beside a product: a step of its tiles is bound by multiplications, a tally by its
 * stores. */
#ifndef AM_KERNELS_GENERIC_BESIDE_H
#define AM_KERNELS_GENERIC_BESIDE_H

#include "kernels/generic/tally.h"

typedef struct beside {
	const am_tally_rows *rows;
	int next;        /* the row at hand; rows->rows behind the last */
	int left;        /* weights of it that are not yet tallied */
	const float *at; /* the first of them */
	uint64_t *origin, one;
	int shift;
} beside;

/* The next row, the last of all left out: one whose tally cannot be plain is tallied here. */
static void beside_open(beside *s)
{
	s->left = 0;
	if (s->next == s->rows->rows)
		return;
	const am_tally_row *row = &s->rows->row[s->next];
	tally *t = s->rows->tally;
	tally_empty(t);
	if (row->least)
		tally_shape(t, row->n, row->least, TALLY_ONE);
	if (!row->least || !t->form.plain) {
		tally_weights(t, row->weight, row->n);
		return;
	}
	s->left = row->n;
	s->at = row->weight;
	s->origin = tally_origin(t);
	s->one = (uint64_t)1 << t->form.bits;
	s->shift = t->form.shift;
}

/* Ends rows of which less than `least` weights are left. */
static void beside_turn(beside *s, int least)
{
	while (s->next < s->rows->rows && s->left < least) {
		if (s->left)
			tally_fill(s->rows->tally, s->at, s->left);
		s->rows->done(s->rows->ctx, s->rows->row[s->next].id);
		s->next++;
		beside_open(s);
	}
}

#endif
