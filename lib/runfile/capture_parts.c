/* Attributes, groups and lists of a capture file. */
#include "base/mem.h"
#include "runfile/capture_state.h"
#include "runfile/reader_state.h"

#include <inttypes.h>
#include <math.h>

static am_status read_attr(const am_capture_attrs *a, const char *name, am_value_kind kind, bool needed, am_value *v, bool *there)
{
	*v = (am_value){0};
	*there = H5Aexists(a->id, name) > 0;
	if (!*there && !needed)
		return AM_OK;
	const char *what = kind == AM_VALUE_STR ? "text" : kind == AM_VALUE_INT ? "a whole number" : "a number";
	if (!*there)
		return am_fail(a->err, AM_ERR_FORMAT, "%s: %s: attribute %s: expected %s, found none", a->c->path, a->object,
		               name, what);
	if (am_value_read(a->id, name, v))
		return am_fail(a->err, AM_ERR_MEMORY, "%s: out of memory", a->c->path);
	if (v->kind == AM_VALUE_INT && kind == AM_VALUE_DOUBLE) {
		v->kind = AM_VALUE_DOUBLE;
		v->x = (double)v->i;
	}
	if (v->kind != kind)
		return am_fail(a->err, AM_ERR_FORMAT, "%s: %s: attribute %s: expected %s, found %s", a->c->path, a->object,
		               name, what, v->text);
	return AM_OK;
}

static void drop(am_value *v)
{
	am_free(v->name);
	am_free(v->text);
}

am_status am_capture_attr_int(const am_capture_attrs *a, const char *name, bool needed, int64_t min, int64_t max, int64_t *out)
{
	am_value v;
	bool there;
	am_status s = read_attr(a, name, AM_VALUE_INT, needed, &v, &there);
	if (!s && there && (v.i < min || v.i > max))
		s = am_fail(a->err, AM_ERR_RANGE, "%s: %s: attribute %s: expected %" PRId64 " to %" PRId64 ", found %" PRId64,
		            a->c->path, a->object, name, min, max, v.i);
	if (!s && there)
		*out = v.i;
	drop(&v);
	return s;
}

am_status am_capture_attr_double(const am_capture_attrs *a, const char *name, bool needed, bool zero, double *out)
{
	am_value v;
	bool there;
	am_status s = read_attr(a, name, AM_VALUE_DOUBLE, needed, &v, &there);
	if (!s && there && !(v.x > 0 && v.x < INFINITY) && !(zero && v.x == 0))
		s = am_fail(a->err, AM_ERR_RANGE, "%s: %s: attribute %s: expected a finite number above 0, found %g",
		            a->c->path, a->object, name, v.x);
	if (!s && there)
		*out = v.x;
	drop(&v);
	return s;
}

am_status am_capture_attr_text(const am_capture_attrs *a, const char *name, char **out)
{
	am_value v;
	bool there;
	am_status s = read_attr(a, name, AM_VALUE_STR, false, &v, &there);
	if (!s && !(*out = am_strdup(there ? v.text : "")))
		s = am_fail(a->err, AM_ERR_MEMORY, "%s: out of memory", a->c->path);
	drop(&v);
	return s;
}

am_status am_capture_group(const am_capture_file *c, const char *path, hid_t *out, am_error *err)
{
	*out = am_h5_exists(c->file, path) ? H5Gopen2(c->file, path, H5P_DEFAULT) : H5I_INVALID_HID;
	return *out < 0 ? am_fail(err, AM_ERR_FORMAT, "%s: %s: expected a group, found none", c->path, path) : AM_OK;
}

am_status am_capture_list(const am_capture_file *c, const char *path, bool whole, int64_t n, int64_t most, bool needed,
                           void **out, int *found, am_error *err)
{
	hid_t d;
	int64_t length = 0;
	*out = NULL;
	am_status s = am_capture_dataset(c, path, 1, &length, &d, err);
	if (s || d < 0)
		return s || !needed ? s : am_fail(err, AM_ERR_FORMAT, "%s: %s: expected a dataset, found none", c->path, path);
	hid_t type = H5Dget_type(d);
	bool fits = type >= 0 && H5Tget_class(type) == (whole ? H5T_INTEGER : H5T_FLOAT);
	if (type >= 0)
		H5Tclose(type);
	if (!fits)
		s = am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %s", c->path, path, whole ? "whole numbers" : "real numbers");
	else if (n >= 0 ? length != n : length < 1 || length > most)
		s = n >= 0 ? am_fail(err, AM_ERR_FORMAT, "%s: %s: expected %" PRId64 " values, found %" PRId64, c->path, path, n,
		                     length)
		           : am_fail(err, AM_ERR_FORMAT, "%s: %s: expected 1 to %" PRId64 " values, found %" PRId64, c->path,
		                     path, most, length);
	else if (!(*out = am_alloc((size_t)length, 4)))
		s = am_fail(err, AM_ERR_MEMORY, "%s: %s: out of memory", c->path, path);
	else if (H5Dread(d, whole ? H5T_NATIVE_INT32 : H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) < 0)
		s = am_h5_fail(err, AM_ERR_FORMAT, "%s: %s: cannot read", c->path, path);
	if (s) {
		am_free(*out);
		*out = NULL;
	} else if (found) {
		*found = (int)length;
	}
	H5Dclose(d);
	return s;
}
