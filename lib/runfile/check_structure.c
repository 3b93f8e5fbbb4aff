#include "base/mem.h"
#include "runfile/check.h"
#include "runfile/scales.h"

#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PATH_ROOM 64

static void check_attributes(am_checker *c)
{
	static const char *const strings[] = {
		"attnmeter_version", "tie_rule", "created", "command_line", "model", "model_family",
		"model_digest", "kernel", "attention", "rope_layout", "dtype", "row_policy",
	};
	static const char *const numbers[] = {
		"complete", "model_layers", "model_heads", "model_kv_heads", "model_head_dim", "model_hidden",
		"model_vocab", "scale", "seed", "sink_keys", "recent_keys",
	};
	const char *s;
	int64_t i;
	double x;
	/* A run that died before its first flush has the writer's attributes alone. */
	if (c->r->rows == 0 && !c->r->complete)
		return;
	for (size_t k = 0; k < sizeof strings / sizeof *strings; k++)
		if (!am_run_attr_str(c->r, strings[k], &s))
			am_check_broken(c, "attribute of the run", "%s: expected text", strings[k]);
	for (size_t k = 0; k < sizeof numbers / sizeof *numbers; k++)
		if (!am_run_attr_int(c->r, numbers[k], &i) && !am_run_attr_double(c->r, numbers[k], &x))
			am_check_broken(c, "attribute of the run", "%s: expected a number", numbers[k]);
	if (c->r->complete && !am_run_attr_str(c->r, "finished", &s))
		am_check_broken(c, "attribute of the run", "finished: expected text in a complete run");
}

/* Text of a string attribute of a dataset, "" when there is none. */
static void text_of(hid_t id, const char *name, char *out, size_t room)
{
	out[0] = 0;
	if (H5Aexists(id, name) <= 0)
		return;
	hid_t attr = H5Aopen(id, name, H5P_DEFAULT), type = attr < 0 ? attr : H5Aget_type(attr);
	if (type >= 0 && H5Tget_class(type) == H5T_STRING) {
		char *s = NULL;
		char fixed[256] = "";
		if (H5Tis_variable_str(type) > 0) {
			if (H5Aread(attr, type, &s) >= 0 && s)
				snprintf(out, room, "%s", s);
			H5free_memory(s);
		} else if (H5Tget_size(type) < sizeof fixed && H5Aread(attr, type, fixed) >= 0) {
			snprintf(out, room, "%s", fixed);
		}
	}
	if (type >= 0)
		H5Tclose(type);
	if (attr >= 0)
		H5Aclose(attr);
}

static void check_words(am_checker *c, hid_t id, const char *path, const char *unit)
{
	char text[256];
	text_of(id, "units", text, sizeof text);
	if (strcmp(text, unit) != 0)
		am_check_broken(c, "attribute units", "%s: expected \"%s\", found \"%s\"", path, unit, text);
	text_of(id, "long_name", text, sizeof text);
	if (!text[0])
		am_check_broken(c, "attribute long_name", "%s: expected text", path);
}

static void check_type(am_checker *c, hid_t id, const char *path, am_type want)
{
	hid_t type = H5Dget_type(id);
	size_t size = type < 0 || want == AM_TYPE_STRING ? 0 : H5Tget_size(type);
	if (size != am_type_size(want))
		am_check_broken(c, "type of the values", "%s: expected %zu bytes, found %zu", path,
		                am_type_size(want), size);
	if (type >= 0)
		H5Tclose(type);
}

static void check_fill(am_checker *c, hid_t id, const char *path, am_type type)
{
	double fill = 0;
	hid_t dcpl = H5Dget_create_plist(id);
	bool real = type == AM_TYPE_F32 || type == AM_TYPE_F64;
	bool ok = dcpl >= 0 && H5Pget_fill_value(dcpl, H5T_NATIVE_DOUBLE, &fill) >= 0 &&
	          (real ? isnan(fill) : fill == -1);
	if (!ok)
		am_check_broken(c, "fill value", "%s: expected %s", path, real ? "NaN" : "-1");
	if (dcpl >= 0)
		H5Pclose(dcpl);
}

/* Open scale of an axis; negative when there is none. */
static hid_t open_scale(const am_run *r, am_axis a)
{
	char path[PATH_ROOM];
	snprintf(path, sizeof path, "/%s", am_axes[a].name);
	return r->values[a] ? H5Dopen2(r->file, path, H5P_DEFAULT) : H5I_INVALID_HID;
}

/* That of a field: in files before heads had scales of their own, the one at the root. */
static hid_t open_scale_of(const am_run *r, const char *path, am_axis a)
{
	char scale[AM_SCALE_ROOM];
	am_scale_path(path, a, r->n_selectors > 0, scale);
	return am_h5_exists(r->file, scale) ? H5Dopen2(r->file, scale, H5P_DEFAULT) : open_scale(r, a);
}

static void check_axis(am_checker *c, am_axis a)
{
	hid_t id = open_scale(c->r, a);
	char class[AM_SCALE_ROOM], name[AM_SCALE_ROOM + 32], bare[AM_SCALE_ROOM + 32];
	if (id < 0)
		return;
	check_words(c, id, am_axes[a].name, am_axes[a].unit);
	check_type(c, id, am_axes[a].name, am_axes[a].type);
	/* What H5DSis_scale looks at, without going through all attributes. */
	text_of(id, "CLASS", class, sizeof class);
	text_of(id, "NAME", name, sizeof name);
	am_scale_bare_name(c->r->length[a], bare);
	bool named = !strcmp(name, am_axes[a].name) || (a == AM_AXIS_HEAD && c->r->n_selectors && !strcmp(name, bare));
	if (strcmp(class, "DIMENSION_SCALE") != 0 || !named)
		am_check_broken(c, "axes are dimension scales", "/%s", am_axes[a].name);
	H5Dclose(id);
}

static void check_field(am_checker *c, am_field f)
{
	const am_field_spec *spec = &c->r->spec[f];
	hid_t id = c->r->field[f];
	check_words(c, id, spec->path, spec->unit);
	check_type(c, id, spec->path, spec->type);
	if (spec->type != AM_TYPE_STRING)
		check_fill(c, id, spec->path, spec->type);
	for (int a = 0; a < spec->n_axes; a++) {
		hid_t scale = open_scale_of(c->r, spec->path, spec->axes[a]);
		if (scale < 0 || H5DSis_attached(id, scale, (unsigned)a) <= 0)
			am_check_broken(c, "dimension scales are attached", "%s: %s", spec->path,
			                am_axes[spec->axes[a]].name);
		if (scale >= 0)
			H5Dclose(scale);
	}
}

/* Whether every run, or every complete one, holds the field. */
static bool required(const am_run *r, am_field f)
{
	const am_field_spec *spec = &r->spec[f];
	const char *capture, *pair;
	bool told = f == AM_FIELD_ROW_TOKEN || f == AM_FIELD_ROW_NLL || f == AM_FIELD_SEQUENCE_NLL ||
	            f == AM_FIELD_TOKEN_ID || f == AM_FIELD_TOKEN_OFFSET;
	/* A capture need not know tokens and likelihoods. */
	if (told && am_run_attr_str(r, "capture", &capture))
		return false;
	if (f >= AM_FIELD_PAIR_KL && f <= AM_FIELD_PAIR_NLL && !am_run_attr_str(r, "pair_attention", &pair))
		return false;
	if (f >= AM_FIELD_TEMPERATURE_BETA && f <= AM_FIELD_TEMPERATURE_SEQUENCE &&
	    !am_run_attr_str(r, "temperatures", &pair))
		return false;
	if (f == AM_FIELD_OUTPUT_ERROR || f == AM_FIELD_DEFICIT || !spec->n_axes || am_check_shadow_optional(f))
		return false;
	/* The rank axis may be there for the sets of selectors alone. */
	if ((f == AM_FIELD_TOPK_INDEX || f == AM_FIELD_TOPK_PROB) && r->n_selectors)
		return am_run_has(r, f == AM_FIELD_TOPK_INDEX ? AM_FIELD_TOPK_PROB : AM_FIELD_TOPK_INDEX);
	if (am_spec_row_axis(spec) < 0 && !r->complete)
		return false;
	for (int a = 0; a < spec->n_axes; a++) {
		am_axis axis = spec->axes[a];
		bool optional = axis == AM_AXIS_K || axis == AM_AXIS_RATIO || axis == AM_AXIS_MASS ||
		                axis == AM_AXIS_RANK || axis == AM_AXIS_DISTANCE_BIN || axis == AM_AXIS_MAP_Q ||
		                axis == AM_AXIS_MAP_K;
		if (optional && !r->values[axis])
			return false;
	}
	return true;
}

void am_check_structure(am_checker *c)
{
	check_attributes(c);
	for (int a = 0; a < AM_AXIS_COUNT; a++)
		check_axis(c, (am_axis)a);
	for (int f = 0; f < c->r->n_fields; f++) {
		if (am_run_has(c->r, (am_field)f))
			check_field(c, (am_field)f);
		else if (required(c->r, (am_field)f))
			am_check_broken(c, "dataset is there", "%s", c->r->spec[f].path);
	}
}
