/* The inverse temperature at which a mean entropy meets its target, from one evaluation to the next.
 *
 * H(beta) = ln Z_beta - beta A_beta / Z_beta falls with beta: dH/d ln beta = -Var_p(beta s) <= 0
 * (metrics.md 2.2), and so does a mean of rows. So Newton's steps in ln beta, kept within the bracket
 * that the evaluations so far leave, halving it where a step would leave it and after 30 steps, so
 * that it ends within 60. All in float64. */
#ifndef AM_PROBES_ROOT_H
#define AM_PROBES_ROOT_H

/* A root is found where |H - target| is at most this, nat (then one more step is taken, without
 * another evaluation); inverse temperatures lie in [1 / most, most]. */
#define AM_ROOT_TOLERANCE 1e-6
#define AM_ROOT_MOST 1024.0

typedef enum {
	AM_ROOT_OPEN,
	AM_ROOT_FOUND,
	AM_ROOT_RESOLVED, /* within the resolution of a float32 beta, not within the tolerance */
	AM_ROOT_LEAST,    /* the target is above what 1 / most gives: left there */
	AM_ROOT_MOST_BETA /* the target is below what most gives: left there */
} am_root_state;

typedef struct am_root {
	double t;         /* ln beta to be evaluated next, or the result */
	double low, high; /* evaluations leave the root between them */
	int steps;
	am_root_state state;
	double entropy;   /* of the last evaluation */
} am_root;

/* Begins at beta = 1. */
void am_root_start(am_root *r);
/* Takes in the mean entropy and the mean of Var_p(beta s) at r->t. Nothing when not open. */
void am_root_step(am_root *r, double target, double entropy, double variance);

#endif
