/* Linear steps: tiles of AM_ROW_TILE rows by AM_PANEL weight rows over our threads,
 * each one product. Tiles do not depend on the number of threads. */
#include "model/session.h"

typedef struct linear_step {
	am_session *s;
	am_activations x;
	int rows;
	const am_product *products;
	int n_products;
} linear_step;

static int tiles(int n, int size)
{
	return (n + size - 1) / size;
}

/* Row tiles innermost: neighbouring tasks share weights in the cache. */
static void linear_task(void *ctx, int task, int worker)
{
	const linear_step *step = ctx;
	const am_product *p = step->products;
	int row_tiles = tiles(step->rows, AM_ROW_TILE);
	int row = task % row_tiles * AM_ROW_TILE, panel = task / row_tiles;
	while (panel >= tiles(p->n, AM_PANEL))
		panel -= tiles((p++)->n, AM_PANEL);
	int first = panel * AM_PANEL;
	int count = p->n - first < AM_PANEL ? p->n - first : AM_PANEL;
	int rows = step->rows - row < AM_ROW_TILE ? step->rows - row : AM_ROW_TILE;
	float *y = p->y + (size_t)row * (size_t)p->n + first;
	for (int r = 0; p->bias && r < rows; r++) {
		float *to = y + (size_t)r * (size_t)p->n;
		for (int i = 0; i < count; i++)
			to[i] = p->bias[first + i] + (p->add ? to[i] : 0);
	}
	am_product_weights(step->s, &step->x, row, rows, p->w, first, count, p->add || p->bias, y, p->n, worker);
}

void am_linear(am_session *s, const float *x, int rows, int inputs, const am_product *p, int n)
{
	linear_step step = {s, am_activations_of(s, x, rows, inputs), rows, p, n};
	int panels = 0;
	for (int i = 0; i < n; i++)
		panels += tiles(p[i].n, AM_PANEL);
	am_threads_run(s->threads, panels * tiles(rows, AM_ROW_TILE), linear_task, &step);
}
