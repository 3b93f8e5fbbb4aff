#include "runfile/space.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

enum { AHEAD_SHARE = 64, AHEAD_MOST = 4 << 20 }; /* of the file; bytes */

void am_space_init(am_space *s, int fd, const char *path, int64_t head)
{
	*s = (am_space){.fd = fd, .path = path, .end = head};
}

void am_space_fini(am_space *s)
{
	am_free(s->free);
	s->free = NULL;
	s->n_free = s->room = 0;
}

static void drop_range(am_space *s, int i)
{
	memmove(s->free + i, s->free + i + 1, (size_t)(s->n_free - i - 1) * sizeof *s->free);
	s->n_free--;
}

/* Takes from the end, with some more for what comes next: reserving it chunk by chunk would cost a third of the
 * writing. What is asked for alone where there is no room for that. */
static am_status take_at_end(am_space *s, int64_t size, int64_t *addr, am_error *err)
{
	am_space_retract(s);
	int64_t at = s->end, ahead = at / AHEAD_SHARE < AHEAD_MOST ? at / AHEAD_SHARE : AHEAD_MOST;
	am_status status = am_space_extend(s, size + ahead, NULL);
	if (!status && ahead)
		am_space_give(s, (am_range){at + size, ahead});
	if (status)
		status = am_space_extend(s, size, err);
	if (!status)
		*addr = at;
	return status;
}

am_status am_space_take(am_space *s, int64_t size, int64_t *addr, am_error *err)
{
	for (int i = 0; i < s->n_free; i++) {
		am_range *r = &s->free[i];
		if (r->size < size)
			continue;
		*addr = r->addr;
		r->addr += size;
		r->size -= size;
		if (!r->size)
			drop_range(s, i);
		return AM_OK;
	}
	return take_at_end(s, size, addr, err);
}

void am_space_retract(am_space *s)
{
	if (s->n_free && s->free[s->n_free - 1].addr + s->free[s->n_free - 1].size == s->end)
		s->end = s->free[--s->n_free].addr;
}

am_status am_space_extend(am_space *s, int64_t size, am_error *err)
{
	if (s->fd >= 0) {
		int e;
		do
			e = posix_fallocate(s->fd, s->end, size);
		while (e == EINTR);
		/* A file system that cannot reserve says so; writing will tell. */
		if (e && e != EOPNOTSUPP && e != EINVAL)
			return am_fail(err, AM_ERR_IO, "%s: cannot reserve %" PRId64 " bytes: %s", s->path,
			               size, strerror(e));
	}
	s->end += size;
	return AM_OK;
}

void am_space_give(am_space *s, am_range r)
{
	int i = 0;
	while (i < s->n_free && s->free[i].addr < r.addr)
		i++;
	if (i > 0 && s->free[i - 1].addr + s->free[i - 1].size == r.addr) {
		r.addr = s->free[i - 1].addr;
		r.size += s->free[i - 1].size;
		drop_range(s, --i);
	}
	if (i < s->n_free && r.addr + r.size == s->free[i].addr) {
		r.size += s->free[i].size;
		drop_range(s, i);
	}
	if (s->n_free == s->room) {
		int room = s->room ? 2 * s->room : 16;
		am_range *p = am_grow(s->free, (size_t)s->n_free * sizeof r, (size_t)room, sizeof r);
		if (!p)
			return;
		s->free = p;
		s->room = room;
	}
	memmove(s->free + i + 1, s->free + i, (size_t)(s->n_free - i) * sizeof r);
	s->free[i] = r;
	s->n_free++;
}

am_status am_space_trim(am_space *s, am_error *err)
{
	am_space_retract(s);
	if (s->fd >= 0 && ftruncate(s->fd, s->end) != 0)
		return am_fail(err, AM_ERR_IO, "%s: cannot set the size: %s", s->path, strerror(errno));
	return AM_OK;
}

am_status am_space_write(am_space *s, int64_t addr, const void *data, size_t size, am_error *err)
{
	const char *p = data;
	while (s->fd >= 0 && size) {
		ssize_t n = pwrite(s->fd, p, size, addr);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return am_fail(err, AM_ERR_IO, "%s: cannot write %zu bytes: %s", s->path, size,
			               strerror(n < 0 ? errno : EIO));
		p += n;
		addr += n;
		size -= (size_t)n;
	}
	return AM_OK;
}
