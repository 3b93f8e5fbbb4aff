/* Vectors of float32 from numbers of a model file: any type, any address. */
#include "kernels/generic/vec.h"
#include "kernels/kernels.h"

typedef uint16_t vh __attribute__((vector_size(2 * AM_VW)));
typedef uint32_t vu __attribute__((vector_size(4 * AM_VW)));

/* The same arithmetic as base/half.h. */
static inline vf widen(am_number type, vh h)
{
	vu u = __builtin_convertvector(h, vu);
	if (type == AM_BF16)
		return (vf)(u << 16);
	vf magnitude = (vf)((u & 0x7fff) << 13) * 0x1p112f;
	vu special = (vu)((u & 0x7c00) == 0x7c00) & 0x7f800000;
	return (vf)((vu)magnitude | special | (u & 0x8000) << 16);
}

static inline vf load(am_number type, const void *p)
{
	vf v;
	vh h;
	if (type == AM_F32) {
		memcpy(&v, p, sizeof v);
		return v;
	}
	memcpy(&h, p, sizeof h);
	return widen(type, h);
}

/* The first n < AM_VW, zeros behind. */
static inline vf load_part(am_number type, const void *p, int n)
{
	unsigned char bytes[sizeof(vf)] = {0};
	memcpy(bytes, p, (size_t)n * (type == AM_F32 ? 4 : 2));
	return load(type, bytes);
}
