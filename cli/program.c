/* The program: one table of commands. */
#include "base/version.h"
#include "cli/commands.h"
#include "cli/man.h"
#include "cli/options.h"
#include "cli/report.h"

#include <stdio.h>
#include <string.h>

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
	{"recall", am_cmd_recall, "how much of what attention looks at selectors find"},
	{"compare", am_cmd_compare, "what changed between two runs, with intervals and tests"},
	{"report", am_cmd_report, "one HTML page about a run, or about several and what changed"},
	{"plot", am_cmd_plot, "any single picture of one run or two; alone it lists them"},
	{"export", am_cmd_export, "a run file as CSV, JSON, NPZ or a notebook"},
	{"overlap", am_cmd_overlap, "how far two index dumps of serving engines agree"},
	{"eval", am_cmd_eval, "task accuracy under an attention mode; sweeps over k and precision"},
	{"tasks", am_cmd_tasks, "write synthetic long-context tasks"},
	{"bench", am_cmd_bench, "speed on this machine beside its limits"},
	{"info", am_cmd_info, "what this build and this machine can do"},
	{"doctor", am_cmd_doctor, "whether all that attnmeter uses is there"},
};
#define N_COMMANDS ((int)(sizeof commands / sizeof commands[0]))

static const char about[] =
	"attnmeter measures attention: entropy, top-k mass coverage and more, row by row,\n"
	"from an instrumented forward pass that never holds the L x L matrix.";

static const char *const first_look[][2] = {
	{"run -f book.txt --split -o run.h5", "measure the embedded model on a text"},
	{"show run.h5", "what the run file holds"},
	{"entropy run.h5 --plot plots", "entropy per layer, and pictures"},
	{"coverage run.h5 --json", "top-k mass, for a program to read"},
	{"compare run.h5 other.h5", "what changed, with intervals and tests"},
	{"report run.h5 -o report", "all of it as one HTML page"},
	{"doctor", "whether all that it uses is there"},
};
#define N_LOOKS ((int)(sizeof first_look / sizeof first_look[0]))

static void print_tour(void)
{
	printf("%s\n\nUsage: attnmeter COMMAND [OPTIONS] ...\n\nCommands:\n", about);
	for (int i = 0; i < N_COMMANDS; i++)
		printf("  %-10s %s\n", commands[i].name, commands[i].summary);
	puts("\nA first look:");
	for (int i = 0; i < N_LOOKS; i++)
		printf("  attnmeter %-35s %s\n", first_look[i][0], first_look[i][1]);
	puts("\n'attnmeter COMMAND --help' lists the options of a command.");
}

static void print_man(void)
{
	am_text t = {0};
	am_man_title(&t, "attnmeter", "attention analysis and entropy instrumentation");
	am_text_puts(&t, ".SH SYNOPSIS\n\\fBattnmeter\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] ...\n.SH DESCRIPTION\n");
	am_man_paragraphs(&t, about);
	am_text_puts(&t, ".SH COMMANDS\n");
	for (int i = 0; i < N_COMMANDS; i++) {
		am_text_printf(&t, ".TP\n.BR attnmeter\\-%s (1)\n", commands[i].name);
		am_man_words(&t, commands[i].summary);
		am_text_puts(&t, "\n");
	}
	am_text_puts(&t, ".SH EXAMPLES\n");
	for (int i = 0; i < N_LOOKS; i++) {
		am_text_puts(&t, ".TP\n\\fBattnmeter ");
		am_man_words(&t, first_look[i][0]);
		am_text_puts(&t, "\\fR\n");
		am_man_words(&t, first_look[i][1]);
		am_text_puts(&t, "\n");
	}
	am_text_puts(&t, ".SH ENVIRONMENT\n"
	                 ".TP\nATTNMETER_KERNELS\nthe kernel table to use, as the option \\-\\-kernels\n"
	                 ".TP\nATTNMETER_KERNELS_OFF\ntables to take for absent, separated by commas\n"
	                 ".TP\nATTNMETER_DATA\nfolder of the embedded model and texts\n");
	am_man_exit_status(&t);
	fputs(am_text_str(&t), stdout);
	am_text_free(&t);
}

static const struct command *find(const char *name)
{
	for (int i = 0; i < N_COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

const char *am_command_summary(const char *name)
{
	const struct command *c = find(name);
	return c ? c->summary : "";
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

/* words[0..n): the command line after the program's name, the last word being typed. */
static int complete(int n, char **words)
{
	char how[] = "--help=complete";
	const struct command *c = n > 1 ? find(words[0]) : NULL;
	if (n > 1 && !c)
		return 0;
	if (!c) {
		const char *start = n ? words[0] : "";
		for (int i = 0; i < N_COMMANDS; i++)
			if (strncmp(commands[i].name, start, strlen(start)) == 0)
				printf("%s\t%s\n", commands[i].name, commands[i].summary);
		return 0;
	}
	/* The options before the last two words change nothing. */
	char *all[4] = {words[0], how, n > 2 ? words[n - 2] : words[n - 1], words[n - 1]};
	return c->run(n > 2 ? 4 : 3, all);
}

int am_program(int argc, char **argv)
{
	const char *word = argc > 1 ? argv[1] : "--help";
	if (!strcmp(word, "--help") || !strcmp(word, "-h"))
		return print_tour(), 0;
	if (!strcmp(word, "--help=man"))
		return print_man(), 0;
	if (!strcmp(word, "--help=complete"))
		return complete(argc - 2, argv + 2);
	if (!strcmp(word, "--version"))
		return puts("attnmeter " AM_VERSION), 0;
	const struct command *c = find(word);
	return c ? c->run(argc - 1, argv + 1) : unknown(word);
}
