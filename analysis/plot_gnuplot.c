#include "analysis/plot_picture.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In the child: only calls that are safe after fork. An errno that keeps gnuplot
 * from starting goes to `failure`, which a successful exec closes. */
static void become_gnuplot(const char *dir, const char *script, int err_fd, int failure)
{
	int null = open("/dev/null", O_RDWR);
	char *const argv[] = {(char *)"gnuplot", (char *)"-d", (char *)script, NULL};
	if (null >= 0 && dup2(null, 0) >= 0 && dup2(null, 1) >= 0 && dup2(err_fd, 2) >= 0 &&
	    chdir(dir) == 0)
		execvp(argv[0], argv);
	int e = errno;
	ssize_t n = write(failure, &e, sizeof e);
	_exit(n == sizeof e ? 127 : 126);
}

/* Keeps what fits of a stream (always NUL-terminated) and drains the rest. */
static void read_all(int fd, char *buf, size_t room)
{
	size_t used = 0;
	for (;;) {
		char spill[512];
		bool full = used + 1 >= room;
		ssize_t n = read(fd, full ? spill : buf + used, full ? sizeof spill : room - 1 - used);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		if (!full)
			used += (size_t)n;
	}
	buf[used] = 0;
}

/* gnuplot echoes the statement, a caret, then `"FILE" line N: message`. Returns
 * that line, or the first that is not blank, cut out of `text` in place. */
static const char *first_error_line(char *text)
{
	char *blank = NULL, *rest = NULL;
	for (char *line = strtok_r(text, "\r\n", &rest); line; line = strtok_r(NULL, "\r\n", &rest)) {
		line += strspn(line, " \t");
		if (*line == '"' && strstr(line, " line ") && !strstr(line, "warning:"))
			return line;
		if (!blank && *line && *line != '^')
			blank = line;
	}
	return blank ? blank : "no message";
}

static am_status judge(const char *dir, const char *script, int wait_status, char *text, am_error *err)
{
	if (WIFEXITED(wait_status) && WEXITSTATUS(wait_status) == 0)
		return AM_OK;
	if (WIFSIGNALED(wait_status))
		return am_fail(err, AM_ERR_IO, "gnuplot: killed by signal %d while drawing %s in %s",
		               WTERMSIG(wait_status), script, dir);
	return am_fail(err, AM_ERR_IO, "gnuplot: failed on %s in %s: %s", script, dir,
	               first_error_line(text));
}

static am_status cannot_start(const char *dir, int e, am_error *err)
{
	if (e == ENOENT)
		return am_fail(err, AM_ERR_IO,
		               "gnuplot: not found; install gnuplot-nox; data and scripts are in %s", dir);
	return am_fail(err, AM_ERR_IO, "gnuplot: cannot start: %s; data and scripts are in %s",
	               strerror(e), dir);
}

static bool pipe_cloexec(int fd[2])
{
	if (pipe(fd) != 0)
		return false;
	fcntl(fd[0], F_SETFD, FD_CLOEXEC);
	fcntl(fd[1], F_SETFD, FD_CLOEXEC);
	return true;
}

am_status am_gnuplot_run(const char *dir, const char *script, am_error *err)
{
	int out[2], failure[2];
	if (!pipe_cloexec(out))
		return am_fail(err, AM_ERR_IO, "gnuplot: cannot make a pipe: %s", strerror(errno));
	if (!pipe_cloexec(failure)) {
		int e = errno;
		close(out[0]);
		close(out[1]);
		return am_fail(err, AM_ERR_IO, "gnuplot: cannot make a pipe: %s", strerror(e));
	}
	pid_t pid = fork();
	int e = errno;
	if (pid == 0)
		become_gnuplot(dir, script, out[1], failure[1]);
	close(out[1]);
	close(failure[1]);
	am_status s = AM_OK;
	char text[4096];
	if (pid < 0) {
		s = am_fail(err, AM_ERR_IO, "gnuplot: cannot fork: %s", strerror(e));
	} else {
		int wait_status = 0;
		read_all(out[0], text, sizeof text);
		ssize_t n = read(failure[0], &e, sizeof e);
		while (waitpid(pid, &wait_status, 0) < 0 && errno == EINTR)
			;
		s = n == sizeof e ? cannot_start(dir, e, err) : judge(dir, script, wait_status, text, err);
	}
	close(out[0]);
	close(failure[0]);
	return s;
}
