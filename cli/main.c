/* What belongs to the process; the commands are in program.c. */
#include "cli/commands.h"
#include "cli/report.h"
#include "runfile/reader.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* A stream closed by the caller would be the number of the next file opened, and
 * a message part of a run file. Writing to a standard output of this kind fails. */
static void fill_standard_streams(void)
{
	int fd;
	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

int main(int argc, char **argv)
{
	fill_standard_streams();
	/* A reader that goes away is seen as EPIPE, where outputs can be cleaned up. */
	signal(SIGPIPE, SIG_IGN);
#ifdef SIGXFSZ
	signal(SIGXFSZ, SIG_IGN); /* so is a limit on the size of files, as EFBIG */
#endif
	am_run_leave_exit();
	return am_report_finish(NULL, am_program(argc, argv));
}
