/* Typed values of a JSON object with messages that name file and key. */
#ifndef AM_MODEL_CONFIG_JSON_H
#define AM_MODEL_CONFIG_JSON_H

#include "base/error.h"

#include <jansson.h>
#include <stdbool.h>

typedef struct am_config_view {
	const char *path;   /* of the file, for messages */
	const char *prefix; /* before the key in messages: "", "rope_scaling." */
	const json_t *object;
} am_config_view;

/* "an object", ...; "nothing" for NULL. */
const char *am_config_type_name(const json_t *v);

/* The value of `key`; NULL when it is absent or null, which configurations use alike. */
const json_t *am_config_get(const am_config_view *j, const char *key);

/* Each takes `otherwise` when the key is absent or null; another type is
 * AM_ERR_FORMAT, a number outside [low, high] AM_ERR_RANGE. */
am_status am_config_int(const am_config_view *j, const char *key, int otherwise, int low, int high,
                        int *out, am_error *err) AM_MUST_CHECK;
am_status am_config_real(const am_config_view *j, const char *key, double otherwise, double low,
                         double high, double *out, am_error *err) AM_MUST_CHECK;
am_status am_config_bool(const am_config_view *j, const char *key, bool otherwise, bool *out,
                         am_error *err) AM_MUST_CHECK;
am_status am_config_str(const am_config_view *j, const char *key, const char *otherwise,
                        const char **out, am_error *err) AM_MUST_CHECK;

#endif
