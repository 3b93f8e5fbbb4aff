/* lib/task: every format of task files, told and read; templates; gzip; names in paths. */
#include "base/mem.h"
#include "base/text.h"
#include "task/inflate.h"
#include "task/template.h"
#include "task/tasks.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define FILES AM_SOURCE_DIR "/tests/golden/tasks/"
#define TMP AM_BINARY_DIR "/tests/tmp/"
#define FILE_NAME TMP "unit_formats.jsonl"

static am_tasks read_file(const char *name, const am_tasks_options *o)
{
	char path[512];
	am_tasks t;
	am_error err = {0};
	snprintf(path, sizeof path, "%s%s", FILES, name);
	if (am_tasks_read(path, o, &t, &err))
		fail_msg("%s", err.text);
	return t;
}

static void holds(const am_task_sample *s, const char *part)
{
	if (!strstr(s->input, part))
		fail_msg("expected \"%s\" in: %s", part, s->input);
}

static void expect(const am_task_sample *s, am_task_metric metric, int n, const char *first)
{
	assert_int_equal(s->metric, metric);
	assert_int_equal(s->n_outputs, n);
	if (n)
		assert_string_equal(s->outputs[0], first);
}

static void ruler(void **state)
{
	(void)state;
	am_tasks t = read_file("niah_x/validation_512.jsonl", NULL);
	assert_int_equal(t.format, AM_FORMAT_RULER);
	expect(t.sample, AM_TASK_METRIC_RECALL, 1, "91827");
	assert_int_equal(t.sample->index, 4);
	assert_int_equal(t.sample->max_new_tokens, 128);
	assert_string_equal(t.sample->answer_prefix, " The number is");
	am_tasks_fini(&t);
	t = read_file("qa_1.jsonl", NULL);
	expect(t.sample, AM_TASK_METRIC_ANY, 2, "Ann");
	assert_int_equal(t.sample->max_new_tokens, 32);
	am_tasks_fini(&t);
}

static void helmet(void **state)
{
	(void)state;
	am_tasks t = read_file("helmet_ruler.jsonl", NULL);
	assert_int_equal(t.format, AM_FORMAT_HELMET_RULER);
	assert_int_equal(t.n, 2);
	expect(&t.sample[0], AM_TASK_METRIC_RECALL, 2, "11");
	holds(&t.sample[0], "Key one is 11. Key one is 22.\n\nQuestion: What are all the special values (numbers) for key one");
	expect(&t.sample[1], AM_TASK_METRIC_RECALL, 1, "Six");
	assert_int_equal(strncmp(t.sample[1].input, "An example.\nSix words.\n\nQuestion: Which word?", 45), 0);
	am_tasks_fini(&t);
	t = read_file("helmet_kv.jsonl", NULL);
	assert_int_equal(t.format, AM_FORMAT_HELMET_KV);
	expect(t.sample, AM_TASK_METRIC_SUBSTRING, 1, "b");
	holds(t.sample, "Key: c\nCorresponding value: d\n\nKey: a\nCorresponding value:");
	am_tasks_fini(&t);
	t = read_file("kilt.jsonl", NULL);
	assert_int_equal(t.format, AM_FORMAT_KILT);
	expect(t.sample, AM_TASK_METRIC_SUBSTRING, 2, "Rome");
	holds(t.sample, "Document 1 (Place): It is in Rome.\n\nDocument 2: No title here.");
	am_tasks_fini(&t);
	t = read_file("rerank.jsonl", NULL);
	assert_int_equal(t.format, AM_FORMAT_RERANK);
	expect(t.sample, AM_TASK_METRIC_NDCG, 0, NULL);
	assert_int_equal(t.sample->n_labels, 2);
	assert_string_equal(t.sample->labels[1].id, "11");
	assert_true(t.sample->labels[1].gain == 2);
	holds(t.sample, "[ID: 10] Stone.\n\n[ID: 11] Po A river.");
	am_tasks_fini(&t);
	t = read_file("infbench.jsonl", NULL);
	assert_int_equal(t.format, AM_FORMAT_INFBENCH);
	expect(t.sample, AM_TASK_METRIC_ROUGE_L, 2, "The fox");
	assert_true(t.sample->cut_middle);
	am_tasks_fini(&t);
}

/* The array, and its lines in two gzip members, give the same samples. */
static void longbench(void **state)
{
	(void)state;
	static const char *const files[] = {"longbench.json", "longbench.jsonl.gz"};
	static const int lines[][2] = {{2, 16}, {1, 2}};
	for (int f = 0; f < 2; f++) {
		am_tasks t = read_file(files[f], NULL);
		assert_int_equal(t.format, AM_FORMAT_LONGBENCH);
		assert_int_equal(t.n, 2);
		expect(&t.sample[0], AM_TASK_METRIC_CHOICE, 1, "B");
		expect(&t.sample[1], AM_TASK_METRIC_CHOICE, 1, "D");
		assert_true(t.sample[0].cut_middle);
		holds(&t.sample[0], "<text>\nTwo birds.\n</text>\n\nQuestion: How many?\n");
		holds(&t.sample[0], "(A) one\n(B) two\n(C) three\n(D) $Q$\n"); /* values are not looked at again */
		holds(&t.sample[0], "The correct answer is (");
		for (int i = 0; i < 2; i++)
			assert_int_equal(t.sample[i].line, lines[f][i]);
		am_tasks_fini(&t);
		t = read_file(files[f], &(am_tasks_options){.limit = 1});
		assert_int_equal(t.n, 1);
		am_tasks_fini(&t);
	}
}

static void records(void **state)
{
	(void)state;
	am_tasks t = read_file("kv_records.jsonl", NULL);
	assert_int_equal(t.format, AM_FORMAT_KV_RECORDS);
	expect(t.sample, AM_TASK_METRIC_RECALL, 1, "v \"2\"");
	holds(t.sample, "{\"k1\": \"v1\",\n \"k2\": \"v \\\"2\\\"\"}");
	holds(t.sample, "Key: \"k2\"");
	am_tasks_fini(&t);
}

static void templates(void **state)
{
	(void)state;
	am_tasks_options o = {.template = "$Q$|$DOC$|$$|$q$|$5"};
	am_tasks t = read_file("kv_records.jsonl", &o);
	assert_string_equal(t.sample->input, "k2|{\"k1\": \"v1\",\n \"k2\": \"v \\\"2\\\"\"}|$$|$q$|$5");
	am_tasks_fini(&t);
	am_error err = {0};
	o.template = "$NAME$";
	assert_int_equal(am_tasks_read(FILES "kv_records.jsonl", &o, &t, &err), AM_ERR_USAGE);
	assert_non_null(strstr(err.text, "kv_records.jsonl:1: template: expected one of $DOC$, $Q$, found $NAME$"));
	assert_int_equal(am_tasks_read(FILES "qa_1.jsonl", &o, &t, &err), AM_ERR_USAGE);
	/* A format by name reads what it is told to, and says what it misses. */
	o = (am_tasks_options){.format = AM_FORMAT_KILT};
	assert_int_equal(am_tasks_read(FILES "infbench.jsonl", &o, &t, &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "infbench.jsonl:1: question: expected a string, found nothing"));
}

static void put(const char *text, size_t n)
{
	FILE *f = fopen(FILE_NAME, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static void broken(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
	} cases[] = {
		{"{\"ordered_kv_records\": [[\"a\", 1]], \"key\": \"a\", \"value\": \"b\"}", ":1: ordered_kv_records: expected pairs of strings"},
		{"{\"ordered_kv_records\": [], \"key\": \"a\", \"value\": \"b\"}", "ordered_kv_records: expected at least one element"},
		{"{\"ordered_kv_records\": [[\"a\", \"b\"]], \"key\": \"c\", \"value\": \"b\"}", ":1: ordered_kv_records: expected the record of key and value"},
		{"{\"ordered_kv_records\": [[\"a\", \"b\"]], \"key\": \"a\"}", "value: expected a string, found nothing"},
		{"{\"question\": \"q\", \"ctxs\": [{\"text\": \"t\"}]}", "answers: expected a string or an array of strings, found nothing"},
		{"{\"question\": \"q\", \"answers\": [\"a\"], \"ctxs\": [{\"title\": \"t\"}]}", "ctxs[0]: text: expected a string, found nothing"},
		{"{\"query\": \"q\", \"ctxs\": [{\"id\": \"1\", \"text\": \"t\"}]}", "ctxs[0]: label: expected a number, found nothing"},
		{"{\"query\": \"q\", \"ctxs\": [{\"text\": \"t\", \"label\": 1}]}", "ctxs[0]: id: expected a string or an integer"},
		{"{\"context\": \"c\", \"answer\": \"a\"}", "query: expected a string, found nothing"},
		{"{\"context\": \"c\", \"query\": \"q\"}", "answer: expected a string or an array of strings, found nothing"},
		{"{\"context\": \"c\", \"question\": \"q\", \"num_kvs\": 1, \"answer\": \"a\", \"demos\": [[\"a\"]]}", "demos: expected pairs of strings"},
		{"{\"instructions\": [], \"outputs\": [], \"input\": \"i\", \"evaluation\": \"e\"}", "L-Eval files"},
		{"[{\"input\": \"a\"},\n\n {\"input\": 1}]", ":3: input: expected a string, found an integer"},
		{"[{\"input\": \"a\"}\n {\"input\": \"b\"}]", ":2: expected ',' or ']', found '{'"},
		{"[{\"input\": \"a\"}", ":1: expected ',' or ']', found the end of the file"},
		{"[{\"input\": \"a\"}] x", "expected the end of the file, found 'x'"},
		{"[{\"input\": \"a\"},\n {\"input\": }]", ":2: invalid JSON at column"},
		{"[]", "no task lines"},
		{"[{\"input\": \"a\"}, 5]", ":1: expected an object, found an integer"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		am_tasks t = {.n = 77};
		am_error err = {0};
		put(cases[i].text, strlen(cases[i].text));
		if (am_tasks_read(FILE_NAME, NULL, &t, &err) == AM_OK || !strstr(err.text, cases[i].message))
			fail_msg("%s\nexpected \"%s\", found: %s", cases[i].text, cases[i].message, err.text);
		assert_int_equal(t.n, 77);
	}
}

static void damaged_gzip(void **state)
{
	(void)state;
	char *data, *bytes;
	size_t n, size;
	am_error err = {0};
	FILE *f = fopen(FILES "longbench.jsonl.gz", "rb");
	assert_non_null(f);
	bytes = am_alloc(4096, 1);
	size = fread(bytes, 1, 4096, f);
	assert_int_equal(fclose(f), 0);
	assert_true(size > 100 && size < 4096);
	put(bytes, size - 9);
	assert_int_equal(am_inflate_read(FILE_NAME, 1 << 20, &data, &n, &err), AM_ERR_FORMAT);
	assert_non_null(strstr(err.text, "unit_formats.jsonl: gzip: the data ends early after "));
	bytes[40] ^= 0x55;
	put(bytes, size);
	assert_int_equal(am_inflate_read(FILE_NAME, 1 << 20, &data, &n, &err), AM_ERR_FORMAT);
	bytes[40] ^= 0x55;
	put(bytes, size);
	assert_int_equal(am_inflate_read(FILE_NAME, 1 << 20, &data, &n, &err), AM_OK);
	am_free(data);
	assert_int_equal(am_inflate_read(FILE_NAME, 400, &data, &n, &err), AM_ERR_RANGE);
	am_free(bytes);
}

static void paths(void **state)
{
	(void)state;
	static const struct {
		const char *path, *name, *label;
		int length;
	} cases[] = {
		{"data/niah_single/512.jsonl", "niah_single", "niah_single/512", 512},
		{"512.jsonl", "512", "512", 512},
		{"../512.jsonl", "512", "512", 512},
		{"4096/vt/validation.jsonl", "vt", "vt", 0},
		{"r/cwe/validation_4096.jsonl.gz", "cwe", "cwe/validation_4096", 4096},
		{"kv/test_k105_dep6.jsonl", "test_k105_dep6", "test_k105_dep6", 0},
		{"tasks.jsonl", "tasks", "tasks", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char name[64], label[64];
		int length = -1;
		am_task_of_path(cases[i].path, name, sizeof name, &length);
		am_task_label_of_path(cases[i].path, label, sizeof label);
		assert_string_equal(name, cases[i].name);
		assert_string_equal(label, cases[i].label);
		assert_int_equal(length, cases[i].length);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(ruler),     cmocka_unit_test(helmet), cmocka_unit_test(longbench),    cmocka_unit_test(records),
		cmocka_unit_test(templates), cmocka_unit_test(broken), cmocka_unit_test(damaged_gzip), cmocka_unit_test(paths),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
