/* Preloaded before the program: kills it at the N-th change it makes to files (KILL_AT=N; opening, reserving, writing,
 * cutting, renaming), before the change, or of a long write after its first pages. With KILL_AT=0 it prints how many there were. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { PAGE = 4096 };

static atomic_int changes;

/* Whether this change is the one to die at. */
static int is_last(void)
{
	const char *at = getenv("KILL_AT");
	return atomic_fetch_add(&changes, 1) + 1 == (at ? atoi(at) : -1);
}

static void die(void)
{
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static void __attribute__((destructor)) tell(void)
{
	const char *at = getenv("KILL_AT");
	if (at && atoi(at) == 0)
		fprintf(stderr, "%d changes\n", changes);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t pwrite(int fd, const void *bytes, size_t n, off_t at)
{
	if (is_last()) {
		if (n > PAGE)
			(void)!REAL(pwrite)(fd, bytes, n / 2 / PAGE * PAGE, at);
		die();
	}
	return REAL(pwrite)(fd, bytes, n, at);
}

ssize_t pwrite64(int fd, const void *bytes, size_t n, off64_t at)
{
	return pwrite(fd, bytes, n, at);
}

int posix_fallocate(int fd, off_t at, off_t n)
{
	if (is_last())
		die();
	return REAL(posix_fallocate)(fd, at, n);
}

int ftruncate(int fd, off_t size)
{
	if (is_last())
		die();
	return REAL(ftruncate)(fd, size);
}

int rename(const char *from, const char *to)
{
	if (is_last())
		die();
	return REAL(rename)(from, to);
}

int unlink(const char *path)
{
	if (is_last())
		die();
	return REAL(unlink)(path);
}
