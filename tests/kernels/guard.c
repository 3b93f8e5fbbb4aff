/* MAP_ANONYMOUS is in no POSIX edition before 2024. */
#define _DEFAULT_SOURCE
#include "guard.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { LINE = 64 };

void guard_open(guard *g, size_t bytes)
{
	g->page = (size_t)sysconf(_SC_PAGESIZE);
	g->room = (bytes + LINE + g->page - 1) / g->page * g->page;
	g->map = mmap(NULL, g->room + 2 * g->page, PROT_READ | PROT_WRITE,
	              MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g->map == MAP_FAILED || mprotect(g->map, g->page, PROT_NONE) ||
	    mprotect(g->map + g->page + g->room, g->page, PROT_NONE)) {
		perror("guard pages");
		exit(1);
	}
}

void guard_close(guard *g)
{
	munmap(g->map, g->room + 2 * g->page);
}

void *guard_place(guard *g, size_t bytes, size_t size, place where)
{
	static const size_t skip[PLACE_COUNT] = {0, 0, 1, 3};
	unsigned char *start = g->map + g->page;
	memset(start, GUARD_POISON, g->room);
	return where == PLACE_END ? start + g->room - bytes : start + skip[where] * size;
}

void *guard_place_aligned(guard *g, size_t bytes)
{
	unsigned char *p = guard_place(g, bytes, 1, PLACE_END);
	return p - (uintptr_t)p % LINE;
}

static int all_poison(const unsigned char *p, size_t n)
{
	return !n || (p[0] == GUARD_POISON && !memcmp(p, p + 1, n - 1));
}

int guard_intact(const guard *g, const void *data, size_t bytes)
{
	const unsigned char *start = g->map + g->page, *p = data;
	size_t before = (size_t)(p - start);
	return all_poison(start, before) && all_poison(p + bytes, g->room - before - bytes);
}
