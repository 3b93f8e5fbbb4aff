#include "select/selector.h"

#include "base/mem.h"
#include "select/internal.h"

#include <stdio.h>
#include <string.h>

/* In the order of docs/selectors.md. */
static const am_selector_ops *const all[] = {
	&am_select_exact, &am_select_exact_group, &am_select_exact_sum, &am_select_exact_max,
	&am_select_precision, &am_select_topp, &am_select_random, &am_select_recent, &am_select_quest,
	&am_select_blockmean, &am_select_loki, &am_select_doublesparse, &am_select_snapkv, &am_select_indexer,
	&am_select_indices,
};

const char *am_set_scope_name(am_set_scope scope)
{
	static const char *const names[] = {"head", "group", "layer"};
	return names[scope];
}

bool am_selector_name_at(int i, const char **usage, const char **help)
{
	if (i < 0 || (size_t)i >= sizeof all / sizeof all[0])
		return false;
	*usage = all[i]->usage;
	*help = all[i]->help;
	return true;
}

static const am_selector_ops *find(const char *name)
{
	for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
		if (strcmp(all[i]->name, name) == 0)
			return all[i];
	return NULL;
}

static am_status check_names(const am_select_spec *spec, const am_selector_ops *ops, am_error *err)
{
	if (!ops) {
		char names[512] = "";
		for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
			size_t n = strlen(names);
			snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", all[i]->name);
		}
		return am_fail(err, AM_ERR_USAGE, "expected one of %s, found '%s'", names, spec->name);
	}
	if (spec->argument && !strchr(ops->usage, ':'))
		return am_fail(err, AM_ERR_USAGE, "%s: expected no argument, found '%s'", ops->name, spec->argument);
	for (int i = 0; i < spec->n_settings; i++) {
		const char *const *name = ops->settings;
		while (name && *name && strcmp(*name, spec->setting[i].key) != 0)
			name++;
		if (!name || !*name)
			return am_fail(err, AM_ERR_USAGE, "%s: unknown setting '%s'", ops->name, spec->setting[i].key);
	}
	return AM_OK;
}

static bool allocate(am_selector *s)
{
	size_t n = (size_t)s->shape.capacity;
	s->scratch = am_calloc((size_t)s->shape.workers, sizeof *s->scratch);
	for (int i = 0; s->scratch && i < s->shape.workers; i++) {
		am_select_scratch *w = &s->scratch[i];
		w->score = am_alloc(n + 16, sizeof *w->score);
		w->part = am_alloc(n + 16, sizeof *w->part);
		w->index = am_alloc(n, sizeof *w->index);
		w->at = am_alloc(n, sizeof *w->at);
		w->place = am_alloc(n, sizeof *w->place);
		w->query = am_alloc(4 * (size_t)s->shape.head_dim, sizeof *w->query);
		w->select = am_alloc(AM_SELECT_SCRATCH(n), 1);
		if (!w->score || !w->part || !w->index || !w->at || !w->place || !w->query || !w->select)
			return false;
	}
	return s->scratch != NULL;
}

am_status am_selector_open(const am_select_spec *spec, const am_select_shape *shape, am_selector **out,
                           am_error *err)
{
	const am_selector_ops *ops = find(spec->name);
	am_status status = check_names(spec, ops, err);
	if (status)
		return status;
	am_selector *s = am_calloc(1, sizeof *s);
	if (!s)
		return am_fail(err, AM_ERR_MEMORY, "selector: out of memory");
	s->ops = ops;
	s->spec = spec;
	s->shape = *shape;
	s->scope = ops->scope;
	s->needs = ops->needs;
	s->sink = spec->sink;
	s->recent = spec->recent;
	s->seed = spec->seed;
	if (!allocate(s))
		status = am_fail(err, AM_ERR_MEMORY, "selector: out of memory");
	if (!status && ops->open)
		status = ops->open(s, err);
	s->spec = NULL;
	if (status) {
		am_selector_close(s);
		return status;
	}
	*out = s;
	return AM_OK;
}

void am_selector_close(am_selector *s)
{
	if (!s)
		return;
	if (s->ops->close)
		s->ops->close(s);
	else
		am_free(s->state);
	for (int i = 0; s->scratch && i < s->shape.workers; i++) {
		am_select_scratch *w = &s->scratch[i];
		void *own[] = {w->score, w->part, w->index, w->at, w->place, w->query, w->select};
		for (size_t j = 0; j < sizeof own / sizeof own[0]; j++)
			am_free(own[j]);
	}
	am_free(s->scratch);
	am_free(s);
}

am_set_scope am_selector_scope(const am_selector *s)
{
	return s->scope;
}

unsigned am_selector_needs(const am_selector *s)
{
	return s->needs;
}

int am_selector_sets(const am_selector *s)
{
	return s->scope == AM_SCOPE_HEAD ? s->shape.heads : s->scope == AM_SCOPE_GROUP ? s->shape.kv_heads : 1;
}

bool am_selector_own_budget(const am_selector *s)
{
	return s->ops->own_budget;
}

bool am_selector_takes_cap(const am_selector *s)
{
	return s->ops->takes_cap;
}

void am_selector_bounds(const am_selector *s, int layer, int position, int n, int *least, int *most)
{
	*least = 1;
	*most = n;
	if (s->ops->bounds)
		s->ops->bounds(s, layer, position, n, least, most);
}

bool am_selector_is_topk(const am_selector *s)
{
	return s->ops == &am_select_exact && s->sink == 0 && s->recent == 0;
}

am_status am_selector_start(am_selector *s, int index, int length, int prompt, am_error *err)
{
	s->index = index;
	s->length = length;
	s->prompt = prompt;
	s->first_row = 0;
	return s->ops->start ? s->ops->start(s, err) : AM_OK;
}

void am_selector_rewind(am_selector *s, int position)
{
	if (s->ops->rewind)
		s->ops->rewind(s, position);
}

void am_selector_skip(am_selector *s, int position)
{
	s->first_row = position;
}

int am_selector_source(const am_selector *s, int layer)
{
	return s->ops->source ? s->ops->source(s, layer) : layer;
}

am_status am_selector_prepare(am_selector *s, const am_select_block *block, am_threads *threads, am_error *err)
{
	return s->ops->prepare ? s->ops->prepare(s, block, threads, err) : AM_OK;
}

void am_selector_select_set(am_selector *s, int worker, const am_select_row *row, int set, const int *k, int n_k,
                            uint32_t *member)
{
	int inside = 0; /* budgets below n; all others take every key */
	while (inside < n_k && (k[inside] < row->n || s->ops->own_budget))
		inside++;
	uint32_t whole = 0;
	for (int b = inside; b < n_k; b++)
		whole |= (uint32_t)1 << b;
	for (int j = 0; j < row->n; j++)
		member[j] = whole;
	if (inside == 0)
		return;
	if (s->ops->select) {
		s->ops->select(s, worker, row, set, k, inside, member);
		return;
	}
	float *score = s->scratch[worker].score;
	s->ops->score(s, worker, row, set, score);
	am_member_mark(s, worker, score, row->n, am_selector_forced(s, row), k, inside, member);
}

void am_selector_select(am_selector *s, int worker, const am_select_row *row, const int *k, int n_k,
                        uint32_t *member, int64_t stride)
{
	for (int set = 0; set < am_selector_sets(s); set++)
		am_selector_select_set(s, worker, row, set, k, n_k, member + set * stride);
}

bool am_selector_forces(const am_selector *s)
{
	return s->sink > 0 || s->recent > 0 || s->ops->keep;
}

bool am_selector_has_scores(const am_selector *s)
{
	return s->ops->score != NULL;
}

const float *am_selector_scores(am_selector *s, int worker, const am_select_row *row, int set, float *room)
{
	const float *kept = s->ops->scored ? s->ops->scored(s, row, set) : NULL;
	if (kept || !s->ops->score)
		return kept;
	s->ops->score(s, worker, row, set, room);
	return room;
}
