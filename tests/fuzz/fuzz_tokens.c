/* --tokens files, with -c, --split and --limit from byte 0. */
#include "fuzz.h"

#include "probes/sequences.h"

enum { VOCAB = 1000, CONTEXT = 16, SPLIT = 1, CUT = 2, LIMIT = 4 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_bytes b = {data, data + size};
	unsigned how = fuzz_u8(&b);
	am_input input = {AM_INPUT_TOKENS, fuzz_file("tokens.txt", b.p, (size_t)(b.end - b.p))};
	am_run_options o;
	am_run_options_init(&o);
	o.model = fuzz_folder();
	o.inputs = &input;
	o.n_inputs = 1;
	o.ctx = how & CUT ? CONTEXT : 0;
	o.split = how & SPLIT;
	o.limit = how & LIMIT ? 2 : 0;
	am_sequences s = {0};
	am_text notes = {0};
	am_error err = {0};
	if (!fuzz_failed(am_sequences_read(&o, CONTEXT, VOCAB, &s, &notes, &err), &err)) {
		fuzz_require(s.n > 0 && s.longest <= CONTEXT);
		for (int i = 0; i < s.n; i++)
			for (int j = 0; j < s.item[i].n; j++)
				fuzz_require(s.item[i].ids[j] >= 0 && s.item[i].ids[j] < VOCAB);
		am_sequences_fini(&s);
	}
	am_text_free(&notes);
	return 0;
}
