/* The token sequences of a run, gathered from texts, id files and task files. */
#ifndef AM_PROBES_SEQUENCES_H
#define AM_PROBES_SEQUENCES_H

#include "base/error.h"
#include "base/text.h"
#include "probes/run.h"

#include <stdint.h>

typedef struct am_sequence {
	char *name;   /* file, "prompt 1", "tasks.jsonl:3"; with a part number when split */
	char *task;   /* "" when it belongs to none */
	int32_t *ids; /* [n]; NULL when they are not known (replay) */
	int n;
	int answer;   /* the last ids, that follow the prompt of a task */
	/* Query positions there are rows of, ascending; NULL: all n. Borrowed. */
	const int32_t *row;
	int n_rows;
} am_sequence;

/* How many rows there are. */
static inline int am_sequence_rows(const am_sequence *s)
{
	return s->row ? s->n_rows : s->n;
}

/* Position of the i-th row. */
static inline int am_sequence_position(const am_sequence *s, int i)
{
	return s->row ? s->row[i] : i;
}

/* First row at or after a position. */
int am_sequence_row_from(const am_sequence *s, int position);

typedef struct am_sequences {
	am_sequence *item;
	int n, room;
	int longest;
	int64_t tokens;
} am_sequences;

/* Reads every input in order, tokenised with DIR/tokenizer.json where text is among
 * them. `context` is the model's; remarks (text cut) go to `notes`. */
am_status am_sequences_read(const am_run_options *o, int context, int vocab, am_sequences *out, am_text *notes,
                            am_error *err) AM_MUST_CHECK;
void am_sequences_fini(am_sequences *s);

#endif
