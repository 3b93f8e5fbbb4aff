/* Prompt templates: text in which $NAME$ stands for a field of the sample. */
#ifndef AM_TASK_TEMPLATE_H
#define AM_TASK_TEMPLATE_H

#include "base/text.h"

/* Set once the fields of a format are known; values are borrowed. */
typedef struct am_template_field {
	const char *name;  /* "DOC", without the dollars */
	const char *value; /* NULL counts as empty */
} am_template_field;

/* Appends the template with every $NAME$ replaced; what a value holds is not looked at
 * again, and a dollar that begins no $NAME$ in capitals stays. AM_ERR_USAGE for a name
 * that is not among the fields, with those there are. */
am_status am_template_render(const char *template, const am_template_field *fields, int n, am_text *out,
                             am_error *err) AM_MUST_CHECK;

#endif
