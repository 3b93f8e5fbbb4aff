/* The program: one table of commands. */
#include "base/version.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);
	const char *summary;
} commands[] = {
	{"run", am_cmd_run, "run a model over texts and write a run file"},
	{"replay", am_cmd_replay, "the same from tensors captured in another framework"},
	{"show", am_cmd_show, "what is in a run file; --check validates it"},
	{"entropy", am_cmd_entropy, "entropy per head, layer, overall and by position"},
	{"coverage", am_cmd_coverage, "mass of the top k keys, and keys for a share of the mass"},
	{"bench", am_cmd_bench, "speed on this machine beside its limits"},
	{"info", am_cmd_info, "what this build and this machine can do"},
};
#define N_COMMANDS ((int)(sizeof commands / sizeof commands[0]))

static void print_tour(void)
{
	puts("attnmeter measures attention: entropy, top-k mass coverage and more, row by row,\n"
	     "from an instrumented forward pass that never holds the L x L matrix.\n"
	     "\n"
	     "Usage: attnmeter COMMAND [OPTIONS] ...\n"
	     "\n"
	     "Commands:");
	for (int i = 0; i < N_COMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].summary);
	puts("\n"
	     "A first look:\n"
	     "  attnmeter run -f book.txt --split -o run.h5   measure the embedded model on a text\n"
	     "  attnmeter show run.h5                         what the run file holds\n"
	     "  attnmeter entropy run.h5 --plot plots         entropy per layer, and pictures\n"
	     "  attnmeter coverage run.h5 --json              top-k mass, for a program to read\n"
	     "\n"
	     "'attnmeter COMMAND --help' lists the options of a command.");
}

static const struct command *find(const char *name)
{
	for (int i = 0; i < N_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static const char *command_name(const void *ctx, int i)
{
	(void)ctx;
	return commands[i].name;
}

static int unknown(const char *word)
{
	int near = word[0] == '-' ? -1 : am_nearest_name(word, N_COMMANDS, command_name, NULL);
	const char *what = word[0] == '-' ? "option" : "command";
	if (near >= 0)
		return am_report_usage(NULL, "unknown %s '%s'; did you mean '%s'?", what, word,
		                       commands[near].name);
	return am_report_usage(NULL, "unknown %s '%s'", what, word);
}

static int dispatch(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "--help";
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return print_tour(), 0;
	if (!strcmp(word, "--version"))
		return puts("attnmeter " AM_VERSION), 0;
	const struct command *c = find(word);
	return c ? c->run(argc - 1, argv + 1) : unknown(word);
}

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
	return am_report_finish(NULL, dispatch(argc, argv));
}
