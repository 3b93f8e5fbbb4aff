#include "store/dtype.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	size_t bytes;
} dtypes[AM_DTYPE_COUNT] = {
	[AM_DTYPE_BOOL] = {"BOOL", 1},
	[AM_DTYPE_U8] = {"U8", 1},
	[AM_DTYPE_I8] = {"I8", 1},
	[AM_DTYPE_F8_E4M3] = {"F8_E4M3", 1},
	[AM_DTYPE_F8_E5M2] = {"F8_E5M2", 1},
	[AM_DTYPE_F8_E8M0] = {"F8_E8M0", 1},
	[AM_DTYPE_F8_E4M3FNUZ] = {"F8_E4M3FNUZ", 1},
	[AM_DTYPE_F8_E5M2FNUZ] = {"F8_E5M2FNUZ", 1},
	[AM_DTYPE_I16] = {"I16", 2},
	[AM_DTYPE_U16] = {"U16", 2},
	[AM_DTYPE_F16] = {"F16", 2},
	[AM_DTYPE_BF16] = {"BF16", 2},
	[AM_DTYPE_I32] = {"I32", 4},
	[AM_DTYPE_U32] = {"U32", 4},
	[AM_DTYPE_F32] = {"F32", 4},
	[AM_DTYPE_I64] = {"I64", 8},
	[AM_DTYPE_U64] = {"U64", 8},
	[AM_DTYPE_F64] = {"F64", 8},
	[AM_DTYPE_C64] = {"C64", 8},
};

const char *am_dtype_name(am_dtype t)
{
	return (unsigned)t < AM_DTYPE_COUNT ? dtypes[t].name : "unknown";
}

size_t am_dtype_size(am_dtype t)
{
	assert((unsigned)t < AM_DTYPE_COUNT);
	return dtypes[t].bytes;
}

am_dtype_class am_dtype_parse(const char *name, am_dtype *out)
{
	static const char *const packed[] = {"F4", "F6_E2M3", "F6_E3M2"};
	for (int t = 0; t < AM_DTYPE_COUNT; t++)
		if (strcmp(name, dtypes[t].name) == 0)
			return *out = (am_dtype)t, AM_DTYPE_READ;
	for (size_t i = 0; i < sizeof packed / sizeof *packed; i++)
		if (strcmp(name, packed[i]) == 0)
			return AM_DTYPE_PACKED;
	return AM_DTYPE_UNKNOWN;
}

void am_shape_text(int rank, const int64_t *shape, char out[AM_SHAPE_TEXT])
{
	assert(rank >= 0 && rank <= AM_MAX_RANK);
	char *p = out;
	*p++ = '[';
	for (int i = 0; i < rank; i++)
		p += sprintf(p, "%s%" PRId64, i ? "," : "", shape[i]);
	strcpy(p, "]");
}
