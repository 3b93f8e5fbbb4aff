/* lib/task: task lines, sound and broken. */
#include "task/tasks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define TMP AM_BINARY_DIR "/tests/tmp/"
#define FILE_NAME TMP "unit_tasks.jsonl"

static void put(const char *text, size_t n)
{
	FILE *f = fopen(FILE_NAME, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static am_tasks read_text(const char *text)
{
	am_tasks t;
	am_error err = {0};
	put(text, strlen(text));
	if (am_tasks_read(FILE_NAME, NULL, &t, &err))
		fail_msg("%s: %s", text, err.text);
	return t;
}

static void every_field(void **state)
{
	(void)state;
	am_tasks t = read_text("{\"input\": \"a b\", \"outputs\": [\"x\", \"y\"], \"answer_prefix\": \" so\", \"answer\": \"x\","
	                       " \"task\": \"vt\", \"index\": 12, \"length\": 512, \"others\": {\"are\": [1, null]}}\n");
	assert_int_equal(t.n, 1);
	const am_task_sample *s = t.sample;
	assert_string_equal(s->input, "a b");
	assert_int_equal(s->n_outputs, 2);
	assert_string_equal(s->outputs[0], "x");
	assert_string_equal(s->outputs[1], "y");
	assert_string_equal(s->answer_prefix, " so");
	assert_string_equal(s->answer, "x");
	assert_string_equal(s->task, "vt");
	assert_int_equal(s->index, 12);
	assert_int_equal(s->length, 512);
	assert_int_equal(s->line, 1);
	am_tasks_fini(&t);
}

/* The mark that some editors put before UTF-8 text, also before an array. */
static void byte_order_mark(void **state)
{
	(void)state;
	static const char *const text[] = {"\xef\xbb\xbf{\"input\": \"1\"}\n{\"input\": \"2\"}\n", "\xef\xbb\xbf[{\"input\": \"1\"}, {\"input\": \"2\"}]"};
	for (int i = 0; i < 2; i++) {
		am_tasks t = read_text(text[i]);
		assert_int_equal(t.n, 2);
		assert_string_equal(t.sample[0].input, "1");
		am_tasks_fini(&t);
	}
}

/* What is absent or null has its default; blank lines, CR LF and a missing last
 * line end do not matter; lines count from 1, samples from 0. */
static void forms(void **state)
{
	(void)state;
	am_tasks t = read_text("\n{\"input\": \"1\", \"task\": null, \"outputs\": null, \"index\": null, \"answer\": null}\r\n"
	                       " \t\r\n{\"input\": \"2\", \"outputs\": []}\n{\"input\": \"caf\\u00e9 \\ud83d\\ude00\"}");
	assert_int_equal(t.n, 3);
	for (int i = 0; i < 3; i++) {
		const am_task_sample *s = &t.sample[i];
		assert_null(s->task);
		assert_null(s->answer);
		assert_null(s->answer_prefix);
		assert_int_equal(s->n_outputs, 0);
		assert_int_equal(s->index, i);
		assert_int_equal(s->length, -1);
	}
	assert_int_equal(t.sample[0].line, 2);
	assert_int_equal(t.sample[1].line, 4);
	assert_int_equal(t.sample[2].line, 5);
	assert_string_equal(t.sample[2].input, "caf\xc3\xa9 \xf0\x9f\x98\x80");
	am_tasks_fini(&t);
}

static void many_lines(void **state)
{
	(void)state;
	FILE *f = fopen(FILE_NAME, "wb");
	assert_non_null(f);
	for (int i = 0; i < 1000; i++)
		fprintf(f, "{\"input\": \"%d\"}\n", i);
	assert_int_equal(fclose(f), 0);
	am_tasks t;
	am_error err = {0};
	assert_int_equal(am_tasks_read(FILE_NAME, NULL, &t, &err), AM_OK);
	assert_int_equal(t.n, 1000);
	for (int i = 0; i < 1000; i++) {
		char want[8];
		snprintf(want, sizeof want, "%d", i);
		assert_string_equal(t.sample[i].input, want);
		assert_int_equal(t.sample[i].index, i);
	}
	am_tasks_fini(&t);
}

static void refused(const char *text, size_t n, const char *message)
{
	am_tasks t = {.n = 77};
	am_error err = {0};
	put(text, n);
	assert_int_equal(am_tasks_read(FILE_NAME, NULL, &t, &err), AM_ERR_FORMAT);
	if (!strstr(err.text, message))
		fail_msg("%s\nexpected \"%s\", found: %s", text, message, err.text);
	assert_int_equal(t.n, 77);
}

static void broken(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"", "unit_tasks.jsonl: no task lines"},
		{"\n \n", "no task lines"},
		{"{\"input\": \"a\"", ":1: invalid JSON at column 13"},
		{"{\"input\": \"a\"}\n\n{\"input\": }\n", ":3: invalid JSON"},
		{"{\"input\": \"a\"} {\"input\": \"b\"}\n", ":1: invalid JSON"},
		{"{\"input\": \"a\", \"input\": \"b\"}\n", ":1: invalid JSON"},
		{"{\"input\": \"\xff\"}\n", ":1: invalid JSON"},
		{"[1]\n", ":1: expected an object, found an integer"},
		{"{}\n", ":1: input: expected a string, found nothing"},
		{"{\"input\": null}\n", ":1: input: expected a string, found null"},
		{"{\"input\": \"a\"}\n{\"input\": 1}\n", ":2: input: expected a string, found an integer"},
		{"{\"input\": \"a\", \"answer\": []}\n", "answer: expected a string, found an array"},
		{"{\"input\": \"a\", \"answer_prefix\": true}\n", "answer_prefix: expected a string, found true"},
		{"{\"input\": \"a\", \"task\": {}}\n", "task: expected a string, found an object"},
		{"{\"input\": \"a\", \"outputs\": \"b\"}\n", "outputs: expected an array of strings, found a string"},
		{"{\"input\": \"a\", \"outputs\": [\"b\", 2]}\n", "outputs: expected an array of strings, found an integer"},
		{"{\"input\": \"a\", \"index\": 1.5}\n", "index: expected an integer, found a real number"},
		{"{\"input\": \"a\", \"length\": \"9\"}\n", "length: expected an integer, found a string"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		refused(cases[i].text, strlen(cases[i].text), cases[i].message);
	static const char nul[] = "{\"input\": \"a\0b\"}\n";
	refused(nul, sizeof nul - 1, ":1: invalid JSON");
}

static void absent(void **state)
{
	(void)state;
	am_tasks t;
	am_error err = {0};
	assert_int_equal(am_tasks_read(TMP "absent.jsonl", NULL, &t, &err), AM_ERR_IO);
	assert_non_null(strstr(err.text, "absent.jsonl"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_field),
		cmocka_unit_test(byte_order_mark), cmocka_unit_test(forms),  cmocka_unit_test(many_lines),
		cmocka_unit_test(broken),      cmocka_unit_test(absent),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
