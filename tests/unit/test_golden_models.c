/* Fixture models of every family and rope variant, run as a user runs them with
 * every kernel table and compared row by row with float64 statistics of
 * transformers: see tests/golden/README.md. One test a table and folder. */
#include "base/mem.h"
#include "kernels/kernels.h"
#include "probes/run.h"
#include "runfile/reader.h"
#include "store/tensors.h"

#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define MODELS AM_SOURCE_DIR "/tests/golden/models"

/* A float32 forward pass leaves scores within about 1e-5. The bounds asked of
 * entropy, masses and NLL follow from that; the others likewise: a mean distance
 * moves by no more than the mass moved (1e-5) times the keys it can move over, a
 * variance by twice the score error times the deviations of the scores. */
static const struct {
	am_field field;
	const char *name;
	double absolute, relative, per_key;
} fields[] = {
	{AM_FIELD_ENTROPY, "entropy", 1e-4, 0, 0},
	{AM_FIELD_LSE, "lse", 1e-4, 0, 0},
	{AM_FIELD_SCORE_VARIANCE, "score_variance", 1e-4, 1e-4, 0},
	{AM_FIELD_RENYI2, "renyi2", 1e-4, 0, 0},
	{AM_FIELD_MAX_PROB, "max_prob", 1e-5, 0, 0},
	{AM_FIELD_SINK_MASS, "sink_mass", 1e-5, 0, 0},
	{AM_FIELD_RECENT_MASS, "recent_mass", 1e-5, 0, 0},
	{AM_FIELD_MEAN_DISTANCE, "mean_distance", 0, 0, 1e-5},
	{AM_FIELD_MASS_AT_K, "mass_at_k", 1e-5, 0, 0},
	{AM_FIELD_MASS_AT_RATIO, "mass_at_ratio", 1e-5, 0, 0},
	{AM_FIELD_OUTPUT_ERROR, "output_error", 1e-4, 0, 0},
};

typedef struct subject {
	char name[96]; /* of the test: folder and table */
	char dir[512];
	const char *kernels;
} subject;

typedef struct fixture {
	am_tensors *expected;
	am_run *run;
	int64_t layers, heads, rows;
	int32_t *sequence, *position; /* [rows] */
	int32_t *visible;             /* [layers][rows] */
} fixture;

static const am_tensor *expected_tensor(const fixture *f, int sequence, const char *name)
{
	char full[64];
	snprintf(full, sizeof full, "s%d.%s", sequence, name);
	const am_tensor *t = am_tensors_find(f->expected, full);
	if (!t)
		fail_msg("no expected tensor %s", full);
	return t;
}

static float expected_f32(const am_tensor *t, int64_t i)
{
	assert_int_equal(t->dtype, AM_DTYPE_F32);
	assert_in_range(i, 0, (int64_t)(t->bytes / sizeof(float)) - 1);
	float v;
	memcpy(&v, (const char *)t->data + (size_t)i * sizeof v, sizeof v);
	return v;
}

static int32_t expected_i32(const am_tensor *t, int64_t i)
{
	assert_int_equal(t->dtype, AM_DTYPE_I32);
	assert_in_range(i, 0, (int64_t)(t->bytes / sizeof(int32_t)) - 1);
	int32_t v;
	memcpy(&v, (const char *)t->data + (size_t)i * sizeof v, sizeof v);
	return v;
}

/* A whole field, [n] in *n; am_free. */
static void *read_field(const fixture *f, am_field field, int64_t *n)
{
	int64_t shape[AM_MAX_AXES], start[AM_MAX_AXES] = {0};
	int rank = am_run_shape(f->run, field, shape);
	am_error err = {0};
	assert_true(rank > 0);
	*n = 1;
	for (int i = 0; i < rank; i++)
		*n *= shape[i];
	void *out = am_alloc((size_t)*n, 4);
	assert_non_null(out);
	am_status s = am_fields[field].type == AM_TYPE_I32
	                      ? am_run_read_i32(f->run, field, start, shape, out, &err)
	                      : am_run_read_f32(f->run, field, start, shape, out, &err);
	if (s)
		fail_msg("%s: %s", am_fields[field].path, err.text);
	return out;
}

/* Index of (layer, head, row) with `tail` values each in an expected tensor of T tokens. */
static int64_t expected_index(const fixture *f, int64_t layer, int64_t head, int64_t row, int64_t tokens,
                              int64_t tail)
{
	return ((layer * f->heads + head) * tokens + f->position[row]) * tail;
}

static bool near(double found, double expected, double tolerance)
{
	return fabs(found - expected) <= tolerance || (isnan(found) && isnan(expected));
}

static void compare_field(const fixture *f, size_t which)
{
	int64_t n;
	float *found = read_field(f, fields[which].field, &n);
	int64_t tail = n / (f->layers * f->heads * f->rows);
	assert_int_equal(tail * f->layers * f->heads * f->rows, n);
	for (int64_t i = 0; i < n; i++) {
		int64_t row = i / tail % f->rows, head = i / tail / f->rows % f->heads;
		int64_t layer = i / tail / f->rows / f->heads;
		const am_tensor *t = expected_tensor(f, f->sequence[row], fields[which].name);
		assert_int_equal(t->rank == 4 ? t->shape[3] : 1, tail);
		double want = expected_f32(t, expected_index(f, layer, head, row, t->shape[2], tail) + i % tail);
		double tolerance = fields[which].absolute + fields[which].relative * fabs(want) +
		                   fields[which].per_key * f->visible[layer * f->rows + row];
		if (!near(found[i], want, tolerance))
			fail_msg("%s: layer %d head %d sequence %d position %d [%d]: expected %.9g, found %.9g",
			         fields[which].name, (int)layer, (int)head, f->sequence[row], f->position[row],
			         (int)(i % tail), want, (double)found[i]);
	}
	am_free(found);
}

/* Equal, or one off where the mass there is so near the threshold that rounding decides. */
static void compare_k_at_mass(const fixture *f)
{
	int64_t n;
	int32_t *found = read_field(f, AM_FIELD_K_AT_MASS, &n);
	int64_t tail = n / (f->layers * f->heads * f->rows);
	for (int64_t i = 0; i < n; i++) {
		int64_t row = i / tail % f->rows, head = i / tail / f->rows % f->heads;
		int64_t layer = i / tail / f->rows / f->heads;
		const am_tensor *t = expected_tensor(f, f->sequence[row], "k_at_mass");
		assert_int_equal(t->shape[3], tail);
		int64_t at = expected_index(f, layer, head, row, t->shape[2], tail) + i % tail;
		int32_t want = expected_i32(t, at);
		float margin = expected_f32(expected_tensor(f, f->sequence[row], "k_at_mass_margin"), at);
		if (!(found[i] == want || (abs(found[i] - want) == 1 && margin < 1e-6f)))
			fail_msg("k_at_mass: layer %d head %d sequence %d position %d [%d]: expected %d, found %d",
			         (int)layer, (int)head, f->sequence[row], f->position[row], (int)(i % tail), want,
			         found[i]);
	}
	am_free(found);
}

static void compare_visible(const fixture *f)
{
	for (int64_t layer = 0; layer < f->layers; layer++)
		for (int64_t row = 0; row < f->rows; row++) {
			const am_tensor *t = expected_tensor(f, f->sequence[row], "visible");
			assert_int_equal(f->visible[layer * f->rows + row],
			                 expected_i32(t, layer * t->shape[1] + f->position[row]));
		}
}

static void compare_nll(const fixture *f)
{
	int64_t n;
	float *found = read_field(f, AM_FIELD_ROW_NLL, &n);
	assert_int_equal(n, f->rows);
	for (int64_t row = 0; row < n; row++) {
		double want = expected_f32(expected_tensor(f, f->sequence[row], "nll"), f->position[row]);
		if (!near(found[row], want, 1e-4))
			fail_msg("nll: sequence %d position %d: expected %.9g, found %.9g", f->sequence[row],
			         f->position[row], want, (double)found[row]);
	}
	am_free(found);
}

static void capture(const char *dir, const char *kernels, const char *output)
{
	static const int k[] = {1, 2, 4, 8, 16};
	static const double ratio[] = {0.05, 0.25}, mass[] = {0.5, 0.9, 0.95};
	char tokens[512];
	snprintf(tokens, sizeof tokens, "%s/tokens.txt", dir);
	am_input input = {AM_INPUT_TOKENS, tokens};
	am_run_options o;
	am_run_options_init(&o);
	o.model = dir;
	o.inputs = &input;
	o.n_inputs = 1;
	o.ctx = 64; /* beyond what "dynamic" calls its context */
	o.k = k;
	o.n_k = 5;
	o.ratio = ratio;
	o.n_ratio = 2;
	o.mass = mass;
	o.n_mass = 3;
	o.sink = 4;
	o.recent = 8;
	o.output_error = true;
	o.block = 7; /* rows see keys of their own block and of earlier ones */
	o.threads = 2;
	o.kernels = kernels;
	o.output = output;
	o.force = true;
	am_run_summary summary;
	am_error err = {0};
	if (am_run_capture(&o, &summary, &err))
		fail_msg("%s", err.text);
	am_run_summary_fini(&summary);
}

static void open_fixture(fixture *f, const char *dir, const char *output)
{
	char path[512];
	am_error err = {0};
	snprintf(path, sizeof path, "%s/expected.safetensors", dir);
	if (am_tensors_open(path, &f->expected, &err) || am_run_open(output, &f->run, &err))
		fail_msg("%s", err.text);
	assert_true(am_run_complete(f->run));
	f->layers = am_run_axis_length(f->run, AM_AXIS_LAYER);
	f->heads = am_run_axis_length(f->run, AM_AXIS_HEAD);
	f->rows = am_run_axis_length(f->run, AM_AXIS_ROW);
	const am_tensor *first = expected_tensor(f, 0, "entropy"), *second = expected_tensor(f, 1, "entropy");
	assert_int_equal(f->layers, first->shape[0]);
	assert_int_equal(f->heads, first->shape[1]);
	assert_int_equal(f->rows, first->shape[2] + second->shape[2]);
	int64_t n;
	f->sequence = read_field(f, AM_FIELD_ROW_SEQUENCE, &n);
	f->position = read_field(f, AM_FIELD_ROW_POSITION, &n);
	f->visible = read_field(f, AM_FIELD_ROW_VISIBLE, &n);
	assert_int_equal(n, f->layers * f->rows);
}

static void agrees_with_transformers(void **state)
{
	const subject *of = *state;
	char output[] = "/tmp/test_golden_models.XXXXXX";
	int fd = mkstemp(output);
	assert_true(fd >= 0);
	close(fd);
	capture(of->dir, of->kernels, output);
	fixture f = {0};
	open_fixture(&f, of->dir, output);
	const char *kernel;
	assert_true(am_run_attr_str(f.run, "kernel", &kernel));
	assert_string_equal(kernel, of->kernels);
	compare_visible(&f);
	compare_nll(&f);
	for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
		compare_field(&f, i);
	compare_k_at_mass(&f);
	am_text report = {0};
	am_error err = {0};
	if (am_run_check(f.run, &report, &err))
		fail_msg("%s", am_text_str(&report));
	am_text_free(&report);
	am_free(f.sequence);
	am_free(f.position);
	am_free(f.visible);
	am_run_close(f.run);
	am_tensors_close(f.expected);
	unlink(output);
}

static int is_name(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

/* Names of the usable tables; says which are left out. */
static int usable_tables(const char **out, int most)
{
	const am_kernels *k;
	int n = 0, usable;
	for (int i = 0; n < most && (k = am_kernels_at(i, &usable)); i++) {
		if (usable)
			out[n++] = k->name;
		else
			print_message("skip %s: %s\n", k->name, am_kernels_obstacle(i));
	}
	return n;
}

int main(void)
{
	struct dirent **names;
	const char *tables[16];
	int n = scandir(MODELS, &names, is_name, alphasort), n_tables = usable_tables(tables, 16);
	if (n < 12) {
		fprintf(stderr, MODELS ": expected at least 12 fixture models, found %d\n", n);
		return 1;
	}
	size_t total = (size_t)(n * n_tables);
	struct CMUnitTest *tests = calloc(total, sizeof *tests);
	subject *subjects = calloc(total, sizeof *subjects);
	if (!tests || !subjects)
		return 1;
	for (size_t i = 0; i < total; i++) {
		subject *s = &subjects[i];
		const char *model = names[i % (size_t)n]->d_name;
		s->kernels = tables[i / (size_t)n];
		snprintf(s->dir, sizeof s->dir, MODELS "/%s", model);
		snprintf(s->name, sizeof s->name, "%s, %s", model, s->kernels);
		tests[i] = (struct CMUnitTest){s->name, agrees_with_transformers, NULL, NULL, s};
	}
	int failed = _cmocka_run_group_tests("golden_models", tests, total, NULL, NULL);
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	free(tests);
	free(subjects);
	return failed;
}
