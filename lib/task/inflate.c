#include "task/inflate.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"

#include <limits.h>
#include <zlib.h>

enum { STEP = 1 << 18 };

/* The packed bytes, handed to zlib in parts that its counters hold. */
typedef struct packed {
	const char *path;
	const char *data;
	size_t left;
	z_stream z;
} packed;

static void feed(packed *p)
{
	if (p->z.avail_in)
		return;
	size_t part = p->left < INT_MAX ? p->left : INT_MAX;
	p->z.next_in = (unsigned char *)p->data;
	p->z.avail_in = (unsigned)part;
	p->data += part;
	p->left -= part;
}

/* One member; what follows it stays. */
static am_status unpack_member(packed *p, size_t limit, char *buffer, am_text *out, am_error *err)
{
	z_stream *z = &p->z;
	for (int code = Z_OK; code != Z_STREAM_END;) {
		feed(p);
		z->next_out = (unsigned char *)buffer;
		z->avail_out = STEP;
		code = inflate(z, Z_NO_FLUSH);
		if (code == Z_MEM_ERROR)
			return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", p->path);
		if (code != Z_OK && code != Z_STREAM_END)
			return am_fail(err, AM_ERR_FORMAT, "%s: gzip: %s after %zu unpacked bytes", p->path,
			               code == Z_BUF_ERROR ? "the data ends early" : z->msg ? z->msg : "damaged data", out->size);
		am_text_append(out, buffer, STEP - z->avail_out);
		if (!am_text_ok(out))
			return am_fail(err, AM_ERR_MEMORY, "%s: out of memory after %zu bytes", p->path, out->size);
		if (out->size > limit)
			return am_fail(err, AM_ERR_RANGE, "%s: larger than the limit of %zu bytes", p->path, limit);
	}
	return AM_OK;
}

static am_status unpack(const char *path, size_t limit, const char *data, size_t size, am_text *out, am_error *err)
{
	packed p = {.path = path, .data = data, .left = size};
	char *buffer = am_alloc(STEP, 1);
	if (!buffer || inflateInit2(&p.z, 16 + MAX_WBITS) != Z_OK) {
		am_free(buffer);
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", path);
	}
	am_status status = AM_OK;
	while (!status && (p.left || p.z.avail_in)) {
		status = unpack_member(&p, limit, buffer, out, err);
		inflateReset(&p.z);
	}
	inflateEnd(&p.z);
	am_free(buffer);
	return status;
}

am_status am_inflate_read(const char *path, size_t limit, char **data, size_t *size, am_error *err)
{
	char *raw;
	size_t n;
	am_status status = am_file_read(path, limit, &raw, &n, err);
	if (status)
		return status;
	if (n < 2 || (unsigned char)raw[0] != 0x1f || (unsigned char)raw[1] != 0x8b) {
		*data = raw;
		*size = n;
		return AM_OK;
	}
	am_text out = {0};
	am_text_puts(&out, "");
	status = unpack(path, limit, raw, n, &out, err);
	am_free(raw);
	if (status) {
		am_text_free(&out);
		return status;
	}
	*data = out.data;
	*size = out.size;
	return AM_OK;
}
