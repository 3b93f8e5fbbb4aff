#include "cli/terminal.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool am_terminal_is(int fd)
{
	const char *term = getenv("TERM");
	return isatty(fd) && term && *term && strcmp(term, "dumb") != 0;
}

bool am_terminal_color(int fd)
{
	const char *no = getenv("NO_COLOR");
	return am_terminal_is(fd) && (!no || !*no);
}

const char *am_style_on(am_style s)
{
	static const char *const on[] = {[AM_STYLE_ERROR] = "\033[1;31m", [AM_STYLE_NOTE] = "\033[33m", [AM_STYLE_FAINT] = "\033[2m"};
	return am_terminal_color(STDERR_FILENO) ? on[s] : "";
}

const char *am_style_off(void)
{
	return am_terminal_color(STDERR_FILENO) ? "\033[0m" : "";
}
