/* Filters chunks and puts them into the file, in the background: several chunks
 * are filtered at a time, by threads of its own, while the caller goes on.
 *
 * Chunks get their place in the order they were handed over, whatever the number
 * of threads, so the file has the same bytes. What waits is bounded: a caller
 * that is faster than the threads is held up. After a failure nothing more is
 * written. One caller; while anything is under way, the space and the chunk lists
 * belong to the threads: am_packer_wait before touching them. */
#ifndef AM_RUNFILE_PACKER_H
#define AM_RUNFILE_PACKER_H

#include "runfile/filter.h"
#include "runfile/space.h"
#include "runfile/stored.h"

typedef struct am_packer am_packer;

/* Bytes of chunks under way, as handed over: at most this, or 1 MiB a thread
 * where that is more, or a single chunk. */
#define AM_PACKER_BYTES ((size_t)32 << 20)

/* With threads <= 1 all happens within am_packer_hand. `f` and `s` stay the
 * caller's; `f` gives the level and serves the calling thread. */
am_status am_packer_new(int threads, am_filter *f, am_space *s, am_packer **out, am_error *err) AM_MUST_CHECK;
/* Drops what is not in the file. Accepts NULL. */
void am_packer_free(am_packer *p);

/* A buffer for a chunk of `bytes`, the one that became free last where there is one; am_free, or hand it over. NULL: out
 * of memory. */
unsigned char *am_packer_take(am_packer *p, size_t bytes);

/* Hands over one whole chunk of `d` (chunk[] elements, row-major, in a buffer from am_packer_take)
 * at offset `at`, to be entered in d->chunks when it is in the file. The buffer is the packer's
 * from here on. Fails where this chunk or an earlier one has failed. */
am_status am_packer_hand(am_packer *p, am_stored *d, const int64_t *at, unsigned char *data,
                         am_error *err) AM_MUST_CHECK;

/* Waits until all that was handed over is in the file; tells of a failure. */
am_status am_packer_wait(am_packer *p, am_error *err) AM_MUST_CHECK;
/* The failure known by now, without waiting. */
am_status am_packer_failed(am_packer *p, am_error *err) AM_MUST_CHECK;

#endif
