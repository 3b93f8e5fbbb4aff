#include "runfile/attach.h"

#include "base/mem.h"

#include <assert.h>
#include <hdf5_hl.h>
#include <stdio.h>
#include <string.h>

static hid_t make_use_type(void)
{
	hid_t t = H5Tcreate(H5T_COMPOUND, sizeof(am_attach_use));
	if (t >= 0 && (H5Tinsert(t, "dataset", HOFFSET(am_attach_use, dataset), H5T_STD_REF_OBJ) < 0 ||
	               H5Tinsert(t, "dimension", HOFFSET(am_attach_use, dimension), H5T_NATIVE_INT) < 0)) {
		H5Tclose(t);
		t = H5I_INVALID_HID;
	}
	return t;
}

bool am_attach_init(am_attach *a)
{
	*a = (am_attach){.list_type = H5Tvlen_create(H5T_STD_REF_OBJ), .use_type = make_use_type()};
	return a->list_type >= 0 && a->use_type >= 0;
}

void am_attach_fini(am_attach *a)
{
	for (int i = 0; i < a->n; i++) {
		H5Dclose(a->scale[i].id);
		am_free(a->scale[i].use);
	}
	am_free(a->scale);
	if (a->list_type >= 0)
		H5Tclose(a->list_type);
	if (a->use_type >= 0)
		H5Tclose(a->use_type);
	*a = (am_attach){.list_type = H5I_INVALID_HID, .use_type = H5I_INVALID_HID};
}

/* Room for one more of `size` bytes; false: out of memory. */
static bool reserve(void **p, int n, int *room, size_t size)
{
	if (n < *room)
		return true;
	int more = *room ? 2 * *room : 16;
	void *q = am_grow(*p, (size_t)n * size, (size_t)more, size);
	if (!q)
		return false;
	*p = q;
	*room = more;
	return true;
}

bool am_attach_add(am_attach *a, const char *path, hid_t id)
{
	am_attach_scale s = {.id = id};
	void *all = a->scale;
	snprintf(s.path, sizeof s.path, "%s", path);
	bool ok = H5Rcreate(&s.ref, id, ".", H5R_OBJECT, -1) >= 0 && reserve(&all, a->n, &a->room, sizeof s);
	a->scale = all;
	if (ok)
		a->scale[a->n++] = s;
	else
		H5Dclose(id);
	return ok;
}

int am_attach_find(const am_attach *a, const char *path)
{
	int i = a->n - 1;
	while (i >= 0 && strcmp(a->scale[i].path, path) != 0)
		i--;
	return i;
}

/* A new attribute of one axis. */
static bool put_list(hid_t id, const char *name, hid_t type, int n, const void *values)
{
	hsize_t length = (hsize_t)n;
	hid_t space = H5Screate_simple(1, &length, NULL);
	hid_t attr = space < 0 ? space : H5Acreate2(id, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
	bool ok = attr >= 0 && H5Awrite(attr, type, values) >= 0;
	if (attr >= 0)
		H5Aclose(attr);
	if (space >= 0)
		H5Sclose(space);
	return ok;
}

static bool note_use(am_attach_scale *s, const am_attach_use *use)
{
	void *all = s->use;
	bool ok = reserve(&all, s->n, &s->room, sizeof *use);
	s->use = all;
	if (ok)
		s->use[s->n++] = *use;
	return ok;
}

bool am_attach_all(am_attach *a, hid_t dataset, int rank, const int *scale)
{
	hvl_t list[AM_MAX_AXES] = {{0}};
	am_attach_use use;
	bool any = false;
	assert(rank <= AM_MAX_AXES);
	memset(&use, 0, sizeof use); /* what lies between its parts is written too */
	if (H5Rcreate(&use.dataset, dataset, ".", H5R_OBJECT, -1) < 0)
		return false;
	for (int d = 0; d < rank; d++) {
		am_attach_scale *s = scale[d] < 0 ? NULL : &a->scale[scale[d]];
		if (!s)
			continue;
		use.dimension = d;
		list[d] = (hvl_t){1, &s->ref};
		any = true;
		if (!note_use(s, &use))
			return false;
	}
	return !any || put_list(dataset, DIMENSION_LIST, a->list_type, rank, list);
}

bool am_attach_finish(am_attach *a)
{
	bool ok = true;
	for (int i = 0; i < a->n && ok; i++) {
		const am_attach_scale *s = &a->scale[i];
		ok = !s->n || put_list(s->id, REFERENCE_LIST, a->use_type, s->n, s->use);
	}
	return ok;
}
