/* Which kernel table is taken: the best, one named, one named by the environment, and
 * what is left when tables are switched off. */
#include "kernels/kernels.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

#define CHOICE "ATTNMETER_KERNELS"
#define OFF "ATTNMETER_KERNELS_OFF"

enum { MAX_TABLES = 16 };

static int clear_environment(void **state)
{
	(void)state;
	return unsetenv(CHOICE) || unsetenv(OFF);
}

static const char *taken(const char *name)
{
	const am_kernels *k = NULL;
	am_error err;
	assert_int_equal(am_kernels_get(name, &k, &err), AM_OK);
	return k->name;
}

/* Fails with every word in the message, and leaves the output alone. */
static void expect_refused(const char *name, const char *source, const char *word)
{
	const am_kernels *const before = am_kernels_at(0, NULL), *k = before;
	am_error err;
	assert_int_equal(am_kernels_get(name, &k, &err), AM_ERR_USAGE);
	assert_ptr_equal(k, before);
	assert_int_equal(strncmp(err.text, source, strlen(source)), 0);
	assert_non_null(strstr(err.text, word));
	assert_non_null(strstr(err.text, "expected one of auto, scalar"));
}

/* The usable tables, reference first. */
static int usable_tables(const am_kernels **list)
{
	int n = 0, usable;
	const am_kernels *k;
	for (int i = 0; (k = am_kernels_at(i, &usable)); i++) {
		assert_int_equal(!usable, am_kernels_obstacle(i) != NULL);
		if (usable)
			list[n++] = k;
	}
	return n;
}

static void test_best(void **state)
{
	(void)state;
	const am_kernels *list[MAX_TABLES];
	int n = usable_tables(list);
	assert_true(n >= 1);
	assert_string_equal(list[0]->name, "scalar");
	assert_string_equal(taken(NULL), list[n - 1]->name);
	assert_string_equal(taken("auto"), list[n - 1]->name);
	for (int i = 0; i < n; i++)
		assert_string_equal(taken(list[i]->name), list[i]->name);
	expect_refused("sca", "kernels: ", "no 'sca'");
	expect_refused("", "kernels: ", "no ''");
	assert_null(am_kernels_at(-1, NULL));
}

/* Capability and operating system together are what the compiler's run-time tells. */
static void test_machine(void **state)
{
	(void)state;
#if defined(__x86_64__)
	int usable;
	const am_kernels *k;
	__builtin_cpu_init();
	for (int i = 0; (k = am_kernels_at(i, &usable)); i++) {
		if (!strcmp(k->name, "avx2"))
			assert_int_equal(usable, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
		if (!strcmp(k->name, "avx512"))
			assert_int_equal(usable,
			                 __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
			                     __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq"));
		if (k->gemm_bf16)
			assert_true(__builtin_cpu_supports("avx512bf16"));
	}
#else
	skip();
#endif
}

/* Each table alone, then ever more from the best down, as a list. */
static void test_switched_off(void **state)
{
	(void)state;
	const am_kernels *list[MAX_TABLES], *rest[MAX_TABLES];
	int n = usable_tables(list);
	for (int i = 1; i < n; i++) {
		setenv(OFF, list[i]->name, 1);
		assert_int_equal(usable_tables(rest), n - 1);
		assert_string_equal(taken(NULL), list[i == n - 1 ? n - 2 : n - 1]->name);
		expect_refused(list[i]->name, "kernels: ", "switched off by " OFF);
	}
	char names[256] = "nosuch,scalar";
	for (int i = n - 1; i >= 1; i--) {
		strcat(strcat(names, ","), list[i]->name);
		setenv(OFF, names, 1);
		assert_string_equal(taken(NULL), list[i - 1]->name);
	}
	/* The reference stays whatever is switched off. */
	assert_int_equal(usable_tables(rest), 1);
	assert_string_equal(taken("scalar"), "scalar");
}

/* What only some machines of a set have goes alone; the table stays. */
static void test_switched_off_bf16(void **state)
{
	(void)state;
	const am_kernels *list[MAX_TABLES], *rest[MAX_TABLES];
	int n = usable_tables(list);
	setenv(OFF, "avx512_bf16", 1);
	assert_int_equal(usable_tables(rest), n);
	for (int i = 0; i < n; i++) {
		assert_string_equal(rest[i]->name, list[i]->name);
		assert_null(rest[i]->gemm_bf16);
		assert_true(list[i]->gemm_bf16 || rest[i] == list[i]);
	}
	assert_ptr_equal(am_kernels_at(0, NULL), list[0]);
}

/* Only whole names count. */
static void test_switched_off_parts(void **state)
{
	(void)state;
	const am_kernels *list[MAX_TABLES], *rest[MAX_TABLES];
	int n = usable_tables(list);
	for (const char **off = (const char *[]){"", ",", "avx", "avx22,,avx512x", "auto", NULL}; *off; off++) {
		setenv(OFF, *off, 1);
		assert_int_equal(usable_tables(rest), n);
	}
}

static void test_environment(void **state)
{
	(void)state;
	const am_kernels *list[MAX_TABLES];
	int n = usable_tables(list);
	for (int i = 0; i < n; i++) {
		setenv(CHOICE, list[i]->name, 1);
		assert_string_equal(taken(NULL), list[i]->name);
		/* A name given wins, "auto" too. */
		assert_string_equal(taken("scalar"), "scalar");
		assert_string_equal(taken("auto"), list[n - 1]->name);
	}
	setenv(CHOICE, "", 1);
	assert_string_equal(taken(NULL), list[n - 1]->name);
	setenv(CHOICE, "auto", 1);
	assert_string_equal(taken(NULL), list[n - 1]->name);
	setenv(CHOICE, "nosuch", 1);
	expect_refused(NULL, CHOICE ": ", "no 'nosuch'");
	assert_string_equal(taken("scalar"), "scalar");
	if (n > 1) {
		setenv(CHOICE, list[n - 1]->name, 1);
		setenv(OFF, list[n - 1]->name, 1);
		expect_refused(NULL, CHOICE ": ", "switched off by " OFF);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_best, clear_environment, clear_environment),
		cmocka_unit_test_setup_teardown(test_machine, clear_environment, clear_environment),
		cmocka_unit_test_setup_teardown(test_switched_off, clear_environment, clear_environment),
		cmocka_unit_test_setup_teardown(test_switched_off_bf16, clear_environment, clear_environment),
		cmocka_unit_test_setup_teardown(test_switched_off_parts, clear_environment, clear_environment),
		cmocka_unit_test_setup_teardown(test_environment, clear_environment, clear_environment),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
