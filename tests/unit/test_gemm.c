/* Address space for the buffers of OpenBLAS, which waits for it without end. */
#include "kernels/gemm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

static void no_room(void **state)
{
	(void)state;
	am_error err = {0};
	struct rlimit before, least;
	assert_int_equal(getrlimit(RLIMIT_AS, &before), 0);
	least = before;
	least.rlim_cur = 1 << 20; /* less than is in use: nothing can be mapped */
	assert_int_equal(setrlimit(RLIMIT_AS, &least), 0);
	am_status init = am_gemm_init(&err), room = am_gemm_room(4, NULL), none = am_gemm_room(0, NULL);
	assert_int_equal(setrlimit(RLIMIT_AS, &before), 0);
	assert_int_equal(init, AM_ERR_MEMORY);
	assert_non_null(strstr(err.text, "128 MB of address space for 1 thread;"));
	assert_int_equal(room, AM_ERR_MEMORY);
	assert_int_equal(none, AM_OK);
	assert_int_equal(am_gemm_room(4, &err), AM_OK);
	assert_int_equal(am_gemm_init(&err), AM_OK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(no_room)};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
