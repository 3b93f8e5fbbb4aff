/* Where the files that come with the program lie: models/base, data/. */
#ifndef AM_BASE_DATADIR_H
#define AM_BASE_DATADIR_H

#include "base/error.h"

/* Path of `name` ("models/base", "data/time-machine.txt") in *out, owned by the
 * caller (am_free). The first of these that has it:
 *   1. $ATTNMETER_DATA, and nothing else when that is set and not empty;
 *   2. ../share/attnmeter beside the folder of the running program, so that an
 *      installed prefix can be moved;
 *   3. the source tree, when the program lies in the build tree of this library;
 *   4. share/attnmeter of the prefix given at configuration.
 * AM_ERR_IO names the places looked at. Thread-safe. */
am_status am_data_path(const char *name, char **out, am_error *err) AM_MUST_CHECK;

#endif
