/* The registry of pictures: what `plot`, `--plot` and docs/plots.md list. */
#include "analysis/plot_picture.h"

#include <string.h>

#define ROWS_HINT "capture again with attnmeter run, which stores it unless told otherwise"
#define COUNTS_HINT "capture again with attnmeter run -k 1,16,64,256"
#define SHADOW_HINT "capture again with attnmeter run -k 1,16,64,256 --shadow SPEC"

enum {
	LAYERS = AM_PLOT_TAKES_LAYERS,
	HEADS = AM_PLOT_TAKES_HEADS,
	COUNT = AM_PLOT_TAKES_K,
	SHARE = AM_PLOT_TAKES_MASS,
	METRIC = AM_PLOT_TAKES_METRIC,
	CONTROL = AM_PLOT_TAKES_CONTROL
};

static const am_plot_kind kinds[] = {
	{"entropy-heads", AM_PLOT_SET_ENTROPY, 1, "heat map of normalised entropy, layer by head", LAYERS | HEADS,
	 {AM_FIELD_ENTROPY}, 1, ROWS_HINT, NULL, am_plot_entropy_heads},
	{"entropy-position", AM_PLOT_SET_ENTROPY, 1, "entropy against query position, with quantile bands", LAYERS,
	 {AM_FIELD_ENTROPY}, 1, ROWS_HINT, NULL, am_plot_entropy_position},
	{"distance-profile", AM_PLOT_SET_ENTROPY, 1, "attention mass by distance to the key, a line a layer", LAYERS,
	 {AM_FIELD_PROFILE_DISTANCE}, 1, ROWS_HINT, NULL, am_plot_distance_profile},
	{"attention-map", AM_PLOT_SET_ENTROPY, 1, "where heads look: mean attention by relative position", LAYERS | HEADS,
	 {AM_FIELD_PROFILE_MAP, AM_FIELD_ENTROPY}, 2, "capture again with attnmeter run --map 64", NULL, am_plot_attention_map},

	{"coverage-curves", AM_PLOT_SET_COVERAGE, 1, "attention mass of the k largest keys, a line a layer", LAYERS,
	 {AM_FIELD_MASS_AT_K}, 1, COUNTS_HINT, NULL, am_plot_coverage_curves},
	{"k-at-mass", AM_PLOT_SET_COVERAGE, 1, "heat map of the keys needed for 95 % of the mass", LAYERS | HEADS | SHARE,
	 {AM_FIELD_K_AT_MASS}, 1, "capture again with attnmeter run --mass 0.5,0.9,0.95,0.99", NULL, am_plot_k_at_mass},

	{"recall-curves", AM_PLOT_SET_RECALL, 1, "recall of a selector against k, a line a layer; a picture a selector", LAYERS,
	 {AM_FIELD_MASS_AT_K}, 1, SHADOW_HINT, am_plot_check_recall, am_plot_recall_curves},
	{"recall-selectors", AM_PLOT_SET_RECALL, 1, "recall of all selectors at equal budget", 0,
	 {AM_FIELD_MASS_AT_K}, 1, SHADOW_HINT, am_plot_check_recall, am_plot_recall_selectors},
	{"recall-position", AM_PLOT_SET_RECALL, 1, "recall of all selectors against query position", COUNT,
	 {AM_FIELD_MASS_AT_K}, 1, SHADOW_HINT, am_plot_check_recall, am_plot_recall_position},
	{"recall-mass", AM_PLOT_SET_RECALL, 1, "mass recall against set recall", 0,
	 {AM_FIELD_MASS_AT_K}, 1, SHADOW_HINT, am_plot_check_recall, am_plot_recall_mass},

	{"change-map", AM_PLOT_SET_COMPARE, 2, "heat map of the change of every head, with what is significant", LAYERS | HEADS | METRIC,
	 {0}, 0, NULL, am_plot_check_heads, am_plot_change_map},
	{"change-forest", AM_PLOT_SET_COMPARE, 2, "change of every head with its interval", LAYERS | HEADS | METRIC,
	 {0}, 0, NULL, am_plot_check_heads, am_plot_change_forest},
	{"change-volcano", AM_PLOT_SET_COMPARE, 2, "change of every head against how sure it is", LAYERS | HEADS | METRIC,
	 {0}, 0, NULL, am_plot_check_heads, am_plot_change_volcano},
	{"change-scatter", AM_PLOT_SET_COMPARE, 2, "heads after against heads before", LAYERS | HEADS | METRIC | CONTROL,
	 {0}, 0, NULL, am_plot_check_heads, am_plot_change_scatter},
	{"change-densities", AM_PLOT_SET_COMPARE, 2, "densities of all rows before and after, a lane a layer", LAYERS | HEADS | METRIC,
	 {0}, 0, NULL, am_plot_check_heads, am_plot_change_densities},
	{"change-coverage", AM_PLOT_SET_COMPARE, 2, "attention mass of the k largest keys before and after, and the difference", LAYERS,
	 {AM_FIELD_MASS_AT_K}, 1, COUNTS_HINT, am_plot_check_counts, am_plot_change_coverage},
	{"change-position", AM_PLOT_SET_COMPARE, 2, "means against query position before and after, with bands, and their change", METRIC | CONTROL,
	 {0}, 0, NULL, NULL, am_plot_change_position},

	{"accuracy-k", AM_PLOT_SET_EVAL, 0, "task accuracy against the number of keys kept", 0,
	 {0}, 0, NULL, am_plot_check_sweep, am_plot_accuracy_sweep},
	{"accuracy-ratio", AM_PLOT_SET_EVAL, 0, "task accuracy against the share of the keys kept", 0,
	 {0}, 0, NULL, am_plot_check_sweep, am_plot_accuracy_sweep},
	{"accuracy-precision", AM_PLOT_SET_EVAL, 0, "task accuracy against the precision of the kept set", 0,
	 {0}, 0, NULL, am_plot_check_sweep, am_plot_accuracy_sweep},
	{"accuracy-mass", AM_PLOT_SET_EVAL, 0, "task accuracy against the attention mass on the kept keys", 0,
	 {0}, 0, NULL, am_plot_check_sweep, am_plot_accuracy_mass},
};

const am_plot_kind *am_plot_kinds(int *n)
{
	*n = (int)(sizeof kinds / sizeof *kinds);
	return kinds;
}

const am_plot_kind *am_plot_kind_find(const char *name)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (strcmp(kinds[i].name, name) == 0)
			return &kinds[i];
	return NULL;
}

const char *am_plot_set_name(am_plot_set set)
{
	static const char *const names[] = {"entropy", "coverage", "recall", "compare", "eval"};
	return names[set];
}
