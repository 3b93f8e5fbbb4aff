#include "probes/bench_internal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "base/text.h"
#include "kernels/gemm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

bool am_bench_wants(const am_bench *b, const char *part)
{
	return !b->o->only || !strcmp(b->o->only, part);
}

void am_bench_say(const am_bench *b, const char *part, const char *what, double value, const char *unit,
                  const char *limit, double ratio)
{
	am_bench_figure f = {part, what, value, unit, limit, ratio};
	b->emit(b->ctx, &f);
}

double am_bench_time(const am_bench *b, void (*fn)(void *arg), void *arg)
{
	double best = 1e300, begin = am_now();
	for (int i = 0; i < 3 || am_now() - begin < b->seconds; i++) {
		double start = am_now();
		fn(arg);
		double t = am_now() - start;
		best = t < best ? t : best;
	}
	return best;
}

/* ---- limits ---------------------------------------------------------------- */

enum { SIDE = 512, READ_FLOATS = 1 << 24, DISK_BYTES = 128 << 20 };

typedef struct limit_work {
	am_bench *b;
	float *x; /* [threads][3][SIDE * SIDE], or READ_FLOATS */
	double sum[64];
} limit_work;

static void product_task(void *ctx, int task, int worker)
{
	(void)worker;
	const limit_work *w = ctx;
	size_t n = (size_t)SIDE * SIDE;
	float *a = w->x + 3 * n * (size_t)task;
	if (w->b->kernels->gemm_nt)
		w->b->kernels->gemm_nt(SIDE, SIDE, SIDE, a, SIDE, a + n, AM_F32, SIDE, false, a + 2 * n, SIDE);
	else
		am_gemm_nt(SIDE, SIDE, SIDE, 1, a, SIDE, a + n, SIDE, 0, a + 2 * n, SIDE);
}

static void products(void *arg)
{
	limit_work *w = arg;
	am_threads_run(w->b->threads, am_threads_count(w->b->threads), product_task, w);
}

static void read_task(void *ctx, int task, int worker)
{
	(void)worker;
	limit_work *w = ctx;
	w->sum[task] = w->b->kernels->sum(w->x + (size_t)task * (READ_FLOATS / 64), READ_FLOATS / 64);
}

static void read_all(void *arg)
{
	limit_work *w = arg;
	am_threads_run(w->b->threads, 64, read_task, w);
}

/* MB/s of plain writes, the data on the disk at the end. */
static am_status disk_speed(const am_bench *b, const float *data, double *mbs, am_error *err)
{
	const char *folder = b->o->scratch ? b->o->scratch : ".";
	am_text path = {0};
	am_text_printf(&path, "%s/attnmeter-bench.tmp", folder);
	if (!am_text_ok(&path))
		return am_fail(err, AM_ERR_MEMORY, "bench: out of memory");
	am_status s = AM_OK;
	int fd = open(am_text_str(&path), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	double start = am_now();
	if (fd < 0)
		s = am_fail(err, AM_ERR_IO, "%s: cannot create: %s", am_text_str(&path), strerror(errno));
	for (size_t done = 0; !s && done < DISK_BYTES;) {
		ssize_t n = write(fd, (const char *)data + done % (READ_FLOATS * sizeof *data), 1 << 20);
		if (n <= 0)
			s = am_fail(err, AM_ERR_IO, "%s: cannot write: %s", am_text_str(&path), strerror(errno));
		else
			done += (size_t)n;
	}
	if (!s && fdatasync(fd) != 0)
		s = am_fail(err, AM_ERR_IO, "%s: cannot write: %s", am_text_str(&path), strerror(errno));
	*mbs = DISK_BYTES / (am_now() - start) / 1e6;
	if (fd >= 0) {
		close(fd);
		unlink(am_text_str(&path));
	}
	am_text_free(&path);
	return s;
}

am_status am_bench_limits(am_bench *b, am_error *err)
{
	int n = am_threads_count(b->threads);
	size_t floats = (size_t)n * 3 * SIDE * SIDE;
	limit_work w = {.b = b, .x = am_alloc(floats > READ_FLOATS ? floats : READ_FLOATS, sizeof(float))};
	if (!w.x)
		return am_fail(err, AM_ERR_MEMORY, "bench: out of memory");
	for (size_t i = 0; i < (floats > READ_FLOATS ? floats : READ_FLOATS); i++)
		w.x[i] = (float)(i % 1021) / 1021.0f;
	b->gflops = 2.0 * SIDE * SIDE * SIDE * n / am_bench_time(b, products, &w) / 1e9;
	am_bench_say(b, "limit", "matrix product", b->gflops, "GFLOP/s", NULL, 0);
	b->read_gbs = READ_FLOATS * sizeof(float) / am_bench_time(b, read_all, &w) / 1e9;
	am_bench_say(b, "limit", "memory read", b->read_gbs, "GB/s", NULL, 0);
	am_status s = AM_OK;
	if (am_bench_wants(b, "write"))
		s = disk_speed(b, w.x, &b->disk_mbs, err);
	if (!s && am_bench_wants(b, "write"))
		am_bench_say(b, "limit", "disk write", b->disk_mbs, "MB/s", NULL, 0);
	am_free(w.x);
	return s;
}

am_status am_bench_run(const am_bench_options *o, void (*emit)(void *ctx, const am_bench_figure *f), void *ctx,
                       am_bench_setting *out, am_error *err)
{
	am_bench b = {.o = o, .tokens = o->tokens > 0 ? o->tokens : 4096, .seconds = o->seconds > 0 ? o->seconds : 0.5,
	              .emit = emit, .ctx = ctx};
	am_status s = am_kernels_get(o->kernels, &b.kernels, err);
	if (!s)
		s = am_threads_new(o->threads > 0 ? o->threads : am_threads_available(), &b.threads, err);
	if (!s)
		s = am_gemm_init(err);
	if (!s)
		s = am_model_open(o->model, &b.model, err);
	if (!s)
		s = am_bench_limits(&b, err);
	if (!s)
		s = am_bench_model(&b, err);
	if (!s && am_bench_wants(&b, "selection"))
		s = am_bench_selection(&b, err);
	if (!s && am_bench_wants(&b, "write"))
		s = am_bench_write(&b, err);
	if (!s)
		*out = (am_bench_setting){b.tokens, am_threads_count(b.threads), b.kernels->name};
	am_model_close(b.model);
	am_threads_free(b.threads);
	return s;
}
