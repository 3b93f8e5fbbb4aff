/* Time this thread ran: what a busy machine takes away does not count. */
#ifndef AM_TESTS_KERNELS_CPU_TIME_H
#define AM_TESTS_KERNELS_CPU_TIME_H

#include <time.h>

/* s */
static inline double cpu_time(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
