/* Whether a picture was written to its end: gnuplot does not notice a full disk. */
#include "analysis/plot_picture.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Last bytes of a file in `out`; how many. */
static size_t read_tail(const char *path, char *out, size_t room)
{
	FILE *f = fopen(path, "rb");
	size_t n = 0;
	if (f && (fseek(f, -(long)room, SEEK_END) == 0 || fseek(f, 0, SEEK_SET) == 0))
		n = fread(out, 1, room, f);
	if (f)
		fclose(f);
	return n;
}

am_status am_picture_whole(const char *path, am_error *err)
{
	static const char png_end[] = "IEND\xae\x42\x60\x82"; /* type and checksum of the last chunk */
	char tail[16] = "";
	size_t n = read_tail(path, tail, sizeof tail), last = n, svg = strlen("</svg>"), png = sizeof png_end - 1;
	while (last && (tail[last - 1] == '\n' || tail[last - 1] == ' '))
		last--;
	bool whole = (last >= svg && memcmp(tail + last - svg, "</svg>", svg) == 0) ||
	             (n >= png && memcmp(tail + n - png, png_end, png) == 0);
	if (whole)
		return AM_OK;
	unlink(path);
	return am_fail(err, AM_ERR_IO, "%s: cannot write: gnuplot left it unfinished; is the disk full?", path);
}
