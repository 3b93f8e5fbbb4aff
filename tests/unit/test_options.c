/* The option parser: every type, its refusals, suggestions and the help page. */
#include "cli/options.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static bool flag, other;
static int number, level;
static uint64_t seed;
static double alpha;
static const char *text;
static am_opt_strings strings;
static am_opt_choice choice;
static am_opt_ints ints, ranges;
static am_opt_doubles doubles, shares;
static int called;

static am_status call(void *target, const char *value, am_error *err)
{
	if (strcmp(value, "good"))
		return am_fail(err, AM_ERR_USAGE, "expected good, found '%s'", value);
	++*(int *)target;
	return AM_OK;
}

static const char *const levels[] = {"head", "layer", NULL};
static const char *const rows[] = {"all", "last:N", "every:N", NULL};
static const am_option table[] = {
	{.short_name = 'f', .name = "flag", .type = AM_OPT_FLAG, .target = &flag, .help = "a flag"},
	{.short_name = 'g', .name = "other", .type = AM_OPT_FLAG, .target = &other, .help = "another"},
	{.short_name = 'n', .name = "number", .type = AM_OPT_INT, .target = &number, .min = 1, .max = 10,
	 .help = "a number whose explanation is long enough to need a second line (default 3)"},
	{.name = "seed", .type = AM_OPT_UINT64, .target = &seed, .help = "a seed"},
	{.name = "alpha", .type = AM_OPT_DOUBLE, .target = &alpha, .min = 0.5, .help = "a double"},
	{.short_name = 'o', .name = "output", .type = AM_OPT_STRING, .target = &text, .value = "FILE", .help = "a file"},
	{.name = "input", .type = AM_OPT_STRINGS, .target = &strings, .help = "files"},
	{.name = "level", .type = AM_OPT_ENUM, .target = &level, .names = levels, .help = "a name"},
	{.name = "rows-with-a-long-name", .type = AM_OPT_CHOICE, .target = &choice, .names = rows, .max = 100, .help = "rows"},
	{.short_name = 'k', .name = "ints", .type = AM_OPT_INTS, .target = &ints, .min = 1, .help = "counts"},
	{.name = "ranges", .type = AM_OPT_RANGES, .target = &ranges, .help = "ids"},
	{.name = "doubles", .type = AM_OPT_DOUBLES, .target = &doubles, .max = 9, .help = "numbers"},
	{.name = "shares", .type = AM_OPT_SHARES, .target = &shares, .help = "shares"},
	{.name = "call", .type = AM_OPT_CALL, .target = &called, .call = call, .help = "a call"},
	{.short_name = 's', .type = AM_OPT_INT, .target = &number, .help = "short alone"},
};

static am_options options;
static char said[4096];

/* Splits `line` at blanks, parses it, and keeps what was said on either stream. */
static int parse(const char *line)
{
	static char copy[512];
	char *argv[32];
	int argc = 0;
	snprintf(copy, sizeof copy, "test %s", line);
	for (char *p = strtok(copy, " "); p; p = strtok(NULL, " "))
		argv[argc++] = p;
	options = (am_options){.command = "test", .operands = "RUN", .max_operands = 2, .summary = "Tests.\n\nMore.",
	                       .notes = "Example:\n  attnmeter test\n", .table = table,
	                       .n_table = sizeof table / sizeof table[0]};
	fflush(stdout);
	fflush(stderr);
	FILE *capture = tmpfile();
	assert_non_null(capture);
	int out = dup(1), err = dup(2);
	dup2(fileno(capture), 1);
	dup2(fileno(capture), 2);
	int code = am_options_parse(&options, argc, argv);
	fflush(stdout);
	fflush(stderr);
	dup2(out, 1);
	dup2(err, 2);
	close(out);
	close(err);
	rewind(capture);
	said[fread(said, 1, sizeof said - 1, capture)] = 0;
	fclose(capture);
	return code;
}

static void accept(const char *line)
{
	int code = parse(line);
	if (code != -1)
		fail_msg("%s: %d, %s", line, code, said);
}

static void done(void)
{
	am_options_fini(&options);
}

/* Refused with exit code 2 and exactly this first line. */
static void refuse(const char *line, const char *want)
{
	assert_int_equal(parse(line), 2);
	char whole[512];
	snprintf(whole, sizeof whole, "attnmeter test: %s\nTry 'attnmeter test --help'.\n", want);
	assert_string_equal(said, whole);
	done();
}

static void test_forms(void **state)
{
	(void)state;
	flag = other = false;
	accept("a -fgn3 --output=x=y b --seed 18446744073709551615");
	assert_true(flag && other && number == 3 && seed == UINT64_MAX);
	assert_string_equal(text, "x=y");
	assert_int_equal(options.n_operand, 2);
	assert_string_equal(options.operand[1], "b");
	done();
	accept("-s 7");
	assert_true(number == 7);
	done();
	accept("-n 10 -o -5 -- --flag -");
	assert_true(number == 10 && options.n_operand == 2);
	assert_string_equal(text, "-5");
	assert_string_equal(options.operand[0], "--flag");
	done();
	called = 0;
	accept("--call good --call=good --input a --input=b");
	assert_true(called == 2 && strings.n == 2);
	assert_string_equal(strings.items[1], "b");
	strings = (am_opt_strings){0};
	done();
}

static void test_lists(void **state)
{
	(void)state;
	accept("-k 64,1,16 --ranges 7,0,4-5 --shares 5%,0.01,1 --doubles 2.5,0");
	assert_true(ints.n == 3 && ints.items[0] == 1 && ints.items[1] == 16 && ints.items[2] == 64);
	assert_true(ranges.n == 4 && ranges.items[0] == 0 && ranges.items[2] == 5 && ranges.items[3] == 7);
	assert_true(shares.n == 3 && shares.items[0] == 0.01 && shares.items[1] == 0.05 && shares.items[2] == 1);
	assert_true(doubles.n == 2 && doubles.items[0] == 0 && doubles.items[1] == 2.5);
	done();
	accept("--ranges 3 --ranges all -k 1 -k 2,3");
	assert_true(ranges.n == 0 && ints.n == 2 && ints.items[0] == 2);
	done();
}

static void test_names(void **state)
{
	(void)state;
	accept("--level layer --rows-with-a-long-name last:64 --alpha 0.5");
	assert_true(level == 1 && choice.index == 1 && choice.n == 64 && alpha == 0.5);
	done();
	accept("--rows-with-a-long-name all");
	assert_true(choice.index == 0 && choice.n == 0);
	done();
}

static void test_refusals(void **state)
{
	(void)state;
	refuse("-n 0", "-n: expected a whole number from 1 to 10, found '0'");
	refuse("--number=1x", "--number: expected a whole number from 1 to 10, found '1x'");
	refuse("--number 99999999999999999999", "--number: expected a whole number from 1 to 10, found '99999999999999999999'");
	refuse("--seed -1", "--seed: expected a whole number from 0 to 18446744073709551615, found '-1'");
	refuse("--seed 18446744073709551616",
	       "--seed: expected a whole number from 0 to 18446744073709551615, found '18446744073709551616'");
	refuse("--alpha nan", "--alpha: expected a number of at least 0.5, found 'nan'");
	refuse("--alpha 0x1", "--alpha: expected a number of at least 0.5, found '0x1'");
	refuse("--alpha 0.4", "--alpha: expected a number of at least 0.5, found '0.4'");
	refuse("--output=", "--output: expected a value, found ''");
	refuse("--level row", "--level: expected head or layer, found 'row'");
	refuse("--level layers", "--level: expected head or layer, found 'layers'");
	refuse("--rows-with-a-long-name last", "--rows-with-a-long-name: expected all, last:N or every:N, N from 1 to 100, found 'last'");
	refuse("--rows-with-a-long-name last:0", "--rows-with-a-long-name: expected all, last:N or every:N, N from 1 to 100, found 'last:0'");
	refuse("--rows-with-a-long-name last:101", "--rows-with-a-long-name: expected all, last:N or every:N, N from 1 to 100, found 'last:101'");
	refuse("-k 1,,2", "-k: expected distinct whole numbers of at least 1, as in 1,16,64, found '1,,2'");
	refuse("-k 4,1,4", "-k: expected distinct whole numbers of at least 1, as in 1,16,64, found '4,1,4'");
	refuse("-k1,0", "-k: expected distinct whole numbers of at least 1, as in 1,16,64, found '1,0'");
	refuse("--ranges 5-4", "--ranges: expected distinct numbers and ranges, as in 0,4-7, or all, found '5-4'");
	refuse("--ranges 0-2000000000",
	       "--ranges: expected distinct numbers and ranges, as in 0,4-7, or all, found '0-2000000000'");
	refuse("--ranges 1-", "--ranges: expected distinct numbers and ranges, as in 0,4-7, or all, found '1-'");
	refuse("--shares 0", "--shares: expected distinct shares above 0 and up to 1, as in 1%,5% or 0.01,0.05, found '0'");
	refuse("--shares 101%",
	       "--shares: expected distinct shares above 0 and up to 1, as in 1%,5% or 0.01,0.05, found '101%'");
	refuse("--shares %", "--shares: expected distinct shares above 0 and up to 1, as in 1%,5% or 0.01,0.05, found '%'");
	refuse("--doubles 1,10", "--doubles: expected distinct numbers from 0 to 9, separated by commas, found '1,10'");
	refuse("--call bad", "--call: expected good, found 'bad'");
}

static void test_usage(void **state)
{
	(void)state;
	refuse("--nubmer 3", "unknown option '--nubmer'; did you mean '--number'?");
	refuse("--hlep", "unknown option '--hlep'; did you mean '--help'?");
	refuse("--zzzzzz=3", "unknown option '--zzzzzz'");
	refuse("-x", "unknown option '-x'");
	refuse("-fx", "unknown option '-x'");
	refuse("--flag=1", "--flag: takes no value, found '1'");
	refuse("--number", "--number: needs a value");
	refuse("--number --flag", "--number: needs a value");
	refuse("-n", "-n: needs a value");
	refuse("a b c", "unexpected argument 'c'");
}

static void test_help(void **state)
{
	(void)state;
	assert_int_equal(parse("--number 3 --help"), 0);
	done();
	assert_string_equal(said,
		"Usage: attnmeter test [OPTIONS] RUN\n"
		"\n"
		"Tests.\n"
		"\n"
		"More.\n"
		"\n"
		"Options:\n"
		"  -f, --flag              a flag\n"
		"  -g, --other             another\n"
		"  -n, --number N          a number whose explanation is long enough to need a\n"
		"                          second line (default 3)\n"
		"      --seed N            a seed\n"
		"      --alpha X           a double\n"
		"  -o, --output FILE       a file\n"
		"      --input TEXT        files\n"
		"      --level head|layer  a name\n"
		"      --rows-with-a-long-name all|last:N|every:N\n"
		"                          rows\n"
		"  -k, --ints N,N          counts\n"
		"      --ranges LIST       ids\n"
		"      --doubles X,X       numbers\n"
		"      --shares X%,X%      shares\n"
		"      --call VALUE        a call\n"
		"  -s N                    short alone\n"
		"  -h, --help              show this page\n"
		"\n"
		"Example:\n"
		"  attnmeter test\n");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_forms),    cmocka_unit_test(test_lists), cmocka_unit_test(test_names),
		cmocka_unit_test(test_refusals), cmocka_unit_test(test_usage), cmocka_unit_test(test_help),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
