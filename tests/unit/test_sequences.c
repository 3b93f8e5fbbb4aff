/* probes/sequences: texts, ids and tasks become sequences; -c, --split, --limit. */
#include "base/text.h"
#include "probes/sequences.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#define TMP AM_BINARY_DIR "/tests/tmp/"
#define BASE AM_SOURCE_DIR "/models/base"

enum { CONTEXT = 10, VOCAB = 2048, BOS = 0 };

static const char *put(const char *path, const char *text)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
	return path;
}

static am_sequences read_all(am_run_options o, const am_input *in, int n, const char *notes)
{
	am_sequences s;
	am_error err = {0};
	am_text told = {0};
	o.model = BASE;
	o.inputs = in;
	o.n_inputs = n;
	if (am_sequences_read(&o, CONTEXT, VOCAB, &s, &told, &err))
		fail_msg("%s", err.text);
	assert_string_equal(am_text_str(&told), notes);
	am_text_free(&told);
	int64_t tokens = 0;
	int longest = 0;
	for (int i = 0; i < s.n; i++) {
		tokens += s.item[i].n;
		longest = s.item[i].n > longest ? s.item[i].n : longest;
	}
	assert_int_equal(s.tokens, tokens);
	assert_int_equal(s.longest, longest);
	return s;
}

static void refused(am_run_options o, am_input in, am_status status, const char *message)
{
	am_sequences s = {.n = 77};
	am_error err = {0};
	am_text told = {0};
	o.model = BASE;
	o.inputs = &in;
	o.n_inputs = 1;
	am_status got = am_sequences_read(&o, CONTEXT, VOCAB, &s, &told, &err);
	if (got != status || !strstr(err.text, message))
		fail_msg("expected %s with \"%s\", found %s: %s", am_status_name(status), message, am_status_name(got), err.text);
	assert_int_equal(s.n, 77);
	am_text_free(&told);
}

static void is(const am_sequence *s, const char *name, const char *task, int n, const int32_t *ids)
{
	assert_string_equal(s->name, name);
	assert_string_equal(s->task, task);
	assert_int_equal(s->n, n);
	assert_memory_equal(s->ids, ids, (size_t)n * sizeof *ids);
}

#define IDS TMP "unit_ids.txt"
static const int32_t counted[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23};
#define LONG_LINE "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23"

static void id_lines(void **state)
{
	(void)state;
	am_input in = {AM_INPUT_TOKENS, put(IDS, "\xef\xbb\xbf 1\t2  3\r\n\n1 2\n1")};
	am_sequences s = read_all((am_run_options){0}, &in, 1, "");
	assert_int_equal(s.n, 3);
	is(&s.item[0], IDS ":1", "", 3, counted);
	is(&s.item[1], IDS ":3", "", 2, counted);
	is(&s.item[2], IDS ":4", "", 1, counted);
	am_sequences_fini(&s);
}

static void first_tokens(void **state)
{
	(void)state;
	am_input in = {AM_INPUT_TOKENS, put(IDS, LONG_LINE "\n1 2 3 4 5 6 7\n")};
	am_sequences s = read_all((am_run_options){.ctx = 7}, &in, 1,
	                          IDS ":1: the first 7 of 23 tokens are used (--split makes several sequences)\n");
	assert_int_equal(s.n, 2);
	is(&s.item[0], IDS ":1", "", 7, counted);
	is(&s.item[1], IDS ":2", "", 7, counted);
	am_sequences_fini(&s);
	s = read_all((am_run_options){.ctx = 23}, &in, 1, "-c 23 goes beyond the 10 positions the model was made for\n");
	is(&s.item[0], IDS ":1", "", 23, counted);
	am_sequences_fini(&s);
}

static void parts(void **state)
{
	(void)state;
	am_input in = {AM_INPUT_TOKENS, put(IDS, LONG_LINE "\n")};
	am_sequences s = read_all((am_run_options){.split = true}, &in, 1,
	                          IDS ":1: the last 3 tokens do not fill a sequence of 10 and are left out\n");
	assert_int_equal(s.n, 2);
	is(&s.item[0], IDS ":1#1", "", 10, counted);
	is(&s.item[1], IDS ":1#2", "", 10, counted + 10);
	am_sequences_fini(&s);
	s = read_all((am_run_options){.split = true, .ctx = 4, .limit = 3}, &in, 1, "");
	assert_int_equal(s.n, 3);
	is(&s.item[2], IDS ":1#3", "", 4, counted + 8);
	am_sequences_fini(&s);
	put(IDS, "1 2 3 4 5 6 7 8\n");
	s = read_all((am_run_options){.split = true, .ctx = 4}, &in, 1, ""); /* no rest, no note */
	assert_int_equal(s.n, 2);
	am_sequences_fini(&s);
	s = read_all((am_run_options){.split = true, .ctx = 8}, &in, 1, ""); /* fits: no parts */
	is(&s.item[0], IDS ":1", "", 8, counted);
	am_sequences_fini(&s);
}

/* Every part of a text begins with the token that the whole begins with. */
static void parts_keep_the_beginning(void **state)
{
	(void)state;
	am_input in = {AM_INPUT_PROMPT, "It is a long established fact that a reader is distracted by the readable content."};
	am_sequences whole = read_all((am_run_options){.ctx = 1000}, &in, 1,
	                              "-c 1000 goes beyond the 10 positions the model was made for\n");
	assert_int_equal(whole.n, 1);
	const am_sequence *w = &whole.item[0];
	assert_int_equal(w->ids[0], BOS);
	assert_true(w->n > 2 * CONTEXT);
	int rest = (w->n - 1) % (CONTEXT - 1);
	char note[200] = "";
	if (rest)
		snprintf(note, sizeof note, "prompt 1: the last %d tokens do not fill a sequence of 10 and are left out\n", rest);
	am_sequences s = read_all((am_run_options){.split = true}, &in, 1, note);
	assert_int_equal(s.n, (w->n - 1) / (CONTEXT - 1));
	for (int i = 0; i < s.n; i++) {
		assert_int_equal(s.item[i].n, CONTEXT);
		assert_int_equal(s.item[i].ids[0], BOS);
		assert_memory_equal(s.item[i].ids + 1, w->ids + 1 + i * (CONTEXT - 1), (CONTEXT - 1) * sizeof *w->ids);
	}
	am_sequences_fini(&s);
	am_sequences_fini(&whole);
}

/* Inputs keep their order, prompts are counted, and the limit is on all together. */
static void order_and_limit(void **state)
{
	(void)state;
	am_input in[] = {
		{AM_INPUT_PROMPT, "a"},
		{AM_INPUT_TOKENS, put(IDS, "1 2 3\n1 2\n")},
		{AM_INPUT_FILE, put(TMP "unit_text.txt", "b")},
		{AM_INPUT_PROMPT, "c"},
	};
	static const char *const names[] = {"prompt 1", IDS ":1", IDS ":2", TMP "unit_text.txt", "prompt 2"};
	for (int limit = 0; limit <= 6; limit++) {
		am_sequences s = read_all((am_run_options){.limit = limit}, in, 4, "");
		assert_int_equal(s.n, limit == 0 || limit > 5 ? 5 : limit);
		for (int i = 0; i < s.n; i++)
			assert_string_equal(s.item[i].name, names[i]);
		am_sequences_fini(&s);
	}
}

static void same_ids(const am_sequence *s, const char *text)
{
	am_input in = {AM_INPUT_PROMPT, text};
	am_sequences want = read_all((am_run_options){0}, &in, 1, "");
	assert_int_equal(s->n, want.item[0].n);
	assert_memory_equal(s->ids, want.item[0].ids, (size_t)s->n * sizeof *s->ids);
	am_sequences_fini(&want);
}

/* The prompt is input and answer_prefix, with the answer when asked for. The task
 * is the sample's own, else the file's name, with its folder when it is a number. */
static void task_lines(void **state)
{
	(void)state;
	mkdir(TMP "unit_vt", 0777);
	put(TMP "unit_vt/512.jsonl", "{\"input\": \"one\", \"answer_prefix\": \" two\", \"answer\": \" three\"}\n"
	                             "{\"input\": \"one\", \"task\": \"own\", \"index\": 40}\n");
	put(TMP "unit_copy.jsonl", "{\"input\": \"one\"}\n");
	am_input in[] = {{AM_INPUT_TASKS, TMP "unit_vt/512.jsonl"}, {AM_INPUT_TASKS, TMP "unit_copy.jsonl"}};
	am_sequences s = read_all((am_run_options){0}, in, 2, "");
	assert_int_equal(s.n, 3);
	assert_string_equal(s.item[0].name, TMP "unit_vt/512.jsonl:0");
	assert_string_equal(s.item[1].name, TMP "unit_vt/512.jsonl:40");
	assert_string_equal(s.item[0].task, "unit_vt/512");
	assert_string_equal(s.item[1].task, "own");
	assert_string_equal(s.item[2].task, "unit_copy");
	same_ids(&s.item[0], "one two");
	same_ids(&s.item[1], "one");
	am_sequences_fini(&s);
	s = read_all((am_run_options){.with_answer = true}, in, 1, "");
	same_ids(&s.item[0], "one two three");
	same_ids(&s.item[1], "one");
	am_sequences_fini(&s);
}

static void refusals(void **state)
{
	(void)state;
	static const struct {
		const char *text, *message;
		am_status status;
	} lines[] = {
		{"1 2\n3 2048\n", ":2: expected ids from 0 to 2047, found 2048", AM_ERR_RANGE},
		{"-1\n", ":1: expected ids from 0 to 2047, found -1", AM_ERR_RANGE},
		{"1 2,3\n", ":1: expected token ids separated by blanks, found '2,3'", AM_ERR_FORMAT},
		{"99999999999999999999\n", "found '99999999999999999999'", AM_ERR_FORMAT},
		{"\n\n", "unit_ids.txt: no token ids", AM_ERR_RANGE},
		{"", "unit_ids.txt: no token ids", AM_ERR_RANGE},
		{LONG_LINE "\n", ":1: 23 tokens exceed the model's context of 10; use -c 10", AM_ERR_RANGE},
	};
	for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
		refused((am_run_options){0}, (am_input){AM_INPUT_TOKENS, put(IDS, lines[i].text)}, lines[i].status, lines[i].message);
	refused((am_run_options){0}, (am_input){AM_INPUT_PROMPT, ""}, AM_ERR_RANGE, "prompt 1: the text is empty");
	refused((am_run_options){0}, (am_input){AM_INPUT_FILE, put(IDS, "")}, AM_ERR_RANGE, "the text is empty");
	refused((am_run_options){0}, (am_input){AM_INPUT_FILE, TMP "absent.txt"}, AM_ERR_IO, "absent.txt");
	refused((am_run_options){0}, (am_input){AM_INPUT_TASKS, put(IDS, "\n{\"input\": \"\"}\n")}, AM_ERR_RANGE,
	        ":2: the prompt is empty");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(id_lines),        cmocka_unit_test(first_tokens), cmocka_unit_test(parts),
		cmocka_unit_test(parts_keep_the_beginning), cmocka_unit_test(order_and_limit), cmocka_unit_test(task_lines),
		cmocka_unit_test(refusals),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
