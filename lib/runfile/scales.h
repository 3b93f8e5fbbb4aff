/* Which dimension scale an axis of a field gets.
 *
 * Axes lie at the root, and every field is attached to those. One axis cannot: a node
 * of a netCDF tree has no child that is called like a coordinate it sees, and
 * /selector/<id>/head is called like /head. So in runs with selectors /head stays a
 * dimension scale with its values, named as netCDF names dimensions without a variable,
 * and groups that hold no group `head` have a scale `head` of their own. */
#ifndef AM_RUNFILE_SCALES_H
#define AM_RUNFILE_SCALES_H

#include "runfile/h5.h"

#include <stdbool.h>

#define AM_SCALE_ROOM 64 /* of paths and names */

/* The path of the scale of axis `a` for the field at `path`, in a run with selectors or none. */
void am_scale_path(const char *path, am_axis a, bool selectors, char out[AM_SCALE_ROOM]);
/* The name that the scale at that path bears, n its length. */
void am_scale_name(const char *scale_path, am_axis a, int64_t n, bool selectors, char out[AM_SCALE_ROOM + 32]);
/* netCDF-4's way to say that a scale has a length but no values. */
void am_scale_bare_name(int64_t n, char out[AM_SCALE_ROOM + 32]);

#endif
