/* Selectors that judge keys by their page: "quest:PAGE" by a bound on the scores in it,
 * "blockmean:BLOCK" by the score of the mean key.
 *
 * A page's summary is a column of numbers, kept a column a page so that one weighted sum
 * of rows scores all pages. The page a row stands in is summed up as far as the row's own
 * key, apart for each row of the block. A block that begins inside a page goes over the
 * page's earlier keys again, so nothing is carried from block to block. */
#include "base/mem.h"
#include "select/internal.h"

#include <math.h>
#include <string.h>

typedef struct page_state {
	int page, parts, pages; /* keys a page; numbers of D of a summary; pages of a sequence */
	bool keep;              /* the row's own page comes before all others */
	float *summary;         /* [layers][G][parts D][pages] */
	float *current;         /* [block][G][parts D] */
	double *run;            /* [G][parts D] */
} page_state;

static am_status page_open(am_selector *s, int parts, am_error *err)
{
	static const char *const current[] = {"rank", "keep", NULL};
	page_state p = {.parts = parts};
	int keep = 1;
	am_status status = am_spec_int(s->spec, NULL, 1, 1 << 20, &p.page, err);
	if (!status)
		status = am_spec_choice(s->spec, "current", current, &keep, err);
	if (!status)
		status = am_select_read_share(s, err);
	if (status)
		return status;
	const am_select_shape *shape = &s->shape;
	size_t column = (size_t)shape->kv_heads * (size_t)parts * (size_t)shape->head_dim;
	p.keep = keep != 0;
	p.pages = (shape->capacity + p.page - 1) / p.page;
	p.summary = am_alloc((size_t)shape->layers * (size_t)p.pages, column * sizeof *p.summary);
	p.current = am_alloc((size_t)shape->block, column * sizeof *p.current);
	p.run = am_alloc(column, sizeof *p.run);
	page_state *state = s->state = am_calloc(1, sizeof *state);
	if (!state || !p.summary || !p.current || !p.run) {
		am_free(p.summary);
		am_free(p.current);
		am_free(p.run);
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", s->ops->name);
	}
	*state = p;
	return AM_OK;
}

static am_status quest_open(am_selector *s, am_error *err)
{
	return page_open(s, 2, err);
}

static am_status mean_open(am_selector *s, am_error *err)
{
	return page_open(s, 1, err);
}

static void page_close(am_selector *s)
{
	page_state *p = s->state;
	if (p) {
		am_free(p->summary);
		am_free(p->current);
		am_free(p->run);
	}
	am_free(p);
}

/* The page of `seen` keys so far takes in one more. */
static void take_key(const page_state *p, int d, const float *key, int seen, double *run)
{
	for (int c = 0; c < d; c++) {
		double x = (double)key[c];
		if (p->parts == 1) {
			run[c] = seen ? run[c] + x : x;
			continue;
		}
		run[c] = seen && run[c] > x ? run[c] : x;
		run[d + c] = seen && run[d + c] < x ? run[d + c] : x;
	}
}

typedef struct page_step {
	am_selector *s;
	const am_select_block *b;
} page_step;

/* One key/value head of a block. */
static void prepare_head(void *ctx, int g, int worker)
{
	const page_step *step = ctx;
	const am_select_block *b = step->b;
	const page_state *p = step->s->state;
	int d = step->s->shape.head_dim, size = p->parts * d, heads = step->s->shape.kv_heads;
	double *run = p->run + (size_t)g * (size_t)size;
	float *summary = p->summary + ((size_t)b->layer * (size_t)heads + (size_t)g) * (size_t)size * (size_t)p->pages;
	(void)worker;
	for (int t = b->start / p->page * p->page; t < b->start + b->rows; t++) {
		int seen = t % p->page;
		take_key(p, d, b->k + g * b->k_stride + (size_t)t * (size_t)d, seen, run);
		double scale = p->parts == 1 ? 1 / (double)(seen + 1) : 1;
		if (t >= b->start)
			for (int c = 0; c < size; c++)
				p->current[((size_t)(t - b->start) * (size_t)heads + (size_t)g) * (size_t)size + (size_t)c] =
					(float)(run[c] * scale);
		if (seen + 1 == p->page)
			for (int c = 0; c < size; c++)
				summary[(size_t)c * (size_t)p->pages + (size_t)(t / p->page)] = (float)(run[c] * scale);
	}
}

static am_status page_prepare(am_selector *s, const am_select_block *b, am_threads *threads, am_error *err)
{
	page_step step = {s, b};
	(void)err;
	am_select_run(threads, s->shape.kv_heads, prepare_head, &step);
	return AM_OK;
}

/* What a summary is multiplied by, summed over the set's heads of g: the query, or for
 * largest and least keys its positive and its negative part. */
static void page_query(const am_selector *s, const am_select_row *row, int set, int g, float *q)
{
	const page_state *p = s->state;
	int d = s->shape.head_dim, first, end;
	if (p->parts == 1) {
		am_select_query(s, row, set, g, q);
		return;
	}
	memset(q, 0, 2 * (size_t)d * sizeof *q);
	am_select_heads(s, set, g, &first, &end);
	for (int h = first; h < end; h++) {
		const float *x = row->block->q + ((size_t)row->row * (size_t)s->shape.heads + (size_t)h) * (size_t)d;
		for (int c = 0; c < d; c++)
			q[x[c] > 0 ? c : d + c] += x[c];
	}
}

static void page_score(am_selector *s, int worker, const am_select_row *row, int set, float *out)
{
	const page_state *p = s->state;
	am_select_scratch *w = &s->scratch[worker];
	int size = p->parts * s->shape.head_dim, heads = s->shape.kv_heads, g0, end;
	int first = row->first_key / p->page, last = row->position / p->page;
	am_select_kv_heads(s, set, &g0, &end);
	for (int g = g0; g < end; g++) {
		const float *summary =
			p->summary + ((size_t)row->block->layer * (size_t)heads + (size_t)g) * (size_t)size * (size_t)p->pages;
		page_query(s, row, set, g, w->query);
		s->shape.kernels->combine_rows(w->query, size, summary + first, p->pages, last - first, g > g0, w->part);
		s->shape.kernels->combine_rows(w->query, size,
		                               p->current + ((size_t)row->row * (size_t)heads + (size_t)g) * (size_t)size, 1, 1,
		                               g > g0, w->part + (last - first));
	}
	for (int page = first, j = 0; page <= last; page++)
		for (; j < row->n && row->first_key + j < (page + 1) * p->page; j++)
			out[j] = w->part[page - first];
}

static int page_keep(const am_selector *s, const am_select_row *row)
{
	const page_state *p = s->state;
	return p->keep ? row->position % p->page + 1 : 0;
}

static const char *const page_settings[] = {"share", "current", NULL};
const am_selector_ops am_select_quest = {
	.name = "quest", .usage = "quest:PAGE",
	.help = "pages of PAGE keys by an upper bound of the scores in them",
	.scope = AM_SCOPE_HEAD, .settings = page_settings, .open = quest_open, .close = page_close,
	.prepare = page_prepare, .keep = page_keep, .score = page_score,
};
const am_selector_ops am_select_blockmean = {
	.name = "blockmean", .usage = "blockmean:BLOCK", .help = "blocks of BLOCK keys by the score of their mean key",
	.scope = AM_SCOPE_HEAD, .settings = page_settings, .open = mean_open, .close = page_close,
	.prepare = page_prepare, .keep = page_keep, .score = page_score,
};
