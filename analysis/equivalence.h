/* Tests against a margin, and McNemar's of paired outcomes. Private to analysis.
 *
 * "Matches full attention" is a claim that a change is small, which no p value of a
 * test of no change can support. Sources: Schuirmann, J. Pharmacokinet. Biopharm.
 * 15 (1987); McNemar, Psychometrika 12 (1947), in its exact form. */
#ifndef AM_ANALYSIS_EQUIVALENCE_H
#define AM_ANALYSIS_EQUIVALENCE_H

typedef struct am_equivalence {
	double p_not_lower;  /* of "lower by the margin or more": small, so it is not */
	double p_not_higher; /* of "higher by the margin or more" */
	double p;            /* the larger of both (TOST): small, so the change is within */
} am_equivalence;

/* A mean change with its standard error and degrees of freedom against a margin
 * > 0: two one-sided t tests. With an error of 0 each p is 0 or 1. NaN where the
 * degrees of freedom are not positive. */
am_equivalence am_equivalence_test(double change, double error, double freedom, double margin);

/* Two-sided exact p of `up` pairs that changed one way and `down` the other: the
 * binomial tail at a half, doubled; 1 where none changed. */
double am_mcnemar(int up, int down);

#endif
