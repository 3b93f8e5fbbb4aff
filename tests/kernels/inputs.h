/* Rows of scores that kernels must survive: a table of named fills, the lengths
 * around every block size, all seeded. */
#ifndef AM_TESTS_KERNELS_INPUTS_H
#define AM_TESTS_KERNELS_INPUTS_H

#include "base/rng.h"

enum { INPUT_MAX_N = 65537 };

typedef struct input {
	const char *name;
	void (*fill)(float *score, int n, am_rng *r); /* score[n], n >= 0 */
	int poisoned; /* for n > 0 a NaN or +inf is inside: sums must be NaN */
} input;

/* The i-th input; NULL past the last. */
const input *input_at(int i);
int input_count(void);
/* The i-th length, 0 to INPUT_MAX_N, ascending; -1 past the last. */
int input_length(int i);
/* Leaves longer lengths out (for an emulator); INPUT_MAX_N unless set. */
void input_set_longest(int n);
int input_longest(void);
/* A length from 1, short ones as often as long ones of a scale. */
int input_random_length(am_rng *r);
/* Standard normal deviate. */
double input_normal(am_rng *r);
/* score[n] normal with deviation sigma. */
void input_gaussian(float *score, int n, double sigma, am_rng *r);
/* A random order of x[n]. */
void input_shuffle(float *x, int n, am_rng *r);

#endif
