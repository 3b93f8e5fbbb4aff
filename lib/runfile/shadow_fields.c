#include "runfile/shadow_fields.h"

#include "base/mem.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

enum {
	PATH_ROOM = 64,
	PLAIN = AM_SHADOW_RECALL, /* statistics without a reference */
	PER_REFERENCE = AM_SHADOW_STATS - PLAIN,
	A_SELECTOR = 2 * (PLAIN + PER_REFERENCE * AM_RUN_REFERENCES),
	FIRST_SELECTOR = AM_FIELD_COUNT + 2 * AM_REFERENCE_STATS * AM_RUN_REFERENCES,
};

/* Which axis follows the layer: one a head, a key/value head, nothing, a set of the
 * selector, or a value of the reference. */
typedef enum { BY_HEAD, BY_KV_HEAD, BY_LAYER, BY_SET, BY_REFERENCE } by;
typedef enum { EACH_BUDGET, ONE, EACH_RANK } over; /* what follows the row */

typedef struct template {
	const char *name, *ratio_name; /* NULL where there is no such variant */
	am_type type;
	by by;
	over over;
	const char *unit, *long_name;
} template;

static const template of_selector[AM_SHADOW_STATS] = {
	[AM_SHADOW_RETAINED_MASS] = {"retained_mass", "retained_mass_at_ratio", AM_TYPE_F32, BY_HEAD, EACH_BUDGET, "1",
	                             "probability of the keys in the set"},
	[AM_SHADOW_CHANCE] = {"chance", "chance_at_ratio", AM_TYPE_F32, BY_HEAD, EACH_BUDGET, "1",
	                      "expected recall of as many keys drawn at random"},
	[AM_SHADOW_KEPT] = {"kept", "kept_at_ratio", AM_TYPE_I32, BY_SET, EACH_BUDGET, "keys", "keys in the set"},
	[AM_SHADOW_OVERLAP_HEADS] = {"overlap_heads", "overlap_heads_at_ratio", AM_TYPE_F32, BY_LAYER, EACH_BUDGET, "1",
	                             "mean share of keys in common between two sets of the layer, on sampled rows"},
	[AM_SHADOW_OVERLAP_LAYER] = {"overlap_layer", "overlap_layer_at_ratio", AM_TYPE_F32, BY_SET, EACH_BUDGET, "1",
	                             "share of keys in common with the captured layer before, on sampled rows"},
	[AM_SHADOW_OVERLAP_STEP] = {"overlap_step", "overlap_step_at_ratio", AM_TYPE_F32, BY_SET, EACH_BUDGET, "1",
	                            "share of keys in common with the query before, on sampled rows"},
	[AM_SHADOW_UNION] = {"union", "union_at_ratio", AM_TYPE_I32, BY_KV_HEAD, EACH_BUDGET, "keys",
	                     "keys in the set of any head of the key/value head, on sampled rows"},
	[AM_SHADOW_INDEX] = {"index", NULL, AM_TYPE_I32, BY_SET, EACH_RANK, "tokens",
	                     "positions of the keys in the set of the largest k"},
	[AM_SHADOW_RECALL] = {"recall_at_k", "recall_at_ratio", AM_TYPE_F32, BY_REFERENCE, EACH_BUDGET, "1",
	                      "share of the reference's best keys in the set"},
	[AM_SHADOW_MASS_RECALL] = {"mass_recall", "mass_recall_at_ratio", AM_TYPE_F32, BY_REFERENCE, EACH_BUDGET, "1",
	                           "mass of the set as a share of the mass of the reference's best keys"},
	[AM_SHADOW_TOP1_HIT] = {"top1_hit", "top1_hit_at_ratio", AM_TYPE_F32, BY_REFERENCE, EACH_BUDGET, "1",
	                        "whether the reference's best key is in the set"},
	[AM_SHADOW_RECALL_TIED] = {"recall_tied_at_k", "recall_tied_at_ratio", AM_TYPE_F32, BY_REFERENCE, EACH_BUDGET, "1",
	                           "recall that takes any of equal keys at the border, on sampled rows"},
	[AM_SHADOW_RANK_CORRELATION] = {"rank_correlation", NULL, AM_TYPE_F32, BY_REFERENCE, ONE, "1",
	                                "Spearman correlation of the selector's and the reference's scores, on sampled rows"},
};
static const template of_reference[AM_REFERENCE_STATS] = {
	[AM_REFERENCE_MASS] = {"mass_at_k", "mass_at_ratio", AM_TYPE_F32, BY_REFERENCE, EACH_BUDGET, "1",
	                       "mean probability of the reference's best keys over its heads"},
	[AM_REFERENCE_GAP] = {"gap_at_k", "gap_at_ratio", AM_TYPE_F32, BY_REFERENCE, EACH_BUDGET, "1",
	                      "score of the last key within less that of the first beyond, on sampled rows"},
};

const char *am_run_sets_name(am_axis sets)
{
	return sets == AM_AXIS_HEAD ? "head" : sets == AM_AXIS_KV_HEAD ? "group" : "layer";
}

const char *am_run_reference_name(am_run_reference r)
{
	static const char *const names[] = {"head", "group", "sum", "max"};
	return names[r];
}

am_axis am_run_reference_axis(am_run_reference r)
{
	return r == AM_RUN_HEAD ? AM_AXIS_HEAD : r == AM_RUN_GROUP ? AM_AXIS_KV_HEAD : AM_AXIS_LAYER;
}

am_field am_reference_field(am_reference_stat s, am_run_reference r, bool ratio)
{
	return (am_field)(AM_FIELD_COUNT + 2 * ((int)s * AM_RUN_REFERENCES + (int)r) + ratio);
}

am_field am_shadow_field(int selector, am_shadow_stat s, am_run_reference r, bool ratio)
{
	int at = (int)s < PLAIN ? (int)s : PLAIN + ((int)s - PLAIN) * AM_RUN_REFERENCES + (int)r;
	return (am_field)(FIRST_SELECTOR + selector * A_SELECTOR + 2 * at + ratio);
}

int am_shadow_field_end(int n)
{
	return n ? FIRST_SELECTOR + n * A_SELECTOR : AM_FIELD_COUNT;
}

int am_spec_row_axis(const am_field_spec *s)
{
	for (int a = 0; a < s->n_axes; a++)
		if (s->axes[a] == AM_AXIS_ROW)
			return a;
	return -1;
}

static void add_axis(am_field_spec *s, am_axis a)
{
	s->axes[s->n_axes++] = a;
}

/* Fills in a field; `own` is the axis that BY_SET and BY_REFERENCE stand for. */
static void fill(am_field_spec *s, const template *t, const char *path, am_axis own, bool ratio)
{
	am_axis second = t->by == BY_HEAD ? AM_AXIS_HEAD : t->by == BY_KV_HEAD ? AM_AXIS_KV_HEAD
	               : t->by == BY_LAYER ? AM_AXIS_LAYER : own;
	*s = (am_field_spec){.path = path, .type = t->type, .unit = t->unit, .long_name = t->long_name};
	add_axis(s, AM_AXIS_LAYER);
	if (second != AM_AXIS_LAYER)
		add_axis(s, second);
	add_axis(s, AM_AXIS_ROW);
	if (t->over != ONE)
		add_axis(s, t->over == EACH_RANK ? AM_AXIS_RANK : ratio ? AM_AXIS_RATIO : AM_AXIS_K);
}

static bool selector_has(const am_run_selector *sel, am_shadow_stat s)
{
	switch (s) {
	case AM_SHADOW_INDEX: return sel->index;
	case AM_SHADOW_RANK_CORRELATION: return sel->scores;
	case AM_SHADOW_UNION: return sel->sets == AM_AXIS_HEAD;
	case AM_SHADOW_OVERLAP_HEADS: return sel->sets != AM_AXIS_LAYER;
	default: return true;
	}
}

/* Scores of heads are logits, those of the others probabilities. */
static void fill_reference(am_field_spec *spec, char *path, am_reference_stat s, am_run_reference r, bool ratio)
{
	const template *t = &of_reference[s];
	if (s == AM_REFERENCE_MASS && r == AM_RUN_HEAD)
		return; /* /stat/mass_at_k */
	snprintf(path, PATH_ROOM, "/reference/%s/%s", am_run_reference_name(r), ratio ? t->ratio_name : t->name);
	fill(spec, t, path, am_run_reference_axis(r), ratio);
	if (s == AM_REFERENCE_GAP && r == AM_RUN_HEAD)
		spec->unit = "nat";
}

static void fill_selector(am_field_spec *spec, char *path, const am_run_selector *sel, int i, am_shadow_stat s,
                          am_run_reference r, bool ratio)
{
	const template *t = &of_selector[s];
	const char *name = ratio ? t->ratio_name : t->name;
	if (!name || !selector_has(sel, s))
		return;
	if ((int)s < PLAIN)
		snprintf(path, PATH_ROOM, "/selector/s%d/%s", i, name);
	else
		snprintf(path, PATH_ROOM, "/selector/s%d/%s/%s", i, am_run_reference_name(r), name);
	fill(spec, t, path, t->by == BY_REFERENCE ? am_run_reference_axis(r) : sel->sets, ratio);
}

am_status am_field_specs_new(const am_run_selector *selector, int n, am_field_spec **out, am_error *err)
{
	assert(n <= AM_RUN_SELECTORS);
	size_t end = (size_t)am_shadow_field_end(n);
	am_field_spec *spec = am_calloc(end, sizeof *spec + PATH_ROOM);
	if (!spec)
		return am_fail(err, AM_ERR_MEMORY, "out of memory for the fields of %d selectors", n);
	char *paths = (char *)(spec + end);
	memcpy(spec, am_fields, sizeof am_fields);
	for (int s = 0; n && s < AM_REFERENCE_STATS; s++)
		for (int r = 0; r < AM_RUN_REFERENCES; r++)
			for (int ratio = 0; ratio < 2; ratio++) {
				am_field f = am_reference_field((am_reference_stat)s, (am_run_reference)r, ratio);
				fill_reference(&spec[f], paths + f * PATH_ROOM, (am_reference_stat)s, (am_run_reference)r, ratio);
			}
	for (int i = 0; i < n; i++)
		for (int s = 0; s < AM_SHADOW_STATS; s++)
			for (int r = 0; r < (s < PLAIN ? 1 : AM_RUN_REFERENCES); r++)
				for (int ratio = 0; ratio < 2; ratio++) {
					am_field f = am_shadow_field(i, (am_shadow_stat)s, (am_run_reference)r, ratio);
					fill_selector(&spec[f], paths + f * PATH_ROOM, &selector[i], i, (am_shadow_stat)s,
					              (am_run_reference)r, ratio);
				}
	*out = spec;
	return AM_OK;
}
