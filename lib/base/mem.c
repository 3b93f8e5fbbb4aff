#ifndef _DEFAULT_SOURCE
#define _DEFAULT_SOURCE /* madvise */
#endif
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { LARGE_PAGE = 2 << 20 };

bool am_mul_size(size_t a, size_t b, size_t *out)
{
	if (b && a > SIZE_MAX / b)
		return false;
	*out = a * b;
	return true;
}

bool am_add_size(size_t a, size_t b, size_t *out)
{
	if (a > SIZE_MAX - b)
		return false;
	*out = a + b;
	return true;
}

static bool rounded(size_t n, size_t size, size_t *out)
{
	size_t bytes;
	if (!am_mul_size(n, size, &bytes) || bytes > SIZE_MAX / 2)
		return false;
	if (bytes == 0)
		bytes = 1;
	*out = (bytes + AM_ALIGN - 1) / AM_ALIGN * AM_ALIGN;
	return true;
}

void *am_alloc(size_t n, size_t size)
{
	size_t bytes;
	return rounded(n, size, &bytes) ? aligned_alloc(AM_ALIGN, bytes) : NULL;
}

void *am_alloc_large(size_t n, size_t size)
{
	size_t bytes;
	if (!rounded(n, size, &bytes))
		return NULL;
	if (bytes < LARGE_PAGE)
		return aligned_alloc(AM_ALIGN, bytes);
	void *p = aligned_alloc(LARGE_PAGE, (bytes + LARGE_PAGE - 1) / LARGE_PAGE * LARGE_PAGE);
#ifdef MADV_HUGEPAGE
	if (p)
		(void)madvise(p, bytes, MADV_HUGEPAGE); /* a wish */
#endif
	return p;
}

void *am_calloc(size_t n, size_t size)
{
	size_t bytes;
	if (!rounded(n, size, &bytes))
		return NULL;
	void *p = aligned_alloc(AM_ALIGN, bytes);
	if (p)
		memset(p, 0, bytes);
	return p;
}

void *am_grow(void *p, size_t used, size_t n, size_t size)
{
	void *q = am_alloc(n, size);
	if (!q)
		return NULL;
	if (p && used)
		memcpy(q, p, used);
	am_free(p);
	return q;
}

void am_free(void *p)
{
	free(p);
}

char *am_strndup(const char *s, size_t n)
{
	if (n == SIZE_MAX)
		return NULL;
	char *p = am_alloc(n + 1, 1);
	if (p) {
		memcpy(p, s, n);
		p[n] = 0;
	}
	return p;
}

char *am_strdup(const char *s)
{
	return am_strndup(s, strlen(s));
}
