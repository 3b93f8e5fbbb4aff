/* Folders for files that are gone again when the work is done. */
#ifndef AM_BASE_FOLDER_H
#define AM_BASE_FOLDER_H

#include "base/error.h"

#include <stddef.h>

/* Makes an empty folder under $TMPDIR, or /tmp where that is unset or empty; its path goes to
 * dir[room]. am_folder_remove when done. */
am_status am_folder_temporary(char *dir, size_t room, am_error *err) AM_MUST_CHECK;
/* Removes a folder and the files in it, none of which need be there; no folders within. */
void am_folder_remove(const char *dir);

#endif
