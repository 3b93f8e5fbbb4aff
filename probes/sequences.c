#include "probes/sequences.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/text.h"
#include "model/tokenizer.h"
#include "task/tasks.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const size_t TEXT_LIMIT = (size_t)4 << 30;

typedef struct gather {
	const am_run_options *o;
	am_tokenizer *tokenizer; /* opened when the first text needs it */
	int lead;                /* special tokens in front of every text */
	int context, vocab;
	am_sequences out;
	am_text *notes;
	am_error *err;
} gather;

static bool full(const gather *g)
{
	return g->o->limit > 0 && g->out.n >= g->o->limit;
}

/* Appends one sequence, of whose ids the first `prompt` are the prompt; takes a copy of everything. */
static am_status add(gather *g, const char *name, const char *task, const int32_t *ids, size_t n, size_t prompt)
{
	if (full(g))
		return AM_OK;
	if (g->out.n == g->out.room) {
		int room = g->out.room ? 2 * g->out.room : 16;
		am_sequence *p = am_grow(g->out.item, (size_t)g->out.n * sizeof *p, (size_t)room, sizeof *p);
		if (!p)
			return am_fail(g->err, AM_ERR_MEMORY, "%s: out of memory", name);
		g->out.item = p;
		g->out.room = room;
	}
	am_sequence s = {am_strdup(name), am_strdup(task ? task : ""), am_alloc(n, sizeof *ids), (int)n,
	                 prompt < n ? (int)(n - prompt) : 0};
	if (!s.name || !s.task || !s.ids) {
		am_free(s.name);
		am_free(s.task);
		am_free(s.ids);
		return am_fail(g->err, AM_ERR_MEMORY, "%s: out of memory", name);
	}
	memcpy(s.ids, ids, n * sizeof *ids);
	g->out.item[g->out.n++] = s;
	g->out.tokens += s.n;
	if (s.n > g->out.longest)
		g->out.longest = s.n;
	return AM_OK;
}

/* Cuts a long text into sequences of `context` tokens, each with the leading
 * special token (BOS) the first one had. */
static am_status add_parts(gather *g, const char *name, const char *task, const int32_t *ids, size_t n, int lead,
                           size_t prompt)
{
	size_t step = (size_t)(g->context - lead);
	int32_t *part = am_alloc((size_t)g->context, sizeof *part);
	am_status status = part ? AM_OK : am_fail(g->err, AM_ERR_MEMORY, "%s: out of memory", name);
	size_t at = (size_t)lead;
	for (int i = 1; !status && at < n && !full(g); i++) {
		size_t m = n - at < step ? n - at : step;
		if (m < step && i > 1)
			break; /* a shorter last part would not compare with the others */
		memcpy(part, ids, (size_t)lead * sizeof *part);
		memcpy(part + lead, ids + at, m * sizeof *part);
		char label[600];
		snprintf(label, sizeof label, "%.560s#%d", name, i);
		status = add(g, label, task, part, (size_t)lead + m, (size_t)lead + (prompt > at ? prompt - at : 0));
		at += m;
	}
	if (!status && at < n && !full(g))
		am_text_printf(g->notes, "%s: the last %zu tokens do not fill a sequence of %d and are left out\n", name,
		               n - at, g->context);
	am_free(part);
	return status;
}

/* Applies the context to one text's ids; `lead` special tokens stand in front, and the first
 * `prompt` are the prompt. */
static am_status admit(gather *g, const char *name, const char *task, const int32_t *ids, size_t n, int lead,
                       size_t prompt)
{
	size_t context = (size_t)g->context;
	if (n <= context)
		return add(g, name, task, ids, n, prompt);
	if (g->o->split && lead < g->context)
		return add_parts(g, name, task, ids, n, lead, prompt);
	if (g->o->ctx <= 0)
		return am_fail(g->err, AM_ERR_RANGE,
		               "%s: %zu tokens exceed the model's context of %zu; use -c %zu to take the first ones "
		               "or --split to make several sequences", name, n, context, context);
	am_text_printf(g->notes, "%s: the first %zu of %zu tokens are used (--split makes several sequences)\n", name,
	               context, n);
	return add(g, name, task, ids, context, prompt);
}

/* How many ids the post-processor puts in front of a text (BOS). */
static am_status find_lead(gather *g)
{
	int32_t *with = NULL, *bare = NULL;
	size_t n_with = 0, n_bare = 0;
	am_status status = am_tokenizer_encode(g->tokenizer, "a", 1, true, &with, &n_with, g->err);
	if (!status)
		status = am_tokenizer_encode(g->tokenizer, "a", 1, false, &bare, &n_bare, g->err);
	for (size_t i = 0; !status && i + n_bare <= n_with; i++)
		if (memcmp(with + i, bare, n_bare * sizeof *bare) == 0) {
			g->lead = (int)i;
			break;
		}
	am_free(with);
	am_free(bare);
	return status;
}

/* How many of a text's ids are those of its first `size` bytes alone. */
static am_status count_prompt(gather *g, const char *text, size_t size, const int32_t *ids, size_t n, size_t *out)
{
	int32_t *own = NULL;
	size_t n_own = 0, same = 0;
	am_status status = am_tokenizer_encode(g->tokenizer, text, size, true, &own, &n_own, g->err);
	if (status)
		return status;
	while (same < n && same < n_own && ids[same] == own[same])
		same++;
	am_free(own);
	*out = same;
	return AM_OK;
}

static am_status open_tokenizer(gather *g)
{
	am_error why = {0};
	am_status status = am_tokenizer_open(g->o->model, &g->tokenizer, &why);
	if (status)
		return am_fail(g->err, status, "%s%s", why.text, status == AM_ERR_IO ? "; token ids (--tokens) need no tokenizer" : "");
	return find_lead(g);
}

/* One text, of which the first `prompt` bytes are the prompt. */
static am_status add_text(gather *g, const char *name, const char *task, const char *text, size_t size, size_t prompt)
{
	if (size == 0)
		return am_fail(g->err, AM_ERR_RANGE, "%s: the text is empty", name);
	if (!g->tokenizer) {
		am_status status = open_tokenizer(g);
		if (status)
			return status;
	}
	int32_t *ids = NULL;
	size_t n = 0, before = 0;
	am_status status = am_tokenizer_encode(g->tokenizer, text, size, true, &ids, &n, g->err);
	if (!status && n == 0)
		status = am_fail(g->err, AM_ERR_RANGE, "%s: the text gives no tokens", name);
	for (size_t i = 0; !status && i < n; i++)
		if (ids[i] < 0 || ids[i] >= g->vocab)
			status = am_fail(g->err, AM_ERR_RANGE,
			                 "%s: the tokenizer gives id %d; the model has ids from 0 to %d", name, ids[i],
			                 g->vocab - 1);
	before = n;
	if (!status && prompt < size)
		status = count_prompt(g, text, prompt, ids, n, &before);
	if (!status)
		status = admit(g, name, task, ids, n, g->lead, before);
	am_free(ids);
	return status;
}

static am_status add_ids_line(gather *g, const char *path, int line, char *text)
{
	char name[600];
	snprintf(name, sizeof name, "%.560s:%d", path, line);
	size_t n = 0, room = strlen(text) / 2 + 1;
	int32_t *ids = am_alloc(room, sizeof *ids);
	if (!ids)
		return am_fail(g->err, AM_ERR_MEMORY, "%s: out of memory", name);
	am_status status = AM_OK;
	for (char *word = strtok(text, " \t\r"); word && !status; word = strtok(NULL, " \t\r")) {
		char *end;
		errno = 0;
		long id = strtol(word, &end, 10);
		if (*end || end == word || errno)
			status = am_fail(g->err, AM_ERR_FORMAT, "%s: expected token ids separated by blanks, found '%.40s'",
			                 name, word);
		else if (id < 0 || id >= g->vocab)
			status = am_fail(g->err, AM_ERR_RANGE, "%s: expected ids from 0 to %d, found %ld", name, g->vocab - 1, id);
		else
			ids[n++] = (int32_t)id;
	}
	if (!status && n > 0)
		status = admit(g, name, NULL, ids, n, 0, n);
	am_free(ids);
	return status;
}

static am_status add_id_file(gather *g, const char *path)
{
	char *data;
	size_t size;
	am_status status = am_file_read(path, TEXT_LIMIT, &data, &size, g->err);
	if (status)
		return status;
	if (strlen(data) != size)
		status = am_fail(g->err, AM_ERR_FORMAT, "%s: expected token ids separated by blanks, found a NUL byte", path);
	int before = g->out.n, line = 1;
	for (char *at = data + am_utf8_mark(data, size); at && *at && !status; line++) {
		char *end = strchr(at, '\n');
		if (end)
			*end = 0;
		status = add_ids_line(g, path, line, at);
		at = end ? end + 1 : NULL;
	}
	am_free(data);
	if (!status && g->out.n == before && !full(g))
		status = am_fail(g->err, AM_ERR_RANGE, "%s: no token ids", path);
	return status;
}

static am_status add_task(gather *g, const char *path, const am_task_sample *s)
{
	char base[256];
	am_task_label_of_path(path, base, sizeof base);
	char name[600];
	snprintf(name, sizeof name, "%.560s:%lld", path, (long long)s->index);
	am_text text = {0};
	am_text_puts(&text, s->input);
	if (s->answer_prefix)
		am_text_puts(&text, s->answer_prefix);
	size_t prompt = text.size;
	if (g->o->with_answer && s->answer)
		am_text_puts(&text, s->answer);
	am_status status;
	if (!am_text_ok(&text))
		status = am_fail(g->err, AM_ERR_MEMORY, "%s: out of memory", name);
	else if (text.size == 0)
		status = am_fail(g->err, AM_ERR_RANGE, "%s:%d: the prompt is empty", path, s->line);
	else
		status = add_text(g, name, s->task ? s->task : base, am_text_str(&text), text.size, prompt);
	am_text_free(&text);
	return status;
}

static am_status add_tasks(gather *g, const char *path)
{
	am_tasks tasks;
	am_status status = am_tasks_read(path, NULL, &tasks, g->err);
	if (status)
		return status;
	for (int i = 0; i < tasks.n && !status && !full(g); i++)
		status = add_task(g, path, &tasks.sample[i]);
	am_tasks_fini(&tasks);
	return status;
}

static am_status add_input(gather *g, const am_input *in, int prompt)
{
	if (in->kind == AM_INPUT_TOKENS)
		return add_id_file(g, in->value);
	if (in->kind == AM_INPUT_TASKS)
		return add_tasks(g, in->value);
	if (in->kind == AM_INPUT_PROMPT) {
		char name[32];
		snprintf(name, sizeof name, "prompt %d", prompt);
		return add_text(g, name, NULL, in->value, strlen(in->value), strlen(in->value));
	}
	char *data;
	size_t size;
	am_status status = am_file_read(in->value, TEXT_LIMIT, &data, &size, g->err);
	if (status)
		return status;
	status = add_text(g, in->value, NULL, data, size, size);
	am_free(data);
	return status;
}

am_status am_sequences_read(const am_run_options *o, int context, int vocab, am_sequences *out, am_text *notes,
                            am_error *err)
{
	gather g = {.o = o, .context = o->ctx > 0 ? o->ctx : context, .vocab = vocab, .notes = notes, .err = err};
	am_status status = AM_OK;
	if (o->ctx > context)
		am_text_printf(notes, "-c %d goes beyond the %d positions the model was made for\n", o->ctx, context);
	for (int i = 0, prompts = 0; i < o->n_inputs && !status && !full(&g); i++) {
		prompts += o->inputs[i].kind == AM_INPUT_PROMPT;
		status = add_input(&g, &o->inputs[i], prompts);
	}
	if (!status && g.out.n == 0)
		status = am_fail(err, AM_ERR_USAGE, "no input: give a text (-f, -p), token ids (--tokens) or tasks (--tasks)");
	am_tokenizer_close(g.tokenizer);
	if (status) {
		am_sequences_fini(&g.out);
		return status;
	}
	*out = g.out;
	return AM_OK;
}

int am_sequence_row_from(const am_sequence *s, int position)
{
	if (!s->row)
		return position;
	int lo = 0, hi = s->n_rows;
	while (lo < hi) {
		int mid = lo + (hi - lo) / 2;
		if (s->row[mid] < position)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

void am_sequences_fini(am_sequences *s)
{
	for (int i = 0; i < s->n; i++) {
		am_free(s->item[i].name);
		am_free(s->item[i].task);
		am_free(s->item[i].ids);
	}
	am_free(s->item);
	*s = (am_sequences){0};
}
