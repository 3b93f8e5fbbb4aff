#include "cli/pair_output.h"

#include "base/json.h"

static const char *attribute(const am_run *run, const char *name)
{
	const char *value;
	return am_run_attr_str(run, name, &value) ? value : NULL;
}

static const char *or_unknown(const char *s)
{
	return s ? s : "unknown";
}

void am_pair_text(const am_run *run, const am_table *t, am_text *out)
{
	am_text_printf(out, "\nPair: rows of %s (A) against those of %s under %s attention (B), over the same tokens\n",
	               or_unknown(attribute(run, "model")), or_unknown(attribute(run, "pair_model")),
	               or_unknown(attribute(run, "pair_attention")));
	am_text_puts(out, "kl: KL(A||B), kl_reverse: KL(B||A), where finite; lost, gained: mass on keys that the other does not keep\n\n");
	am_table_text(t, out);
}

void am_pair_json(const am_run *run, const am_table *t, int indent, am_text *out)
{
	if (!t) {
		am_text_puts(out, "null");
		return;
	}
	am_text_puts(out, "{\"model\": ");
	am_json_string(out, attribute(run, "pair_model"));
	am_text_puts(out, ", \"attention\": ");
	am_json_string(out, attribute(run, "pair_attention"));
	am_text_puts(out, ", \"table\": ");
	am_table_json(t, indent, out);
	am_text_puts(out, "}");
}
