/* A program of your own on libattnmeter: captures a prompt with the embedded
 * model into the run file named by its argument, then prints the mean attention
 * entropy of every layer.
 *
 *   cc -std=c11 example.c $(pkg-config --cflags --static --libs attnmeter) -o example
 *   ./example run.h5 */
#include <attnmeter.h>

#include <inttypes.h>
#include <stdio.h>

static am_status capture(const char *path, am_error *err)
{
	char *model = NULL;
	am_status s = am_data_path("models/base", &model, err);
	if (s)
		return s;

	const am_input input = {AM_INPUT_PROMPT, "It was the best of times, it was the worst of times."};
	am_run_options options;
	am_run_options_init(&options);
	options.model = model;
	options.inputs = &input;
	options.n_inputs = 1;
	options.output = path;
	options.force = true;

	am_run_summary summary;
	s = am_run_capture(&options, &summary, err);
	if (!s) {
		printf("%" PRId64 " tokens, mean NLL %.3f nat\n", summary.tokens, summary.mean_nll);
		am_run_summary_fini(&summary);
	}
	am_free(model);
	return s;
}

/* Rows of the table with a layer and no head are means over the layer's heads. */
static void print_layers(const am_table *table)
{
	int layer = am_table_column(table, "layer"), head = am_table_column(table, "head");
	int mean = am_table_column(table, "mean");
	for (int i = 0; i < table->n_rows; i++) {
		const am_cell *row = table->cells + (size_t)i * table->n_columns;
		if (row[layer].i != INT64_MIN && row[head].i == INT64_MIN)
			printf("layer %" PRId64 ": %.3f nat\n", row[layer].i, row[mean].x);
	}
}

static am_status print_entropy(const char *path, am_error *err)
{
	am_run *run = NULL;
	am_status s = am_run_open(path, &run, err);
	if (s)
		return s;
	am_aggregate_options options;
	am_aggregate_options_init(&options);
	am_table table;
	s = am_entropy_table(run, &options, &table, err);
	if (!s) {
		print_layers(&table);
		am_table_fini(&table);
	}
	am_run_close(run);
	return s;
}

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: example RUN.h5\n");
		return 2;
	}
	am_error err;
	if (capture(argv[1], &err) || print_entropy(argv[1], &err)) {
		fprintf(stderr, "example: %s\n", err.text);
		return am_status_exit_code(err.status);
	}
	return 0;
}
