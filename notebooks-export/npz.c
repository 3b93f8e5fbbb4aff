/* NumPy's NPZ: a ZIP archive of .npy arrays, stored without compression (run files are
 * compressed; this form is for speed). ZIP64 fields always, as numpy.savez writes them.
 * Formats: APPNOTE.TXT 6.3 of PKWARE, numpy.lib.format version 1.0. */
#include "base/mem.h"
#include "notebooks-export/export_internal.h"

#include <libdeflate.h>
#include <stdio.h>
#include <string.h>

typedef struct member {
	char name[64];
	int64_t at;   /* of the local header */
	int64_t size; /* bytes of the array with its header */
	uint32_t crc;
} member;

typedef struct npz {
	am_run *run;
	am_outfile *out;
	member *member; /* [n] */
	int n;
	uint32_t crc; /* of the member being written */
} npz;

static unsigned char *put_u16(unsigned char *p, unsigned v)
{
	p[0] = (unsigned char)v;
	p[1] = (unsigned char)(v >> 8);
	return p + 2;
}

static unsigned char *put_u32(unsigned char *p, uint32_t v)
{
	return put_u16(put_u16(p, v & 0xffff), v >> 16);
}

static unsigned char *put_u64(unsigned char *p, uint64_t v)
{
	return put_u32(put_u32(p, (uint32_t)v), (uint32_t)(v >> 32));
}

/* Fields that local and central headers share, from "version needed" to "extra length". The
 * date is 1980-01-01, so that the same run gives the same bytes. */
static unsigned char *put_common(unsigned char *p, const member *m, unsigned extra)
{
	p = put_u16(put_u16(put_u16(p, 45), 0x800), 0); /* ZIP64; names in UTF-8; stored */
	p = put_u32(put_u16(put_u16(p, 0), 0x21), m->crc);
	p = put_u32(put_u32(p, UINT32_MAX), UINT32_MAX); /* sizes: in the extra field */
	return put_u16(put_u16(p, (unsigned)strlen(m->name)), extra);
}

enum { LOCAL_EXTRA = 20, CENTRAL_EXTRA = 28 };

static size_t local_header(unsigned char *to, const member *m)
{
	unsigned char *p = put_common(put_u32(to, 0x04034b50), m, LOCAL_EXTRA);
	memcpy(p, m->name, strlen(m->name));
	p = put_u16(put_u16(p + strlen(m->name), 1), LOCAL_EXTRA - 4);
	p = put_u64(put_u64(p, (uint64_t)m->size), (uint64_t)m->size);
	return (size_t)(p - to);
}

static void put_bytes(npz *z, const void *bytes, size_t n)
{
	z->crc = libdeflate_crc32(z->crc, bytes, n);
	am_outfile_write(z->out, bytes, n);
}

/* The magic string, the header padded to 64 bytes, and what it says: type and shape. */
static void put_array_header(npz *z, const char *type, int rank, const int64_t *shape)
{
	char text[256], head[10] = "\x93NUMPY\x01";
	int n = snprintf(text, sizeof text, "{'descr': '%s', 'fortran_order': False, 'shape': (", type);
	for (int a = 0; a < rank; a++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%lld,%s", (long long)shape[a], a + 1 < rank ? " " : "");
	n += snprintf(text + n, sizeof text - (size_t)n, "), }");
	int padded = (10 + n + 1 + 63) / 64 * 64 - 10;
	memset(text + n, ' ', (size_t)(padded - n));
	text[padded - 1] = '\n';
	put_u16((unsigned char *)head + 8, (unsigned)padded);
	put_bytes(z, head, sizeof head);
	put_bytes(z, text, (size_t)padded);
}

static void begin(npz *z, const char *name, const char *type, int rank, const int64_t *shape)
{
	unsigned char header[192];
	member *m = &z->member[z->n];
	*m = (member){.at = am_outfile_at(z->out)};
	snprintf(m->name, sizeof m->name, "%s.npy", name);
	am_outfile_write(z->out, header, local_header(header, m));
	z->crc = libdeflate_crc32(0, NULL, 0);
	put_array_header(z, type, rank, shape);
}

/* Checksum and size are known now: the local header is written again. */
static void end(npz *z)
{
	unsigned char header[192];
	member *m = &z->member[z->n++];
	size_t n = local_header(header, m);
	m->size = am_outfile_at(z->out) - m->at - (int64_t)n;
	m->crc = z->crc;
	am_outfile_patch(z->out, m->at, header, local_header(header, m));
}

static void put_directory(npz *z)
{
	unsigned char entry[256], *p;
	int64_t at = am_outfile_at(z->out);
	for (int i = 0; i < z->n; i++) {
		const member *m = &z->member[i];
		p = put_common(put_u16(put_u32(entry, 0x02014b50), 45), m, CENTRAL_EXTRA);
		p = put_u16(put_u16(put_u16(p, 0), 0), 0); /* comment, disk, internal attributes */
		p = put_u32(put_u32(p, 0), UINT32_MAX);
		memcpy(p, m->name, strlen(m->name));
		p = put_u16(put_u16(p + strlen(m->name), 1), CENTRAL_EXTRA - 4);
		p = put_u64(put_u64(put_u64(p, (uint64_t)m->size), (uint64_t)m->size), (uint64_t)m->at);
		am_outfile_write(z->out, entry, (size_t)(p - entry));
	}
	int64_t size = am_outfile_at(z->out) - at, count = z->n;
	p = put_u64(put_u32(entry, 0x06064b50), 44);
	p = put_u32(put_u32(put_u16(put_u16(p, 45), 45), 0), 0);
	p = put_u64(put_u64(put_u64(put_u64(p, (uint64_t)count), (uint64_t)count), (uint64_t)size), (uint64_t)at);
	p = put_u32(put_u64(put_u32(put_u32(p, 0x07064b50), 0), (uint64_t)(at + size)), 1);
	p = put_u16(put_u16(put_u32(p, 0x06054b50), 0), 0);
	p = put_u32(put_u32(put_u16(put_u16(p, (unsigned)count), (unsigned)count), UINT32_MAX), UINT32_MAX);
	p = put_u16(p, 0);
	am_outfile_write(z->out, entry, (size_t)(p - entry));
}

/* Code points of UTF-8; what is none becomes U+FFFD. Returns how many. */
static size_t code_points(const char *s, uint32_t *out)
{
	const unsigned char *p = (const unsigned char *)s;
	size_t n = 0;
	while (*p) {
		int more = *p < 0x80 ? 0 : *p >= 0xf0 && *p < 0xf5 ? 3 : *p >= 0xe0 && *p < 0xf0 ? 2 : *p >= 0xc2 && *p < 0xe0 ? 1 : -1;
		uint32_t c = more < 0 ? 0xfffd : more == 0 ? *p : *p & (0x3fu >> more);
		p++;
		for (; more > 0; more--, p++) {
			if ((*p & 0xc0) != 0x80) {
				c = 0xfffd;
				break;
			}
			c = c << 6 | (*p & 0x3f);
		}
		out[n++] = c;
	}
	return n;
}

/* Strings of fixed width, rank 0 for a single one. */
static am_status put_texts(npz *z, const char *name, char *const *s, int64_t n, int rank, am_error *err)
{
	size_t width = 1;
	char type[32];
	for (int64_t i = 0; i < n; i++)
		width = strlen(s[i]) > width ? strlen(s[i]) : width;
	uint32_t *points = am_alloc(width, sizeof *points);
	unsigned char *bytes = am_alloc(width, 4);
	if (!points || !bytes) {
		am_free(points);
		am_free(bytes);
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(z->run));
	}
	snprintf(type, sizeof type, "<U%zu", width);
	begin(z, name, type, rank, &n);
	for (int64_t i = 0; i < n; i++) {
		size_t m = code_points(s[i], points);
		memset(bytes, 0, 4 * width);
		for (size_t j = 0; j < m; j++)
			put_u32(bytes + 4 * j, points[j]);
		put_bytes(z, bytes, 4 * width);
	}
	end(z);
	am_free(points);
	am_free(bytes);
	return AM_OK;
}

static void put_slab(void *ctx, const am_slab *slab)
{
	const void *data = slab->f32 ? (const void *)slab->f32 : slab->i32 ? (const void *)slab->i32 : (const void *)slab->i64;
	put_bytes(ctx, data, slab->n * (slab->i64 ? 8 : 4));
}

static am_status put_field(npz *z, am_field field, am_error *err)
{
	const am_field_spec *spec = &am_fields[field];
	int64_t shape[AM_MAX_AXES];
	int rank = am_run_shape(z->run, field, shape);
	if (spec->type == AM_TYPE_STRING) {
		char **s;
		int64_t n;
		am_status status = am_export_strings(z->run, field, &s, &n, err);
		if (status)
			return status;
		status = put_texts(z, spec->path + 1, s, n, 1, err);
		am_export_free_strings(s, n);
		return status;
	}
	begin(z, spec->path + 1, spec->type == AM_TYPE_F32 ? "<f4" : spec->type == AM_TYPE_I32 ? "<i4" : "<i8", rank, shape);
	am_status s = am_slabs_each(z->run, field, z->out, put_slab, z, err);
	if (!s)
		end(z);
	return s;
}

static void put_axes(npz *z)
{
	for (int a = 0; a < AM_AXIS_COUNT; a++) {
		const double *x = am_run_axis_values(z->run, (am_axis)a);
		int64_t n = am_run_axis_length(z->run, (am_axis)a);
		if (!x || a == AM_AXIS_ROW || a == AM_AXIS_TOKEN || a == AM_AXIS_TOKEN_EDGE)
			continue; /* numbered from 0 */
		begin(z, am_axes[a].name, am_axes[a].type == AM_TYPE_F64 ? "<f8" : "<i8", 1, &n);
		for (int64_t i = 0; i < n; i++) {
			int64_t whole = (int64_t)x[i];
			put_bytes(z, am_axes[a].type == AM_TYPE_F64 ? (const void *)&x[i] : (const void *)&whole, 8);
		}
		end(z);
	}
}

am_status am_export_npz(am_run *run, const am_field *field, int n, am_outfile *o, am_error *err)
{
	npz z = {.run = run, .out = o, .member = am_calloc((size_t)n + AM_AXIS_COUNT + 1, sizeof *z.member)};
	if (!z.member)
		return am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
	am_text attributes = {0};
	am_export_attributes(run, &attributes);
	char *text = attributes.data;
	am_status s = am_text_ok(&attributes) ? put_texts(&z, "attributes", &text, 1, 0, err)
	                                      : am_fail(err, AM_ERR_MEMORY, "%s: out of memory", am_run_path(run));
	am_text_free(&attributes);
	put_axes(&z);
	for (int i = 0; i < n && !s; i++)
		s = put_field(&z, field[i], err);
	if (!s)
		put_directory(&z);
	am_free(z.member);
	return s;
}
