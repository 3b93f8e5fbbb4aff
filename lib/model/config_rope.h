/* Rope keys of config.json, of both generations. */
#ifndef AM_MODEL_CONFIG_ROPE_H
#define AM_MODEL_CONFIG_ROPE_H

#include "model/config.h"
#include "model/config_json.h"

/* Fills c->rope[c->layers]; c->window and the sizes are set. */
am_status am_config_read_rope(const am_config_view *j, am_config *c, am_error *err) AM_MUST_CHECK;

#endif
