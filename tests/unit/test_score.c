/* Task scorers against cases worked out by hand from the published rules. */
#include "task/score.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static am_score score(am_task_metric metric, const char *const *outputs, int n, const char *output)
{
	am_task_sample s = {.outputs = (char **)outputs, .n_outputs = n, .metric = metric};
	am_score r;
	am_error err = {0};
	if (am_score_output(&s, output, &r, &err))
		fail_msg("%s", err.text);
	return r;
}

static void expect(am_task_metric metric, const char *const *outputs, int n, const char *output, double want, double accuracy)
{
	am_score r = score(metric, outputs, n, output);
	if (!(fabs(r.score - want) <= 1e-12 && r.accuracy == accuracy))
		fail_msg("\"%s\": expected %g and %g, found %g and %g", output, want, accuracy, r.score, r.accuracy);
}

/* RULER: the share of the references found, any case, control characters as line ends. */
static void recall(void **state)
{
	(void)state;
	static const char *const two[] = {"Alpha", "beta"}, *const lines[] = {"a\nb"};
	expect(AM_TASK_METRIC_RECALL, two, 2, "ALPHA and Beta.", 1, 1);
	expect(AM_TASK_METRIC_RECALL, two, 2, "xalphax", 0.5, 0);
	expect(AM_TASK_METRIC_RECALL, two, 2, "alph a, bet a", 0, 0);
	expect(AM_TASK_METRIC_RECALL, two, 2, "", 0, 0);
	expect(AM_TASK_METRIC_RECALL, lines, 1, "x a\tb y", 1, 1);
	expect(AM_TASK_METRIC_RECALL, lines, 1, "a\x01" "b", 1, 1);
	expect(AM_TASK_METRIC_RECALL, lines, 1, "a b", 0, 0);
	expect(AM_TASK_METRIC_ANY, two, 2, "only beta", 1, 1);
	expect(AM_TASK_METRIC_ANY, two, 2, "neither", 0, 0);
	static const char *const passage[] = {"went on."};
	expect(AM_TASK_METRIC_PREFIX, passage, 1, " went on. And", 1, 1);
	expect(AM_TASK_METRIC_PREFIX, passage, 1, "he went on.", 0, 0);
}

static void pieces(void **state)
{
	(void)state;
	static const struct {
		void (*f)(const char *, am_text *);
		const char *in, *out;
	} cases[] = {
		{am_score_clean, " \x02 x\x1fy\r\n ", "x\ny"},
		{am_score_normalize, "The  Cat's, a\tHAT! an", "cats hat"},
		{am_score_normalize, "theory of another A-team", "theory of another ateam"},
		{am_score_normalize, "caf\xc3\xa9 the", "caf\xc3\xa9"},
		{am_score_normalize, " .,! ", ""},
		{am_score_parse, "I think.\nANSWER: Paris \nmore", "Paris"},
		{am_score_parse, " first line \nsecond", "first line"},
		{am_score_parse, "Answer: answer: x", "x"},
		{am_score_parse, "Answer:\nbelow", ""},
		{am_score_parse, "", ""},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		am_text t = {0};
		cases[i].f(cases[i].in, &t);
		assert_string_equal(am_text_str(&t), cases[i].out);
		am_text_free(&t);
	}
}

static void normalized(void **state)
{
	(void)state;
	static const char *const names[] = {"the Eiffel Tower", "Tour Eiffel"}, *const yes[] = {"yes"};
	expect(AM_TASK_METRIC_SUBSTRING, names, 2, "It is (the) EIFFEL tower!", 1, 1);
	expect(AM_TASK_METRIC_SUBSTRING, names, 2, "Eiffel's tower", 0, 0);
	expect(AM_TASK_METRIC_EXACT, names, 2, "A tour, Eiffel.", 1, 1);
	expect(AM_TASK_METRIC_EXACT, names, 2, "at the Eiffel Tower", 0, 0);
	/* The parsed line is right where the whole output is not. */
	expect(AM_TASK_METRIC_EXACT, names, 2, "Answer: Eiffel Tower\nbecause", 1, 1);
	/* Precision 2/4, recall 2/2; the parsed first line is the same. */
	expect(AM_TASK_METRIC_F1, names, 2, "near Eiffel Tower, Paris", 2 * 0.5 / 1.5, 1);
	/* Words count as often as they stand in both: 2 of 3 and 2 of 2. */
	static const char *const twice[] = {"ha ha"};
	expect(AM_TASK_METRIC_F1, twice, 1, "ha ha ha", 0.8, 1);
	expect(AM_TASK_METRIC_F1, yes, 1, "yes", 1, 1);
	assert_true(am_score_f1("yes it is", "yes") == 0);
	assert_true(am_score_f1("noanswer", "no") == 0);
	assert_true(am_score_f1("x", "") == 0);
}

static void rouge(void **state)
{
	(void)state;
	/* Longest common subsequence "the cat on mat": 4 of 5 and 4 of 6 words. */
	double f = am_score_rouge_l("The cat sat on mat", "the cat is on the mat");
	assert_true(fabs(f - 2 * (4.0 / 5) * (4.0 / 6) / (4.0 / 5 + 4.0 / 6)) < 1e-12);
	assert_true(am_score_rouge_l("b a", "a b") == 0.5);
	assert_true(am_score_rouge_l("it's", "it s") == 1);
	assert_true(am_score_rouge_l("", "x") == 0);
	static const char *const alternatives[] = {"a b c d", "a x"};
	expect(AM_TASK_METRIC_ROUGE_L, alternatives, 2, "a x", 1, 1);
}

static void ranking(void **state)
{
	(void)state;
	am_task_label labels[] = {{(char *)"7", 0}, {(char *)"12", 3}, {(char *)"3", 1}, {(char *)"x9", 0}};
	double ideal = 3 + 1 / log2(3);
	static const struct {
		const char *text;
		double gain;
	} cases[] = {
		{"ID12 > ID3 > ID7", 1}, {"Ranking: [ID: 12] > [ID: 3]", 1}, {"12>3", 1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		assert_true(fabs(am_score_ndcg(cases[i].text, labels, 4, 10) - cases[i].gain) < 1e-12);
	/* The first mention counts, unknown ids do not take a place. */
	assert_true(fabs(am_score_ndcg("ID7 > ID99 > ID12 > ID7 > ID3", labels, 4, 10) - (3 / log2(3) + 1 / log2(4)) / ideal) < 1e-12);
	/* Places past the cut bring nothing. */
	assert_true(fabs(am_score_ndcg("ID7 > ID12", labels, 4, 1)) < 1e-12);
	assert_true(fabs(am_score_ndcg("I cannot tell", labels, 4, 10)) < 1e-12);
	assert_true(fabs(am_score_ndcg("so:\nID3 > ID12\nID12 > ID3", labels, 4, 10) - (1 + 3 / log2(3)) / ideal) < 1e-12);
	am_task_sample s = {.labels = labels, .n_labels = 4, .metric = AM_TASK_METRIC_NDCG};
	am_score r;
	assert_int_equal(am_score_output(&s, "ID12 > ID3", &r, NULL), AM_OK);
	assert_true(r.score == 1 && r.accuracy == 1);
}

static void choice(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		char letter;
	} cases[] = {
		{"The correct answer is (B).", 'B'},
		{"**The correct answer is** **(C)**", 'C'},
		{"The correct answer is D", 'D'},
		{"The correct answer is A, or: The correct answer is (B)", 'B'},
		{"the correct answer is (A)", 0},
		{"The correct answer is (E)", 0},
		{"The correct answer is: (A)", 0},
		{"", 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		if (am_score_choice(cases[i].text) != cases[i].letter)
			fail_msg("%s", cases[i].text);
	static const char *const b[] = {"B"};
	expect(AM_TASK_METRIC_CHOICE, b, 1, "The correct answer is (B)", 1, 1);
	expect(AM_TASK_METRIC_CHOICE, b, 1, "The correct answer is (C)", 0, 0);
}

static void nothing_to_score(void **state)
{
	(void)state;
	am_task_sample s = {.metric = AM_TASK_METRIC_RECALL};
	am_score r = {.score = 7};
	am_error err = {0};
	assert_int_equal(am_score_output(&s, "x", &r, &err), AM_ERR_FORMAT);
	assert_string_equal(err.text, "outputs: expected what is to be found, found nothing");
	s.metric = AM_TASK_METRIC_NDCG;
	assert_int_equal(am_score_output(&s, "x", &r, &err), AM_ERR_FORMAT);
	/* An empty text would be found in any answer. */
	char seven[] = "7", empty[] = "", *outputs[] = {seven, empty};
	static const am_task_metric looking[] = {AM_TASK_METRIC_RECALL, AM_TASK_METRIC_ANY, AM_TASK_METRIC_PREFIX};
	for (int i = 0; i < 3; i++) {
		am_task_sample blank = {.metric = looking[i], .outputs = outputs, .n_outputs = 2};
		assert_int_equal(am_score_output(&blank, "7", &r, &err), AM_ERR_FORMAT);
		assert_string_equal(err.text, "outputs: expected texts, found an empty one at 1, which any answer holds");
	}
	assert_true(r.score == 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(recall), cmocka_unit_test(pieces),  cmocka_unit_test(normalized), cmocka_unit_test(rouge),
		cmocka_unit_test(ranking), cmocka_unit_test(choice), cmocka_unit_test(nothing_to_score),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
