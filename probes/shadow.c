#include "probes/shadow.h"

#include "base/mem.h"
#include "probes/shadow_internal.h"

#include <math.h>
#include <string.h>

/* ---- specs ------------------------------------------------------------------ */

/* Takes "store=index" out of the settings, which the selector does not know. */
static am_status take_store(am_shadowed *a, am_error *err)
{
	am_select_spec *s = &a->spec;
	for (int i = 0; i < s->n_settings; i++) {
		if (strcmp(s->setting[i].key, "store") != 0)
			continue;
		if (strcmp(s->setting[i].value, "index") != 0)
			return am_fail(err, AM_ERR_USAGE, "store: expected index, found '%s'", s->setting[i].value);
		a->about.index = true;
		memmove(s->setting + i, s->setting + i + 1, (size_t)(s->n_settings - i - 1) * sizeof *s->setting);
		s->n_settings--;
		return AM_OK;
	}
	return AM_OK;
}

static am_status read_spec(const am_run_options *o, const char *text, am_shadowed *a, am_error *err)
{
	am_status s = am_select_spec_parse(text, &a->spec, err);
	if (!s && (a->spec.budget.k || a->spec.budget.ratio > 0))
		s = am_fail(err, AM_ERR_USAGE, "expected no budget: a shadow is scored at every -k and --ratio");
	if (!s)
		s = take_store(a, err);
	if (!s && a->about.index && !o->n_k)
		s = am_fail(err, AM_ERR_USAGE, "store=index: expected a -k, whose largest set is stored");
	if (s)
		return am_fail_in(err, s, "--shadow %s", text);
	if (!a->spec.has_seed)
		a->spec.seed = o->seed;
	a->about.spec = a->spec.text;
	return AM_OK;
}

am_status am_shadow_open(const am_run_options *o, am_shadow **out, am_error *err)
{
	*out = NULL;
	if (!o->n_shadows)
		return AM_OK;
	if (o->n_shadows > AM_RUN_SELECTORS)
		return am_fail(err, AM_ERR_USAGE, "--shadow: expected at most %d, found %d", AM_RUN_SELECTORS, o->n_shadows);
	if (o->n_k + o->n_ratio > AM_SELECT_BUDGETS || o->n_k + o->n_ratio == 0)
		return am_fail(err, AM_ERR_USAGE, "--shadow: expected 1 to %d of -k and --ratio together, found %d",
		               AM_SELECT_BUDGETS, o->n_k + o->n_ratio);
	am_shadow *s = am_calloc(1, sizeof *s);
	if (s)
		s->item = am_calloc((size_t)o->n_shadows, sizeof *s->item);
	if (!s || !s->item) {
		am_shadow_free(s);
		return am_fail(err, AM_ERR_MEMORY, "run: out of memory");
	}
	am_status status = AM_OK;
	for (int i = 0; i < o->n_shadows && !status; i++, s->n++)
		status = read_spec(o, o->shadows[i], &s->item[i], err);
	if (status)
		am_shadow_free(s);
	else
		*out = s;
	return status;
}

int am_shadow_ranks(const am_shadow *s, const am_run_options *o)
{
	for (int i = 0; s && i < s->n; i++)
		if (s->item[i].about.index)
			return o->k[o->n_k - 1];
	return 0;
}

size_t am_shadow_values(const am_run_options *o)
{
	size_t n = 0;
	for (int i = 0; i < o->n_shadows; i++) {
		n += 14 * (size_t)(o->n_k + o->n_ratio);
		if (o->n_k && strstr(o->shadows[i], "store=index"))
			n += (size_t)o->k[o->n_k - 1];
	}
	return n;
}

const am_run_selector *am_shadow_selectors(const am_shadow *s, int *n)
{
	*n = s ? s->n : 0;
	return s ? s->about : NULL;
}

/* ---- start ------------------------------------------------------------------ */

static am_status rope(void *ctx, int layer, int dims, int length, float *inv_freq, am_error *err)
{
	const am_config *c = ctx;
	float scale;
	return am_rope_frequencies(&c->rope[layer], dims, c->max_positions, length, inv_freq, &scale, err);
}

static am_select_shape shape_of(am_shadow *s)
{
	const am_config *m = s->c->config;
	return (am_select_shape){
		.layers = m->layers, .heads = m->heads, .kv_heads = m->kv_heads, .head_dim = m->head_dim,
		.hidden = m->hidden, .capacity = s->c->sequences->longest, .block = s->c->block,
		.workers = s->c->workers, .window = m->window, .kernels = s->c->kernels,
		.rope = s->c->o->capture ? NULL : rope, .rope_ctx = (void *)m,
	};
}

/* The exact selectors are the references themselves: their sets are at hand. */
static int alias_of(const am_select_spec *spec)
{
	static const char *const names[] = {"exact", "exact-group", "exact-sum", "exact-max"};
	if (spec->sink || spec->recent || spec->n_settings)
		return -1;
	for (int i = 0; i < 4; i++)
		if (strcmp(spec->name, names[i]) == 0)
			return i;
	return -1;
}

static am_status open_selectors(am_shadow *s, am_error *err)
{
	am_select_shape shape = shape_of(s);
	s->about = am_calloc((size_t)s->n, sizeof *s->about);
	if (!s->about)
		return am_fail(err, AM_ERR_MEMORY, "run: out of memory");
	for (int i = 0; i < s->n; i++) {
		am_shadowed *a = &s->item[i];
		am_status status = am_selector_open(&a->spec, &shape, &a->selector, err);
		if (status)
			return am_fail_in(err, status, "--shadow %s", a->spec.text);
		am_set_scope scope = am_selector_scope(a->selector);
		a->about.sets = scope == AM_SCOPE_HEAD ? AM_AXIS_HEAD : scope == AM_SCOPE_GROUP ? AM_AXIS_KV_HEAD : AM_AXIS_LAYER;
		a->about.own_budget = am_selector_own_budget(a->selector);
		a->about.scores = am_selector_has_scores(a->selector);
		a->sets = am_selector_sets(a->selector);
		a->first_set = s->all_sets;
		a->alias = alias_of(&a->spec);
		a->ranks = a->about.scores && !am_selector_forces(a->selector);
		a->follows = am_calloc((size_t)s->c->config->layers, sizeof *a->follows);
		if (!a->follows)
			return am_fail(err, AM_ERR_MEMORY, "run: out of memory");
		for (int l = 0; l < s->c->axes.n_layer; l++)
			a->follows[s->c->layers[l]] = a->follows[am_selector_source(a->selector, s->c->layers[l])] = true;
		s->all_sets += a->sets;
		s->most_sets = a->sets > s->most_sets ? a->sets : s->most_sets;
		s->about[i] = a->about;
	}
	return AM_OK;
}

static bool is_sampled(const am_shadow *s, int f)
{
	for (int r = 0; r < AM_RUN_REFERENCES; r++)
		for (int ratio = 0; ratio < 2; ratio++) {
			if (f == (int)am_reference_field(AM_REFERENCE_GAP, (am_run_reference)r, ratio))
				return true;
			for (int i = 0; i < s->n; i++)
				for (int t = AM_SHADOW_OVERLAP_HEADS; t < AM_SHADOW_STATS; t++)
					if (t != AM_SHADOW_INDEX && t != AM_SHADOW_RECALL && t != AM_SHADOW_MASS_RECALL && t != AM_SHADOW_TOP1_HIT &&
					    f == (int)am_shadow_field(i, (am_shadow_stat)t, (am_run_reference)r, ratio))
						return true;
		}
	return false;
}

/* Every so many captured rows are sampled. */
static size_t sample_step(const am_shadow *s)
{
	int every = s->c->o->shadow_sample;
	return every > 0 ? (size_t)every : AM_SHADOW_SAMPLE;
}

/* Length of an axis of arrays of a layer and so many rows. */
static size_t axis_length(const am_shadow *s, am_axis a, size_t rows)
{
	const am_run_axes *x = &s->c->axes;
	switch (a) {
	case AM_AXIS_LAYER: return 1;
	case AM_AXIS_HEAD: return (size_t)x->n_head;
	case AM_AXIS_KV_HEAD: return (size_t)x->n_kv_head;
	case AM_AXIS_K: return (size_t)x->n_k;
	case AM_AXIS_RATIO: return (size_t)x->n_ratio;
	case AM_AXIS_RANK: return (size_t)x->n_rank;
	default: return rows;
	}
}

/* Values of field i of a layer and so many rows; 0 where there is none. */
static size_t values_of(const am_shadow *s, int i, size_t rows)
{
	const am_field_spec *f = &s->spec[AM_FIELD_COUNT + i];
	size_t n = f->n_axes > 0;
	for (int a = 0; a < f->n_axes; a++)
		n *= axis_length(s, f->axes[a], rows);
	return n;
}

/* Values to have room for, whole cache lines. */
static size_t room_of(const am_shadow *s, int i)
{
	size_t block = (size_t)s->c->block, rows = s->sampled_field[i] ? (block - 1) / sample_step(s) + 1 : block;
	return (values_of(s, i, rows) + 15) / 16 * 16;
}

static am_status allocate_fields(am_shadow *s, am_error *err)
{
	bool ok = true;
	am_status status = am_field_specs_new(s->about, s->n, &s->spec, err);
	if (status)
		return status;
	s->n_fields = am_shadow_field_end(s->n) - AM_FIELD_COUNT;
	s->field = am_capture_take(s->c, &ok, (size_t)s->n_fields, sizeof *s->field);
	s->sampled_field = am_capture_take(s->c, &ok, (size_t)s->n_fields, sizeof *s->sampled_field);
	s->counts = am_capture_take(s->c, &ok, (size_t)s->n_fields, sizeof *s->counts);
	size_t total = 0;
	for (int i = 0; ok && i < s->n_fields; i++) {
		s->sampled_field[i] = is_sampled(s, AM_FIELD_COUNT + i);
		s->counts[i] = s->spec[AM_FIELD_COUNT + i].type == AM_TYPE_I32;
		total += room_of(s, i);
	}
	/* A row writes to all of them, so their pages are few. */
	s->values = ok ? am_alloc_large(total, sizeof *s->values) : NULL;
	if (!s->values)
		return am_fail(err, AM_ERR_MEMORY, "run: out of memory for shadowed selectors");
	memset(s->values, 0, total * sizeof *s->values);
	s->c->bytes += total * sizeof *s->values;
	for (size_t i = 0, at = 0, n; i < (size_t)s->n_fields; i++, at += n) {
		n = room_of(s, (int)i);
		s->field[i] = n ? s->values + at : NULL;
	}
	return AM_OK;
}

static bool allocate_scratch(am_shadow *s)
{
	bool ok = true;
	size_t n = s->stride, budgets = (size_t)am_shadow_budgets(s), sets = (size_t)s->all_sets, rankings = (size_t)s->rankings;
	size_t judged = (size_t)s->n * rankings * budgets;
	size_t words = budgets * AM_SET_WORDS(s->c->sequences->longest);
	s->scratch = am_capture_take(s->c, &ok, (size_t)s->c->workers, sizeof *s->scratch);
	for (int i = 0; ok && i < s->c->workers; i++) {
		am_shadow_scratch *w = &s->scratch[i];
		w->budgets.k = am_capture_take(s->c, &ok, budgets, sizeof(int));
		w->budgets.origin = am_capture_take(s->c, &ok, budgets, sizeof(int));
		w->places = am_capture_take(s->c, &ok, budgets, sizeof *w->places);
		w->ranking = am_capture_take(s->c, &ok, rankings, sizeof *w->ranking);
		w->verdict = am_capture_take(s->c, &ok, rankings, sizeof *w->verdict);
		w->sets = am_capture_take(s->c, &ok, (rankings + sets + 1) * words, sizeof *w->sets);
		w->shares = am_capture_take(s->c, &ok, ((size_t)s->kv_heads + 2) * n, sizeof *w->shares);
		w->inv_z = am_capture_take(s->c, &ok, (size_t)s->heads, sizeof *w->inv_z);
		w->member = am_capture_take(s->c, &ok, (size_t)s->most_sets * n, sizeof *w->member);
		w->set = am_capture_take(s->c, &ok, sets, sizeof *w->set);
		w->rows = am_capture_take(s->c, &ok, rankings, sizeof *w->rows);
		w->bounds = am_capture_take(s->c, &ok, rankings, sizeof *w->bounds);
		w->common = am_capture_take(s->c, &ok, judged, sizeof *w->common);
		w->size = am_capture_take(s->c, &ok, sets * budgets, sizeof *w->size);
		w->judge = am_capture_take(s->c, &ok, rankings, sizeof *w->judge);
		w->sums = am_capture_take(s->c, &ok, judged, sizeof *w->sums);
		w->score = am_capture_take(s->c, &ok, n, sizeof *w->score);
		w->rank = am_capture_take(s->c, &ok, (rankings + 1) * n, sizeof *w->rank);
		w->sort = am_capture_take(s->c, &ok, 2 * n, sizeof *w->sort);
		w->select = am_capture_take(s->c, &ok, AM_SELECT_SCRATCH(n), 1);
		for (size_t r = 0; ok && r < rankings; r++)
			w->ranking[r].set = w->sets + r * words;
	}
	return ok;
}

am_status am_shadow_start(am_shadow *s, am_capture *c, am_error *err)
{
	bool ok = true;
	s->c = c;
	s->sequence = -1;
	s->heads = c->config->heads;
	s->kv_heads = c->config->kv_heads;
	s->rankings = s->heads + s->kv_heads + 2;
	for (s->share = 1; s->share * s->heads > 1;)
		s->share /= 2;
	s->stride = ((size_t)c->sequences->longest + 127) / 64 * 64;
	am_status status = open_selectors(s, err);
	if (!status)
		status = allocate_fields(s, err);
	if (status)
		return status;
	s->ended = am_capture_take(c, &ok, (size_t)c->config->layers, sizeof *s->ended);
	s->sampled = am_capture_take(c, &ok, (size_t)c->sequences->longest + 1, 1);
	s->kept_at = am_capture_take(c, &ok, (size_t)c->block, sizeof *s->kept_at);
	s->sample = am_capture_take(c, &ok, (size_t)c->block, sizeof *s->sample);
	s->sampled_slot = am_capture_take(c, &ok, (size_t)c->block, sizeof *s->sampled_slot);
	size_t rows = (size_t)c->block * (size_t)s->heads;
	s->bound = am_capture_take(c, &ok, rows * 2 * (size_t)am_shadow_budgets(s), sizeof *s->bound);
	s->bound_layer = am_capture_take(c, &ok, rows, sizeof *s->bound_layer);
	s->kept.row = am_capture_take(c, &ok, (size_t)c->block, sizeof *s->kept.row);
	s->before.row = am_capture_take(c, &ok, (size_t)c->block, sizeof *s->before.row);
	s->carried = am_capture_take(c, &ok, (size_t)c->config->layers, sizeof *s->carried);
	return ok && allocate_scratch(s) ? AM_OK
	                                 : am_fail(err, AM_ERR_MEMORY, "run: out of memory for shadowed selectors");
}

static void scratch_free(am_shadow_scratch *w)
{
	void *own[] = {w->budgets.k, w->budgets.origin, w->places, w->ranking, w->verdict, w->sets, w->shares, w->inv_z, w->member,
	               w->set, w->rows, w->bounds, w->common, w->size, w->judge, w->sums, w->score, w->rank, w->sort, w->select};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
}

void am_shadow_free(am_shadow *s)
{
	if (!s)
		return;
	for (int i = 0; i < s->n; i++) {
		am_selector_close(s->item[i].selector);
		am_free(s->item[i].follows);
		am_select_spec_fini(&s->item[i].spec);
	}
	for (int i = 0; s->scratch && i < s->c->workers; i++)
		scratch_free(&s->scratch[i]);
	for (int i = 0; s->carried && i < s->c->config->layers; i++)
		am_free(s->carried[i].set);
	void *own[] = {s->item, s->about, s->spec, s->values, s->field, s->sampled_field, s->counts, s->scratch, s->bound, s->bound_layer, s->ended, s->sampled, s->sample, s->sampled_slot, s->kept_at,
	               s->kept.row, s->before.row, s->kept.memory, s->before.memory, s->carried};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	am_free(s);
}

/* ---- blocks ----------------------------------------------------------------- */

/* Sampled rows: every so many captured ones, the sequence's last among them. */
static void begin_sequence(am_shadow *s, int index)
{
	const am_capture *c = s->c;
	size_t every = sample_step(s), captured = 0;
	s->sequence = index;
	memset(s->sampled, 0, (size_t)c->sequences->longest + 1);
	for (int p = c->length - 1; p >= 0; p--)
		if (am_row_policy_has(&c->rows, p) && captured++ % every == 0)
			s->sampled[p] = 1;
	memset(s->ended, 0, (size_t)c->config->layers * sizeof *s->ended);
	for (int l = 0; l < c->config->layers; l++) {
		am_free(s->carried[l].set);
		s->carried[l].set = NULL;
	}
	s->failed = AM_OK;
	for (int i = 0; i < s->n && !s->failed; i++)
		s->failed = am_selector_start(s->item[i].selector, index, c->length, c->length, &s->error);
}

/* Rows that are asked for begin here: what comes before is not selected. */
static void promise(am_shadow *s)
{
	int r = 0;
	while (r < s->rows && s->c->slot[r] < 0 && s->kept_at[r] < 0)
		r++;
	for (int i = 0; i < s->n && !s->failed; i++)
		am_selector_skip(s->item[i].selector, s->start + r);
}

/* Which of the block's rows are kept for comparison: a sampled row, and the one before it. */
static void choose_rows(am_shadow *s)
{
	s->kept.n = s->n_sampled = 0;
	for (int r = 0; r < s->rows; r++) {
		const unsigned char *sampled = s->sampled + s->start + r;
		int slot = s->c->slot[r];
		s->kept_at[r] = sampled[0] || sampled[1] ? s->kept.n++ : -1;
		s->sample[r] = sampled[0] && slot >= 0 ? s->n_sampled++ : -1;
		if (s->sample[r] >= 0)
			s->sampled_slot[s->sample[r]] = slot;
	}
}

/* Not every sampled row has a value of every field. */
static void clear_sampled(am_shadow *s)
{
	for (int f = 0; f < s->n_fields; f++) {
		size_t n = s->field[f] && s->sampled_field[f] ? values_of(s, f, (size_t)s->n_sampled) : 0;
		bool is_float = s->spec[AM_FIELD_COUNT + f].type == AM_TYPE_F32;
		for (size_t i = 0; i < n && is_float; i++)
			((float *)s->field[f])[i] = NAN;
		if (n && !is_float)
			memset(s->field[f], 0xff, n * 4);
	}
}

void am_shadow_begin(am_shadow *s, int index, int start, int n)
{
	if (s->sequence != index || start == 0)
		begin_sequence(s, index);
	s->start = start;
	s->rows = n;
	s->has_before = false;
	for (int i = 0; i < n * s->heads; i++)
		s->bound_layer[i] = -1;
	choose_rows(s);
	promise(s);
}

void am_shadow_give(const am_shadow *s, am_run_layer *out)
{
	*out = (am_run_layer){.n_rows = s->c->n_rows, .field = (const void *const *)s->field, .sampled_field = s->sampled_field,
	                      .n_sampled = s->n_sampled, .sampled = s->sampled_slot};
}

static am_status prepare(am_shadow *s, const am_select_block *block, am_threads *threads, am_error *err)
{
	am_status status = AM_OK;
	for (int i = 0; i < s->n && !status; i++)
		if (s->item[i].follows[block->layer])
			status = am_selector_prepare(s->item[i].selector, block, threads, err);
	return status;
}

/* Rows that an estimate passes over: the selectors see the keys, and the block's own
 * queries and states in place of theirs. */
static am_status catch_up(am_shadow *s, const am_select_block *block, am_threads *threads, am_error *err)
{
	int *at = &s->ended[block->layer];
	am_status status = AM_OK;
	while (*at < block->start && !status) {
		am_select_block b = *block;
		b.start = *at;
		b.rows = block->start - *at < block->rows ? block->start - *at : block->rows;
		status = prepare(s, &b, threads, err);
		*at += b.rows;
	}
	return status;
}

am_status am_shadow_layer_begin(am_shadow *s, const am_select_block *block, am_threads *threads, am_error *err)
{
	if (s->failed) {
		if (err)
			*err = s->error;
		return s->failed;
	}
	if (s->ended[block->layer] > block->start) {
		for (int i = 0; i < s->n; i++)
			am_selector_rewind(s->item[i].selector, block->start);
		for (int l = 0; l < s->c->config->layers; l++)
			if (s->ended[l] > block->start)
				s->ended[l] = block->start;
	}
	am_status status = catch_up(s, block, threads, err);
	if (!status)
		status = prepare(s, block, threads, err);
	s->ended[block->layer] = block->start + block->rows;
	if (status || s->c->layer_index[block->layer] < 0)
		return status;
	clear_sampled(s);
	return am_shadow_keep_begin(s, block->layer, err);
}

bool am_shadow_wants(const am_shadow *s, int layer, int64_t position)
{
	int r = (int)(position - s->start);
	return s->c->layer_index[layer] >= 0 && (s->c->slot[r] >= 0 || s->kept_at[r] >= 0);
}

void am_shadow_layer_done(am_shadow *s, int layer)
{
	if (s->c->layer_index[layer] >= 0)
		am_shadow_compare(s, layer);
}
