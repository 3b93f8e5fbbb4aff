/* A wish to stop, from the keyboard or the system. */
#ifndef AM_CLI_STOP_H
#define AM_CLI_STOP_H

#include <signal.h>

/* From now on the first SIGINT or SIGTERM is noted in *the result, as its number
 * (0 until then); a second one ends the process at once. Signals that the parent
 * had ignored (nohup, a background job) stay ignored. */
const volatile sig_atomic_t *am_stop_listen(void);

/* Exit code by which a shell knows that a signal ended the program. */
int am_stop_exit_code(int signal);

#endif
