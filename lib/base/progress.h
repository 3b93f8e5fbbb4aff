/* Progress reports from library to program. The library never prints; it calls
 * `update` at most a few times a second, from the thread that called it. */
#ifndef AM_BASE_PROGRESS_H
#define AM_BASE_PROGRESS_H

typedef struct am_progress {
	void *ctx;
	/* `done` of `total` units of work (total > 0). May be NULL. */
	void (*update)(void *ctx, double done, double total);
} am_progress;

/* Reports to p when there is anybody listening; p may be NULL. */
static inline void am_progress_update(const am_progress *p, double done, double total)
{
	if (p && p->update)
		p->update(p->ctx, done, total);
}

#endif
