/* Verdicts of the kernel tests: every check counts, failures print with the
 * kernel table, kernel, input and length they belong to. Pass conditions are
 * written so that NaN fails. One thread. */
#ifndef AM_TESTS_KERNELS_CHECK_H
#define AM_TESTS_KERNELS_CHECK_H

#include "base/error.h"

/* Catches SIGSEGV and SIGBUS: a read or write outside a guarded buffer is
 * reported with the current case, and the process exits with 1. */
void check_start(void);
/* Names what the following checks are about; strings must outlive them. */
void check_group(const char *isa, const char *kernel);
void check_case(const char *input, int n);
/* Counts one check; prints the message when !pass. Returns pass. */
int check_ok(int pass, const char *fmt, ...) AM_PRINTF(2, 3);
/* Passes when |got - want| <= bound. */
int check_near(double got, double want, double bound, const char *what);
/* Prints one line for the group: checks done, failures, and the largest error
 * as a share of its bound. Returns the failures of the group. */
int check_group_end(void);

#endif
