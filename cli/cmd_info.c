/* attnmeter info: version, compiler, libraries, kernels, threads, selectors. */
#include "base/json.h"
#include "base/text.h"
#include "base/threads.h"
#include "base/version.h"
#include "cli/build.h"
#include "cli/commands.h"
#include "cli/options.h"
#include "cli/report.h"
#include "kernels/gemm.h"
#include "kernels/kernels.h"
#include "select/selector.h"

#define COUNT(a) ((int)(sizeof(a) / sizeof(a)[0]))

static const struct {
	const char *name, *version;
} libraries[] = {
	{"hdf5", AM_BUILD_HDF5}, {"gsl", AM_BUILD_GSL}, {"openblas", AM_BUILD_OPENBLAS},
	{"jansson", AM_BUILD_JANSSON}, {"pcre2", AM_BUILD_PCRE2}, {"utf8proc", AM_BUILD_UTF8PROC},
	{"libdeflate", AM_BUILD_LIBDEFLATE},
};

/* The table that `run` takes when none is named; NULL with err when the environment
 * names one that it cannot. */
static const am_kernels *default_kernels(am_error *err)
{
	const am_kernels *k;
	return am_kernels_get(NULL, &k, err) == AM_OK ? k : NULL;
}

static void text_kernels(am_text *t)
{
	am_error err;
	const am_kernels *k, *chosen = default_kernels(&err);
	am_text_puts(t, "kernels     ");
	for (int i = 0; (k = am_kernels_at(i, NULL)); i++) {
		am_text_printf(t, "%s%s%s%s", i ? ", " : "", k->name, k->gemm_bf16 ? " with bf16 products" : "",
		               k == chosen ? " (chosen)" : "");
		if (am_kernels_obstacle(i))
			am_text_printf(t, " (%s)", am_kernels_obstacle(i));
	}
	if (!chosen)
		am_text_printf(t, "\n            none chosen: %s", err.text);
	am_text_printf(t, "\nblas        %s\n", am_gemm_describe());
}

static void json_or_null(am_text *t, const char *s)
{
	if (s)
		am_json_string(t, s);
	else
		am_text_puts(t, "null");
}

static void json_kernels(am_text *t)
{
	am_error err;
	const am_kernels *k, *chosen = default_kernels(&err);
	am_text_puts(t, "  \"kernels\": [");
	for (int i = 0; (k = am_kernels_at(i, NULL)); i++) {
		const char *obstacle = am_kernels_obstacle(i);
		am_text_printf(t, "%s{\"name\": \"%s\", \"usable\": %s, \"chosen\": %s, \"bf16_products\": %s, \"obstacle\": ",
		               i ? ", " : "", k->name, obstacle ? "false" : "true", k == chosen ? "true" : "false",
		               k->gemm_bf16 ? "true" : "false");
		json_or_null(t, obstacle);
		am_text_puts(t, "}");
	}
	am_text_puts(t, "],\n  \"kernels_error\": ");
	json_or_null(t, chosen ? NULL : err.text);
	am_text_puts(t, ",\n  \"blas\": ");
	am_json_string(t, am_gemm_describe());
	am_text_puts(t, ",\n");
}

static void text_selectors(am_text *t)
{
	const char *usage, *help;
	for (int i = 0; am_selector_name_at(i, &usage, &help); i++)
		am_text_printf(t, "%-11s %-21s %s\n", i ? "" : "selectors", usage, help);
}

static void json_selectors(am_text *t)
{
	const char *usage, *help;
	am_text_puts(t, "  \"selectors\": [");
	for (int i = 0; am_selector_name_at(i, &usage, &help); i++) {
		am_text_puts(t, i ? ", {\"usage\": " : "{\"usage\": ");
		am_json_string(t, usage);
		am_text_puts(t, ", \"help\": ");
		am_json_string(t, help);
		am_text_puts(t, "}");
	}
	am_text_puts(t, "],\n");
}

static void print_text(am_text *t)
{
	am_text_printf(t, "version     %s (%s)\n", AM_VERSION, AM_BUILD_TYPE);
	am_text_printf(t, "compiler    %s for %s\n", AM_BUILD_COMPILER, AM_BUILD_SYSTEM);
	am_text_puts(t, "libraries   ");
	for (int i = 0; i < COUNT(libraries); i++)
		am_text_printf(t, "%s%s %s", i ? ", " : "", libraries[i].name, libraries[i].version);
	am_text_puts(t, "\n");
	text_kernels(t);
	am_text_printf(t, "threads     %d by default\n", am_threads_available());
	text_selectors(t);
}

static void print_json(am_text *t)
{
	am_text_puts(t, "{\n  \"version\": ");
	am_json_string(t, AM_VERSION);
	am_text_puts(t, ",\n  \"build_type\": ");
	am_json_string(t, AM_BUILD_TYPE);
	am_text_puts(t, ",\n  \"compiler\": ");
	am_json_string(t, AM_BUILD_COMPILER);
	am_text_puts(t, ",\n  \"system\": ");
	am_json_string(t, AM_BUILD_SYSTEM);
	am_text_puts(t, ",\n  \"libraries\": {");
	for (int i = 0; i < COUNT(libraries); i++) {
		am_text_puts(t, i ? ", " : "");
		am_json_string(t, libraries[i].name);
		am_text_puts(t, ": ");
		am_json_string(t, libraries[i].version);
	}
	am_text_puts(t, "},\n");
	json_kernels(t);
	json_selectors(t);
	am_text_printf(t, "  \"threads\": %d\n}\n", am_threads_available());
}

int am_cmd_info(int argc, char **argv)
{
	bool json = false;
	const am_option table[] = {
		{.name = "json", .type = AM_OPT_FLAG, .target = &json, .help = "print one JSON object"},
	};
	am_options o = {
		.command = "info",
		.summary = "Prints what this build was made from and what this machine offers.",
		.table = table, .n_table = COUNT(table),
	};
	int code = am_options_parse(&o, argc, argv);
	if (code < 0) {
		am_text t = {0};
		am_error err;
		(json ? print_json : print_text)(&t);
		am_status s = am_report_write(NULL, false, &t, &err);
		code = s ? am_report_error(o.command, s, &err) : 0;
		am_text_free(&t);
	}
	am_options_fini(&o);
	return code;
}
