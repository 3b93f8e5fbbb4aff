/* Full distributions written by our writer, with one thread and with several, beside
 * HDF5's own serial filter pipeline on the same arrays: same chunks, shuffle, deflate.
 *
 *     hdf5_write [-t THREADS] [-l LEVEL] [-r ROUNDS] [-n TOKENS] [FOLDER]
 *
 * The arrays lie in memory before the clock starts; it stops when the file is closed.
 * Rounds alternate between the writers, the best of each counts. Then the path without
 * compression, to a file that is only counted, beside memcpy. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "runfile/writer.h"

#include <hdf5.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { LAYERS = 4, HEADS = 8, BLOCK = 256, CHUNK_BYTES = 256 << 10 };

typedef struct data {
	int tokens, n_blocks;
	int32_t *visible; /* [tokens] */
	float **block;    /* [n_blocks], each [HEADS][sum of n] */
	int64_t *keys;    /* [n_blocks] sum of n */
	double bytes;     /* of all layers */
} data;

typedef struct result {
	double wall, cpu; /* s */
	double bytes;     /* of the file */
} result;

static void die(const char *what)
{
	fprintf(stderr, "hdf5_write: %s\n", what);
	exit(1);
}

static double cpu_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* One row: softmax of scores spread as `sharpness` says, nearer keys higher. */
static void fill_row(am_rng *rng, double sharpness, int n, float *p)
{
	double sum = 0;
	for (int j = 0; j < n; j++) {
		double normal = am_rng_uniform(rng) + am_rng_uniform(rng) + am_rng_uniform(rng) - 1.5;
		double x = exp(sharpness * (2 * normal - log1p((double)(n - 1 - j)) / 3));
		p[j] = (float)x;
		sum += x;
	}
	for (int j = 0; j < n; j++)
		p[j] = (float)((double)p[j] / sum);
}

static data make(int tokens)
{
	data d = {.tokens = tokens, .n_blocks = (tokens + BLOCK - 1) / BLOCK};
	am_rng rng = {1};
	d.visible = am_alloc((size_t)tokens, sizeof *d.visible);
	d.block = am_calloc((size_t)d.n_blocks, sizeof *d.block);
	d.keys = am_calloc((size_t)d.n_blocks, sizeof *d.keys);
	if (!d.visible || !d.block || !d.keys)
		die("out of memory");
	for (int t = 0; t < tokens; t++) {
		d.visible[t] = t + 1;
		d.keys[t / BLOCK] += t + 1;
		d.bytes += 4.0 * (t + 1) * HEADS * LAYERS;
	}
	for (int b = 0; b < d.n_blocks; b++) {
		int last = (b + 1) * BLOCK < tokens ? (b + 1) * BLOCK : tokens;
		float *p = d.block[b] = am_alloc((size_t)d.keys[b] * HEADS, sizeof *p);
		if (!p)
			die("out of memory");
		for (int h = 0; h < HEADS; h++)
			for (int t = b * BLOCK; t < last; t++, p += t)
				fill_row(&rng, 1 + h, t + 1, p);
	}
	return d;
}

static void free_data(data *d)
{
	for (int b = 0; b < d->n_blocks; b++)
		am_free(d->block[b]);
	am_free(d->block);
	am_free(d->keys);
	am_free(d->visible);
}

/* Into `path`, or nowhere when it is NULL. */
static void write_ours(const data *d, const char *path, int level, int threads)
{
	static const int32_t ids[] = {0, 1, 2, 3, 4, 5, 6, 7};
	am_run_axes axes = {.n_layer = LAYERS, .layer = ids, .n_head = HEADS, .head = ids, .n_row = d->tokens};
	am_run_contents contents = {.dist = true, .deflate = level, .threads = threads};
	am_run_writer *w = NULL;
	am_error err;
	am_status s = am_run_writer_open(path, true, &axes, &contents, &w, &err);
	for (int b = 0; b < d->n_blocks && !s; b++) {
		const int32_t *n = d->visible + b * BLOCK;
		am_run_block rows = {.n_rows = d->tokens - b * BLOCK < BLOCK ? d->tokens - b * BLOCK : BLOCK};
		for (int l = 0; l < LAYERS && !s; l++)
			s = am_run_writer_append_dist(w, l, rows.n_rows, n, d->block[b], &err);
		if (!s)
			s = am_run_writer_append(w, &rows, &err);
		if (!s)
			s = am_run_writer_flush(w, &err);
	}
	if (!s)
		s = am_run_writer_close(w, &err);
	if (s)
		die(err.text);
}

static hid_t create_prob(hid_t file, int layer, hsize_t keys, unsigned level)
{
	char name[32];
	snprintf(name, sizeof name, "prob%d", layer);
	hsize_t dims[] = {HEADS, keys}, chunk[] = {HEADS, CHUNK_BYTES / 4 / HEADS};
	hid_t space = H5Screate_simple(2, dims, NULL), dcpl = H5Pcreate(H5P_DATASET_CREATE);
	H5Pset_chunk(dcpl, 2, chunk);
	H5Pset_shuffle(dcpl);
	H5Pset_deflate(dcpl, level);
	hid_t id = H5Dcreate2(file, name, H5T_NATIVE_FLOAT, space, H5P_DEFAULT, dcpl, H5P_DEFAULT);
	H5Pclose(dcpl);
	H5Sclose(space);
	return id;
}

static void write_hdf5(const data *d, const char *path, int level, int threads)
{
	(void)threads;
	hsize_t keys = 0, start[] = {0, 0};
	for (int b = 0; b < d->n_blocks; b++)
		keys += (hsize_t)d->keys[b];
	hid_t prob[LAYERS], file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
	for (int l = 0; l < LAYERS; l++)
		prob[l] = create_prob(file, l, keys, (unsigned)level);
	for (int b = 0; b < d->n_blocks; b++) {
		hsize_t count[] = {HEADS, (hsize_t)d->keys[b]};
		hid_t memory = H5Screate_simple(2, count, NULL), target = H5Dget_space(prob[0]);
		H5Sselect_hyperslab(target, H5S_SELECT_SET, start, NULL, count, NULL);
		for (int l = 0; l < LAYERS; l++)
			if (H5Dwrite(prob[l], H5T_NATIVE_FLOAT, memory, target, H5P_DEFAULT, d->block[b]) < 0)
				die("H5Dwrite failed");
		H5Sclose(memory);
		H5Sclose(target);
		start[1] += count[1];
	}
	for (int l = 0; l < LAYERS; l++)
		H5Dclose(prob[l]);
	if (H5Fclose(file) < 0)
		die("H5Fclose failed");
}

typedef void write_fn(const data *d, const char *path, int level, int threads);

/* Keeps the best wall time and the best CPU time. */
static void time_once(write_fn *fn, const data *d, const char *path, int level, int threads, result *best)
{
	struct stat st = {0};
	double wall = am_now(), cpu = cpu_now();
	fn(d, path, level, threads);
	wall = am_now() - wall;
	cpu = cpu_now() - cpu;
	if (path && (stat(path, &st) || unlink(path)))
		die("no file was written");
	best->wall = best->wall > 0 && best->wall < wall ? best->wall : wall;
	best->cpu = best->cpu > 0 && best->cpu < cpu ? best->cpu : cpu;
	best->bytes = (double)st.st_size;
}

static void copy_all(const data *d, const char *path, int level, int threads)
{
	(void)path, (void)level, (void)threads;
	float *to = am_alloc((size_t)BLOCK * (size_t)d->tokens * HEADS, sizeof *to);
	if (!to)
		die("out of memory");
	for (int b = 0; b < d->n_blocks; b++)
		for (int l = 0; l < LAYERS; l++) {
			memcpy(to, d->block[b], (size_t)d->keys[b] * HEADS * sizeof *to);
			__asm__ volatile("" : : "r"(to) : "memory"); /* the copy is wanted */
		}
	am_free(to);
}

static void print_line(const char *name, const data *d, const result *r, const result *base)
{
	printf("%-28s %9.1f MB/s  %6.2f x  %6.2f s CPU  %8.1f MB\n", name, d->bytes / r->wall / 1e6,
	       base->wall / r->wall, r->cpu, r->bytes / 1e6);
}

int main(int argc, char **argv)
{
	int threads = 2, level = 4, rounds = 5, tokens = 1024, c;
	while ((c = getopt(argc, argv, "t:l:r:n:")) != -1) {
		int *to = c == 't' ? &threads : c == 'l' ? &level : c == 'r' ? &rounds : c == 'n' ? &tokens : NULL;
		if (!to || (*to = atoi(optarg)) < 1)
			die("options: -t THREADS -l LEVEL -r ROUNDS -n TOKENS, each at least 1");
	}
	char path[4096], name[64];
	snprintf(path, sizeof path, "%s/hdf5_write.h5", optind < argc ? argv[optind] : ".");
	data d = make(tokens);
	result hdf5 = {0}, one = {0}, many = {0}, plain = {0}, copy = {0};
	for (int i = 0; i < rounds; i++) {
		time_once(write_hdf5, &d, path, level, 1, &hdf5);
		time_once(write_ours, &d, path, level, 1, &one);
		time_once(write_ours, &d, path, level, threads, &many);
		time_once(write_ours, &d, NULL, 0, 1, &plain);
		time_once(copy_all, &d, NULL, 0, 1, &copy);
	}
	printf("%.0f MB, deflate level %d, best of %d\n", d.bytes / 1e6, level, rounds);
	print_line("HDF5, serial", &d, &hdf5, &hdf5);
	print_line("run file, 1 thread", &d, &one, &hdf5);
	snprintf(name, sizeof name, "run file, %d threads", threads);
	print_line(name, &d, &many, &hdf5);
	print_line("memcpy", &d, &copy, &copy);
	print_line("run file, plain, not written", &d, &plain, &copy);
	free_data(&d);
	return 0;
}
