#include "runfile/scales.h"

#include <stdio.h>
#include <string.h>

/* "/selector/s0/kept": its group holds a group `head`. */
static bool beside_head(const char *path)
{
	static const char top[] = "/selector/";
	const char *last = strrchr(path, '/');
	return last == path ||
	       (!strncmp(path, top, sizeof top - 1) && strchr(path + sizeof top - 1, '/') == last);
}

void am_scale_path(const char *path, am_axis a, bool selectors, char out[AM_SCALE_ROOM])
{
	int group = selectors && a == AM_AXIS_HEAD && !beside_head(path) ? (int)(strrchr(path, '/') - path) : 0;
	snprintf(out, AM_SCALE_ROOM, "%.*s/%s", group, path, am_axes[a].name);
}

void am_scale_name(const char *scale_path, am_axis a, int64_t n, bool selectors, char out[AM_SCALE_ROOM + 32])
{
	if (selectors && a == AM_AXIS_HEAD && strrchr(scale_path, '/') == scale_path)
		am_scale_bare_name(n, out);
	else
		snprintf(out, AM_SCALE_ROOM + 32, "%s", am_axes[a].name);
}

void am_scale_bare_name(int64_t n, char out[AM_SCALE_ROOM + 32])
{
	snprintf(out, AM_SCALE_ROOM + 32, "This is a netCDF dimension but not a netCDF variable.%10lld", (long long)n);
}
