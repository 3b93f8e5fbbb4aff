#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* sched_getaffinity */
#endif
#include "base/threads.h"

#include "base/mem.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

struct am_threads {
	int n;       /* workers, the caller included */
	int started; /* threads that run */
	pthread_mutex_t lock;
	pthread_cond_t wake, done;
	unsigned long generation; /* counts calls of am_threads_run */
	int busy;                 /* threads still inside this generation */
	bool quit;
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

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	am_threads *t = w->pool;
	unsigned long seen = 0;
	pthread_mutex_lock(&t->lock);
	for (;;) {
		while (!t->quit && t->generation == seen)
			pthread_cond_wait(&t->wake, &t->lock);
		if (t->quit)
			break;
		seen = t->generation;
		pthread_mutex_unlock(&t->lock);
		take_tasks(t, w->index);
		pthread_mutex_lock(&t->lock);
		if (--t->busy == 0)
			pthread_cond_signal(&t->done);
	}
	pthread_mutex_unlock(&t->lock);
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
	t->busy = t->started;
	t->generation++;
	pthread_cond_broadcast(&t->wake);
	pthread_mutex_unlock(&t->lock);
	take_tasks(t, 0);
	pthread_mutex_lock(&t->lock);
	while (t->busy)
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
