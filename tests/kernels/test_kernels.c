/* Checks every kernel of every table in the registry against an oracle in double.
 *
 *   test_kernels [--kernels NAME] [--rounds N] [--seed N] [--exp-stride N] [--longest N]
 *   test_kernels --same-bytes     usable tables against one in plain C, byte by byte
 *   test_kernels --accuracy       statistics of long rows; their errors in Markdown
 *   test_kernels --bench [--json] time a score; nothing is checked
 *
 * Tables this machine cannot run are printed as skips. Exit code: 0 all passed, 1 a
 * check failed, 2 usage, 77 nothing of what was asked for could run. */
#include "check.h"
#include "inputs.h"
#include "tests.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EXIT_USAGE = 2, EXIT_SKIPPED = 77 };

typedef struct arguments {
	const char *kernels;
	int same_bytes, accuracy, bench, json;
	test_options test;
} arguments;

static int parse_number(const char *text, long max, long *out)
{
	char *end;
	long v = text ? strtol(text, &end, 10) : -1;
	if (!text || !*text || *end || v < 0 || v > max)
		return 0;
	*out = v;
	return 1;
}

static int parse(int argc, char **argv, arguments *a)
{
	for (int i = 1; i < argc; i++) {
		const char *option = argv[i], *value = i + 1 < argc ? argv[i + 1] : NULL;
		long v = 0;
		if (!strcmp(option, "--same-bytes"))
			a->same_bytes = 1;
		else if (!strcmp(option, "--accuracy"))
			a->accuracy = 1;
		else if (!strcmp(option, "--bench"))
			a->bench = 1;
		else if (!strcmp(option, "--json"))
			a->json = 1;
		else if (!strcmp(option, "--kernels") && value)
			a->kernels = argv[++i];
		else if (!strcmp(option, "--rounds") && parse_number(value, 1000000, &v))
			a->test.rounds = (int)v, i++;
		else if (!strcmp(option, "--exp-stride") && parse_number(value, 1000000, &v) && v)
			a->test.exp_stride = (int)v, i++;
		else if (!strcmp(option, "--longest") && parse_number(value, INPUT_MAX_N, &v))
			input_set_longest((int)v), i++;
		else if (!strcmp(option, "--seed") && parse_number(value, 0x7fffffff, &v))
			a->test.seed = (uint64_t)v, i++;
		else
			return 0;
	}
	return 1;
}

/* The i-th usable table that --kernels admits; prints a skip for an unusable one. */
static const am_kernels *admit(int i, const arguments *a)
{
	int usable;
	const am_kernels *k = am_kernels_at(i, &usable);
	if (a->kernels && strcmp(a->kernels, k->name))
		return NULL;
	if (!usable && !a->bench)
		printf("skip %s: %s\n", k->name, am_kernels_obstacle(i));
	return usable ? k : NULL;
}

static int test_table(const am_kernels *k, const test_options *o)
{
	return test_rows(k, o) + test_exp(k, o) + test_sum(k, o) + test_mass(k, o) + test_tally(k, o) + test_beside(k, o) +
	       test_best(k, o) + test_spans(k, o) + test_topk(k, o) + test_sets(k, o) + test_member(k, o) + test_combine(k, o) + test_decode(k, o) +
	       test_gate(k, o) + test_index(k, o) + test_convert(k, o) + test_products(k, o) + test_identities(k, o);
}

/* Returns failures; *ran counts the tables. */
static int test_accuracies(const arguments *a, int *ran)
{
	const am_kernels *tables[16];
	for (int i = 0; *ran < 16 && am_kernels_at(i, NULL); i++) {
		const am_kernels *k = admit(i, a);
		if (k)
			tables[(*ran)++] = k;
	}
	return *ran ? test_accuracy(tables, *ran, &a->test) : 0;
}

/* Returns failures; *ran counts what was tested. */
static int test_all(const arguments *a, int *ran)
{
	int failed = 0;
	for (int i = 0; am_kernels_at(i, NULL); i++) {
		const am_kernels *k = admit(i, a);
		if (!k)
			continue;
		failed += a->same_bytes ? test_same_bytes(&test_kernels_fused, k, &a->test) : test_table(k, &a->test);
		++*ran;
	}
	return failed;
}

static void explain_skip(const arguments *a)
{
	printf("skip: '%s' not tested; this build holds", a->kernels ? a->kernels : "");
	for (int i = 0; am_kernels_at(i, NULL); i++)
		printf(" %s", am_kernels_at(i, NULL)->name);
	printf("\n");
}

int main(int argc, char **argv)
{
	arguments a = {.test = {.seed = 20251203, .rounds = 200, .exp_stride = 101}};
	if (!parse(argc, argv, &a)) {
		fprintf(stderr, "usage: test_kernels [--kernels NAME] [--rounds N] [--seed N] [--exp-stride N] [--longest N]\n"
		                "       test_kernels --same-bytes | --accuracy | --bench [--json]\n");
		return EXIT_USAGE;
	}
	if (a.bench) {
		const am_kernels *only = NULL;
		am_error err;
		if (a.kernels && am_kernels_get(a.kernels, &only, &err)) {
			fprintf(stderr, "%s\n", err.text);
			return EXIT_USAGE;
		}
		bench_kernels(only, a.json);
		return 0;
	}
	check_start();
	int ran = 0, failed = a.accuracy ? test_accuracies(&a, &ran) : test_all(&a, &ran);
	if (!ran) {
		explain_skip(&a);
		return EXIT_SKIPPED;
	}
	printf("%s: %d tables, %d checks failed\n", failed ? "FAILED" : "passed", ran, failed);
	return failed ? 1 : 0;
}
