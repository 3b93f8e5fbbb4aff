/* Regular expressions of a tokenizer: the expression up to a NUL, then the text it is run over. */
#include "fuzz.h"

#include "base/text.h"
#include "model/pattern.h"
#include "model/utf8.h"

#include <stdlib.h>
#include <string.h>

static void use(am_pattern *p, const am_text *text)
{
	am_matches it = {p, am_text_str(text), text->size};
	am_match m;
	am_error err = {0};
	size_t last = 0;
	for (size_t i = 0; !fuzz_failed(am_matches_next(&it, &m, &err), &err) && m.found; i++) {
		fuzz_require(m.from <= m.to && m.to <= text->size && m.from >= last && i <= text->size);
		last = m.to;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_bytes b = {data, data + size};
	char *both = fuzz_rest(&b);
	size_t n = strlen(both);
	am_text text = {0}, expression = {0};
	am_pattern *p = NULL;
	am_error err = {0};
	am_text_puts(&text, "");
	am_text_puts(&expression, "");
	am_utf8_append_lossy(&expression, both, n); /* as the JSON parser promises */
	if (n < size)
		am_utf8_append_lossy(&text, both + n + 1, size - n - 1);
	if (!fuzz_failed(am_pattern_new(am_text_str(&expression), "pattern", &p, &err), &err))
		use(p, &text);
	am_pattern_free(p);
	am_text_free(&text);
	am_text_free(&expression);
	free(both);
	return 0;
}
