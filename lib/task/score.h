/* Scores of an output, by the rules the benchmarks publish (docs/tasks.md). */
#ifndef AM_TASK_SCORE_H
#define AM_TASK_SCORE_H

#include "base/text.h"
#include "task/tasks.h"

typedef struct am_score {
	double score;    /* the metric, in [0, 1] */
	double accuracy; /* 1 when all that is asked for was found, else 0 */
} am_score;

/* Scores `output`, the continuation as decoded text, by s->metric. Accuracy is 1 when all
 * references are found (recall), one of them where they are alternatives, the ranking is
 * as good as can be (ndcg), or the choice is right; of f1 and rouge-l, when a normalised
 * reference is found. AM_ERR_FORMAT when the sample holds nothing to score by. */
am_status am_score_output(const am_task_sample *s, const char *output, am_score *out, am_error *err) AM_MUST_CHECK;

/* --- pieces, for tests and others ------------------------------------------ */

/* RULER: control characters 0x00 to 0x1f become line ends, blanks at the ends go. */
void am_score_clean(const char *output, am_text *out);
/* DrQA: lower case (ASCII), punctuation dropped, the words a, an and the dropped, blanks single. */
void am_score_normalize(const char *text, am_text *out);
/* HELMET: what follows "Answer:" on its line (any case), else the first line; without a
 * leading "Answer:" and blanks at the ends. */
void am_score_parse(const char *output, am_text *out);
/* F1 of the words of two normalised texts; 0 when one of them is yes, no or noanswer and they
 * differ. */
double am_score_f1(const char *prediction, const char *reference);
/* ROUGE-L F1: words of letters a-z and digits after lower case, no stemming. Negative when
 * memory is short. */
double am_score_rouge_l(const char *prediction, const char *reference);
/* NDCG at `cut` of a ranking written as "ID3 > ID1": first mention counts, ids that are not
 * among the labels do not. 0 without any gain. Negative when memory is short. */
double am_score_ndcg(const char *output, const am_task_label *labels, int n, int cut);
/* The letter of "The correct answer is (X)", or without parentheses, after '*' is dropped; 0
 * when there is none. */
char am_score_choice(const char *output);

#endif
