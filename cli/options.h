/* One parser of options for all commands, driven by a table of typed targets.
 *
 * Long options are `--name VALUE` or `--name=VALUE`, short ones `-k VALUE` or
 * `-kVALUE`, flags may be joined (`-ab`), `--` ends the options and operands
 * may stand anywhere. A bad value is refused with the option, what was expected
 * and what was found; an unknown option with the nearest name. `-h`, `--help`
 * is added to every table and prints a page made from it; `--help=man` gives it as a
 * manual page, `--help=complete WORD...` what may come next. */
#ifndef AM_CLI_OPTIONS_H
#define AM_CLI_OPTIONS_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdint.h>

/* Lists are owned by am_options and die with am_options_fini. Lists of numbers
 * are sorted upwards; a number given twice is refused. Each later use of the
 * option replaces the list, but for AM_OPT_STRINGS, which gathers. */
typedef struct am_opt_ints {
	int *items;
	int n;
} am_opt_ints;

typedef struct am_opt_doubles {
	double *items;
	int n;
} am_opt_doubles;

typedef struct am_opt_strings {
	const char **items; /* the strings themselves are argv's */
	int n;
} am_opt_strings;

/* "last:64" of names {"all", "last:N", ...}: which name, and its number. */
typedef struct am_opt_choice {
	int index;
	int n; /* 0 where the name takes none */
} am_opt_choice;

typedef enum {         /* type of *target: */
	AM_OPT_FLAG,       /* bool, set to true */
	AM_OPT_INT,        /* int in [min, max] */
	AM_OPT_UINT64,     /* uint64_t, any */
	AM_OPT_DOUBLE,     /* double in [min, max] */
	AM_OPT_STRING,     /* const char *, not empty */
	AM_OPT_STRINGS,    /* am_opt_strings, repeatable */
	AM_OPT_ENUM,       /* int, index into names */
	AM_OPT_CHOICE,     /* am_opt_choice; names ending in ":N" take N in [max(min, 1), max] */
	AM_OPT_INTS,       /* am_opt_ints, each in [min, max] */
	AM_OPT_RANGES,     /* am_opt_ints, "0,4-7"; "all" leaves n = 0 */
	AM_OPT_DOUBLES,    /* am_opt_doubles, each in [min, max] */
	AM_OPT_SHARES,     /* am_opt_doubles in (0, 1], given as "5%" or "0.05" */
	AM_OPT_CALL,       /* anything: `call` gets the target and the value */
} am_option_type;

typedef struct am_option {
	char short_name;  /* 0: none */
	const char *name; /* kebab case, without the dashes; NULL: the short name alone */
	am_option_type type;
	void *target;
	const char *value; /* what the help shows for the value; NULL: by type */
	const char *help;
	double min, max;          /* max 0: no upper limit */
	const char *const *names; /* AM_OPT_ENUM, AM_OPT_CHOICE: NULL at the end */
	/* AM_OPT_CALL: text outlives the parse; the detail says "expected ..., found ...". */
	am_status (*call)(void *target, const char *text, am_error *err);
} am_option;

typedef struct am_options {
	const char *command;  /* "entropy" */
	const char *operands; /* for the usage line, "RUN"; NULL: none */
	int min_operands, max_operands;
	const char *summary; /* what the command does: paragraphs, filled to the width */
	const char *notes;   /* after the options, as it stands (examples); may be NULL */
	const am_option *table;
	int n_table;

	/* Filled by am_options_parse. */
	const char **operand; /* of argv */
	int n_operand;
	void **owned;
	int n_owned;
} am_options;

/* Parses argv[1..argc). Returns -1 to go on, or the exit code to leave with: 0
 * after --help on stdout, 2 after a message on stderr. Targets keep their values
 * where an option is absent. am_options_fini in every case. */
int am_options_parse(am_options *o, int argc, char **argv);
void am_options_fini(am_options *o);

/* The command line as a shell would take it: "attnmeter" and argv[0..argc), a command's. */
void am_options_line(int argc, char **argv, am_text *out);

/* Index of the name nearest to `word` by edit distance, -1 when none is near.
 * `name(ctx, i)` gives n names. */
int am_nearest_name(const char *word, int n, const char *(*name)(const void *ctx, int i), const void *ctx);

#endif
