/* The subcommands: argv[0] is the command's name; the result is the exit code
 * of the program (0 done, 1 data or machine, 2 usage, 3 a check failed, 128 + n
 * stopped by signal n). */
#ifndef AM_CLI_COMMANDS_H
#define AM_CLI_COMMANDS_H

/* One each; the list with a line on each is in program.c. */
int am_cmd_run(int argc, char **argv);
int am_cmd_replay(int argc, char **argv);
int am_cmd_overlap(int argc, char **argv);
int am_cmd_show(int argc, char **argv);
int am_cmd_entropy(int argc, char **argv);
int am_cmd_coverage(int argc, char **argv);
int am_cmd_export(int argc, char **argv);
int am_cmd_plot(int argc, char **argv);
int am_cmd_compare(int argc, char **argv);
int am_cmd_report(int argc, char **argv);
int am_cmd_recall(int argc, char **argv);
int am_cmd_eval(int argc, char **argv);
int am_cmd_tasks(int argc, char **argv);
int am_cmd_bench(int argc, char **argv);
int am_cmd_info(int argc, char **argv);
int am_cmd_doctor(int argc, char **argv);

/* Runs the command that argv[1] names; the exit code of the program. */
int am_program(int argc, char **argv);
/* The line on a command in the list of commands; "" for an unknown name. */
const char *am_command_summary(const char *name);

#endif
