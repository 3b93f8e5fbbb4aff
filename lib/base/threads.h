/* A fixed pool of worker threads that runs indexed tasks.
 *
 * Tasks are handed out in index order, each exactly once, to whichever worker
 * is free. Results must go to places chosen by the task index, never by the
 * worker, so that they are the same for any number of threads; the worker
 * number only picks scratch memory. One caller at a time; not reentrant. */
#ifndef AM_BASE_THREADS_H
#define AM_BASE_THREADS_H

#include "base/error.h"

typedef struct am_threads am_threads;
typedef void am_task_fn(void *ctx, int task, int worker);

/* n >= 1 workers, the caller being worker 0 (so n - 1 threads are started). */
am_status am_threads_new(int n, am_threads **out, am_error *err) AM_MUST_CHECK;
void am_threads_free(am_threads *t);
int am_threads_count(const am_threads *t);

/* Runs fn(ctx, 0..n_tasks-1, worker) and returns when all have finished. What
 * the tasks wrote is visible to the caller afterwards. */
void am_threads_run(am_threads *t, int n_tasks, am_task_fn *fn, void *ctx);

/* Processors this process may use (its affinity mask), at least 1. */
int am_threads_available(void);

#endif
