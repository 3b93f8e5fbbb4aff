#include "runfile/packer.h"

#include "base/mem.h"

#include <pthread.h>
#include <stdbool.h>
#include <string.h>

enum { ROOM = 256 << 10 }; /* what chunks of row fields aim at (writer_fields.c) */

typedef struct job {
	struct job *next;
	am_stored *stored;
	unsigned char *data; /* [room_of(bytes)], filtered in place */
	size_t bytes;
	am_chunk chunk;
	bool filtered;
} job;

struct am_packer {
	am_filter *filter; /* of the caller */
	am_space *space;
	pthread_mutex_t lock;
	pthread_cond_t work, progress; /* for the threads; for the caller */
	job *first, *last; /* not yet in the file, in order */
	job *fresh;        /* the first of them that no thread has taken */
	job *spare;        /* that are in the file, the last first: their memory serves again */
	size_t bytes, spare_bytes, limit;
	bool placing, quit; /* a thread is placing chunks; all shall end */
	am_status failed;
	am_error error;
	int started;
	struct worker {
		am_packer *packer;
		am_filter filter;
		pthread_t thread;
	} worker[];
};

static am_status filter_chunk(am_filter *f, const am_stored *d, unsigned char *data, am_chunk *c, am_error *err)
{
	size_t size;
	am_status s = am_stored_filter(d, f, data, &size, &c->mask, err);
	if (!s)
		c->size = (uint32_t)size;
	return s;
}

static void fail(am_packer *p, am_status s, const am_error *error)
{
	if (p->failed)
		return;
	p->failed = s;
	p->error = *error;
}

static void job_free(job *j)
{
	am_free(j->data);
	am_free(j);
}

static void free_jobs(job *j)
{
	for (job *next; j; j = next) {
		next = j->next;
		job_free(j);
	}
}

/* Bytes to allocate for a chunk, so that buffers can stand in for each other; pages that a chunk does not reach are
 * never touched. */
static size_t room_of(size_t bytes)
{
	return bytes <= ROOM / 8 ? bytes : (bytes + ROOM - 1) / ROOM * ROOM;
}

/* Large buffers are wanted again. The lock is held. */
static void put_by(am_packer *p, job *j)
{
	if (j->bytes <= ROOM / 8) {
		job_free(j);
		return;
	}
	j->next = p->spare;
	p->spare = j;
	p->spare_bytes += j->bytes;
}

/* Takes one of them out; its buffer is the caller's. */
static unsigned char *take_spare(am_packer *p, job **at)
{
	job *j = *at;
	unsigned char *data = j->data;
	*at = j->next;
	p->spare_bytes -= j->bytes;
	am_free(j);
	return data;
}

/* Those put by first make room for a new one. */
static void drop_spare(am_packer *p, size_t bytes)
{
	while (p->spare && p->spare_bytes + bytes > p->limit) {
		job **at = &p->spare;
		while ((*at)->next)
			at = &(*at)->next;
		am_free(take_spare(p, at));
	}
}

unsigned char *am_packer_take(am_packer *p, size_t bytes)
{
	unsigned char *data = NULL;
	size_t room = room_of(bytes);
	pthread_mutex_lock(&p->lock);
	for (job **at = &p->spare; *at && !data;) {
		if (room_of((*at)->bytes) == room)
			data = take_spare(p, at);
		else
			at = &(*at)->next;
	}
	if (!data)
		drop_spare(p, bytes);
	pthread_mutex_unlock(&p->lock);
	return data ? data : am_alloc(room, 1);
}

/* Puts filtered chunks into the file, oldest first, until one is not ready. One
 * thread at a time, so that the order is kept; the lock is not held meanwhile. */
static void place(am_packer *p)
{
	if (p->placing)
		return;
	p->placing = true;
	while (p->first && p->first->filtered) {
		job *j = p->first;
		if (!p->failed) {
			am_error error;
			pthread_mutex_unlock(&p->lock);
			am_status s = am_stored_place(j->stored, p->space, &j->chunk, j->data, &error);
			pthread_mutex_lock(&p->lock);
			if (s)
				fail(p, s, &error);
		}
		p->first = j->next;
		p->last = p->first ? p->last : NULL;
		p->bytes -= j->bytes;
		put_by(p, j);
		pthread_cond_signal(&p->progress);
	}
	p->placing = false;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	am_packer *p = w->packer;
	pthread_mutex_lock(&p->lock);
	for (;;) {
		while (!p->quit && !p->fresh)
			pthread_cond_wait(&p->work, &p->lock);
		if (p->quit)
			break;
		job *j = p->fresh;
		p->fresh = j->next;
		if (!p->failed) {
			am_error error;
			pthread_mutex_unlock(&p->lock);
			am_status s = filter_chunk(&w->filter, j->stored, j->data, &j->chunk, &error);
			pthread_mutex_lock(&p->lock);
			if (s)
				fail(p, s, &error);
		}
		j->filtered = true;
		place(p);
	}
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static am_status start(am_packer *p, struct worker *w, am_error *err)
{
	w->packer = p;
	am_status s = am_filter_init(&w->filter, p->filter->level, err);
	if (s)
		return s;
	int e = pthread_create(&w->thread, NULL, worker_main, w);
	if (e) {
		am_filter_fini(&w->filter);
		return am_fail(err, AM_ERR_IO, "cannot start a thread for writing: %s", strerror(e));
	}
	p->started++;
	return AM_OK;
}

am_status am_packer_new(int threads, am_filter *f, am_space *s, am_packer **out, am_error *err)
{
	int n = threads > 1 ? threads : 0;
	am_packer *p = am_calloc(1, sizeof *p + (size_t)n * sizeof p->worker[0]);
	if (!p)
		return am_fail(err, AM_ERR_MEMORY, "out of memory");
	p->filter = f;
	p->space = s;
	p->limit = (size_t)n << 20 > AM_PACKER_BYTES ? (size_t)n << 20 : AM_PACKER_BYTES;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->work, NULL);
	pthread_cond_init(&p->progress, NULL);
	for (int i = 0; i < n; i++) {
		am_status status = start(p, &p->worker[i], err);
		if (status) {
			am_packer_free(p);
			return status;
		}
	}
	*out = p;
	return AM_OK;
}

void am_packer_free(am_packer *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&p->lock);
	p->quit = true;
	pthread_cond_broadcast(&p->work);
	pthread_mutex_unlock(&p->lock);
	for (int i = 0; i < p->started; i++) {
		pthread_join(p->worker[i].thread, NULL);
		am_filter_fini(&p->worker[i].filter);
	}
	free_jobs(p->first);
	free_jobs(p->spare);
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->work);
	pthread_cond_destroy(&p->progress);
	am_free(p);
}

static am_status report(const am_packer *p, am_error *err)
{
	if (p->failed && err)
		*err = p->error;
	return p->failed;
}

/* Within the call. */
static void pack_now(am_packer *p, job *j)
{
	am_error error;
	if (!p->failed) {
		am_status s = filter_chunk(p->filter, j->stored, j->data, &j->chunk, &error);
		if (!s)
			s = am_stored_place(j->stored, p->space, &j->chunk, j->data, &error);
		if (s)
			fail(p, s, &error);
	}
	put_by(p, j);
}

static void enqueue(am_packer *p, job *j)
{
	if (p->last)
		p->last->next = j;
	else
		p->first = j;
	p->last = j;
	p->fresh = p->fresh ? p->fresh : j;
	p->bytes += j->bytes;
	pthread_cond_signal(&p->work);
}

am_status am_packer_hand(am_packer *p, am_stored *d, const int64_t *at, unsigned char *data, am_error *err)
{
	job *j = am_calloc(1, sizeof *j);
	if (!j) {
		am_free(data);
		return am_fail(err, AM_ERR_MEMORY, "out of memory for a chunk");
	}
	j->stored = d;
	j->data = data;
	j->bytes = am_stored_chunk_bytes(d);
	memcpy(j->chunk.at, at, (size_t)d->rank * sizeof *at);
	pthread_mutex_lock(&p->lock);
	while (!p->failed && p->first && p->bytes + j->bytes > p->limit)
		pthread_cond_wait(&p->progress, &p->lock);
	if (p->failed)
		job_free(j);
	else if (p->started)
		enqueue(p, j);
	else
		pack_now(p, j);
	am_status s = report(p, err);
	pthread_mutex_unlock(&p->lock);
	return s;
}

am_status am_packer_wait(am_packer *p, am_error *err)
{
	pthread_mutex_lock(&p->lock);
	while (p->first)
		pthread_cond_wait(&p->progress, &p->lock);
	am_status s = report(p, err);
	pthread_mutex_unlock(&p->lock);
	return s;
}

am_status am_packer_failed(am_packer *p, am_error *err)
{
	pthread_mutex_lock(&p->lock);
	am_status s = report(p, err);
	pthread_mutex_unlock(&p->lock);
	return s;
}
