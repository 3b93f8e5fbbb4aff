#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "base/threads.h"

#include "base/clock.h"
#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

/* To put a thread to sleep and wake it takes longer than a step of decode: threads look
 * out for the next call this many seconds before they sleep. */
#define PATIENCE 50e-6

struct am_threads {
	int n;         /* workers, the caller included */
	int started;   /* threads that run */
	bool patience; /* each worker has a processor, so that waiting awake takes it from none */
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	atomic_ulong generation; /* counts calls of am_threads_run; changes under the lock */
	atomic_int busy;         /* threads inside this generation; grows under the lock */
	bool open;               /* threads may still join this generation */
	atomic_bool quit;
	am_task_fn *fn;
	void *ctx;
	int n_tasks;
	atomic_int next;
	struct worker {
		am_threads *pool;
		int index;
		pthread_t thread;
	} worker[];
};

static void take_tasks(am_threads *t, int worker)
{
	for (;;) {
		int task = atomic_fetch_add_explicit(&t->next, 1, memory_order_relaxed);
		if (task >= t->n_tasks)
			return;
		t->fn(t->ctx, task, worker);
	}
}

static bool called(am_threads *t, unsigned long seen)
{
	return atomic_load_explicit(&t->generation, memory_order_acquire) != seen || atomic_load(&t->quit);
}

static bool finished(am_threads *t, unsigned long unused)
{
	(void)unused;
	return atomic_load_explicit(&t->busy, memory_order_acquire) == 0;
}

/* Waits awake for a while, leaving the processor to whoever else wants it. */
static void look_out(am_threads *t, bool (*seen)(am_threads *t, unsigned long generation), unsigned long generation)
{
	double start = t->patience && !seen(t, generation) ? am_now() : -PATIENCE;
	while (!seen(t, generation) && am_now() - start < PATIENCE)
		sched_yield();
}

/* Waits for a call newer than *seen and joins it; false at the end of the pool. A call whose
 * tasks are done is over without the threads that slept through it. */
static bool join_call(am_threads *t, unsigned long *seen)
{
	bool joined = false;
	while (!joined) {
		look_out(t, called, *seen);
		pthread_mutex_lock(&t->lock);
		while (!t->quit && t->generation == *seen)
			pthread_cond_wait(&t->wake, &t->lock);
		*seen = t->generation;
		joined = t->open && !t->quit;
		bool quit = t->quit;
		if (joined)
			atomic_fetch_add_explicit(&t->busy, 1, memory_order_relaxed);
		pthread_mutex_unlock(&t->lock);
		if (quit)
			return false;
	}
	return true;
}

static void leave_call(am_threads *t)
{
	if (atomic_fetch_sub_explicit(&t->busy, 1, memory_order_acq_rel) != 1)
		return;
	pthread_mutex_lock(&t->lock);
	pthread_cond_signal(&t->done);
	pthread_mutex_unlock(&t->lock);
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	unsigned long seen = 0;
	while (join_call(w->pool, &seen)) {
		take_tasks(w->pool, w->index);
		leave_call(w->pool);
	}
	return NULL;
}

am_status am_threads_new(int n, am_threads **out, am_error *err)
{
	if (n < 1 || n > 4096)
		return am_fail(err, AM_ERR_USAGE, "threads: expected 1 to 4096, found %d", n);
	am_threads *t = am_calloc(1, sizeof *t + (size_t)n * sizeof t->worker[0]);
	if (!t)
		return am_fail(err, AM_ERR_MEMORY, "threads: out of memory");
	t->n = n;
	t->patience = n <= am_threads_available();
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->wake, NULL);
	pthread_cond_init(&t->done, NULL);
	for (int i = 1; i < n; i++) {
		t->worker[i] = (struct worker){.pool = t, .index = i};
		int e = pthread_create(&t->worker[i].thread, NULL, worker_main, &t->worker[i]);
		if (e) {
			am_threads_free(t);
			return am_fail(err, AM_ERR_IO, "threads: cannot start thread %d of %d: %s", i + 1, n,
			               strerror(e));
		}
		t->started++;
	}
	*out = t;
	return AM_OK;
}

void am_threads_free(am_threads *t)
{
	if (!t)
		return;
	pthread_mutex_lock(&t->lock);
	t->quit = true;
	pthread_cond_broadcast(&t->wake);
	pthread_mutex_unlock(&t->lock);
	for (int i = 1; i <= t->started; i++)
		pthread_join(t->worker[i].thread, NULL);
	pthread_mutex_destroy(&t->lock);
	pthread_cond_destroy(&t->wake);
	pthread_cond_destroy(&t->done);
	am_free(t);
}

int am_threads_count(const am_threads *t)
{
	return t->n;
}

void am_threads_run(am_threads *t, int n_tasks, am_task_fn *fn, void *ctx)
{
	if (n_tasks <= 0)
		return;
	if (t->started == 0 || n_tasks == 1) {
		for (int i = 0; i < n_tasks; i++)
			fn(ctx, i, 0);
		return;
	}
	pthread_mutex_lock(&t->lock);
	t->fn = fn;
	t->ctx = ctx;
	t->n_tasks = n_tasks;
	atomic_store_explicit(&t->next, 0, memory_order_relaxed);
	t->open = true;
	atomic_fetch_add_explicit(&t->generation, 1, memory_order_release);
	pthread_cond_broadcast(&t->wake);
	pthread_mutex_unlock(&t->lock);
	take_tasks(t, 0);
	pthread_mutex_lock(&t->lock);
	t->open = false;
	pthread_mutex_unlock(&t->lock);
	look_out(t, finished, 0);
	if (finished(t, 0))
		return;
	pthread_mutex_lock(&t->lock);
	while (!finished(t, 0))
		pthread_cond_wait(&t->done, &t->lock);
	pthread_mutex_unlock(&t->lock);
}

int am_threads_available(void)
{
	cpu_set_t set;
	int n = 1;
	if (sched_getaffinity(0, sizeof set, &set) == 0)
		n = CPU_COUNT(&set);
	return n > 0 ? n : 1;
}
