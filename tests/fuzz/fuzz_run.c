/* A run file with edits (h5_edit.h): opened and every field read. What takes long is for inputs that ask for it in byte 0:
 * one of the tables (by position or not), the check, fields of selectors. */
#include "fuzz.h"
#include "h5_edit.h"

#include "../unit/runfile_data.h"
#include "analysis/coverage.h"
#include "analysis/entropy.h"
#include "analysis/recall.h"
#include "runfile/reader.h"

#include <stdlib.h>

enum { MOST_VALUES = 1 << 20, TABLE = 3, BINS = 4, CHECK = 8, SELECTORS = 16 };

static const h5_base *base(bool selectors_too)
{
	static const am_run_selector selectors[] = {
		{.spec = "exact", .sets = AM_AXIS_HEAD, .scores = true},
		{.spec = "recent:1+2", .sets = AM_AXIS_LAYER, .own_budget = true, .index = true},
	};
	static h5_base bases[2], *b;
	b = &bases[selectors_too];
	if (b->image)
		return b;
	sample s = sample_new(2, 2, 6, 2);
	am_error err = {0};
	s.axes.n_map = 2;
	s.axes.n_distance_bin = 3;
	s.contents.dist = true;
	s.contents.n_selectors = selectors_too ? 2 : 0;
	s.contents.selector = selectors;
	const char *path = fuzz_file("base.h5", "", 0);
	fuzz_require(sample_write(&s, path, 5, &err) == AM_OK);
	h5_base_read(b, path);
	return b;
}

static void read_field(am_run *r, am_field f)
{
	int64_t shape[AM_MAX_AXES], start[AM_MAX_AXES] = {0}, n = 1;
	int rank = am_run_shape(r, f, shape);
	am_error err = {0};
	for (int a = 0; a < rank; a++) {
		fuzz_require(shape[a] >= 0);
		n = shape[a] && n > MOST_VALUES / shape[a] ? INT64_MAX : n * shape[a];
	}
	if (!rank || n > MOST_VALUES)
		return;
	am_type type = am_run_field(r, f)->type;
	void *x = malloc((size_t)n * 8 + 1);
	fuzz_require(x);
	if (type == AM_TYPE_STRING) {
		char *text = NULL;
		for (int64_t i = 0; i < shape[0] && i < 3; i++, text = NULL) {
			(void)fuzz_failed(am_run_read_string(r, f, i, &text, &err), &err);
			am_free(text);
		}
	} else if (type == AM_TYPE_I32 || type == AM_TYPE_I64) {
		(void)fuzz_failed(am_run_read_i64(r, f, start, shape, x, &err), &err);
	} else {
		(void)fuzz_failed(am_run_read_f32(r, f, start, shape, x, &err), &err);
	}
	free(x);
}

static void read_distributions(am_run *r)
{
	am_error err = {0};
	for (int64_t row = 0; row < am_run_axis_length(r, AM_AXIS_ROW) && row < 4; row++)
		for (int l = 0; l < am_run_axis_length(r, AM_AXIS_LAYER) && l < 2; l++) {
			float *p = NULL;
			int n = 0;
			if (!fuzz_failed(am_run_read_dist(r, l, 0, row, &p, &n, &err), &err))
				am_free(p);
		}
}

typedef am_status table_fn(am_run *r, const am_aggregate_options *o, am_table *out, am_error *err);

static am_status recall(am_run *r, const am_aggregate_options *o, am_table *out, am_error *err)
{
	am_recall_options x = {.aggregate = *o, .reference = -1};
	return am_recall_table(r, &x, out, err);
}

static void make_table(am_run *r, unsigned which)
{
	static table_fn *const tables[] = {am_entropy_table, am_coverage_table, recall};
	am_aggregate_options o;
	am_table t;
	am_error err = {0};
	am_aggregate_options_init(&o);
	o.resamples = 3;
	o.position_bins = which & BINS ? 2 : 0;
	if (!fuzz_failed(tables[(which & TABLE) - 1](r, &o, &t, &err), &err))
		am_table_fini(&t);
}

static void check(am_run *r)
{
	am_text report = {0};
	am_error err = {0};
	am_status s = am_run_check(r, &report, &err);
	fuzz_require(!fuzz_failed(s, &err) || s != AM_ERR_CHECK || report.size);
	am_text_free(&report);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_bytes b = {data, data + size};
	unsigned how = fuzz_u8(&b);
	am_run *r = NULL;
	am_error err = {0};
	if (fuzz_failed(am_run_open(h5_edit(base(how & SELECTORS), &b), &r, &err), &err)) {
		fuzz_require(!r);
		return 0;
	}
	if (how & CHECK)
		check(r);
	for (int f = 0; f < am_run_field_end(r); f++)
		read_field(r, (am_field)f);
	if (am_run_has_dist(r))
		read_distributions(r);
	for (int i = 0; i < am_run_attr_count(r); i++)
		fuzz_require(am_run_attr_name(r, i) && am_run_attr_text(r, i));
	if (how & TABLE)
		make_table(r, how);
	am_run_close(r);
	return 0;
}
