#include "cli/stop.h"

#include <stddef.h>

static volatile sig_atomic_t caught;

static void note(int signal)
{
	caught = signal;
}

static void listen_to(int signal)
{
	struct sigaction old, new = {.sa_handler = note, .sa_flags = SA_RESTART | (int)SA_RESETHAND};
	sigemptyset(&new.sa_mask);
	if (sigaction(signal, NULL, &old) == 0 && old.sa_handler != SIG_IGN)
		sigaction(signal, &new, NULL);
}

const volatile sig_atomic_t *am_stop_listen(void)
{
	listen_to(SIGINT);
	listen_to(SIGTERM);
	return &caught;
}

int am_stop_exit_code(int signal)
{
	return 128 + signal;
}
