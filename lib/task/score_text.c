/* Texts as the rules compare them: normalisation, words, sequences, choices, rankings. */
#include "base/mem.h"
#include "task/score.h"

#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static const char blanks[] = " \t\n\r\v\f";

/* Appends n bytes without blanks at either end. */
static void append_stripped(am_text *out, const char *s, size_t n)
{
	while (n && strchr(blanks, *s))
		s++, n--;
	while (n && strchr(blanks, s[n - 1]))
		n--;
	am_text_append(out, s, n);
}

void am_score_clean(const char *output, am_text *out)
{
	am_text lines = {0};
	for (const char *p = output; *p; p++)
		am_text_append(&lines, (unsigned char)*p < 0x20 ? "\n" : p, 1);
	append_stripped(out, am_text_str(&lines), lines.size);
	out->failed = out->failed || lines.failed;
	am_text_free(&lines);
}

static bool is_article(const char *word, size_t n)
{
	return (n == 1 && *word == 'a') || (n == 2 && !memcmp(word, "an", 2)) || (n == 3 && !memcmp(word, "the", 3));
}

void am_score_normalize(const char *text, am_text *out)
{
	am_text bare = {0};
	for (const char *p = text; *p; p++) {
		char c = (char)tolower((unsigned char)*p);
		if (!ispunct((unsigned char)c))
			am_text_append(&bare, &c, 1);
	}
	const char *p = am_text_str(&bare), *separator = "";
	for (p += strspn(p, blanks); *p; p += strspn(p, blanks)) {
		size_t n = strcspn(p, blanks);
		if (!is_article(p, n)) {
			am_text_puts(out, separator);
			am_text_append(out, p, n);
			separator = " ";
		}
		p += n;
	}
	out->failed = out->failed || bare.failed;
	am_text_free(&bare);
}

static const char label[] = "answer:";

static bool at_label(const char *p)
{
	for (size_t i = 0; label[i]; i++)
		if (tolower((unsigned char)p[i]) != label[i])
			return false;
	return true;
}

void am_score_parse(const char *output, am_text *out)
{
	const char *p = output;
	while (*p && !at_label(p))
		p++;
	p = *p ? p + sizeof label - 1 : output;
	size_t n = strcspn(p, "\n");
	while (n && strchr(blanks, *p))
		p++, n--;
	if (n >= sizeof label - 1 && at_label(p)) {
		p += sizeof label - 1;
		n -= sizeof label - 1;
	}
	append_stripped(out, p, n);
}

/* --- words ------------------------------------------------------------------ */

typedef struct words {
	const char **at;
	size_t *size;
	int n;
} words;

static void words_free(words *w)
{
	am_free(w->at);
	am_free(w->size);
}

/* Words between characters of `gaps`; false when memory is short. */
static bool split(const char *text, const char *gaps, words *w)
{
	size_t room = strlen(text) / 2 + 1;
	*w = (words){am_alloc(room, sizeof *w->at), am_alloc(room, sizeof *w->size), 0};
	if (!w->at || !w->size) {
		words_free(w);
		return false;
	}
	for (text += strspn(text, gaps); *text; text += strspn(text, gaps)) {
		w->at[w->n] = text;
		w->size[w->n] = strcspn(text, gaps);
		text += w->size[w->n++];
	}
	return true;
}

static bool same(const words *a, int i, const words *b, int j)
{
	return a->size[i] == b->size[j] && !memcmp(a->at[i], b->at[j], a->size[i]);
}

/* Words the two have in common, each as often as in both; those of b are used up. */
static int common(const words *a, words *b)
{
	int n = 0, left = b->n;
	for (int i = 0; i < a->n; i++)
		for (int j = 0; j < left; j++)
			if (same(a, i, b, j)) {
				b->at[j] = b->at[--left];
				b->size[j] = b->size[left];
				n++;
				break;
			}
	return n;
}

static double f1_of(int hits, int predicted, int wanted)
{
	double precision = predicted ? (double)hits / predicted : 0, recall = wanted ? (double)hits / wanted : 0;
	return hits ? 2 * precision * recall / (precision + recall) : 0;
}

static bool is_verdict(const char *s)
{
	return !strcmp(s, "yes") || !strcmp(s, "no") || !strcmp(s, "noanswer");
}

double am_score_f1(const char *prediction, const char *reference)
{
	if ((is_verdict(prediction) || is_verdict(reference)) && strcmp(prediction, reference) != 0)
		return 0;
	words p, r;
	if (!split(prediction, blanks, &p))
		return -1;
	if (!split(reference, blanks, &r)) {
		words_free(&p);
		return -1;
	}
	int wanted = r.n;
	double f = f1_of(common(&p, &r), p.n, wanted);
	words_free(&p);
	words_free(&r);
	return f;
}

/* --- ROUGE-L ------------------------------------------------------------------ */

/* Letters and digits stay, all else becomes a blank. */
static void rouge_text(const char *s, am_text *out)
{
	for (; *s; s++) {
		char c = (char)tolower((unsigned char)*s);
		am_text_append(out, (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ? &c : " ", 1);
	}
}

/* Length of the longest common subsequence; -1 when memory is short. */
static int common_subsequence(const words *a, const words *b)
{
	int *row = am_calloc((size_t)b->n + 1, sizeof *row);
	if (!row)
		return -1;
	for (int i = 0; i < a->n; i++) {
		int diagonal = 0;
		for (int j = 0; j < b->n; j++) {
			int above = row[j + 1];
			if (same(a, i, b, j))
				row[j + 1] = diagonal + 1;
			else if (row[j] > above)
				row[j + 1] = row[j];
			diagonal = above;
		}
	}
	int n = row[b->n];
	am_free(row);
	return n;
}

double am_score_rouge_l(const char *prediction, const char *reference)
{
	am_text pt = {0}, rt = {0};
	words p = {0}, r = {0};
	double f = -1;
	rouge_text(prediction, &pt);
	rouge_text(reference, &rt);
	if (am_text_ok(&pt) && am_text_ok(&rt) && split(am_text_str(&pt), " ", &p)) {
		if (split(am_text_str(&rt), " ", &r)) {
			int n = common_subsequence(&p, &r);
			f = n < 0 ? -1 : f1_of(n, p.n, r.n);
			words_free(&r);
		}
		words_free(&p);
	}
	am_text_free(&pt);
	am_text_free(&rt);
	return f;
}

/* --- rankings and choices ------------------------------------------------------ */

static int compare_down(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x < y) - (x > y);
}

static double dcg(const double *gain, int n)
{
	double sum = 0;
	for (int i = 0; i < n; i++)
		sum += gain[i] / log2(i + 2);
	return sum;
}

/* Which label an item of the ranking names, -1 for none. "ID", brackets, colons and blanks
 * around the id do not matter. */
static int label_of(const char *item, size_t n, const am_task_label *labels, int n_labels)
{
	static const char dressing[] = " \t\r\n[]().:";
	while (n && strchr(dressing, *item))
		item++, n--;
	if (n > 2 && tolower((unsigned char)item[0]) == 'i' && tolower((unsigned char)item[1]) == 'd')
		item += 2, n -= 2;
	while (n && strchr(dressing, *item))
		item++, n--;
	size_t id = 0;
	while (id < n && !strchr(dressing, item[id]))
		id++;
	for (int i = 0; i < n_labels && id; i++)
		if (strlen(labels[i].id) == id && !memcmp(labels[i].id, item, id))
			return i;
	return -1;
}

/* The first line that has a '>', else the first one. */
static const char *ranking_line(const char *output, size_t *n)
{
	const char *mark = strchr(output, '>'), *line = mark ? mark : output;
	while (line > output && line[-1] != '\n')
		line--;
	const char *after = mark ? NULL : strchr(line, ':');
	if (mark)
		for (const char *p = line; p < mark; p++)
			after = *p == ':' && p > line && !strchr("dD", p[-1]) ? p : after;
	line = after ? after + 1 : line; /* "Ranking: ID3 > ID1" */
	*n = strcspn(line, "\n");
	return line;
}

double am_score_ndcg(const char *output, const am_task_label *labels, int n, int cut)
{
	double *gain = am_calloc((size_t)n + (size_t)cut, sizeof *gain), *ideal = am_calloc((size_t)n, sizeof *ideal);
	bool *seen = am_calloc((size_t)n, sizeof *seen);
	double result = -1;
	if (gain && ideal && seen) {
		size_t left;
		int rank = 0;
		for (const char *p = ranking_line(output, &left); rank < cut;) {
			const char *end = memchr(p, '>', left);
			size_t item = end ? (size_t)(end - p) : left;
			int i = label_of(p, item, labels, n);
			if (i >= 0 && !seen[i]) {
				seen[i] = true;
				gain[rank++] = labels[i].gain;
			}
			if (!end)
				break;
			p = end + 1;
			left -= item + 1;
		}
		for (int i = 0; i < n; i++)
			ideal[i] = labels[i].gain;
		qsort(ideal, (size_t)n, sizeof *ideal, compare_down);
		double most = dcg(ideal, n < cut ? n : cut);
		result = most > 0 ? dcg(gain, rank) / most : 0;
	}
	am_free(gain);
	am_free(ideal);
	am_free(seen);
	return result;
}

/* The letter after `phrase` (and `open`), with `close` behind it; 0 for none. */
static char letter_after(const char *text, const char *phrase, const char *close)
{
	size_t n = strlen(phrase);
	for (const char *p = text; (p = strstr(p, phrase)); p += n)
		if (p[n] >= 'A' && p[n] <= 'D' && !strncmp(p + n + 1, close, strlen(close)))
			return p[n];
	return 0;
}

char am_score_choice(const char *output)
{
	am_text t = {0};
	for (const char *p = output; *p; p++)
		if (*p != '*')
			am_text_append(&t, p, 1);
	char c = letter_after(am_text_str(&t), "The correct answer is (", ")");
	if (!c)
		c = letter_after(am_text_str(&t), "The correct answer is ", "");
	am_text_free(&t);
	return c;
}
