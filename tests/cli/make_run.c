/* make_run KIND PATH: writes a run file for the command tests.
 *   sound  2 layers, 2 heads, 6 sequences of 2 tasks, 20 rows each
 *   one    a single sequence of 20 rows
 *   part   "sound", interrupted after 60 rows, without attributes: PATH.part
 *   after  "sound" with other distributions; token: with another token too
 *   deep   "sound" with a layer more
 *   short  "sound" with 15 rows each
 *   large  30 layers, 9 heads, 8 sequences of 4096 rows (for timing by hand) */
#include "../unit/runfile_data.h"

#include <stdio.h>

static const struct {
	const char *kind;
	int n_layer, n_head;
	int64_t seq_length, n_sequence;
	int shift, token_shift;
} kinds[] = {
	{"sound", 2, 2, 20, 6, 0, 0}, {"one", 2, 2, 20, 1, 0, 0}, {"part", 2, 2, 20, 6, 0, 0},
	{"after", 2, 2, 20, 6, 5, 0}, {"token", 2, 2, 20, 6, 5, 1}, {"deep", 3, 2, 20, 6, 0, 0},
	{"short", 2, 2, 15, 6, 0, 0}, {"large", 30, 9, 4096, 8, 0, 0},
};

static am_status interrupted(const sample *s, const char *path, am_error *err)
{
	am_run_writer *w;
	am_run_contents contents = s->contents;
	contents.flush_seconds = -1;
	am_status st = am_run_writer_open(path, true, &s->axes, &contents, &w, err);
	if (!st)
		st = sample_append(s, w, 0, 60, err);
	if (!st)
		st = am_run_writer_flush(w, err);
	am_run_writer_abandon(w);
	return st;
}

int main(int argc, char **argv)
{
	static int32_t layer[30], head[9];
	am_error err = {0};
	for (int i = 0; i < 30; i++)
		layer[i] = i;
	for (int i = 0; i < 9; i++)
		head[i] = i;
	for (size_t i = 0; argc == 3 && i < sizeof kinds / sizeof kinds[0]; i++) {
		if (strcmp(argv[1], kinds[i].kind))
			continue;
		sample s = sample_new(kinds[i].n_layer, kinds[i].n_head, kinds[i].seq_length, kinds[i].n_sequence);
		s.contents.pair = false;
		s.axes.layer = layer;
		s.axes.head = head;
		s.shift = kinds[i].shift;
		s.token_shift = kinds[i].token_shift;
		if (!(strcmp(argv[1], "part") ? sample_write(&s, argv[2], 1024, &err) : interrupted(&s, argv[2], &err)))
			return 0;
		fprintf(stderr, "make_run: %s\n", err.text);
		return 1;
	}
	fprintf(stderr, "usage: make_run KIND PATH\n");
	return 2;
}
