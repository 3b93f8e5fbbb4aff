/* Task files of every format. Byte 0: the format, whether the bytes are packed by gzip first, and
 * whether they begin with a template of their own (up to a NUL). What is read is scored too. */
#include "fuzz.h"

#include "task/score.h"
#include "task/tasks.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { FORMAT = 15, PACKED = 16, TEMPLATE = 32, MOST = 1 << 20 };

/* Level 0, so that the bytes stay in sight of the fuzzer. */
static const char *packed(const uint8_t *data, size_t size)
{
	static uint8_t out[MOST + (MOST >> 6) + 64];
	z_stream z = {0};
	fuzz_require(size <= MOST && deflateInit2(&z, 0, Z_DEFLATED, 16 + MAX_WBITS, 8, Z_DEFAULT_STRATEGY) == Z_OK);
	z.next_in = (uint8_t *)data;
	z.avail_in = (unsigned)size;
	z.next_out = out;
	z.avail_out = sizeof out;
	fuzz_require(deflate(&z, Z_FINISH) == Z_STREAM_END);
	deflateEnd(&z);
	return fuzz_file("niah.jsonl", out, z.total_out);
}

static void use(const am_task_sample *s)
{
	am_score score = {-1, -1};
	am_error err = {0};
	fuzz_require(s->input && s->n_outputs >= 0 && s->n_labels >= 0 && s->max_new_tokens >= 0 && s->line > 0);
	for (int i = 0; i < s->n_outputs; i++)
		fuzz_require(s->outputs[i]);
	if (!fuzz_failed(am_score_output(s, s->n_outputs ? s->outputs[0] : s->input, &score, &err), &err))
		fuzz_require(score.score >= 0 && score.score <= 1 && (score.accuracy == 0 || score.accuracy == 1));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_bytes b = {data, data + size};
	unsigned how = fuzz_u8(&b);
	am_tasks_options o = {.format = (am_task_format)((how & FORMAT) % AM_FORMAT_COUNT)};
	char *template = NULL;
	const uint8_t *end = b.p < b.end ? memchr(b.p, 0, (size_t)(b.end - b.p)) : NULL;
	if (how & TEMPLATE && end) {
		fuzz_bytes t = {b.p, end};
		o.template = template = fuzz_rest(&t);
		b.p = end + 1;
	}
	size_t n = (size_t)(b.end - b.p);
	if (n > MOST)
		n = MOST;
	am_tasks t = {0};
	am_error err = {0};
	const char *path = how & PACKED ? packed(b.p, n) : fuzz_file("niah.jsonl", b.p, n);
	if (fuzz_failed(am_tasks_read(path, &o, &t, &err), &err))
		fuzz_require(!t.sample && !t.n);
	for (int i = 0; i < t.n; i++)
		use(&t.sample[i]);
	am_tasks_fini(&t);
	free(template);
	return 0;
}
