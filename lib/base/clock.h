#ifndef AM_BASE_CLOCK_H
#define AM_BASE_CLOCK_H

#include <time.h>

/* Seconds of a monotonic clock. */
static inline double am_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

#endif
