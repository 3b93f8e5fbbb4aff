#include "model/pretokenize.h"

#include "base/mem.h"
#include "model/pattern.h"
#include "model/pretokenize_steps.h"
#include "model/utf8.h"

#include <string.h>

void am_pieces_push(am_pieces *p, size_t from, size_t to)
{
	if (p->failed || from == to)
		return;
	if (p->n == p->room) {
		size_t room = p->room ? 2 * p->room : 64;
		am_piece *piece = am_grow(p->piece, p->n * sizeof *piece, room, sizeof *piece);
		if (!piece) {
			p->failed = true;
			return;
		}
		p->piece = piece;
		p->room = room;
	}
	p->piece[p->n++] = (am_piece){from, to};
}

void am_pieces_fini(am_pieces *p)
{
	am_text_free(&p->text);
	am_free(p->piece);
	*p = (am_pieces){0};
}

/* Consecutive spans of one piece, matches and what is between them, joined or
 * dropped as the behaviour says. One span is held back until the next shows
 * whether they belong together. */
typedef struct joiner {
	const am_split_step *step;
	am_pieces *out;
	am_piece held;
	bool holding, matched; /* matched: of the last span */
} joiner;

static void join(joiner *j, size_t from, size_t to, bool match)
{
	bool is_match = match != j->step->invert;
	bool joined = false;
	switch (j->step->behaviour) {
	case AM_SPLIT_ISOLATED:
		break;
	case AM_SPLIT_REMOVED:
		if (is_match)
			to = from;
		break;
	case AM_SPLIT_CONTIGUOUS:
		joined = is_match == j->matched;
		break;
	case AM_SPLIT_MERGED_WITH_PREVIOUS:
		joined = is_match && !j->matched;
		break;
	case AM_SPLIT_MERGED_WITH_NEXT:
		joined = !is_match && j->matched;
		break;
	}
	j->matched = is_match;
	if (joined && j->holding) {
		j->held.to = to;
		return;
	}
	if (j->holding)
		am_pieces_push(j->out, j->held.from, j->held.to);
	j->held = (am_piece){from, to};
	j->holding = true;
}

static am_status split_piece(const am_split_step *s, const char *text, am_piece piece,
                             am_pieces *out, am_error *err)
{
	am_matches it = {.pattern = s->match, .text = text + piece.from, .n = piece.to - piece.from};
	joiner j = {.step = s, .out = out};
	size_t from = 0;
	for (;;) {
		am_match m;
		am_status st = am_matches_next(&it, &m, err);
		if (st != AM_OK)
			return st;
		if (!m.found)
			break;
		if (from != m.from)
			join(&j, piece.from + from, piece.from + m.from, false);
		join(&j, piece.from + m.from, piece.from + m.to, true);
		from = m.to;
	}
	if (from != it.n)
		join(&j, piece.from + from, piece.to, false);
	if (j.holding)
		am_pieces_push(out, j.held.from, j.held.to);
	return AM_OK;
}

/* New pieces over the same text. */
static am_status run_split(const am_split_step *s, const am_pieces *in, am_pieces *out,
                           am_error *err)
{
	for (size_t i = 0; i < in->n; i++) {
		am_status st = split_piece(s, in->text.data, in->piece[i], out, err);
		if (st != AM_OK)
			return st;
	}
	if (out->n && out->piece[0].from != in->piece[0].from)
		out->at_start = false;
	return AM_OK;
}

static bool starts_with(const char *text, size_t n, const char *prefix)
{
	size_t size = strlen(prefix);
	return n >= size && memcmp(text, prefix, size) == 0;
}

static void append_metaspace(const am_rewrite_step *s, const char *text, size_t n, bool first,
                             am_text *out)
{
	bool starts = *text == ' ' || starts_with(text, n, s->mark);
	if (!starts && (s->scheme == AM_PREPEND_ALWAYS || (s->scheme == AM_PREPEND_FIRST && first)))
		am_text_puts(out, s->mark);
	for (size_t i = 0; i < n;) {
		const char *blank = memchr(text + i, ' ', n - i);
		size_t to = blank ? (size_t)(blank - text) : n;
		am_text_append(out, text + i, to - i);
		if (blank)
			am_text_puts(out, s->mark);
		i = to + 1;
	}
}

static void append_rewritten(const am_rewrite_step *s, const char *text, size_t n, bool first,
                             am_text *out)
{
	switch (s->kind) {
	case AM_REWRITE_PREFIX_BLANK:
		if (*text != ' ')
			am_text_puts(out, " ");
		am_text_append(out, text, n);
		break;
	case AM_REWRITE_BYTE_ALPHABET:
		am_byte_alphabet_append(out, text, n);
		break;
	case AM_REWRITE_METASPACE:
		append_metaspace(s, text, n, first, out);
		break;
	}
}

/* The same pieces over a new text. */
static void run_rewrite(const am_rewrite_step *s, const am_pieces *in, am_pieces *out)
{
	for (size_t i = 0; i < in->n; i++) {
		am_piece piece = in->piece[i];
		size_t from = out->text.size;
		append_rewritten(s, in->text.data + piece.from, piece.to - piece.from,
		                 i == 0 && in->at_start, &out->text);
		am_pieces_push(out, from, out->text.size);
	}
}

static am_status run_step(const am_pretokenize_step *s, am_pieces *p, am_error *err)
{
	am_pieces out = {.at_start = p->at_start};
	am_status st = AM_OK;
	if (s->is_split) {
		st = run_split(&s->split, p, &out, err);
		out.text = p->text;
		p->text = (am_text){0};
	} else {
		run_rewrite(&s->rewrite, p, &out);
	}
	am_pieces_fini(p);
	*p = out;
	if (st == AM_OK && (p->failed || !am_text_ok(&p->text)))
		st = am_fail(err, AM_ERR_MEMORY, "no memory to split the text");
	return st;
}

am_status am_pretokenizer_run(const am_pretokenizer *t, am_pieces *p, am_error *err)
{
	am_status st = AM_OK;
	for (size_t i = 0; st == AM_OK && i < t->n; i++)
		st = run_step(&t->steps[i], p, err);
	return st;
}
