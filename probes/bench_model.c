/* Attention, forward pass and decode of a model at a context of b->tokens. */
#include "base/clock.h"
#include "base/mem.h"
#include "base/rng.h"
#include "model/forward.h"
#include "probes/bench_internal.h"
#include "probes/capture.h"

#include <stdlib.h>
#include <string.h>

enum { BLOCK = 512, TOPK = 256 };

typedef struct model_work {
	am_bench *b;
	am_session *session;
	am_capture *capture; /* of the next run; NULL: nothing captured */
	am_sequences sequences;
	am_sequence sequence;
	int start, n;        /* the block measured */
	int32_t *target;
	float *nll;
	am_status status;
	am_error *err;
} model_work;

/* One block at the end of the context; the cache before it holds plausible keys.
 * Returns its seconds, and of those in attention. */
static double run_block(model_work *w, double *attention)
{
	double a[2], t[2];
	am_session_rewind(w->session, w->start);
	if (w->capture)
		am_capture_begin(w->capture, 0, w->start, w->n);
	am_forward_io io = {.ids = w->sequence.ids + w->start, .target = w->target, .nll = w->nll,
	                    .tap = w->capture ? am_capture_tap(w->capture) : NULL};
	am_session_times(w->session, &a[0], &t[0]);
	w->status = am_session_forward(w->session, &io, w->n, w->err);
	am_session_times(w->session, &a[1], &t[1]);
	*attention = a[1] - a[0];
	return t[1] - t[0];
}

enum { CAPTURES = 3, MOST_TURNS = 1024 };

/* Attention of a block with each of several captures, the first is none. */
typedef struct block_times {
	double seconds[CAPTURES]; /* least */
	double ratio[CAPTURES];   /* median, over the turns, of a capture's time by the first's next to it */
	double forward;           /* least seconds of a whole block with the first */
} block_times;

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Captures take turns, so that whatever else the machine does falls on all of them. */
static void attention_times(model_work *w, am_capture *const *capture, int n, block_times *t)
{
	double ratio[CAPTURES][MOST_TURNS], begin = am_now(), plain = 0;
	int turns = 0;
	*t = (block_times){{1e300, 1e300, 1e300}, {0}, 1e300};
	for (; turns < MOST_TURNS && (turns < 3 || am_now() - begin < w->b->seconds * n); turns++)
		for (int c = 0; c < n && !w->status; c++) {
			double seconds;
			w->capture = capture[c];
			double whole = run_block(w, &seconds);
			plain = c == 0 ? seconds : plain;
			t->forward = c == 0 && whole < t->forward ? whole : t->forward;
			t->seconds[c] = seconds < t->seconds[c] ? seconds : t->seconds[c];
			ratio[c][turns] = seconds / plain;
		}
	w->capture = NULL;
	for (int c = 0; c < n; c++) {
		qsort(ratio[c], (size_t)turns, sizeof ratio[c][0], ascending);
		t->ratio[c] = ratio[c][turns / 2];
	}
}

/* Real keys up to REAL or where the measured block begins, from there on repeated; the last
 * token is decoded. */
static am_status fill_cache(model_work *w)
{
	enum { REAL = 8192 };
	int real = w->start < REAL ? w->start : REAL;
	am_status s = am_session_start(w->session, 0, w->b->tokens, w->b->tokens - 1, w->err);
	for (int at = 0; !s && at < real; at += w->n) {
		am_forward_io io = {.ids = w->sequence.ids + at};
		s = am_session_forward(w->session, &io, real - at < w->n ? real - at : w->n, w->err);
	}
	return !s && w->start > real ? am_session_skip(w->session, w->start, w->err) : s;
}

static am_status open_session(model_work *w)
{
	am_session_options so = {.capacity = w->b->tokens, .block = BLOCK, .threads = w->b->threads,
	                         .kernels = w->b->kernels};
	am_status s = am_session_new(w->b->model, &so, &w->session, w->err);
	return s ? s : fill_cache(w);
}

static am_status open_capture(const model_work *w, bool everything, am_capture **out)
{
	static const int k[] = {1, 4, 16, 64, 128, 256, 512, 1024};
	static const double mass[] = {0.5, 0.9, 0.95, 0.99};
	am_run_options o;
	am_run_options_init(&o);
	o.k = k, o.n_k = everything ? 8 : 0;
	o.n_ratio = everything ? o.n_ratio : 0;
	o.mass = mass, o.n_mass = everything ? 4 : 0;
	o.map = everything ? o.map : 0;
	return am_capture_new(&o, am_model_config(w->b->model), w->b->kernels, &w->sequences, BLOCK,
	                      am_threads_count(w->b->threads), out, w->err);
}

/* Multiplications and additions of the scores and outputs of the block. */
static double attention_flop(const model_work *w)
{
	const am_config *c = am_model_config(w->b->model);
	double keys = 0;
	for (int l = 0; l < c->layers; l++)
		for (int p = w->start; p < w->start + w->n; p++)
			keys += c->window[l] > 0 && p >= c->window[l] ? c->window[l] : p + 1;
	return 4.0 * c->heads * c->head_dim * keys;
}

static double linear_flop(const model_work *w)
{
	const am_config *c = am_model_config(w->b->model);
	double q = (double)c->heads * c->head_dim, kv = (double)c->kv_heads * c->head_dim, h = c->hidden;
	double layer = h * (2 * q + 2 * kv) + 3 * h * c->intermediate;
	return 2.0 * w->n * (layer * c->layers + h * c->vocab);
}

static void say_blocks(const model_work *w, const block_times *t)
{
	static const char *const what[] = {NULL, "with entropy and moments", "with every statistic"};
	am_bench *b = w->b;
	double rate = attention_flop(w) / t->seconds[0] / 1e9;
	if (am_bench_wants(b, "attention"))
		am_bench_say(b, "attention", "plain", rate, "GFLOP/s", "matrix product", rate / b->gflops);
	if (am_bench_wants(b, "forward")) {
		double whole = (attention_flop(w) + linear_flop(w)) / t->forward / 1e9;
		am_bench_say(b, "forward", "last block with NLL", whole, "GFLOP/s", "matrix product", whole / b->gflops);
		am_bench_say(b, "forward", "last block with NLL", w->n / t->forward, "tokens/s", NULL, 0);
	}
	for (int i = 1; i < CAPTURES && am_bench_wants(b, "attention"); i++)
		am_bench_say(b, "attention", what[i], t->ratio[i], "x plain", "plain", t->ratio[i]);
}

static am_status measure_blocks(model_work *w)
{
	am_capture *capture[CAPTURES] = {NULL};
	block_times t;
	am_status s = AM_OK;
	if (am_bench_wants(w->b, "attention"))
		s = open_capture(w, false, &capture[1]);
	if (!s && capture[1])
		s = open_capture(w, true, &capture[2]);
	if (!s) {
		attention_times(w, capture, capture[2] ? CAPTURES : 1, &t);
		s = w->status;
	}
	if (!s)
		say_blocks(w, &t);
	am_capture_free(capture[1]);
	am_capture_free(capture[2]);
	return s;
}

/* Seconds of attention in one decode step at the end of the context. */
static double decode_seconds(model_work *w)
{
	am_capture *none = NULL;
	block_times t;
	int start = w->start, n = w->n;
	w->status = am_session_skip(w->session, w->b->tokens - 1, w->err);
	if (w->status)
		return 1;
	w->start = w->b->tokens - 1;
	w->n = 1;
	attention_times(w, &none, 1, &t);
	w->start = start;
	w->n = n;
	return t.seconds[0];
}

static am_status measure_topk(model_work *w, double dense)
{
	am_select_spec spec;
	am_select_shape shape;
	am_attention_policy policy = {.budget = {.k = TOPK}};
	am_session_shape(w->session, &shape);
	am_status s = am_select_spec_parse("exact", &spec, w->err);
	if (s)
		return s;
	s = am_selector_open(&spec, &shape, &policy.selector, w->err);
	am_select_spec_fini(&spec);
	if (!s)
		s = am_session_set_attention(w->session, &policy, w->err);
	if (!s)
		s = fill_cache(w);
	double topk = s ? 1 : decode_seconds(w);
	s = s ? s : w->status;
	if (!s)
		am_bench_say(w->b, "decode", "exact top-256 against dense", dense / topk, "x as fast", "dense", dense / topk);
	am_session_forget(w->session, NULL);
	am_selector_close(policy.selector);
	return s;
}

static am_status measure_decode(model_work *w)
{
	am_bench *b = w->b;
	const am_config *c = am_model_config(b->model);
	double keys = 4.0 * c->layers * c->kv_heads * (double)c->head_dim * b->tokens;
	double dense = decode_seconds(w);
	if (w->status)
		return w->status;
	am_bench_say(b, "decode", "dense, keys and values read", 2 * keys / dense / 1e9, "GB/s", "memory read",
	             2 * keys / dense / 1e9 / b->read_gbs);
	return b->tokens > TOPK ? measure_topk(w, dense) : AM_OK;
}

am_status am_bench_model(am_bench *b, am_error *err)
{
	if (!am_bench_wants(b, "attention") && !am_bench_wants(b, "forward") && !am_bench_wants(b, "decode"))
		return AM_OK;
	model_work w = {.b = b, .err = err};
	int vocab = am_model_config(b->model)->vocab;
	w.n = b->tokens < BLOCK ? b->tokens : BLOCK;
	w.start = b->tokens - w.n;
	w.sequence = (am_sequence){"bench", "", am_calloc((size_t)b->tokens, sizeof(int32_t)), b->tokens};
	w.sequences = (am_sequences){&w.sequence, 1, 1, b->tokens, b->tokens};
	w.target = am_calloc((size_t)b->tokens, sizeof *w.target);
	w.nll = am_calloc((size_t)b->tokens, sizeof *w.nll);
	am_status s = AM_OK;
	if (!w.sequence.ids || !w.target || !w.nll)
		s = am_fail(err, AM_ERR_MEMORY, "bench: out of memory");
	am_rng rng = {1};
	for (int i = 0; !s && i < b->tokens; i++)
		w.sequence.ids[i] = (int32_t)am_rng_below(&rng, (uint64_t)vocab);
	if (!s)
		s = open_session(&w);
	if (!s && (am_bench_wants(b, "attention") || am_bench_wants(b, "forward")))
		s = measure_blocks(&w);
	if (!s && am_bench_wants(b, "decode"))
		s = measure_decode(&w);
	am_session_free(w.session);
	am_free(w.sequence.ids);
	am_free(w.target);
	am_free(w.nll);
	return s;
}
