/* The bytes of a run file while it is written: which ranges are in use, and
 * writing into them. A range is reserved on the disk before it is handed out,
 * so a full disk is found here and nowhere else. With no file (descriptor -1)
 * ranges are counted and bytes dropped. */
#ifndef AM_RUNFILE_SPACE_H
#define AM_RUNFILE_SPACE_H

#include "base/error.h"

#include <stddef.h>
#include <stdint.h>

typedef struct am_range {
	int64_t addr, size; /* bytes */
} am_range;

typedef struct am_space {
	int fd;
	const char *path; /* for messages; the caller's */
	int64_t end;      /* of what is handed out and free[] */
	am_range *free;   /* ascending, not touching each other */
	int n_free, room;
} am_space;

/* fd stays the caller's. The first `head` bytes are taken from the start. */
void am_space_init(am_space *s, int fd, const char *path, int64_t head);
void am_space_fini(am_space *s);

/* Hands out `size` > 0 bytes: from the first free range that is large enough,
 * else at the end. AM_ERR_IO when the disk has no room. */
am_status am_space_take(am_space *s, int64_t size, int64_t *addr, am_error *err) AM_MUST_CHECK;
/* Hands out `size` bytes at the end, where an address was needed beforehand. */
am_status am_space_extend(am_space *s, int64_t size, am_error *err) AM_MUST_CHECK;
/* Takes a range back. When memory is short the range is lost, nothing worse. */
void am_space_give(am_space *s, am_range r);
/* Lets `end` be that of what is handed out, where a free range lies there; it stays reserved. */
void am_space_retract(am_space *s);
/* Cuts off a free range at the end of the file, and what was reserved beyond. */
am_status am_space_trim(am_space *s, am_error *err) AM_MUST_CHECK;

/* Writes into a range handed out before. */
am_status am_space_write(am_space *s, int64_t addr, const void *data, size_t size,
                         am_error *err) AM_MUST_CHECK;

#endif
