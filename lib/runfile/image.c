#include "runfile/image.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

typedef struct image_file {
	H5FD_t pub; /* HDF5's part, first */
	am_image *image;
} image_file;

static am_image *image_of(const H5FD_t *file)
{
	return ((const image_file *)file)->image;
}

static H5FD_t *image_open(const char *name, unsigned flags, hid_t fapl, haddr_t maxaddr)
{
	(void)name, (void)flags, (void)maxaddr;
	am_image *const *m = H5Pget_driver_info(fapl);
	image_file *f = m ? calloc(1, sizeof *f) : NULL;
	if (!f)
		return NULL;
	f->image = *m;
	return &f->pub;
}

static herr_t image_close(H5FD_t *file)
{
	free(file);
	return 0;
}

static int image_cmp(const H5FD_t *a, const H5FD_t *b)
{
	const am_image *x = image_of(a), *y = image_of(b);
	return x < y ? -1 : x > y;
}

/* No features: HDF5 then asks for each object's space and writes it plainly. */
static herr_t image_query(const H5FD_t *file, unsigned long *flags)
{
	(void)file;
	*flags = 0;
	return 0;
}

/* Makes the block end at `addr`, with zeros. */
static bool grow(am_image *m, haddr_t addr)
{
	size_t need = (size_t)(addr - (haddr_t)m->base);
	if (need > m->room) {
		size_t room = need > SIZE_MAX / 4 ? need : 2 * need;
		unsigned char *p = am_grow(m->data, m->size, room, 1);
		if (!p)
			return m->failed = true, false;
		m->data = p;
		m->room = room;
	}
	memset(m->data + m->size, 0, need - m->size);
	m->size = need;
	return true;
}

static haddr_t image_alloc(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, hsize_t size)
{
	(void)dxpl;
	am_image *m = image_of(file);
	m->begun = true;
	if (type == H5FD_MEM_SUPER)
		return 0;
	if (type == H5FD_MEM_DRAW && m->chunk >= 0)
		return (haddr_t)m->chunk;
	haddr_t addr = (haddr_t)m->base + m->size;
	return size <= SIZE_MAX / 4 && grow(m, addr + size) ? addr : HADDR_UNDEF;
}

static herr_t image_free(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, hsize_t size)
{
	(void)file, (void)type, (void)dxpl, (void)addr, (void)size;
	return 0;
}

static haddr_t image_get_eoa(const H5FD_t *file, H5FD_mem_t type)
{
	(void)type;
	const am_image *m = image_of(file);
	if (!m->begun)
		return 0; /* an empty file is one to be created */
	haddr_t end = (haddr_t)m->base + m->size;
	return end > (haddr_t)m->end ? end : (haddr_t)m->end;
}

/* HDF5 moves the end by itself only to extend the object that lies there. */
static herr_t image_set_eoa(H5FD_t *file, H5FD_mem_t type, haddr_t addr)
{
	am_image *m = image_of(file);
	if (!m->begun || addr <= image_get_eoa(file, type))
		return 0;
	return addr - (haddr_t)m->base <= SIZE_MAX / 4 && grow(m, addr) ? 0 : -1;
}

/* The bytes in memory of a range of the file, NULL when it has none. */
static unsigned char *locate(am_image *m, haddr_t addr, size_t size)
{
	if (addr <= sizeof m->head && size <= sizeof m->head - addr)
		return m->head + addr;
	if (addr < (haddr_t)m->base || addr - (haddr_t)m->base > m->size)
		return NULL;
	size_t at = (size_t)(addr - (haddr_t)m->base);
	return size <= m->size - at ? m->data + at : NULL;
}

static herr_t image_read(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size, void *out)
{
	(void)type, (void)dxpl;
	am_image *m = image_of(file);
	const unsigned char *p = locate(m, addr, size);
	if (!p)
		return m->failed = true, -1;
	memcpy(out, p, size);
	return 0;
}

static herr_t image_write(H5FD_t *file, H5FD_mem_t type, hid_t dxpl, haddr_t addr, size_t size,
                          const void *data)
{
	(void)dxpl;
	am_image *m = image_of(file);
	if (type == H5FD_MEM_DRAW && m->chunk >= 0 && addr == (haddr_t)m->chunk) {
		m->chunk = -1;
		return 0;
	}
	unsigned char *p = locate(m, addr, size);
	if (!p)
		return m->failed = true, -1;
	memcpy(p, data, size);
	return 0;
}

static const H5FD_class_t image_class = {
#ifdef H5FD_CLASS_VERSION
	.version = H5FD_CLASS_VERSION,
	.value = (H5FD_class_value_t)24941, /* of the range left for local use */
#endif
	.name = "attnmeter_image",
	.maxaddr = (haddr_t)INT64_MAX,
	.fc_degree = H5F_CLOSE_STRONG,
	.fapl_size = sizeof(am_image *),
	.open = image_open,
	.close = image_close,
	.cmp = image_cmp,
	.query = image_query,
	.alloc = image_alloc,
	.free = image_free,
	.get_eoa = image_get_eoa,
	.set_eoa = image_set_eoa,
	.get_eof = image_get_eoa,
	.read = image_read,
	.write = image_write,
	.fl_map = H5FD_FLMAP_DEFAULT,
};

void am_image_init(am_image *m, int64_t base, int64_t end)
{
	*m = (am_image){.base = base, .end = end, .chunk = -1};
}

void am_image_fini(am_image *m)
{
	am_free(m->data);
	m->data = NULL;
	m->size = m->room = 0;
}

/* Half the entries of a node of a chunk index. HDF5's own default, 32, makes nodes of
 * 3 KB, which add up in a file of many small datasets. */
static unsigned node_half(int chunks)
{
	return chunks >= 64 ? 32 : chunks <= 4 ? 2 : (unsigned)(chunks + 1) / 2;
}

hid_t am_image_create(am_image *m, int chunks)
{
	hid_t file = H5I_INVALID_HID;
	hid_t fcpl = H5Pcreate(H5P_FILE_CREATE);
	hid_t driver = H5FDregister(&image_class);
	hid_t fapl = H5Pcreate(H5P_FILE_ACCESS);
	/* The pointer itself is what HDF5 copies as driver information. */
	if (driver >= 0 && fapl >= 0 && fcpl >= 0 && H5Pset_istore_k(fcpl, node_half(chunks)) >= 0 &&
	    H5Pset_driver(fapl, driver, &m) >= 0 &&
	    H5Pset_fclose_degree(fapl, H5F_CLOSE_STRONG) >= 0 &&
	    H5Pset_libver_bounds(fapl, H5F_LIBVER_EARLIEST, H5F_LIBVER_LATEST) >= 0)
		file = H5Fcreate("attnmeter image", H5F_ACC_TRUNC, fcpl, fapl);
	if (fcpl >= 0)
		H5Pclose(fcpl);
	if (fapl >= 0)
		H5Pclose(fapl);
	if (driver >= 0)
		H5FDunregister(driver); /* lives on while the file is open */
	return file;
}

herr_t am_image_add_chunk(am_image *m, hid_t dataset, const hsize_t *offset, int64_t addr, size_t size,
                          uint32_t filter_mask)
{
	/* Never read: the driver drops what is written at the chunk's place. */
	static const char nothing[1];
	m->chunk = addr;
	herr_t e = H5Dwrite_chunk(dataset, H5P_DEFAULT, filter_mask, offset, size, nothing);
	if (m->chunk != -1) {
		m->chunk = -1;
		m->failed = true;
		return -1;
	}
	return e;
}
