#include "probes/states.h"

#include "base/mem.h"
#include "base/text.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

am_status am_states_open(const char *path, int hidden, am_states *out, am_error *err)
{
	am_text name = {0};
	am_text_printf(&name, "%s.states-XXXXXX", path);
	am_states s = {.fd = -1, .hidden = hidden, .where = am_text_ok(&name) ? am_strdup(am_text_str(&name)) : NULL};
	am_text_free(&name);
	if (!s.where)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
	s.fd = mkstemp(s.where);
	if (s.fd < 0) {
		am_status status = am_fail(err, AM_ERR_IO, "%s: cannot create a file for hidden states beside it: %s", path,
		                           strerror(errno));
		am_free(s.where);
		return status;
	}
	unlink(s.where);
	*out = s;
	return AM_OK;
}

void am_states_close(am_states *s)
{
	if (s->fd >= 0)
		close(s->fd);
	am_free(s->where);
	*s = (am_states){.fd = -1};
}

static size_t bytes_of(const am_states *s, int64_t tokens)
{
	return (size_t)tokens * (size_t)s->hidden * sizeof(float);
}

am_status am_states_write(am_states *s, int64_t at, int n, const float *x, am_error *err)
{
	const char *from = (const char *)x;
	for (size_t done = 0, all = bytes_of(s, n); done < all;) {
		ssize_t w = pwrite(s->fd, from + done, all - done, (off_t)(bytes_of(s, at) + done));
		if (w < 0 && errno == EINTR)
			continue;
		if (w <= 0)
			return am_fail(err, AM_ERR_IO, "%s: cannot write hidden states: %s", s->where, strerror(errno));
		done += (size_t)w;
	}
	return AM_OK;
}

am_status am_states_read(am_states *s, int64_t at, int n, float *x, am_error *err)
{
	char *to = (char *)x;
	for (size_t done = 0, all = bytes_of(s, n); done < all;) {
		ssize_t r = pread(s->fd, to + done, all - done, (off_t)(bytes_of(s, at) + done));
		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			return am_fail(err, AM_ERR_IO, "%s: cannot read hidden states: %s", s->where, r ? strerror(errno) : "they end early");
		done += (size_t)r;
	}
	return AM_OK;
}
