/* replay PATH...: hands files, and the files of folders, to a fuzz target; for compilers without
 * libFuzzer. Fails when there are none. */
#include "fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { LARGEST = 1 << 24 };

static int replayed;

static void replay_file(const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(LARGEST);
	if (!f || !data) {
		perror(path);
		exit(1);
	}
	size_t n = fread(data, 1, LARGEST, f);
	fclose(f);
	uint8_t *exact = malloc(n ? n : 1); /* so that a sanitizer sees the end */
	if (!exact)
		exit(1);
	memcpy(exact, data, n);
	free(data);
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(exact, n);
	free(exact);
	replayed++;
}

static void replay(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		perror(path);
		exit(1);
	}
	if (!S_ISDIR(st.st_mode)) {
		replay_file(path);
		return;
	}
	struct dirent **list;
	int n = scandir(path, &list, NULL, alphasort);
	for (int i = 0; i < n; i++) {
		char name[1024];
		snprintf(name, sizeof name, "%.700s/%.255s", path, list[i]->d_name);
		if (list[i]->d_name[0] != '.')
			replay(name);
		free(list[i]);
	}
	free(list);
}

int main(int argc, char **argv)
{
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	for (int i = 1; i < argc; i++)
		replay(argv[i]);
	fprintf(stderr, "%d files replayed\n", replayed);
	return replayed ? 0 : 1;
}
