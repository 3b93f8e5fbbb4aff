#include "base/mem.h"
#include "runfile/check_row.h"

#include <inttypes.h>
#include <math.h>

am_status am_row_order_open(am_checker *c, am_row_order *o, am_error *err)
{
	*o = (am_row_order){.sequence = -1, .position = -1};
	am_status s = am_check_load_i64(c, AM_FIELD_SEQUENCE_LENGTH, &o->length, err);
	if (!s)
		s = am_check_load_i64(c, AM_FIELD_TOKEN_OFFSET, &o->offset, err);
	if (!s)
		s = am_check_load_i64(c, AM_FIELD_TOKEN_ID, &o->token, err);
	return s;
}

void am_row_order_fini(am_row_order *o)
{
	am_free(o->length);
	am_free(o->offset);
	am_free(o->token);
	*o = (am_row_order){0};
}

static void check_token(am_checker *c, const am_row_order *o, int64_t row, int64_t s, int64_t p, int32_t token)
{
	if (token < 0)
		am_check_broken(c, "row_token is not negative", "row %" PRId64 ": %d", row, (int)token);
	if (!o->offset || !o->token || s + 1 >= c->r->length[AM_AXIS_TOKEN_EDGE])
		return;
	int64_t from = o->offset[s];
	if (from >= 0 && from < c->r->length[AM_AXIS_TOKEN] && p < c->r->length[AM_AXIS_TOKEN] - from &&
	    o->token[from + p] != token)
		am_check_broken(c, "row_token is the token at its position", "row %" PRId64 ": %d, token_id has %" PRId64,
		                row, (int)token, o->token[from + p]);
}

static void check_nll(am_checker *c, int64_t row, bool last, float nll)
{
	if (!(nll >= 0 && nll < INFINITY) && !(last && isnan(nll)))
		am_check_broken(c, "row_nll is a number >= 0, missing on the last token only", "row %" PRId64 ": %g",
		                row, (double)nll);
}

void am_check_order(am_checker *c, am_row_order *o, int64_t row, const int32_t *sequence,
                    const int32_t *position, const int32_t *token, const float *nll)
{
	if (!sequence || !position)
		return;
	int64_t s = *sequence, p = *position, n = o->length ? c->r->length[AM_AXIS_SEQUENCE] : INT64_MAX;
	if (s < 0 || s >= n) {
		am_check_broken(c, "row_sequence is a sequence", "row %" PRId64 ": %" PRId64, row, s);
		return;
	}
	if (p < 0 || (o->length && p >= o->length[s])) {
		am_check_broken(c, "row_position is below sequence_length", "row %" PRId64 ": %" PRId64, row, p);
		return;
	}
	if (s < o->sequence || (s == o->sequence && p <= o->position))
		am_check_broken(c, "rows follow each other", "row %" PRId64 ": sequence %" PRId64 ", position %" PRId64,
		                row, s, p);
	o->sequence = s;
	o->position = p;
	if (token)
		check_token(c, o, row, s, p, *token);
	if (nll)
		check_nll(c, row, !o->length || p == o->length[s] - 1, *nll);
}
