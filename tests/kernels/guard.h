/* Buffers between two inaccessible pages, filled with a poison pattern, so that
 * an access outside faults and a write beside the data shows. */
#ifndef AM_TESTS_KERNELS_GUARD_H
#define AM_TESTS_KERNELS_GUARD_H

#include <stddef.h>

enum { GUARD_POISON = 0xa5 }; /* what every byte beside the data holds */

/* Where in the buffer the data lie. Together with the length the places give
 * every alignment; END touches the page behind, START the page before. */
typedef enum { PLACE_END, PLACE_START, PLACE_ODD, PLACE_ODD3, PLACE_COUNT } place;

typedef struct guard {
	unsigned char *map; /* page of the front guard */
	size_t page, room;  /* bytes a page; bytes between the guards */
} guard;

/* Room for at least `bytes` bytes plus a cache line. Exits on failure: there is
 * no test without it. */
void guard_open(guard *g, size_t bytes);
void guard_close(guard *g);
/* Poisons the room and returns the place of `bytes` bytes in it. PLACE_ODD and
 * PLACE_ODD3 lie 1 and 3 elements of `size` bytes after the start. */
void *guard_place(guard *g, size_t bytes, size_t size, place where);
/* The same at the end, rounded down to a multiple of 64. */
void *guard_place_aligned(guard *g, size_t bytes);
/* Whether everything outside data[bytes] still holds poison. */
int guard_intact(const guard *g, const void *data, size_t bytes);

#endif
