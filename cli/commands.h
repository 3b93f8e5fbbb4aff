/* The subcommands: argv[0] is the command's name; the result is the exit code
 * of the program (0 done, 1 data or machine, 2 usage, 3 a check failed, 128 + n
 * stopped by signal n). */
#ifndef AM_CLI_COMMANDS_H
#define AM_CLI_COMMANDS_H

int am_cmd_run(int argc, char **argv);
int am_cmd_replay(int argc, char **argv);
int am_cmd_show(int argc, char **argv);
int am_cmd_entropy(int argc, char **argv);
int am_cmd_coverage(int argc, char **argv);
int am_cmd_bench(int argc, char **argv);
int am_cmd_info(int argc, char **argv);

#endif
