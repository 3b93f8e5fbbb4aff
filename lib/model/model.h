/* A decoder read from a Hugging Face directory: configuration and weights. */
#ifndef AM_MODEL_MODEL_H
#define AM_MODEL_MODEL_H

#include "base/error.h"
#include "model/config.h"

#include <stddef.h>

typedef struct am_model am_model;

/* Reads config.json and maps the weights. Immutable; may be shared by sessions. */
am_status am_model_open(const char *dir, am_model **out, am_error *err) AM_MUST_CHECK;
void am_model_close(am_model *m);

/* The configuration; valid until close. */
const am_config *am_model_config(const am_model *m);
/* Digest of the weight files, 16 hex digits (see store/tensors.h). */
const char *am_model_digest(const am_model *m);
/* dtype of the attention projections as stored: "F32", "F16", "BF16". */
const char *am_model_dtype(const am_model *m);
/* Bytes of the mapped weight files. */
size_t am_model_bytes(const am_model *m);

#endif
