/* Which files hold a model: one safetensors file, or the shards of an index. */
#ifndef AM_STORE_SHARDS_H
#define AM_STORE_SHARDS_H

#include "base/error.h"

typedef struct am_shards {
	char *index;     /* path of model.safetensors.index.json; NULL without one */
	char **paths;    /* [n], sorted by name, each once */
	int n;
	char **tensors;  /* [n_tensors] names in the index, in its order */
	int *shard;      /* [n_tensors] which of paths holds it */
	int n_tensors;   /* 0 without an index */
} am_shards;

/* `path` is a .safetensors file or a directory. Opens no shard. */
am_status am_shards_list(const char *path, am_shards *out, am_error *err) AM_MUST_CHECK;
void am_shards_fini(am_shards *s);

#endif
