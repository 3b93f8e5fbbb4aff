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
	int32_t *ids; /* [n] */
	int n;
	int answer;   /* the last ids, that follow the prompt of a task */
} am_sequence;

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
