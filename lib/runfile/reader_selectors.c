/* /selector/s0, s1, ...: which selectors a run shadowed. */
#include "base/mem.h"
#include "runfile/reader_state.h"

#include <stdio.h>
#include <string.h>

static am_status read_selector(const am_run *r, const char *path, am_run_selector *out, am_error *err)
{
	static const am_axis axes[] = {AM_AXIS_HEAD, AM_AXIS_KV_HEAD, AM_AXIS_LAYER};
	int64_t own = 0;
	hid_t group = H5Gopen2(r->file, path, H5P_DEFAULT);
	if (group < 0)
		return am_h5_fail(err, AM_ERR_FORMAT, "%s: %s: cannot open", r->path, path);
	char *spec = am_run_attr_of(group, "spec"), *sets = am_run_attr_of(group, "sets");
	hid_t attr = H5Aexists(group, "own_budget") > 0 ? H5Aopen(group, "own_budget", H5P_DEFAULT) : H5I_INVALID_HID;
	if (attr >= 0 && H5Aread(attr, H5T_NATIVE_INT64, &own) < 0)
		own = 0;
	if (attr >= 0)
		H5Aclose(attr);
	H5Gclose(group);
	size_t a = 0;
	while (a < 3 && !(sets && strcmp(sets, am_run_sets_name(axes[a])) == 0))
		a++;
	am_status s = AM_OK;
	if (!spec)
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: attribute spec: expected text", r->path, path);
	else if (a == 3)
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: attribute sets: expected head, group or layer, found %s", r->path,
		            path, sets ? sets : "nothing");
	else
		*out = (am_run_selector){.spec = spec, .sets = axes[a], .own_budget = own != 0, .scores = true, .index = true};
	am_free(sets);
	if (s)
		am_free(spec);
	return s;
}

am_status am_run_load_selectors(am_run *r, am_error *err)
{
	char path[32];
	am_status s = AM_OK;
	r->selector = am_calloc(AM_RUN_SELECTORS, sizeof *r->selector);
	if (!r->selector)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", r->path);
	for (int i = 0; i < AM_RUN_SELECTORS && !s; i++) {
		snprintf(path, sizeof path, "/selector/s%d", i);
		if (!am_h5_exists(r->file, path))
			break;
		s = read_selector(r, path, &r->selector[i], err);
		r->n_selectors += !s;
	}
	if (!s)
		s = am_field_specs_new(r->selector, r->n_selectors, &r->spec, err);
	if (s)
		return s;
	int n = am_shadow_field_end(r->n_selectors);
	r->field = am_alloc((size_t)n, sizeof *r->field);
	r->shape = am_calloc((size_t)n, sizeof *r->shape);
	r->layout = am_calloc((size_t)n, sizeof *r->layout);
	if (!r->field || !r->shape || !r->layout)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", r->path);
	for (int f = 0; f < n; f++)
		r->field[f] = H5I_INVALID_HID;
	r->n_fields = n;
	return AM_OK;
}
