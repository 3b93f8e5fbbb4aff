#include "analysis/run_notes.h"

#include <string.h>

void am_run_note_dropped(const am_run *r, am_text *out)
{
	const char *attention = NULL;
	if (am_run_attr_str(r, "attention", &attention) && strcmp(attention, "dense"))
		am_text_printf(out, "%s: attention %s: rows are measured over all visible keys, before any is dropped; what is dropped "
		               "changes later layers and the NLL\n", am_run_path(r), attention);
}

void am_run_notes(const am_run *r, am_text *out)
{
	if (!am_run_complete(r))
		am_text_printf(out, "%s: the run did not finish; this is what it had written\n", am_run_path(r));
	am_run_note_dropped(r, out);
}
