/* What a model put out against references, by every metric. Byte 0: the metric; then output and references,
 * parted by NULs. */
#include "fuzz.h"

#include "task/score.h"

#include <stdlib.h>
#include <string.h>

enum { REFERENCES = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_bytes b = {data, data + size};
	am_task_sample s = {.metric = (am_task_metric)(fuzz_u8(&b) % AM_TASK_METRIC_COUNT)};
	size_t n = (size_t)(b.end - b.p);
	char *text = fuzz_rest(&b), *output = text, *references[REFERENCES];
	am_task_label labels[REFERENCES];
	for (char *p = text + strlen(text) + 1; p < text + n && s.n_outputs < REFERENCES; p += strlen(p) + 1) {
		references[s.n_outputs] = p;
		labels[s.n_outputs] = (am_task_label){p, s.n_outputs};
		s.n_outputs++;
	}
	s.outputs = references;
	s.labels = labels;
	s.n_labels = s.n_outputs;
	am_score score = {-1, -1};
	am_error err = {0};
	if (!fuzz_failed(am_score_output(&s, output, &score, &err), &err))
		fuzz_require(score.score >= 0 && score.score <= 1 && (score.accuracy == 0 || score.accuracy == 1));
	free(text);
	return 0;
}
