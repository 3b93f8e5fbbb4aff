#include "runfile/h5.h"

#include <stdarg.h>
#include <stdio.h>

/* Later HDF5 calls, closing what is open, clear HDF5's own stack. */
static _Thread_local char last_message[256];

static herr_t keep_innermost(unsigned n, const H5E_error2_t *e, void *ctx)
{
	(void)ctx;
	if (n == 0 && e->desc)
		snprintf(last_message, sizeof last_message, "%s", e->desc);
	return 0;
}

/* Called by HDF5 when one of its functions fails. */
static herr_t keep_message(hid_t stack, void *ctx)
{
	return H5Ewalk2(stack, H5E_WALK_UPWARD, keep_innermost, ctx);
}

am_h5_quiet am_h5_begin(void)
{
	am_h5_quiet q = {NULL, NULL, false};
	q.saved = H5Eget_auto2(H5E_DEFAULT, &q.print, &q.ctx) >= 0;
	H5Eset_auto2(H5E_DEFAULT, keep_message, NULL);
	last_message[0] = 0;
	return q;
}

void am_h5_end(const am_h5_quiet *q)
{
	if (q->saved)
		H5Eset_auto2(H5E_DEFAULT, q->print, q->ctx);
}

am_status am_h5_fail(am_error *err, am_status s, const char *fmt, ...)
{
	char text[768];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	return am_fail(err, s, "%s%s%s", text, last_message[0] ? ": " : "", last_message);
}

hid_t am_h5_native(am_type t)
{
	switch (t) {
	case AM_TYPE_I32: return H5T_NATIVE_INT32;
	case AM_TYPE_I64: return H5T_NATIVE_INT64;
	case AM_TYPE_F32: return H5T_NATIVE_FLOAT;
	case AM_TYPE_F64: return H5T_NATIVE_DOUBLE;
	case AM_TYPE_STRING: break;
	}
	return H5I_INVALID_HID;
}

hid_t am_h5_string(void)
{
	hid_t t = H5Tcopy(H5T_C_S1);
	if (t >= 0 && (H5Tset_size(t, H5T_VARIABLE) < 0 || H5Tset_cset(t, H5T_CSET_UTF8) < 0)) {
		H5Tclose(t);
		t = H5I_INVALID_HID;
	}
	return t;
}

hid_t am_h5_float16(void)
{
	hid_t t = H5Tcopy(H5T_NATIVE_FLOAT);
	if (t >= 0 && (H5Tset_fields(t, 15, 10, 5, 0, 10) < 0 || H5Tset_ebias(t, 15) < 0 ||
	               H5Tset_size(t, 2) < 0)) {
		H5Tclose(t);
		t = H5I_INVALID_HID;
	}
	return t;
}

herr_t am_h5_put_attr(hid_t id, const char *name, hid_t type, const void *value)
{
	herr_t e = -1;
	hid_t space = H5Screate(H5S_SCALAR);
	hid_t attr = space < 0 ? space : H5Acreate2(id, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
	if (attr >= 0) {
		e = H5Awrite(attr, type, value);
		H5Aclose(attr);
	}
	if (space >= 0)
		H5Sclose(space);
	return e;
}

herr_t am_h5_put_attr_str(hid_t id, const char *name, const char *value)
{
	hid_t type = am_h5_string();
	if (type < 0)
		return -1;
	herr_t e = am_h5_put_attr(id, name, type, &value);
	H5Tclose(type);
	return e;
}
