/* Element types as safetensors spells them. */
#ifndef AM_STORE_DTYPE_H
#define AM_STORE_DTYPE_H

#include "store/tensors.h"

#include <stdbool.h>

typedef enum { AM_DTYPE_READ, AM_DTYPE_PACKED, AM_DTYPE_UNKNOWN } am_dtype_class;

/* AM_DTYPE_READ and the type in *out; AM_DTYPE_PACKED for a type of less than a
 * byte, which the format has and this library does not read. */
am_dtype_class am_dtype_parse(const char *name, am_dtype *out);

#endif
