#include "base/mem.h"
#include "runfile/reader_state.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define LONGEST_STRING ((size_t)1 << 24) /* bytes; refuse absurd fixed sizes */

/* The string of a scalar attribute in new memory; NULL when it cannot be read. */
static char *read_string(hid_t attr, hid_t type)
{
	char *out = NULL;
	hid_t memory = H5Tcopy(type); /* as stored, but for the padding */
	if (memory >= 0 && H5Tis_variable_str(type) > 0) {
		char *s = NULL;
		if (H5Aread(attr, memory, &s) >= 0)
			out = am_strdup(s ? s : "");
		H5free_memory(s);
	} else if (memory >= 0 && H5Tget_size(type) > 0 && H5Tget_size(type) <= LONGEST_STRING) {
		size_t n = H5Tget_size(type);
		char *s = am_calloc(n + 1, 1);
		if (s && H5Aread(attr, memory, s) >= 0)
			out = am_strdup(s);
		am_free(s);
	}
	if (memory >= 0)
		H5Tclose(memory);
	return out;
}

char *am_run_attr_of(hid_t object, const char *name)
{
	char *out = NULL;
	if (H5Aexists(object, name) <= 0)
		return NULL;
	hid_t attr = H5Aopen(object, name, H5P_DEFAULT), type = attr < 0 ? attr : H5Aget_type(attr);
	hid_t space = attr < 0 ? attr : H5Aget_space(attr);
	if (type >= 0 && space >= 0 && H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1)
		out = read_string(attr, type);
	if (space >= 0)
		H5Sclose(space);
	if (type >= 0)
		H5Tclose(type);
	if (attr >= 0)
		H5Aclose(attr);
	return out;
}

static void read_value(hid_t attr, hid_t type, am_value *v)
{
	char text[64] = "";
	H5T_class_t class = H5Tget_class(type);
	hid_t space = H5Aget_space(attr);
	hssize_t n = space < 0 ? 0 : H5Sget_simple_extent_npoints(space);
	v->kind = AM_VALUE_OTHER;
	if (n != 1) {
		snprintf(text, sizeof text, "(%lld values)", (long long)n);
	} else if (class == H5T_INTEGER && H5Aread(attr, H5T_NATIVE_INT64, &v->i) >= 0) {
		v->kind = AM_VALUE_INT;
		snprintf(text, sizeof text, "%" PRId64, v->i);
	} else if (class == H5T_FLOAT && H5Aread(attr, H5T_NATIVE_DOUBLE, &v->x) >= 0) {
		v->kind = AM_VALUE_DOUBLE;
		snprintf(text, sizeof text, "%.9g", v->x);
	} else if (class == H5T_STRING && (v->text = read_string(attr, type))) {
		v->kind = AM_VALUE_STR;
	} else {
		snprintf(text, sizeof text, "(not readable)");
	}
	if (!v->text)
		v->text = am_strdup(text);
	if (space >= 0)
		H5Sclose(space);
}

static herr_t load_one(hid_t root, const char *name, const H5A_info_t *info, void *ctx)
{
	(void)info;
	am_run *r = ctx;
	if (r->n_attr == r->attr_room) {
		int room = r->attr_room ? 2 * r->attr_room : 32;
		am_value *p = am_grow(r->attr, (size_t)r->n_attr * sizeof *p, (size_t)room, sizeof *p);
		if (!p)
			return -1;
		r->attr = p;
		r->attr_room = room;
	}
	am_value v = {.name = am_strdup(name)};
	hid_t attr = H5Aopen(root, name, H5P_DEFAULT);
	hid_t type = attr < 0 ? attr : H5Aget_type(attr);
	if (type >= 0)
		read_value(attr, type, &v);
	else
		v.text = am_strdup("(not readable)"), v.kind = AM_VALUE_OTHER;
	if (type >= 0)
		H5Tclose(type);
	if (attr >= 0)
		H5Aclose(attr);
	r->attr[r->n_attr++] = v;
	return v.name && v.text ? 0 : -1;
}

am_status am_run_load_attrs(am_run *r, am_error *err)
{
	hid_t root = H5Gopen2(r->file, "/", H5P_DEFAULT);
	am_status s = AM_OK;
	if (root < 0 || H5Aiterate2(root, H5_INDEX_NAME, H5_ITER_NATIVE, NULL, load_one, r) < 0)
		s = am_h5_fail(err, AM_ERR_FORMAT, "%s: cannot read the root attributes", r->path);
	if (root >= 0)
		H5Gclose(root);
	return s;
}

void am_run_free_attrs(am_run *r)
{
	for (int i = 0; i < r->n_attr; i++) {
		am_free(r->attr[i].name);
		am_free(r->attr[i].text);
	}
	am_free(r->attr);
}

static const am_value *find(const am_run *r, const char *name, am_value_kind kind)
{
	for (int i = 0; i < r->n_attr; i++)
		if (strcmp(r->attr[i].name, name) == 0)
			return r->attr[i].kind == kind ? &r->attr[i] : NULL;
	return NULL;
}

bool am_run_attr_str(const am_run *r, const char *name, const char **out)
{
	const am_value *v = find(r, name, AM_VALUE_STR);
	if (v)
		*out = v->text;
	return v;
}

bool am_run_attr_int(const am_run *r, const char *name, int64_t *out)
{
	const am_value *v = find(r, name, AM_VALUE_INT);
	if (v)
		*out = v->i;
	return v;
}

bool am_run_attr_double(const am_run *r, const char *name, double *out)
{
	const am_value *v = find(r, name, AM_VALUE_DOUBLE);
	if (v)
		*out = v->x;
	return v;
}

int am_run_attr_count(const am_run *r)
{
	return r->n_attr;
}

const char *am_run_attr_name(const am_run *r, int i)
{
	return r->attr[i].name;
}

const char *am_run_attr_text(const am_run *r, int i)
{
	return r->attr[i].text;
}
