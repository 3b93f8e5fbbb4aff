/* The rules that the values of one row obey. */
#ifndef AM_RUNFILE_CHECK_ROW_H
#define AM_RUNFILE_CHECK_ROW_H

#include "runfile/check.h"

/* One row in one layer and head; pointers to its values (along the trailing axis
 * where there is one), NULL where the run does not hold the field. */
typedef struct am_check_row {
	double layer, head; /* ids */
	int64_t row, position; /* -1: not known */
	int32_t n; /* visible keys */
	const float *stat[AM_FIELD_COUNT];
	const int32_t *count[AM_FIELD_COUNT];
} am_check_row;

/* n against the position, before any head. */
void am_check_visible(am_checker *c, const am_check_row *row);
/* Everything under /stat, /topk and /pair. */
void am_check_row_values(am_checker *c, const am_check_row *row);

/* Everything under /pair of a row that sees keys (check_pair.c). */
void am_check_pair(am_checker *c, const am_check_row *row);

/* What rows are checked against one after another. */
typedef struct am_row_order {
	int64_t *length, *offset, *token; /* of the sequences; NULL when not in the file */
	int64_t sequence, position;       /* of the row before; -1 at the start */
} am_row_order;
am_status am_row_order_open(am_checker *c, am_row_order *o, am_error *err) AM_MUST_CHECK;
void am_row_order_fini(am_row_order *o);
/* Sequence, position, token and likelihood of the next row; NULL where absent. */
void am_check_order(am_checker *c, am_row_order *o, int64_t row, const int32_t *sequence,
                    const int32_t *position, const int32_t *token, const float *nll);

#endif
