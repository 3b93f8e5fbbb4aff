/* The post-processor of a tokenizer.json: what stands before and after the
 * sequence, BOS and EOS as a rule. TemplateProcessing, ByteLevel (which moves
 * offsets only) and sequences with at most one template; any other is
 * AM_ERR_UNSUPPORTED. */
#ifndef AM_MODEL_POSTPROCESS_H
#define AM_MODEL_POSTPROCESS_H

#include "base/error.h"
#include "model/id_list.h"
#include "model/vocab.h"

#include <jansson.h>

typedef struct am_template {
	am_id_list before, after;
} am_template;

/* null or absent adds nothing. Ids must be in the vocabulary. */
am_status am_template_init(am_template *t, const json_t *component, const am_vocab *vocab,
                           am_error *err) AM_MUST_CHECK;
void am_template_fini(am_template *t);

#endif
