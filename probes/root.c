#include "probes/root.h"

#include <math.h>

/* A step multiplies beta by at most e^this; a float32 beta does not tell less apart. */
#define LONGEST_STEP 2.7725887222397811 /* ln 16 */
#define RESOLUTION 1.2e-7
#define LAST_STEP 1e-3
enum { NEWTON_STEPS = 30 };

void am_root_start(am_root *r)
{
	*r = (am_root){.t = 0, .low = -INFINITY, .high = INFINITY, .entropy = NAN};
}

/* Newton's point, or the middle where it leaves the bracket. */
static double next_point(const am_root *r, double excess, double variance, double limit)
{
	double step = excess / variance; /* variance 0: infinite, of the sign of the excess */
	step = step > LONGEST_STEP ? LONGEST_STEP : step < -LONGEST_STEP ? -LONGEST_STEP : step;
	double t = fmin(fmax(r->t + step, -limit), limit);
	if (t > r->low && t < r->high && r->steps < NEWTON_STEPS)
		return t;
	return (fmax(r->low, -limit) + fmin(r->high, limit)) / 2;
}

void am_root_step(am_root *r, double target, double entropy, double variance)
{
	double excess = entropy - target, limit = log(AM_ROOT_MOST);
	if (r->state != AM_ROOT_OPEN)
		return;
	r->entropy = entropy;
	r->steps++;
	if (fabs(excess) <= AM_ROOT_TOLERANCE) {
		double step = variance > 0 ? excess / variance : 0;
		/* So near, Newton's step is as good as exact; it is taken without being evaluated. */
		r->t += fabs(step) < LAST_STEP ? step : 0;
		r->state = AM_ROOT_FOUND;
		return;
	}
	if (excess > 0)
		r->low = r->t;
	else
		r->high = r->t;
	if (r->low >= limit)
		r->state = AM_ROOT_MOST_BETA;
	else if (r->high <= -limit)
		r->state = AM_ROOT_LEAST;
	else if (!(r->high - r->low > RESOLUTION))
		r->state = AM_ROOT_RESOLVED;
	else
		r->t = next_point(r, excess, variance > 0 ? variance : 0, limit);
}
