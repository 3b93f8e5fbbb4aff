/* "indices:FILE": the sets a serving engine returned, one a layer and token. */
#include "base/mem.h"
#include "select/internal.h"
#include "store/index_dump.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef struct indices_state {
	char *path;
	am_index_dump dump;
	int start;  /* position of the dump's first token */
	int *layer; /* [model layers] -> layer of the dump, -1 before the first */
} indices_state;

/* "0-2+6": ascending layers, the i-th of them the dump's layer i. id[0..n) marks; returns how many, -1 when malformed. */
static int parse_layers(const char *text, int layers, bool *has)
{
	int n = 0, last = -1;
	while (*text) {
		char *end;
		long a = strtol(text, &end, 10), b = a;
		if (end == text)
			return -1;
		if (*end == '-') {
			text = end + 1;
			b = strtol(text, &end, 10);
			if (end == text)
				return -1;
		}
		if (a <= last || b < a || b >= layers || (*end && *end != '+'))
			return -1;
		for (long i = a; i <= b; i++, n++)
			has[i] = true;
		last = (int)b;
		text = *end ? end + 1 : end;
	}
	return n;
}

static am_status map_layers(am_selector *s, indices_state *st, const char *text, bool *has, int *listed, am_error *err)
{
	int layers = s->shape.layers;
	*listed = text ? parse_layers(text, layers, has) : 0;
	if (*listed < 0 || (text && *listed == 0))
		return am_fail(err, AM_ERR_USAGE, "indices: layers: expected ascending layers of the model, 0 to %d, as 0-2+6, found '%s'",
		               layers - 1, text);
	int at = -1;
	for (int l = 0; l < layers; l++) {
		at += !text || has[l];
		st->layer[l] = at;
	}
	return AM_OK;
}

static am_status indices_open(am_selector *s, am_error *err)
{
	const am_select_spec *spec = s->spec;
	indices_state *st = s->state = am_calloc(1, sizeof *st);
	bool *has = am_calloc((size_t)s->shape.layers, sizeof *has);
	if (st)
		st->layer = am_calloc((size_t)s->shape.layers, sizeof *st->layer);
	am_index_shape shape = {0};
	int listed = 0;
	am_status status = AM_OK;
	if (!st || !has || !st->layer)
		status = am_fail(err, AM_ERR_MEMORY, "indices: out of memory");
	else if (!spec->argument)
		status = am_fail(err, AM_ERR_USAGE, "indices: expected a file after a colon, found nothing");
	else if (!(st->path = am_strdup(spec->argument)))
		status = am_fail(err, AM_ERR_MEMORY, "indices: out of memory");
	if (!status)
		status = am_spec_int(spec, "start", 0, INT_MAX / 2, &shape.start, err);
	if (!status)
		status = am_spec_int(spec, "width", 1, 1 << 24, &shape.width, err);
	if (!status)
		status = map_layers(s, st, am_spec_text(spec, "layers"), has, &listed, err);
	shape.layers = listed;
	if (!status)
		status = am_index_dump_read(st->path, &shape, &st->dump, err);
	int want = listed ? listed : s->shape.layers;
	for (int i = 0; !status && i < st->dump.n; i++)
		if (st->dump.sequence[i].layers != want)
			status = am_fail(err, AM_ERR_FORMAT, "%s: expected sets of %d layers, found %d; say which they are with layers=",
			                 st->path, want, st->dump.sequence[i].layers);
	if (!status)
		st->start = shape.start;
	am_free(has);
	return status;
}

static void indices_close(am_selector *s)
{
	indices_state *st = s->state;
	if (!st)
		return;
	am_index_dump_fini(&st->dump);
	am_free(st->path);
	am_free(st->layer);
	am_free(st);
}

/* An engine has no set for the last token it made: it never went through the model. */
static am_status indices_start(am_selector *s, am_error *err)
{
	const indices_state *st = s->state;
	if (s->index >= st->dump.n)
		return am_fail(err, AM_ERR_FORMAT, "%s: holds %d sequence%s, expected one for sequence %d", st->path, st->dump.n,
		               st->dump.n == 1 ? "" : "s", s->index);
	int end = st->start + st->dump.sequence[s->index].tokens;
	if (end < s->length - 1)
		return am_fail(err, AM_ERR_FORMAT, "%s: sequence %d: expected sets for %d tokens, found them up to token %d", st->path,
		               s->index, s->length, end - 1);
	return AM_OK;
}

/* The set noted for a row; NULL: none, then all keys are kept. */
static const int32_t *noted(const am_selector *s, int layer, int position)
{
	const indices_state *st = s->state;
	const am_index_array *a = &st->dump.sequence[s->index];
	int token = position - st->start, at = st->layer[layer];
	return token >= 0 && token < a->tokens && at >= 0 ? am_index_set(a, token, at) : NULL;
}

static void indices_bounds(const am_selector *s, int layer, int position, int n, int *least, int *most)
{
	const indices_state *st = s->state;
	int width = st->dump.sequence[s->index].width;
	if (!noted(s, layer, position))
		*least = n;
	else
		*most = width < n ? width : n;
}

static void indices_select(am_selector *s, int worker, const am_select_row *row, int set, const int *k, int n_k,
                           uint32_t *member)
{
	(void)worker;
	(void)set;
	(void)k;
	const indices_state *st = s->state;
	const am_index_array *a = &st->dump.sequence[s->index];
	uint32_t bits = n_k == AM_SELECT_BUDGETS ? UINT32_MAX : ((uint32_t)1 << n_k) - 1;
	int found = 0;
	const int32_t *index = noted(s, row->block->layer, row->position);
	for (int i = 0; index && i < a->width; i++) {
		int j = index[i] - row->first_key;
		if (index[i] >= 0 && j >= 0 && j < row->n) {
			member[j] |= bits;
			found++;
		}
	}
	/* Engines attend to everything, and may note nothing, where all keys fit. */
	if (!index || (found == 0 && row->n <= a->width))
		for (int j = 0; j < row->n; j++)
			member[j] |= bits;
}

static const char *const settings[] = {"layers", "start", "width", NULL};

const am_selector_ops am_select_indices = {
	.name = "indices", .usage = "indices:FILE", .help = "sets from an index dump of a serving engine, whatever the budget",
	.scope = AM_SCOPE_LAYER, .own_budget = true, .bounds = indices_bounds, .settings = settings, .open = indices_open, .close = indices_close,
	.start = indices_start, .select = indices_select,
};
