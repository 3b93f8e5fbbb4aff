/* Inverse temperatures: the root finder on made-up rows, and what the reader of their file refuses. */
#include "base/mem.h"
#include "base/rng.h"
#include "model/temperatures.h"
#include "probes/root.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define FILE_NAME AM_BINARY_DIR "/tests/tmp/test_temperatures.json"
enum { ROWS = 12, KEYS = 90 };
static am_error err;

/* ---- the root ----------------------------------------------------------------- */

static double score[ROWS][KEYS];

/* Mean entropy and mean variance of the scaled scores, from the definition. */
static void evaluate(double beta, double *entropy, double *variance)
{
	*entropy = *variance = 0;
	for (int r = 0; r < ROWS; r++) {
		int n = 1 + r * (KEYS - 1) / (ROWS - 1);
		double z = 0, h = 0, mean = 0, square = 0, max = -INFINITY;
		for (int j = 0; j < n; j++)
			max = fmax(max, beta * score[r][j]);
		for (int j = 0; j < n; j++)
			z += exp(beta * score[r][j] - max);
		for (int j = 0; j < n; j++) {
			double p = exp(beta * score[r][j] - max) / z;
			h -= p > 0 ? p * log(p) : 0;
			mean += p * beta * score[r][j];
			square += p * beta * beta * score[r][j] * score[r][j];
		}
		*entropy += h / ROWS;
		*variance += fmax(square - mean * mean, 0) / ROWS;
	}
}

static void fill(double width, uint64_t seed)
{
	am_rng rng = {seed};
	for (int r = 0; r < ROWS; r++)
		for (int j = 0; j < KEYS; j++)
			score[r][j] = width * ((double)am_rng_below(&rng, 1 << 20) / (1 << 20) - 0.5);
}

static int solve(am_root *root, double target)
{
	int steps = 0;
	am_root_start(root);
	while (root->state == AM_ROOT_OPEN) {
		double h, v;
		evaluate(exp(root->t), &h, &v);
		am_root_step(root, target, h, v);
		assert_true(++steps <= 60);
		assert_true(exp(root->t) <= AM_ROOT_MOST * (1 + 1e-12) && exp(root->t) >= (1 - 1e-12) / AM_ROOT_MOST);
	}
	return steps;
}

/* Whatever the planted temperature, it is found, and soon. */
static void planted(void **state)
{
	(void)state;
	const double betas[] = {1, 1.25, 2, 0.5, 8, 0.1, 40, 300, 0.01};
	int most = 0;
	for (int w = 0; w < 3; w++)
		for (size_t i = 0; i < sizeof betas / sizeof *betas; i++) {
			double target, v;
			am_root root;
			fill(w == 0 ? 6 : w == 1 ? 0.5 : 40, (uint64_t)i + 1);
			evaluate(betas[i], &target, &v);
			if (v < 1e-3 || target < 1e-2) /* so flat or sharp that the entropy hardly tells */
				continue;
			int steps = solve(&root, target);
			most = steps > most ? steps : most;
			assert_int_equal(root.state, AM_ROOT_FOUND);
			assert_true(fabs(root.entropy - target) <= AM_ROOT_TOLERANCE);
			if (!(fabs(exp(root.t) / betas[i] - 1) <= 1e-8))
				fail_msg("beta %.12g, expected %g", exp(root.t), betas[i]);
		}
	assert_in_range(most, 3, 14);
}

static void unreachable(void **state)
{
	(void)state;
	am_root root;
	fill(6, 3);
	double flat, sharp, v;
	evaluate(0, &flat, &v);
	evaluate(AM_ROOT_MOST, &sharp, &v);
	solve(&root, flat + 0.1);
	assert_int_equal(root.state, AM_ROOT_LEAST);
	assert_true(fabs(exp(root.t) * AM_ROOT_MOST - 1) < 1e-9 && root.entropy < flat && root.entropy > flat - 1e-3);
	solve(&root, 0);
	assert_true(root.state == AM_ROOT_MOST_BETA || (root.state == AM_ROOT_FOUND && root.entropy <= AM_ROOT_TOLERANCE));
	solve(&root, sharp - 0.001 > 0 ? sharp - 0.001 : -1e-3);
	assert_int_equal(root.state, AM_ROOT_MOST_BETA);
	assert_true(fabs(exp(root.t) / AM_ROOT_MOST - 1) < 1e-9);
}

/* A function with a jump over the target: as near as a float32 can tell. */
static void jump(void **state)
{
	(void)state;
	am_root root;
	int steps = 0;
	am_root_start(&root);
	while (root.state == AM_ROOT_OPEN && ++steps <= 70)
		am_root_step(&root, 1.0, exp(root.t) < 3 ? 2 : 0.5, 0.3);
	assert_int_equal(root.state, AM_ROOT_RESOLVED);
	assert_true(steps <= 60 && fabs(exp(root.t) / 3 - 1) <= 1e-6);
	/* No variance at all moves on by the longest step. */
	am_root_start(&root);
	am_root_step(&root, 1.0, 2.0, 0);
	assert_true(fabs(exp(root.t) - 16) < 1e-9);
}

/* ---- the file ----------------------------------------------------------------- */

static const char sound[] =
	"{\"format\": \"attnmeter-temperatures\", \"format_version\": 1, \"model_digest\": \"abc\",\n"
	" \"layers\": [0, 3], \"heads\": [1, 2, 5], \"target\": [[1, 2, 3], [0, 0.5, 2.5]],\n"
	" \"sequences\": [{\"name\": \"x\", \"task\": \"t\", \"tokens\": 9, \"digest\": \"0123456789abcdef\", \"rows\": [[0, 3, 1], [4, 2, 4]]}]}";

/* Replaces `from` in the sound text. */
static void expect(const char *from, const char *to, am_status want, const char *message)
{
	char text[2048];
	const char *at = strstr(sound, from);
	assert_non_null(at);
	snprintf(text, sizeof text, "%.*s%s%s", (int)(at - sound), sound, to, at + strlen(from));
	FILE *f = fopen(FILE_NAME, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	am_temperatures t = {.n_layer = -1};
	am_status s = am_temperatures_read(FILE_NAME, &t, &err);
	if (s != want || (s && !strstr(err.text, message)))
		fail_msg("%s: status %d, %s", to, s, err.text);
	if (s)
		assert_int_equal(t.n_layer, -1); /* untouched */
	else
		am_temperatures_fini(&t);
}

static void reading(void **state)
{
	(void)state;
	expect("abc", "abc", AM_OK, "");
	FILE *f = fopen(FILE_NAME, "w");
	fputs(sound, f);
	fclose(f);
	am_temperatures t;
	assert_int_equal(am_temperatures_read(FILE_NAME, &t, &err), AM_OK);
	assert_true(t.n_layer == 2 && t.n_head == 3 && t.layer[1] == 3 && t.head[2] == 5 && t.beta == NULL);
	assert_true(t.target[3] == 0 && t.target[5] == 2.5 && t.n_sequence == 1);
	assert_string_equal(t.model_digest, "abc");
	assert_true(t.sequence[0].n_range == 2 && t.sequence[0].range[1].first == 4 && t.sequence[0].range[1].step == 4);
	am_temperatures_fini(&t);
	expect("\"target\"", "\"beta\": [[1, 2, 3], [2, 0.5, 2.5]], \"target\"", AM_OK, "");
}

static void refusals(void **state)
{
	(void)state;
	expect("attnmeter-temperatures", "other", AM_ERR_FORMAT, "expected format \"attnmeter-temperatures\", found 'other'");
	expect("\"format_version\": 1", "\"format_version\": 2", AM_ERR_RANGE, "format_version: expected 1 to 1, found 2");
	expect("\"layers\": [0, 3]", "\"layers\": []", AM_ERR_FORMAT, "layers: expected an array of ids, found an array");
	expect("\"layers\": [0, 3]", "\"layers\": [3, 3]", AM_ERR_RANGE, "layers: expected ascending ids, found 3 after 3");
	expect("\"layers\": [0, 3]", "\"layers\": [0, -3]", AM_ERR_FORMAT, "layers: expected ids from 0, found an integer");
	expect("\"layers\": [0, 3]", "\"layers\": [0]", AM_ERR_FORMAT, "target: expected an array of 1 lines");
	expect("\"heads\": [1, 2, 5]", "\"heads\": [1, 2.5, 5]", AM_ERR_FORMAT, "heads: expected ids from 0, found a real number");
	expect("[1, 2, 3]", "[1, 2]", AM_ERR_FORMAT, "target: expected lines of 3 numbers");
	expect("[1, 2, 3]", "[1, 2, null]", AM_ERR_FORMAT, "target: expected numbers, found null");
	expect("[1, 2, 3]", "[1, 2, -3]", AM_ERR_RANGE, "target: expected numbers from 0, found -3");
	expect("[1, 2, 3]", "[1, 2, 1e300]", AM_ERR_RANGE, "target: expected numbers from 0");
	expect("\"target\": [[1", "\"beta\": [[0", AM_ERR_RANGE, "beta: expected numbers above 0, found 0");
	expect("\"target\"", "\"goal\"", AM_ERR_FORMAT, "expected \"target\" or \"beta\", found neither");
	expect("\"sequences\": [", "\"sequences\": 3, \"x\": [", AM_ERR_FORMAT, "sequences: expected an array, found an integer");
	expect("\"tokens\": 9", "\"tokens\": 0", AM_ERR_RANGE, "tokens: expected 1 to");
	expect("0123456789abcdef", "0123456789abcdeX", AM_ERR_FORMAT, "digest: expected 16 hex digits");
	expect("[4, 2, 4]", "[4, 2, 5]", AM_ERR_RANGE, "rows: expected ascending positions below 9, found [4, 2, 5]");
	expect("[4, 2, 4]", "[2, 2, 4]", AM_ERR_RANGE, "rows: expected ascending positions");
	expect("[4, 2, 4]", "[4, 0, 4]", AM_ERR_FORMAT, "rows: expected [first, count, step]");
	expect("[4, 2, 4]", "[4, 2147483647, 2147483647]", AM_ERR_RANGE, "rows: expected ascending positions");
	expect("[4, 2, 4]", "[4, 2]", AM_ERR_FORMAT, "rows: expected [first, count, step]");
	expect("\"layers\"", "\"layers\": [1], \"layers\"", AM_ERR_FORMAT, "duplicate");
	expect("]}]}", "]}]", AM_ERR_FORMAT, "test_temperatures.json:3:");
	am_temperatures t;
	assert_int_equal(am_temperatures_read("no-such-file.json", &t, &err), AM_ERR_IO);
	unlink(FILE_NAME);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(planted), cmocka_unit_test(unreachable), cmocka_unit_test(jump),
		cmocka_unit_test(reading), cmocka_unit_test(refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
