/* The keys of config.json: which are read, which change nothing, and the rest. */
#ifndef AM_MODEL_CONFIG_KEYS_H
#define AM_MODEL_CONFIG_KEYS_H

#include "model/config.h"
#include "model/config_json.h"

/* AM_ERR_UNSUPPORTED naming the first key that this family's forward pass does
 * not read and whose name says it could change the result. Values that mean
 * "off" (null, false, an empty list or object, a factor of 1) pass. */
am_status am_config_check_keys(const am_config_view *j, am_family family, am_error *err) AM_MUST_CHECK;

/* The same for one object of rope keys: AM_ERR_UNSUPPORTED for any key unknown. */
am_status am_config_check_rope_keys(const am_config_view *j, am_error *err) AM_MUST_CHECK;

#endif
