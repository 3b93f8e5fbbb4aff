/* Row kernels beside memory, and the writer of run files beside the disk. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "base/text.h"
#include "probes/bench_internal.h"
#include "runfile/writer.h"

#include <math.h>
#include <unistd.h>

enum { N_K = 8, N_TAU = 4, K = 256 };

typedef struct row_work {
	const am_kernels *k;
	float *score, *weight, mass[N_K];
	int32_t count[N_TAU], *index;
	am_row_sums sums;
	void *scratch;
	int n;
} row_work;

static void softmax(void *arg)
{
	row_work *w = arg;
	w->k->row_softmax(w->score, w->n, w->weight, &w->sums);
}

static void stats(void *arg)
{
	row_work *w = arg;
	w->k->row_stats(w->score, w->n, w->weight, NULL, &w->sums);
}

static void mass(void *arg)
{
	static const int k[N_K] = {1, 4, 16, 64, 128, 256, 512, 1024};
	static const double tau[N_TAU] = {0.5, 0.9, 0.95, 0.99};
	row_work *w = arg;
	w->k->row_mass(w->weight, w->n, k, N_K, tau, N_TAU, w->mass, NULL, w->count, w->scratch);
}

static void topk(void *arg)
{
	row_work *w = arg;
	w->k->row_topk(w->score, w->n, K, true, w->index, w->scratch);
}

/* Gaussian scores of spread 2: neither flat nor one-hot. */
static void fill_scores(float *x, int n)
{
	am_rng r = {1};
	for (int i = 0; i < n; i++) {
		double u = 1 - am_rng_uniform(&r), v = am_rng_uniform(&r);
		x[i] = (float)(2 * sqrt(-2 * log(u)) * cos(6.283185307179586 * v));
	}
}

am_status am_bench_selection(am_bench *b, am_error *err)
{
	size_t n = (size_t)b->tokens;
	row_work w = {.k = b->kernels, .n = b->tokens, .score = am_alloc(n, 4), .weight = am_alloc(n, 4),
	              .index = am_alloc(K, 4), .scratch = am_alloc(AM_SELECT_SCRATCH(n), 1)};
	const struct { const char *what; void (*fn)(void *); } rows[] = {
		{"softmax of a row", softmax}, {"every sum of a row", stats}, {"mass at 8 k, k at 4 masses", mass},
		{"indices of the top 256", topk},
	};
	am_status s = AM_OK;
	if (!w.score || !w.weight || !w.index || !w.scratch)
		s = am_fail(err, AM_ERR_MEMORY, "bench: out of memory");
	else
		fill_scores(w.score, w.n);
	for (size_t i = 0; !s && i < sizeof rows / sizeof rows[0]; i++) {
		double t = am_bench_time(b, rows[i].fn, &w) / (double)n;
		/* One thread reads the row's 4 bytes a score from its cache, the limit is memory's. */
		am_bench_say(b, "selection", rows[i].what, t * 1e9, "ns/score", "memory read", 4 / t / 1e9 / b->read_gbs);
	}
	void *own[] = {w.score, w.weight, w.index, w.scratch};
	for (size_t i = 0; i < sizeof own / sizeof own[0]; i++)
		am_free(own[i]);
	return s;
}

/* ---- writing ----------------------------------------------------------------- */

enum { LAYERS = 8, HEADS = 8, ROWS = 256, BLOCKS = 16 };

/* Blocks of entropy-like values for every float field of the run. */
static am_status write_run(const am_bench *b, const char *path, const float *data, double *mb, am_error *err)
{
	static const int32_t ids[LAYERS] = {0, 1, 2, 3, 4, 5, 6, 7}, k[] = {1, 16, 256};
	am_run_axes axes = {.n_layer = LAYERS, .layer = ids, .n_head = HEADS, .head = ids, .n_kv_head = HEADS,
	                    .kv_head = ids, .n_k = 3, .k = k, .n_distance_bin = 12, .n_row = ROWS * BLOCKS};
	am_run_contents contents = {.deflate = 4};
	am_run_writer *w;
	am_status s = am_run_writer_open(path, true, &axes, &contents, &w, err);
	if (s)
		return s;
	am_run_block block = {.n_rows = ROWS};
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		if (am_field_row_axis((am_field)f) >= 0)
			block.field[f] = data;
	for (int i = 0; i < BLOCKS && !s; i++) {
		s = am_run_writer_append(w, &block, err);
		if (!s)
			s = am_run_writer_flush(w, err);
	}
	/* 8 statistics and 3 masses a row and head; the fields without heads are small. */
	*mb = 4.0 * LAYERS * HEADS * ROWS * BLOCKS * (8 + 3) / 1e6;
	(void)b;
	am_run_writer_abandon(w);
	return s;
}

am_status am_bench_write(am_bench *b, am_error *err)
{
	size_t n = (size_t)LAYERS * HEADS * ROWS * 3;
	float *data = am_alloc(n, sizeof *data);
	am_text path = {0}, part = {0};
	am_text_printf(&path, "%s/attnmeter-bench.h5", b->o->scratch ? b->o->scratch : ".");
	am_text_printf(&part, "%s.part", am_text_str(&path));
	if (!data || !am_text_ok(&path) || !am_text_ok(&part)) {
		am_free(data);
		return am_fail(err, AM_ERR_MEMORY, "bench: out of memory");
	}
	am_rng r = {3};
	for (size_t i = 0; i < n; i++)
		data[i] = (float)log(1 + 50 * am_rng_uniform(&r));
	double best = 1e300, mb = 0;
	am_status s = AM_OK;
	for (int i = 0; i < 3 && !s; i++) {
		double start = am_now();
		s = write_run(b, am_text_str(&path), data, &mb, err);
		double t = am_now() - start;
		best = t < best ? t : best;
	}
	unlink(am_text_str(&part));
	if (!s)
		am_bench_say(b, "write", "run file, compressed", mb / best, "MB/s", "disk write", mb / best / b->disk_mbs);
	am_text_free(&path);
	am_text_free(&part);
	am_free(data);
	return s;
}
