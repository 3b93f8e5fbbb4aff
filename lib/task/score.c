#include "task/score.h"

#include "base/mem.h"
#include "task/tasks.h"

#include <ctype.h>
#include <string.h>

static const char blanks[] = " \t\n\r\v\f";

const char *am_task_metric_name(am_task_metric m)
{
	static const char *const names[] = {"recall", "any",  "prefix", "substring", "exact",
	                                    "f1",     "rouge-l", "ndcg",   "choice"};
	return names[m];
}

/* Whether `text` holds `part`, letters A to Z like a to z; other bytes as they are, which
 * for UTF-8 is exact comparison. */
static bool contains(const char *text, const char *part)
{
	for (;; text++) {
		size_t i = 0;
		while (part[i] && tolower((unsigned char)text[i]) == tolower((unsigned char)part[i]))
			i++;
		if (!part[i] || !*text)
			return !part[i];
	}
}

static int count_found(const am_task_sample *s, const char *text)
{
	int found = 0;
	for (int i = 0; i < s->n_outputs; i++)
		found += contains(text, s->outputs[i]);
	return found;
}

static bool begins(const char *text, const char *part)
{
	return strncmp(text + strspn(text, blanks), part + strspn(part, blanks), strlen(part + strspn(part, blanks))) == 0;
}

/* The best of the references for one normalised text. */
static double best(am_task_metric m, const am_task_sample *s, const char *text, am_text *reference)
{
	double top = 0;
	for (int i = 0; i < s->n_outputs; i++) {
		am_text_clear(reference);
		am_score_normalize(s->outputs[i], reference);
		const char *r = am_text_str(reference);
		double x = m == AM_TASK_METRIC_EXACT ? !strcmp(text, r) : m == AM_TASK_METRIC_F1 ? am_score_f1(text, r) : strstr(text, r) != NULL;
		top = x > top ? x : top;
	}
	return top;
}

/* The better of the output as it is and as HELMET parses it. */
static double normalized(am_task_metric m, const am_task_sample *s, const char *output)
{
	am_text raw = {0}, line = {0}, parsed = {0}, reference = {0};
	am_score_normalize(output, &raw);
	am_score_parse(output, &line);
	am_score_normalize(am_text_str(&line), &parsed);
	double a = best(m, s, am_text_str(&raw), &reference), b = best(m, s, am_text_str(&parsed), &reference);
	bool ok = am_text_ok(&raw) && am_text_ok(&line) && am_text_ok(&parsed) && am_text_ok(&reference);
	am_text_free(&raw);
	am_text_free(&line);
	am_text_free(&parsed);
	am_text_free(&reference);
	return !ok ? -1 : a > b ? a : b;
}

static double rouge(const am_task_sample *s, const char *output)
{
	am_text line = {0};
	double top = 0;
	am_score_parse(output, &line);
	if (!am_text_ok(&line))
		top = -1;
	for (int i = 0; i < s->n_outputs && top >= 0; i++) {
		double a = am_score_rouge_l(output, s->outputs[i]), b = am_score_rouge_l(am_text_str(&line), s->outputs[i]);
		top = a < 0 || b < 0 ? -1 : a > top || b > top ? (a > b ? a : b) : top;
	}
	am_text_free(&line);
	return top;
}

/* Found references in the output cleaned as RULER does. */
static bool found(const am_task_sample *s, const char *output, int *n)
{
	am_text clean = {0};
	am_score_clean(output, &clean);
	bool ok = am_text_ok(&clean);
	*n = s->metric == AM_TASK_METRIC_PREFIX ? begins(am_text_str(&clean), s->outputs[0]) : count_found(s, am_text_str(&clean));
	am_text_free(&clean);
	return ok;
}

am_status am_score_output(const am_task_sample *s, const char *output, am_score *out, am_error *err)
{
	am_score r;
	int n = 0;
	if (s->metric == AM_TASK_METRIC_NDCG ? s->n_labels == 0 : s->n_outputs == 0)
		return am_fail(err, AM_ERR_FORMAT, "%s: expected what is to be found, found nothing",
		               s->metric == AM_TASK_METRIC_NDCG ? "ctxs" : "outputs");
	bool looked_for = s->metric == AM_TASK_METRIC_RECALL || s->metric == AM_TASK_METRIC_ANY || s->metric == AM_TASK_METRIC_PREFIX;
	for (int i = 0; looked_for && i < s->n_outputs; i++)
		if (!s->outputs[i][0])
			return am_fail(err, AM_ERR_FORMAT, "outputs: expected texts, found an empty one at %d, which any answer holds", i);
	switch (s->metric) {
	case AM_TASK_METRIC_RECALL:
		r.score = found(s, output, &n) ? (double)n / s->n_outputs : -1;
		r.accuracy = n == s->n_outputs;
		break;
	case AM_TASK_METRIC_ANY:
	case AM_TASK_METRIC_PREFIX:
		r.score = found(s, output, &n) ? n > 0 : -1;
		r.accuracy = n > 0;
		break;
	case AM_TASK_METRIC_CHOICE:
		r.score = r.accuracy = am_score_choice(output) == s->outputs[0][0];
		break;
	case AM_TASK_METRIC_NDCG:
		r.score = am_score_ndcg(output, s->labels, s->n_labels, 10);
		r.accuracy = r.score > 1 - 1e-9;
		break;
	case AM_TASK_METRIC_ROUGE_L:
		r.score = rouge(s, output);
		r.accuracy = normalized(AM_TASK_METRIC_SUBSTRING, s, output);
		break;
	default:
		r.score = normalized(s->metric, s, output);
		r.accuracy = s->metric == AM_TASK_METRIC_F1 ? normalized(AM_TASK_METRIC_SUBSTRING, s, output) : r.score;
		break;
	}
	if (r.score < 0 || r.accuracy < 0)
		return am_fail(err, AM_ERR_MEMORY, "score: out of memory");
	*out = r;
	return AM_OK;
}
