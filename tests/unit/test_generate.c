/* The task generator with the embedded tokenizer: what it writes is read back; the same seed gives
 * the same bytes; lengths, answers and needle places are right. */
#include "base/mem.h"
#include "base/text.h"
#include "model/tokenizer.h"
#include "task/generate.h"
#include "task/tasks.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static am_tokenizer *tokenizer;
static char prose[200000];

static int open_all(void **state)
{
	(void)state;
	FILE *f = fopen(AM_SOURCE_DIR "/data/time-machine.txt", "rb");
	if (!f)
		return 1;
	size_t n = fread(prose, 1, sizeof prose - 1, f);
	prose[n] = 0;
	fclose(f);
	return am_tokenizer_open(AM_SOURCE_DIR "/models/base", &tokenizer, NULL) != AM_OK;
}

static int close_all(void **state)
{
	(void)state;
	am_tokenizer_close(tokenizer);
	return 0;
}

static am_generate_options options(const char *task, int length, uint64_t seed)
{
	return (am_generate_options){.task = task, .length = length, .samples = 4, .seed = seed, .prose = prose,
	                             .prose_size = strlen(prose), .tokenizer = tokenizer};
}

static am_text generate(const am_generate_options *o)
{
	am_text t = {0};
	am_error err = {0};
	if (am_generate(o, &t, &err))
		fail_msg("%s: %s", o->task, err.text);
	return t;
}

/* Tokens of the prompt; the text of those from `from` on goes to *tail (am_free). */
static int64_t count_tokens(const char *text, int64_t from, char **tail)
{
	int32_t *ids;
	size_t n, bytes;
	assert_int_equal(am_tokenizer_encode(tokenizer, text, strlen(text), true, &ids, &n, NULL), AM_OK);
	assert_int_equal(am_tokenizer_decode(tokenizer, ids + from, n - (size_t)from, true, tail, &bytes, NULL), AM_OK);
	am_free(ids);
	return (int64_t)n;
}

static int occurrences(const char *text, const char *part)
{
	int n = 0;
	for (const char *p = text; (p = strstr(p, part)); p++)
		n++;
	return n;
}

static void check_line(const json_t *o, const char *task, int index, int length, int budget)
{
	am_text prompt = {0};
	const char *input = json_string_value(json_object_get(o, "input"));
	const json_t *outputs = json_object_get(o, "outputs"), *at = json_object_get(o, "token_position_answer"), *v;
	const char *answer = json_string_value(json_object_get(o, "answer"));
	am_text_printf(&prompt, "%s%s", input, json_string_value(json_object_get(o, "answer_prefix")));
	assert_int_equal(json_integer_value(json_object_get(o, "index")), index);
	assert_string_equal(json_string_value(json_object_get(o, "task")), task);
	char *tail;
	int64_t from = at ? json_integer_value(at) : 0, said = json_integer_value(json_object_get(o, "length"));
	int64_t n = count_tokens(am_text_str(&prompt), from, &tail);
	assert_int_equal(said, n + budget);
	assert_true(said <= length && said > length - 120); /* a sentence more would not fit */
	size_t i;
	assert_true(json_array_size(outputs) > 0);
	json_array_foreach(outputs, i, v) {
		assert_non_null(strstr(input, json_string_value(v)));
		assert_non_null(strstr(answer, json_string_value(v)));
	}
	const char *first = json_string_value(json_array_get(outputs, 0));
	assert_int_equal(at != NULL, !strncmp(task, "niah", 4) || !strcmp(task, "kv"));
	/* The needle's tokens begin there: at most a blank or quote stands before its text. */
	if (at)
		assert_true(strstr(tail, first) && strstr(tail, first) - tail <= 2);
	if (at)
		assert_int_equal(occurrences(input, first), 1);
	am_free(tail);
	am_text_free(&prompt);
}

static void every_task(void **state)
{
	(void)state;
	const char *name, *help;
	int i = 0;
	for (; am_generate_name_at(i, &name, &help); i++) {
		int budget = !strcmp(name, "vt") ? 30 : !strcmp(name, "cwe") ? 120 : !strcmp(name, "fwe") ? 50 : !strcmp(name, "kv") ? 48 : 128;
		am_generate_options o = options(name, 900, 5);
		am_text a = generate(&o), b = generate(&o);
		assert_string_equal(am_text_str(&a), am_text_str(&b));
		o.seed = 6;
		am_text c = generate(&o);
		assert_string_not_equal(am_text_str(&a), am_text_str(&c));
		/* Fewer samples are the first of more. */
		o.seed = 5;
		o.samples = 1;
		am_text d = generate(&o);
		assert_int_equal(strncmp(am_text_str(&a), am_text_str(&d), d.size), 0);
		const char *line = am_text_str(&a);
		for (int k = 0; k < 4; k++) {
			size_t n = strcspn(line, "\n");
			for (size_t j = 0; j < n; j++)
				assert_true((unsigned char)line[j] < 0x80);
			json_t *o1 = json_loadb(line, n, JSON_REJECT_DUPLICATES, NULL);
			assert_non_null(o1);
			check_line(o1, name, k, 900, budget);
			json_decref(o1);
			line += n + 1;
		}
		assert_true(*line == 0);
		am_text_free(&a);
		am_text_free(&b);
		am_text_free(&c);
		am_text_free(&d);
	}
	assert_int_equal(i, 14);
}

/* Counts of fwe: rank 2 is asked first, and follows floor(n k^-2 / zeta(2)). cwe: 6 each of the common ones. */
static void counts(void **state)
{
	(void)state;
	am_generate_options o = options("fwe", 3000, 1);
	o.samples = 1;
	am_text t = generate(&o);
	json_t *line = json_loads(am_text_str(&t), 0, NULL);
	const char *input = json_string_value(json_object_get(line, "input"));
	const json_t *outputs = json_object_get(line, "outputs");
	int dots = occurrences(input, " ... ") + 1, n[3];
	for (int i = 0; i < 3; i++)
		n[i] = occurrences(input, json_string_value(json_array_get(outputs, (size_t)i)));
	assert_true(n[0] > n[1] && n[1] > n[2]);
	assert_true(abs(n[0] * 4 - n[1] * 9) <= 9 && abs(n[0] * 4 - n[2] * 16) <= 16);
	assert_true(dots > 3 * n[0]);
	json_decref(line);
	am_text_free(&t);
	o = options("cwe", 1500, 1);
	o.samples = 1;
	o.no_example = true;
	o.common = 3;
	t = generate(&o);
	line = json_loads(am_text_str(&t), 0, NULL);
	outputs = json_object_get(line, "outputs");
	assert_int_equal(json_array_size(outputs), 3);
	for (size_t i = 0; i < 3; i++) {
		am_text word = {0};
		am_text_printf(&word, " %s ", json_string_value(json_array_get(outputs, i)));
		int found = occurrences(json_string_value(json_object_get(line, "input")), am_text_str(&word));
		assert_true(found >= 5 && found <= 6); /* the last of the list ends in a line end */
		am_text_free(&word);
	}
	json_decref(line);
	am_text_free(&t);
}

/* Each variable of vt is assigned after the one it takes its value from. */
static void chain_order(void **state)
{
	(void)state;
	am_generate_options o = options("vt", 1200, 9);
	o.chains = 3;
	o.hops = 5;
	o.no_example = true;
	o.samples = 1;
	am_text t = generate(&o);
	json_t *line = json_loads(am_text_str(&t), 0, NULL);
	const char *at = json_string_value(json_object_get(line, "input"));
	const json_t *outputs = json_object_get(line, "outputs");
	assert_int_equal(json_array_size(outputs), 6);
	assert_int_equal(occurrences(at, "VAR "), 3 * 6 + 3 * 5);
	for (size_t i = 0; i < 6; i++) {
		am_text assignment = {0};
		am_text_printf(&assignment, "VAR %s = ", json_string_value(json_array_get(outputs, i)));
		if (i)
			am_text_printf(&assignment, "VAR %s.", json_string_value(json_array_get(outputs, i - 1)));
		at = strstr(at, am_text_str(&assignment));
		assert_non_null(at);
		am_text_free(&assignment);
	}
	json_decref(line);
	am_text_free(&t);
}

static void refused(void **state)
{
	(void)state;
	am_text t = {0};
	am_error err = {0};
	am_generate_options o = options("niah", 900, 0);
	assert_int_equal(am_generate(&o, &t, &err), AM_ERR_USAGE);
	assert_non_null(strstr(err.text, "expected one of niah_single_1, "));
	o = options("cwe", 150, 0);
	assert_int_equal(am_generate(&o, &t, &err), AM_ERR_USAGE);
	assert_non_null(strstr(err.text, "cwe: expected a length of at least "));
	o = options("niah_multiquery", 900, 0);
	o.keys = 2;
	assert_int_equal(am_generate(&o, &t, &err), AM_ERR_USAGE);
	o = options("fwe", 900, 0);
	o.alpha = 0.5;
	assert_int_equal(am_generate(&o, &t, &err), AM_ERR_USAGE);
	o = options("niah_single", 900, 0);
	o.prose_size = 0;
	assert_int_equal(am_generate(&o, &t, &err), AM_ERR_FORMAT);
	am_text_free(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_task), cmocka_unit_test(counts), cmocka_unit_test(chain_order), cmocka_unit_test(refused),
	};
	return cmocka_run_group_tests(tests, open_all, close_all);
}
