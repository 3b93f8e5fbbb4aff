/* The text form of a selector and its budget:
 *
 *   NAME[:ARGUMENT][,KEY=VALUE...]     quest:16,k=64   exact-sum,ratio=1%,sink=4
 *   topk:64, topk:1%                   exact with that budget
 *   dense                              no selector
 *
 * Keys that every selector takes: k or ratio (the budget), sink and recent (keys always
 * kept; they count towards the budget), seed. All others are the selector's own. */
#ifndef AM_SELECT_SPEC_H
#define AM_SELECT_SPEC_H

#include "base/error.h"

#include <stdbool.h>
#include <stdint.h>

enum { AM_SPEC_SETTINGS = 16 };

/* Keys kept of a row: `k` of them, or a share of the visible ones; none when both are 0. */
typedef struct am_budget {
	int k;
	double ratio;
} am_budget;

/* min(n, k), or of a ratio max(1, ceil(ratio n)); a product that is an integer but for
 * rounding (0.07 * 100) is not rounded up. */
int am_budget_of(am_budget b, int n);
int am_budget_of_ratio(double ratio, int n);

typedef struct am_spec_setting {
	const char *key, *value;
} am_spec_setting;

typedef struct am_select_spec {
	char *text;           /* as it was given */
	char *buffer;         /* owns the strings below */
	const char *name;     /* "dense", "exact", ... */
	const char *argument; /* NULL without one */
	am_budget budget;
	int sink, recent;
	uint64_t seed;
	bool has_seed, has_sink, has_recent; /* the spec names it */
	am_spec_setting setting[AM_SPEC_SETTINGS]; /* the selector's own */
	int n_settings;
} am_select_spec;

/* AM_ERR_USAGE with what was expected and found; the detail does not repeat the spec.
 * Free with am_select_spec_fini. */
am_status am_select_spec_parse(const char *text, am_select_spec *out, am_error *err) AM_MUST_CHECK;
void am_select_spec_fini(am_select_spec *s);

/* Values of the spec, range checked. `key` NULL: the argument, which must be there.
 * Untouched when the spec does not have the key. */
am_status am_spec_int(const am_select_spec *s, const char *key, int min, int max, int *out, am_error *err) AM_MUST_CHECK;
am_status am_spec_share(const am_select_spec *s, const char *key, double *out, am_error *err) AM_MUST_CHECK; /* "0.5", "50%" in [0, 1] */
/* Index into names, which ends with NULL. */
am_status am_spec_choice(const am_select_spec *s, const char *key, const char *const *names, int *out,
                         am_error *err) AM_MUST_CHECK;
const char *am_spec_text(const am_select_spec *s, const char *key); /* NULL when absent */
/* A whole non-negative number or a share with "%" or "0.": am_budget. */
am_status am_budget_parse(const char *text, am_budget *out, am_error *err) AM_MUST_CHECK;

#endif
