/* The text form of selectors: what it means, and what is said of every mistake. */
#include "select_world.h"

#include <math.h>
#include <unistd.h>

/* Parses and, where that succeeds, opens. */
static am_status try(const char *text, am_error *err)
{
	am_select_spec spec;
	am_selector *s = NULL;
	const am_kernels *kernels;
	assert_int_equal(am_kernels_get(NULL, &kernels, err), AM_OK);
	am_select_shape shape = {.layers = 2, .heads = 4, .kv_heads = 2, .head_dim = 8, .capacity = 32, .block = 8,
	                         .workers = 1, .kernels = kernels};
	am_status status = am_select_spec_parse(text, &spec, err);
	if (status)
		return status;
	status = am_selector_open(&spec, &shape, &s, err);
	am_select_spec_fini(&spec);
	am_selector_close(s);
	return status;
}

static void mistakes(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "expected NAME or NAME:ARGUMENT, found ''"},
		{":4", "expected NAME or NAME:ARGUMENT"},
		{"quest:", "expected NAME or NAME:ARGUMENT"},
		{"nothing", "found 'nothing'"},
		{"dense,k=4", "dense: expected nothing behind it, found 'k=4'"},
		{"dense:4", "dense: expected nothing behind it, found '4'"},
		{"topk", "topk: expected a budget after a colon, found nothing"},
		{"topk:0", "topk: expected a number of keys from 1 or a share as 1% or 0.01, found '0'"},
		{"topk:101%", "topk: expected a number of keys from 1"},
		{"topk:4,k=4", "k: expected one budget, found a second, '4'"},
		{"exact,k=4,ratio=1%", "ratio: expected one budget, found a second, '1%'"},
		{"exact,k=1%", "k: expected a number of keys from 1, found '1%'"},
		{"exact,k=-1", "found '-1'"},
		{"exact,k=99999999999", "found '99999999999'"},
		{"exact,ratio=4", "ratio: expected a share as 1% or 0.01, found '4'"},
		{"exact,ratio=nan", "found 'nan'"},
		{"exact,ratio=0%", "found '0%'"},
		{"exact,", "expected KEY=VALUE after a comma, found ''"},
		{"exact,k", "expected KEY=VALUE after a comma, found 'k'"},
		{"exact,=4", "expected KEY=VALUE after a comma, found '=4'"},
		{"exact,k=", "expected KEY=VALUE after a comma, found 'k='"},
		{"exact,sink=x", "sink: expected a number from 0, found 'x'"},
		{"exact,sink=1,sink=2", "sink: expected once, found again"},
		{"exact,recent=1.5", "recent: expected a number from 0, found '1.5'"},
		{"exact,recent=1,recent=1", "recent: expected once, found again"},
		{"exact,seed=-1", "seed: expected a whole number, found '-1'"},
		{"exact,seed=1,seed=1", "seed: expected once, found again"},
		{"exact:4", "exact: expected no argument, found '4'"},
		{"exact,page=4", "exact: unknown setting 'page'"},
		{"quest:4,share=head,share=head", "share: expected once, found again"},
		{"quest:4,a=1,b=1,c=1,d=1,e=1,f=1,g=1,h=1,i=1,j=1,l=1,m=1,n=1,o=1,p=1,q=1,r=1", "expected at most 16 settings"},
		{"recent:4", "recent: expected SINK+WINDOW as 4+64, found '4'"},
		{"recent", "recent: expected SINK+WINDOW"},
		{"recent:4+0", "found '4+0'"},
		{"recent:4+64,sink=1", "recent: expected no sink or recent beside SINK+WINDOW"},
		{"precision", "precision: expected a share from 0 to 1 after a colon, found nothing"},
		{"precision:1.5", "precision: expected a share from 0 to 1, found '1.5'"},
		{"precision:0.5,of=both", "precision: of: expected head or group or sum or max, found 'both'"},
		{"precision:0.5,keep=all", "precision: keep: expected uniform or best, found 'all'"},
		{"topp:0", "topp: expected a share above 0 to 1, found '0'"},
		{"topp:x", "topp: expected a share from 0 to 1, found 'x'"},
		{"quest", "quest: expected a number from 1 to 1048576 after a colon, found nothing"},
		{"quest:0", "found '0'"},
		{"quest:4,share=all", "quest: share: expected head or group or layer, found 'all'"},
		{"quest:4,current=no", "quest: current: expected rank or keep, found 'no'"},
		{"blockmean:x", "blockmean: expected a number from 1 to 1048576, found 'x'"},
		{"loki:9", "loki: expected a number from 1 to 8, found '9'"},
		{"loki:2,calibrate=0", "loki: calibrate: expected a number from 1 to 1048576, found '0'"},
		{"loki:2,rotation=pre", "loki: rotation: expected post, since the keys' rotation is not known"},
		{"loki:2,centre=maybe", "loki: centre: expected no or yes, found 'maybe'"},
		{"loki:2,basis=x,calibrate=4", "loki: expected nothing on calibration beside basis, found calibrate"},
		{"loki:2,channels=x", "loki: unknown setting 'channels'"},
		{"doublesparse:0", "doublesparse: expected a number from 1 to 8, found '0'"},
		{"snapkv:0", "snapkv: expected a number from 1 to 65536, found '0'"},
		{"snapkv:8,pool=4", "snapkv: pool: expected an odd number, found '4'"},
		{"snapkv:8,pooling=sum", "snapkv: pooling: expected mean or max, found 'sum'"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		am_error err = {0};
		if (try(cases[i].text, &err) != AM_ERR_USAGE || !strstr(err.text, cases[i].says))
			fail_msg("'%s': says '%s', expected '%s'", cases[i].text, err.text, cases[i].says);
	}
}

static void what_it_means(void **state)
{
	(void)state;
	am_error err = {0};
	am_select_spec s;
	assert_int_equal(am_select_spec_parse("quest:16,k=64,sink=4,share=group,seed=7", &s, &err), AM_OK);
	assert_string_equal(s.text, "quest:16,k=64,sink=4,share=group,seed=7");
	assert_string_equal(s.name, "quest");
	assert_string_equal(s.argument, "16");
	assert_true(s.budget.k == 64 && !(s.budget.ratio > 0) && s.sink == 4 && s.recent == 0 && s.seed == 7 && s.has_seed);
	assert_int_equal(s.n_settings, 1);
	assert_string_equal(am_spec_text(&s, "share"), "group");
	assert_null(am_spec_text(&s, "k"));
	am_select_spec_fini(&s);
	assert_int_equal(am_select_spec_parse("topk:1%", &s, &err), AM_OK);
	assert_string_equal(s.name, "exact");
	assert_true(s.budget.k == 0 && s.budget.ratio == 0.01 && !s.argument);
	am_select_spec_fini(&s);
	assert_int_equal(am_select_spec_parse("dense", &s, &err), AM_OK);
	assert_true(s.budget.k == 0 && !(s.budget.ratio > 0));
	am_select_spec_fini(&s);
}

/* k = max(1, ceil(ratio n)), not moved by the rounding of a product that is whole. */
static void budgets_as_ratios(void **state)
{
	(void)state;
	for (int percent = 1; percent <= 100; percent++)
		for (int n = 1; n <= 3000; n += n < 300 ? 1 : 37) {
			int want = (percent * n + 99) / 100;
			assert_int_equal(am_budget_of_ratio(percent / 100.0, n), want);
			assert_int_equal(am_budget_of((am_budget){.ratio = percent / 100.0}, n), want);
		}
	assert_int_equal(am_budget_of_ratio(1e-6, 10), 1);
	assert_int_equal(am_budget_of((am_budget){.k = 5}, 3), 3);
	assert_int_equal(am_budget_of((am_budget){.k = 5}, 9), 5);
	assert_int_equal(am_budget_of((am_budget){0}, 9), 0);
}

/* Every name is listed once and opens with its argument. */
static void names(void **state)
{
	(void)state;
	static const char *const specs[] = {"exact", "exact-group", "exact-sum", "exact-max", "precision:0.5", "topp:0.9",
	                                    "random", "recent:4+8", "quest:4", "blockmean:4", "loki:2", "doublesparse:2",
	                                    "snapkv:4"};
	const char *usage, *help;
	am_error err = {0};
	for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
		int found = 0;
		size_t length = strcspn(specs[i], ":");
		for (int n = 0; am_selector_name_at(n, &usage, &help); n++)
			found += strcspn(usage, ":") == length && strncmp(usage, specs[i], length) == 0 && *help;
		assert_int_equal(found, 1);
		assert_int_equal(try(specs[i], &err), AM_OK);
	}
	assert_false(am_selector_name_at(-1, &usage, &help));
}

/* A basis in a file: read as it is told, and what is said when it does not fit. */
static am_status with_file(const char *name, const char *header, const void *data, size_t bytes, am_error *err)
{
	char path[] = "/tmp/test_select.XXXXXX", spec[96], padded[512];
	int fd = mkstemp(path);
	FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
	assert_non_null(f);
	snprintf(padded, sizeof padded, "%-504s", header);
	const unsigned char length[8] = {504 & 255, 504 >> 8};
	assert_true(fwrite(length, 1, 8, f) == 8 && fwrite(padded, 1, 504, f) == 504 && fwrite(data, 1, bytes, f) == bytes);
	fclose(f);
	snprintf(spec, sizeof spec, "%s%s", name, path);
	am_status status = try(spec, err);
	unlink(path);
	return status;
}

#define CHANNELS(type, shape, bytes) \
	"{\"layers.0\":{\"dtype\":\"" type "\",\"shape\":" shape ",\"data_offsets\":[0," bytes "]}"

static void files(void **state)
{
	(void)state;
	am_error err = {0};
	int32_t good[8] = {0, 1, 2, 3, 4, 5, 6, 7}, bad[8] = {0, 8, 2, 3, 4, 5, 6, 7}, twice[8] = {1, 1, 2, 3, 4, 5, 6, 7};
	float basis[64] = {0};
	const char *two = CHANNELS("I32", "[2,2]", "16") ",\"layers.1\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[16,32]}}";
	assert_int_equal(with_file("doublesparse:2,channels=", two, good, 32, &err), AM_OK);
	assert_int_equal(with_file("doublesparse:2,channels=", two, bad, 32, &err), AM_ERR_RANGE);
	assert_non_null(strstr(err.text, "layers.0: expected a channel below 8, found 8"));
	assert_int_equal(with_file("doublesparse:2,channels=", two, twice, 32, &err), AM_ERR_RANGE);
	assert_int_equal(with_file("doublesparse:3,channels=", two, good, 32, &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "expected I32 [2,3 or more], found I32 [2,2]"));
	assert_int_equal(with_file("doublesparse:2,channels=", CHANNELS("I32", "[2,2]", "16") "}", good, 16, &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "expected a tensor 'layers.1', found none"));
	const char *loki = CHANNELS("F32", "[2,1,8]", "64") ",\"layers.1\":{\"dtype\":\"F32\",\"shape\":[2,1,8],\"data_offsets\":[64,128]}}";
	assert_int_equal(with_file("loki:1,basis=", loki, basis, 128, &err), AM_OK);
	assert_int_equal(with_file("loki:2,basis=", loki, basis, 128, &err), AM_ERR_FORMAT);
	basis[3] = INFINITY;
	assert_int_equal(with_file("loki:1,basis=", loki, basis, 128, &err), AM_ERR_NUMERIC);
	assert_int_equal(try("loki:1,basis=/nowhere/file", &err), AM_ERR_IO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mistakes), cmocka_unit_test(what_it_means), cmocka_unit_test(budgets_as_ratios),
		cmocka_unit_test(names), cmocka_unit_test(files),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
