/* The embedded model over a passage, shared by tests of its forward pass. */
#ifndef AM_TESTS_UNIT_PASSAGE_H
#define AM_TESTS_UNIT_PASSAGE_H

#include "kernels/gemm.h"
#include "model/forward.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

/* 0, or -1 with the reason on stderr: what a group's setup returns. */
static inline int passage_open(am_model **model)
{
	am_error err = {0};
	if (!am_gemm_init(&err) && !am_model_open(AM_SOURCE_DIR "/models/base", model, &err))
		return 0;
	fprintf(stderr, "%s\n", err.text);
	return -1;
}

/* n ids of no meaning. */
static inline void passage_ids(int32_t *ids, int n)
{
	for (int i = 0; i < n; i++)
		ids[i] = 10 + (i * 37 + i * i * 11) % 1900;
}

/* Each token's target is the next one, the last has none. */
static inline void passage_targets(const int32_t *ids, int n, int32_t *targets)
{
	for (int i = 0; i < n; i++)
		targets[i] = i + 1 < n ? ids[i + 1] : -1;
}

static inline am_selector *passage_selector(const am_session *s, const char *text, am_budget *budget)
{
	am_error err = {0};
	am_select_spec spec;
	am_select_shape shape;
	am_selector *selector;
	am_session_shape(s, &shape);
	assert_int_equal(am_select_spec_parse(text, &spec, &err), AM_OK);
	if (am_selector_open(&spec, &shape, &selector, &err))
		fail_msg("%s: %s", text, err.text);
	*budget = spec.budget;
	am_select_spec_fini(&spec);
	return selector;
}

#endif
