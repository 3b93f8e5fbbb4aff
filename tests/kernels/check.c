#include "check.h"

#include <math.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN = 12 }; /* failures printed a group */

static struct {
	const char *isa, *kernel, *input;
	int n;
	long done, failed;
	double worst; /* largest error / bound */
	const char *worst_what, *worst_input;
	int worst_n;
} now;

static void put(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

static void on_fault(int sig)
{
	(void)sig;
	put("FAIL ");
	put(now.isa);
	put(".");
	put(now.kernel);
	put(" ");
	put(now.input);
	put(": access outside a guarded buffer\n");
	_exit(1);
}

void check_start(void)
{
	struct sigaction action;
	memset(&action, 0, sizeof action);
	action.sa_handler = on_fault;
	sigaction(SIGSEGV, &action, NULL);
	sigaction(SIGBUS, &action, NULL);
	setvbuf(stdout, NULL, _IOLBF, 0);
	now.isa = now.kernel = now.input = "";
}

void check_group(const char *isa, const char *kernel)
{
	memset(&now, 0, sizeof now);
	now.isa = isa;
	now.kernel = kernel;
	now.input = "";
}

void check_case(const char *input, int n)
{
	now.input = input;
	now.n = n;
}

int check_ok(int pass, const char *fmt, ...)
{
	now.done++;
	if (pass)
		return 1;
	if (now.failed++ >= SHOWN)
		return 0;
	va_list args;
	printf("FAIL %s.%s %s n=%d: ", now.isa, now.kernel, now.input, now.n);
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	return 0;
}

int check_near(double got, double want, double bound, const char *what)
{
	double error = fabs(got - want), ratio = bound > 0 ? error / bound : 0;
	if (ratio > now.worst) {
		now.worst = ratio;
		now.worst_what = what;
		now.worst_input = now.input;
		now.worst_n = now.n;
	}
	return check_ok(error <= bound, "%s = %.17g, expected %.17g within %.3g", what, got, want, bound);
}

int check_group_end(void)
{
	char worst[160] = "";
	if (now.worst > 0)
		snprintf(worst, sizeof worst, ", largest error %.2f of its bound (%s, %s, n=%d)", now.worst,
		         now.worst_what, now.worst_input, now.worst_n);
	/* A group that checked nothing has proven nothing. */
	if (!now.done)
		now.failed = 1;
	printf("%s %-7s %-13s %ld checks, %ld failed%s\n", now.failed ? "FAIL" : "ok  ", now.isa,
	       now.kernel, now.done, now.failed, worst);
	return (int)now.failed;
}
