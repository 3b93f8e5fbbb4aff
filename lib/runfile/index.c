#include "runfile/index.h"

#include "runfile/attach.h"
#include "runfile/h5.h"

#include <hdf5_hl.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define PATH_ROOM 64
#define ROW_EDGE "/row_edge" /* rows + 1: the scale of /dist/<layer>/offset */

typedef struct builder {
	const am_run_writer *w;
	am_image *image;
	int64_t rows;
	hid_t file;
	am_attach scales;
	const char *at; /* what is being built, for messages */
} builder;

static bool describe(hid_t id, const char *unit, const char *long_name)
{
	return am_h5_put_attr_str(id, "units", unit) >= 0 && am_h5_put_attr_str(id, "long_name", long_name) >= 0;
}

/* New dataset of `rank` dims; negative on failure. Closed by the caller. */
static hid_t create(builder *b, const char *path, hid_t type, int rank, const int64_t *dims,
                    unsigned unlimited, hid_t dcpl)
{
	hsize_t n[AM_MAX_AXES], most[AM_MAX_AXES];
	for (int a = 0; a < rank; a++) {
		n[a] = (hsize_t)dims[a];
		most[a] = unlimited >> a & 1 ? H5S_UNLIMITED : n[a];
	}
	hid_t id = H5I_INVALID_HID, space = H5Screate_simple(rank, n, most);
	hid_t lcpl = H5Pcreate(H5P_LINK_CREATE);
	if (space >= 0 && lcpl >= 0 && H5Pset_create_intermediate_group(lcpl, 1) >= 0)
		id = H5Dcreate2(b->file, path, type, space, lcpl, dcpl, H5P_DEFAULT);
	if (lcpl >= 0)
		H5Pclose(lcpl);
	if (space >= 0)
		H5Sclose(space);
	return id;
}

static hid_t creation_list(void)
{
	hid_t dcpl = H5Pcreate(H5P_DATASET_CREATE);
	if (dcpl >= 0 && H5Pset_obj_track_times(dcpl, 0) < 0) {
		H5Pclose(dcpl);
		return H5I_INVALID_HID;
	}
	return dcpl;
}

static bool set_chunks(hid_t dcpl, const am_stored *d, int level, hid_t type, const void *fill)
{
	hsize_t n[AM_MAX_AXES];
	for (int a = 0; a < d->rank; a++)
		n[a] = (hsize_t)d->chunk[a];
	return H5Pset_chunk(dcpl, d->rank, n) >= 0 && H5Pset_fill_value(dcpl, type, fill) >= 0 &&
	       (!level || (H5Pset_shuffle(dcpl) >= 0 && H5Pset_deflate(dcpl, (unsigned)level) >= 0));
}

/* Enters the chunks that lie within dims[]. */
static bool add_chunks(builder *b, hid_t id, const am_stored *d, const int64_t *dims)
{
	for (int i = 0; i < d->n_chunks; i++) {
		const am_chunk *c = &d->chunks[i];
		hsize_t at[AM_MAX_AXES];
		bool inside = true;
		for (int a = 0; a < d->rank; a++) {
			at[a] = (hsize_t)c->at[a];
			inside = inside && c->at[a] < dims[a];
		}
		if (inside && am_image_add_chunk(b->image, id, at, c->addr, c->size, c->mask) < 0)
			return false;
	}
	return true;
}

/* A dataset over chunks in the file, with `_FillValue` where `filled`. */
static hid_t create_stored(builder *b, const char *path, const am_stored *d, const int64_t *dims, bool filled)
{
	hid_t own = d->half ? am_h5_float16() : H5I_INVALID_HID;
	hid_t type = d->half ? own : am_h5_native(d->type);
	unsigned char fill[8];
	am_stored_fill(d, fill, 1);
	hid_t dcpl = creation_list(), id = H5I_INVALID_HID;
	if (dcpl >= 0 && set_chunks(dcpl, d, b->w->filter.level, type, fill))
		id = create(b, path, type, d->rank, dims, d->unlimited, dcpl);
	if (id >= 0 && ((filled && am_h5_put_attr(id, "_FillValue", type, fill) < 0) ||
	                !add_chunks(b, id, d, dims))) {
		H5Dclose(id);
		id = H5I_INVALID_HID;
	}
	if (dcpl >= 0)
		H5Pclose(dcpl);
	if (own >= 0)
		H5Tclose(own);
	return id;
}

/* The dataset `id` at `path`, of which its creation may have failed, becomes a scale; `of` describes it. */
static bool add_scale(builder *b, const char *path, hid_t id, const char *name, const am_axis_spec *of)
{
	if (id >= 0 && ((of && !describe(id, of->unit, of->long_name)) || H5DSset_scale(id, name) < 0)) {
		H5Dclose(id);
		return false;
	}
	return id >= 0 && am_attach_add(&b->scales, path, id);
}

static bool add_axis(builder *b, am_axis a)
{
	const am_stored *d = a == AM_AXIS_ROW ? &b->w->row_axis.stored : &b->w->axis[a];
	char path[PATH_ROOM], name[AM_SCALE_ROOM + 32];
	if (!d->rank)
		return true;
	b->at = am_axes[a].name;
	snprintf(path, sizeof path, "/%s", b->at);
	am_scale_name(path, a, d->dims[0], b->w->n_selectors > 0, name);
	hid_t id = create_stored(b, path, d, a == AM_AXIS_ROW ? &b->rows : d->dims, false);
	return add_scale(b, path, id, name, &am_axes[a]);
}

/* The scale `head` of a group. */
static bool add_heads(builder *b, const char *path)
{
	int64_t n = b->w->length[AM_AXIS_HEAD];
	hid_t dcpl = creation_list();
	hid_t id = dcpl < 0 ? dcpl : create(b, path, H5T_NATIVE_INT32, 1, &n, 0, dcpl);
	if (id >= 0 && H5Dwrite(id, H5T_NATIVE_INT32, H5S_ALL, H5S_ALL, H5P_DEFAULT, b->w->head_id) < 0) {
		H5Dclose(id);
		id = H5I_INVALID_HID;
	}
	if (dcpl >= 0)
		H5Pclose(dcpl);
	return add_scale(b, path, id, am_axes[AM_AXIS_HEAD].name, &am_axes[AM_AXIS_HEAD]);
}

/* The scale of an axis of the field at `path`, -1 where there is none; made when it is first needed. */
static bool find_scale(builder *b, const char *path, am_axis a, int *found)
{
	char scale[AM_SCALE_ROOM];
	am_scale_path(path, a, b->w->n_selectors > 0, scale);
	*found = am_attach_find(&b->scales, scale);
	if (*found >= 0 || strrchr(scale, '/') == scale)
		return true;
	bool ok = add_heads(b, scale);
	*found = am_attach_find(&b->scales, scale);
	return ok;
}

static bool attach(builder *b, hid_t id, const char *path, int n_axes, const am_axis *axes)
{
	int scale[AM_MAX_AXES];
	bool ok = true;
	for (int a = 0; a < n_axes && ok; a++)
		ok = find_scale(b, path, axes[a], &scale[a]);
	return ok && am_attach_all(&b->scales, id, n_axes, scale);
}

static hid_t create_strings(builder *b, const char *path, const am_strings *s)
{
	hid_t type = am_h5_string(), dcpl = creation_list();
	hid_t id = type < 0 || dcpl < 0 ? H5I_INVALID_HID : create(b, path, type, 1, &s->n, 0, dcpl);
	if (id >= 0 && s->n && H5Dwrite(id, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, s->s) < 0) {
		H5Dclose(id);
		id = H5I_INVALID_HID;
	}
	if (dcpl >= 0)
		H5Pclose(dcpl);
	if (type >= 0)
		H5Tclose(type);
	return id;
}

/* The group of a selector with what it is. */
static bool add_selector(builder *b, int i)
{
	const am_run_selector *s = &b->w->selector[i];
	char path[PATH_ROOM];
	int64_t own = s->own_budget;
	snprintf(path, sizeof path, "/selector/s%d", i);
	b->at = "/selector";
	hid_t id = H5I_INVALID_HID, lcpl = H5Pcreate(H5P_LINK_CREATE);
	if (lcpl >= 0 && H5Pset_create_intermediate_group(lcpl, 1) >= 0)
		id = H5Gcreate2(b->file, path, lcpl, H5P_DEFAULT, H5P_DEFAULT);
	bool ok = id >= 0 && am_h5_put_attr_str(id, "spec", s->spec) >= 0 &&
	          am_h5_put_attr_str(id, "sets", am_run_sets_name(s->sets)) >= 0 &&
	          am_h5_put_attr(id, "own_budget", H5T_NATIVE_INT64, &own) >= 0;
	if (id >= 0)
		H5Gclose(id);
	if (lcpl >= 0)
		H5Pclose(lcpl);
	return ok;
}

static bool add_field(builder *b, am_field f)
{
	const am_field_spec *spec = &b->w->spec[f];
	const am_row_field *r = &b->w->row[f];
	bool fixed = f < AM_FIELD_COUNT; /* the others all have rows */
	const am_stored *d = r->pieces ? &r->stored : fixed ? &b->w->field[f] : NULL;
	bool strings = fixed && b->w->strings[f].s;
	if ((!d || !d->rank) && !strings)
		return true;
	b->at = spec->path;
	int64_t dims[AM_MAX_AXES];
	memcpy(dims, d->dims, sizeof dims);
	if (r->pieces)
		dims[r->row_at] = b->rows;
	hid_t id = strings ? create_strings(b, spec->path, &b->w->strings[f])
	                   : create_stored(b, spec->path, d, dims, true);
	bool ok = id >= 0 && describe(id, spec->unit, spec->long_name) &&
	          attach(b, id, spec->path, spec->n_axes, spec->axes);
	if (id >= 0)
		H5Dclose(id);
	return ok;
}

/* A scale without values. */
static bool add_bare_scale(builder *b, const char *path, int64_t n)
{
	char name[AM_SCALE_ROOM + 32];
	am_scale_bare_name(n, name);
	hid_t dcpl = creation_list();
	hid_t id = dcpl < 0 ? dcpl : create(b, path, H5T_IEEE_F32BE, 1, &n, 0, dcpl);
	if (dcpl >= 0)
		H5Pclose(dcpl);
	return add_scale(b, path, id, name, NULL);
}

static bool add_offset(builder *b, const char *path, const am_dist_layer *l)
{
	int64_t n = b->rows + 1;
	int scale = am_attach_find(&b->scales, ROW_EDGE);
	hid_t dcpl = creation_list();
	hid_t id = dcpl < 0 ? dcpl : create(b, path, H5T_NATIVE_INT64, 1, &n, 0, dcpl);
	bool ok = id >= 0 && H5Dwrite(id, H5T_NATIVE_INT64, H5S_ALL, H5S_ALL, H5P_DEFAULT, l->offset) >= 0 &&
	          describe(id, "1", "first element of each row in prob, and the end") &&
	          am_attach_all(&b->scales, id, 1, &scale);
	if (id >= 0)
		H5Dclose(id);
	if (dcpl >= 0)
		H5Pclose(dcpl);
	return ok;
}

static bool add_prob(builder *b, const char *path, const am_dist_layer *l, const char *element)
{
	int64_t dims[] = {l->prob.dims[0], l->offset[b->rows]};
	int scale[] = {-1, am_attach_find(&b->scales, element)};
	hid_t id = create_stored(b, path, &l->prob, dims, true);
	bool ok = id >= 0 && describe(id, "1", "probability of each visible key, rows one after another") &&
	          find_scale(b, path, AM_AXIS_HEAD, &scale[0]) && am_attach_all(&b->scales, id, 2, scale);
	if (id >= 0)
		H5Dclose(id);
	return ok;
}

static bool add_dist(builder *b)
{
	if (!b->w->n_dist)
		return true;
	b->at = "/dist";
	bool ok = add_bare_scale(b, ROW_EDGE, b->rows + 1);
	for (int i = 0; i < b->w->n_dist && ok; i++) {
		const am_dist_layer *l = &b->w->dist[i];
		char group[PATH_ROOM / 2], element[PATH_ROOM], path[PATH_ROOM];
		snprintf(group, sizeof group, "/dist/%d", (int)b->w->layer_id[i]);
		snprintf(element, sizeof element, "%s/element", group);
		snprintf(path, sizeof path, "%s/prob", group);
		ok = add_bare_scale(b, element, l->offset[b->rows]) && add_prob(b, path, l, element);
		snprintf(path, sizeof path, "%s/offset", group);
		ok = ok && add_offset(b, path, l);
	}
	return ok;
}

static bool add_attrs(builder *b)
{
	hid_t root = H5Gopen2(b->file, "/", H5P_DEFAULT);
	bool ok = root >= 0;
	for (int i = 0; i < b->w->n_attr && ok; i++) {
		const am_attr *a = &b->w->attr[i];
		b->at = a->name;
		if (a->kind == AM_ATTR_STR)
			ok = am_h5_put_attr_str(root, a->name, a->s) >= 0;
		else if (a->kind == AM_ATTR_INT)
			ok = am_h5_put_attr(root, a->name, H5T_NATIVE_INT64, &a->i) >= 0;
		else
			ok = am_h5_put_attr(root, a->name, H5T_NATIVE_DOUBLE, &a->x) >= 0;
	}
	if (root >= 0)
		H5Gclose(root);
	return ok;
}

/* Chunks of the dataset that has most. */
static int most_chunks(const am_run_writer *w)
{
	int most = w->row_axis.stored.n_chunks;
	for (int f = 0; f < w->n_fields; f++) {
		if (f >= AM_FIELD_COUNT && !w->row[f].pieces)
			continue;
		const am_stored *d = w->row[f].pieces ? &w->row[f].stored : &w->field[f];
		most = d->n_chunks > most ? d->n_chunks : most;
	}
	for (int i = 0; i < w->n_dist; i++)
		most = w->dist[i].prob.n_chunks > most ? w->dist[i].prob.n_chunks : most;
	return most;
}

static bool build(builder *b)
{
	bool ok = am_attach_init(&b->scales) && add_attrs(b);
	for (int a = 0; a < AM_AXIS_COUNT && ok; a++)
		ok = add_axis(b, (am_axis)a);
	for (int i = 0; i < b->w->n_selectors && ok; i++)
		ok = add_selector(b, i);
	for (int f = 0; f < b->w->n_fields && ok; f++)
		ok = add_field(b, (am_field)f);
	ok = ok && add_dist(b) && am_attach_finish(&b->scales);
	am_attach_fini(&b->scales);
	return ok;
}

am_status am_index_build(const am_run_writer *w, int64_t rows, am_image *m, am_error *err)
{
	builder b = {.w = w, .image = m, .rows = rows, .at = "file"};
	am_h5_quiet q = am_h5_begin();
	b.file = am_image_create(m, most_chunks(w));
	bool ok = b.file >= 0 && build(&b);
	am_status s = AM_OK;
	if (!ok)
		s = am_h5_fail(err, AM_ERR_IO, "%s: cannot build the index at %s", w->part ? w->part : "run", b.at);
	if (b.file >= 0 && H5Fclose(b.file) < 0 && !s)
		s = am_h5_fail(err, AM_ERR_IO, "%s: cannot close the index", w->part ? w->part : "run");
	if (!s && m->failed)
		s = am_fail(err, AM_ERR_MEMORY, "%s: out of memory for the index", w->part ? w->part : "run");
	am_h5_end(&q);
	return s;
}
