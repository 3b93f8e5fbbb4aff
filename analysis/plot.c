#include "analysis/plot.h"

#include "analysis/plot_picture.h"
#include "base/file.h"
#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static const am_plot_kind kinds[] = {
	{"entropy-heads", AM_PLOT_SET_ENTROPY, "heat map of normalised entropy, layer by head",
	 {AM_FIELD_ENTROPY}, 1, am_plot_entropy_heads},
	{"entropy-position", AM_PLOT_SET_ENTROPY, "entropy against query position, with quantile bands",
	 {AM_FIELD_ENTROPY}, 1, am_plot_entropy_position},
	{"distance-profile", AM_PLOT_SET_ENTROPY, "attention mass by distance to the key, a line a layer",
	 {AM_FIELD_PROFILE_DISTANCE}, 1, am_plot_distance_profile},
	{"attention-map", AM_PLOT_SET_ENTROPY, "where heads look: mean attention by relative position",
	 {AM_FIELD_PROFILE_MAP, AM_FIELD_ENTROPY}, 2, am_plot_attention_map},
	{"coverage-curves", AM_PLOT_SET_COVERAGE, "attention mass of the k largest keys, a line a layer",
	 {AM_FIELD_MASS_AT_K}, 1, am_plot_coverage_curves},
	{"k-at-mass", AM_PLOT_SET_COVERAGE, "heat map of the keys needed for 95 % of the mass",
	 {AM_FIELD_K_AT_MASS}, 1, am_plot_k_at_mass},
	{"recall-curves", AM_PLOT_SET_RECALL, "recall of a selector against k, a line a layer; a picture a selector",
	 {AM_FIELD_MASS_AT_K}, 1, am_plot_recall_curves},
	{"recall-selectors", AM_PLOT_SET_RECALL, "recall of all selectors at equal budget",
	 {AM_FIELD_MASS_AT_K}, 1, am_plot_recall_selectors},
	{"recall-position", AM_PLOT_SET_RECALL, "recall of all selectors against query position",
	 {AM_FIELD_MASS_AT_K}, 1, am_plot_recall_position},
	{"recall-mass", AM_PLOT_SET_RECALL, "mass recall against set recall",
	 {AM_FIELD_MASS_AT_K}, 1, am_plot_recall_mass},
};

static int kind_count(void)
{
	return (int)(sizeof kinds / sizeof *kinds);
}

void am_plot_options_init(am_plot_options *o)
{
	*o = (am_plot_options){.theme = "light", .png_width = 1280, .svg = true, .png = true};
}

/* A field with an axis of no values holds nothing to draw, as one that is absent. */
static bool holds_values(const am_run *r, am_field f)
{
	int64_t shape[AM_MAX_AXES];
	int rank = am_run_shape(r, f, shape);
	for (int a = 0; a < rank; a++)
		if (shape[a] < 1)
			return false;
	return rank > 0;
}

static const am_field *missing_field(const am_plot_kind *kind, const am_run *r)
{
	for (int i = 0; i < kind->n_needs; i++)
		if (!holds_values(r, kind->needs[i]))
			return &kind->needs[i];
	return NULL;
}

static am_status check_options(const am_plot_options *o, am_error *err)
{
	if (!o->theme || (strcmp(o->theme, "light") != 0 && strcmp(o->theme, "dark") != 0))
		return am_fail(err, AM_ERR_USAGE, "plot theme: expected light or dark, found %s",
		               o->theme ? o->theme : "nothing");
	if (o->png_width < 320 || o->png_width > 8192)
		return am_fail(err, AM_ERR_USAGE, "plot width: expected 320 to 8192 pixels, found %d",
		               o->png_width);
	return AM_OK;
}

/* Makes `dir` and the folders above it. */
static am_status make_directory(const char *dir, am_error *err)
{
	char *path = am_strdup(dir);
	if (!path)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", dir);
	for (char *p = path; *p; p++) {
		if (*p != '/' || p == path)
			continue;
		*p = 0;
		mkdir(path, 0777); /* what cannot be made shows at the last step */
		*p = '/';
	}
	bool made = mkdir(path, 0777) == 0 || errno == EEXIST;
	int e = made ? ENOTDIR : errno;
	am_free(path);
	if (made && am_file_is_directory(dir))
		return AM_OK;
	return am_fail(err, AM_ERR_IO, "%s: cannot make the directory: %s", dir, strerror(e));
}

am_status am_plot_directory(const am_plot_options *o, const char *dir, am_error *err)
{
	am_status s = check_options(o, err);
	return s ? s : make_directory(dir, err);
}

am_status am_plot_prepare(am_run *r, const am_plot_options *o, const char *dir, am_error *err)
{
	am_status s = check_options(o, err);
	if (s)
		return s;
	if (am_run_axis_length(r, AM_AXIS_ROW) < 1)
		return am_fail(err, AM_ERR_FORMAT, "%s: holds no rows to draw", am_run_path(r));
	return make_directory(dir, err);
}

am_status am_plot_draw(am_run *r, const char *kind, const am_plot_options *o, const char *dir,
                       am_text *files, am_error *err)
{
	const am_plot_kind *found = NULL;
	for (int i = 0; i < kind_count() && !found; i++)
		if (strcmp(kinds[i].name, kind) == 0)
			found = &kinds[i];
	if (!found)
		return am_fail(err, AM_ERR_USAGE, "plot: there is no picture named %s", kind);
	const am_field *f = missing_field(found, r);
	if (f)
		return am_fail(err, AM_ERR_FORMAT, "%s: no %s, which the picture %s needs", am_run_path(r),
		               am_fields[*f].path, kind);
	am_status s = am_plot_prepare(r, o, dir, err);
	if (s)
		return s;
	am_plot_job job = {r, o, dir, files};
	return found->draw(&job, err);
}

static am_status draw_set(am_plot_set set, am_run *r, const am_plot_options *o, const char *dir,
                          am_text *files, am_error *err)
{
	am_status s = am_plot_prepare(r, o, dir, err);
	if (s)
		return s;
	am_plot_job job = {r, o, dir, files};
	for (int i = 0; i < kind_count(); i++) {
		if (kinds[i].set != set)
			continue;
		const am_field *f = missing_field(&kinds[i], r);
		if (f) {
			if (o->notes)
				am_text_printf(o->notes, "picture %s left out: the run holds no %s\n",
				               kinds[i].name, am_fields[*f].path);
			continue;
		}
		/* One that cannot be drawn leaves its data; the others leave theirs too. */
		am_status one = kinds[i].draw(&job, s ? NULL : err);
		s = s ? s : one;
	}
	return s;
}

am_status am_plot_entropy(am_run *r, const am_plot_options *o, const char *dir, am_text *files,
                          am_error *err)
{
	return draw_set(AM_PLOT_SET_ENTROPY, r, o, dir, files, err);
}

am_status am_plot_coverage(am_run *r, const am_plot_options *o, const char *dir, am_text *files,
                           am_error *err)
{
	return draw_set(AM_PLOT_SET_COVERAGE, r, o, dir, files, err);
}

am_status am_plot_recall(am_run *r, const am_plot_options *o, const char *dir, am_text *files, am_error *err)
{
	return draw_set(AM_PLOT_SET_RECALL, r, o, dir, files, err);
}
