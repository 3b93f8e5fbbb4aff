#include "runfile/reader.h"

#include "base/mem.h"
#include "runfile/capture_file.h"
#include "runfile/reader_state.h"

#include <inttypes.h>
#include <string.h>

static am_status check_format(am_run *r, am_error *err)
{
	const char *format = NULL;
	int64_t version = 0, complete = 0;
	bool named = am_run_attr_str(r, "format", &format);
	if (named && strcmp(format, AM_CAPTURE_FORMAT) == 0)
		return am_fail(err, AM_ERR_FORMAT, "%s: not a run file but a capture; attnmeter replay %s -o RUN.h5 makes a run of it",
		               r->path, r->path);
	if (!named || strcmp(format, AM_RUN_FORMAT) != 0)
		return am_fail(err, AM_ERR_FORMAT, "%s: not a run file: attribute format is %s%s", r->path,
		               format ? "not " AM_RUN_FORMAT ": " : "missing", format ? format : "");
	if (!am_run_attr_int(r, "format_version", &version) || version < 1)
		return am_fail(err, AM_ERR_FORMAT, "%s: attribute format_version: expected a number >= 1",
		               r->path);
	if (version > AM_RUN_FORMAT_VERSION)
		return am_fail(err, AM_ERR_FORMAT,
		               "%s: format_version %" PRId64 ", this program reads up to %d", r->path, version,
		               AM_RUN_FORMAT_VERSION);
	r->complete = am_run_attr_int(r, "complete", &complete) && complete == 1;
	return AM_OK;
}

static am_status load(am_run *r, am_error *err)
{
	am_status s = am_h5_open(r->path, &r->file, err);
	if (!s)
		s = am_run_load_attrs(r, err);
	if (!s)
		s = check_format(r, err);
	return s ? s : am_run_load_datasets(r, err);
}

void am_run_leave_exit(void)
{
	H5dont_atexit();
}

am_status am_run_open(const char *path, am_run **out, am_error *err)
{
	am_status s = am_h5_check_file(path, err);
	if (s)
		return s;
	am_run *r = am_calloc(1, sizeof *r);
	if (!r || !(r->path = am_strdup(path))) {
		am_free(r);
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
	}
	r->file = H5I_INVALID_HID;
	am_h5_quiet q = am_h5_begin();
	s = load(r, err);
	am_h5_end(&q);
	if (s)
		am_run_close(r);
	else
		*out = r;
	return s;
}

static void close_dataset(hid_t d)
{
	if (d >= 0)
		H5Dclose(d);
}

void am_run_close(am_run *r)
{
	if (!r)
		return;
	am_h5_quiet q = am_h5_begin();
	for (int f = 0; r->field && f < r->n_fields; f++)
		close_dataset(r->field[f]);
	for (int i = 0; r->dist && i < r->length[AM_AXIS_LAYER]; i++) {
		close_dataset(r->dist[i].prob);
		close_dataset(r->dist[i].offset);
	}
	if (r->file >= 0)
		H5Fclose(r->file);
	am_h5_end(&q);
	for (int a = 0; a < AM_AXIS_COUNT; a++)
		am_free(r->values[a]);
	am_run_free_attrs(r);
	for (int i = 0; i < r->n_selectors; i++)
		am_free((char *)r->selector[i].spec);
	am_free(r->selector);
	am_free(r->spec);
	am_free(r->field);
	am_free(r->shape);
	am_free(r->dist);
	am_free(r->layout);
	am_free(r->path);
	am_free(r);
}

const char *am_run_path(const am_run *r)
{
	return r->path;
}

bool am_run_complete(const am_run *r)
{
	return r->complete;
}

int64_t am_run_axis_length(const am_run *r, am_axis a)
{
	return r->length[a];
}

const double *am_run_axis_values(const am_run *r, am_axis a)
{
	return r->values[a];
}

int am_run_selector_count(const am_run *r)
{
	return r->n_selectors;
}

const am_run_selector *am_run_selector_at(const am_run *r, int i)
{
	return &r->selector[i];
}

int am_run_field_end(const am_run *r)
{
	return r->n_fields;
}

const am_field_spec *am_run_field(const am_run *r, am_field f)
{
	return &r->spec[f];
}

bool am_run_has(const am_run *r, am_field f)
{
	return (int)f < r->n_fields && r->field[f] >= 0;
}

int am_run_shape(const am_run *r, am_field f, int64_t shape[AM_MAX_AXES])
{
	if (!am_run_has(r, f))
		return 0;
	memcpy(shape, r->shape[f], (size_t)r->spec[f].n_axes * sizeof *shape);
	return r->spec[f].n_axes;
}

void am_run_use_threads(am_run *r, am_threads *threads)
{
	r->threads = threads;
}

am_threads *am_run_threads(const am_run *r)
{
	return r->threads;
}

bool am_run_has_dist(const am_run *r)
{
	return r->dist;
}

am_status am_run_filters(am_error *err)
{
	am_h5_quiet q = am_h5_begin();
	bool deflate = H5Zfilter_avail(H5Z_FILTER_DEFLATE) > 0, shuffle = H5Zfilter_avail(H5Z_FILTER_SHUFFLE) > 0;
	am_h5_end(&q);
	if (deflate && shuffle)
		return AM_OK;
	return am_fail(err, AM_ERR_UNSUPPORTED, "the HDF5 library has no filter %s; install one built with zlib",
	               deflate ? "shuffle" : "deflate");
}
