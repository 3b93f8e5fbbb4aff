#include "base/mem.h"
#include "runfile/check_row.h"

#include <math.h>
#include <string.h>

#define BLOCK_ROWS 256               /* a chunk of rows */
#define BLOCK_BYTES ((size_t)32 << 20) /* of one layer's fields */

typedef struct block {
	int64_t from, n; /* rows */
	int64_t room;    /* rows the buffers hold */
	void *field[AM_FIELD_COUNT]; /* float or int32, as stored; of one layer */
	bool ok[AM_FIELD_COUNT];     /* read for this block */
} block;

static size_t trailing(const am_run *r, am_field f)
{
	return am_fields[f].n_axes > 3 ? (size_t)r->shape[f][3] : 1;
}

/* Bytes of a row in one layer. */
static size_t row_bytes(const am_run *r, am_field f)
{
	size_t heads = am_fields[f].n_axes > 2 ? (size_t)r->shape[f][1] : 1;
	return 4 * heads * trailing(r, f);
}

static bool wanted(const am_run *r, int f)
{
	return am_run_has(r, (am_field)f) && am_field_row_axis((am_field)f) >= 0;
}

static am_status open_block(const am_run *r, block *b, am_error *err)
{
	size_t all = 1;
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		all += wanted(r, f) ? row_bytes(r, (am_field)f) : 0;
	b->room = BLOCK_ROWS;
	while (b->room > 1 && (size_t)b->room * all > BLOCK_BYTES)
		b->room /= 2;
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		if (wanted(r, f) && !(b->field[f] = am_alloc((size_t)b->room, row_bytes(r, (am_field)f))))
			return am_fail(err, AM_ERR_MEMORY, "%s: out of memory to check rows", r->path);
	return AM_OK;
}

/* Reads a field for the block's rows, of one layer where it has layers. */
static void read_field(am_checker *c, block *b, am_field f, int64_t layer)
{
	const am_field_spec *spec = &am_fields[f];
	int64_t start[AM_MAX_AXES] = {0}, count[AM_MAX_AXES];
	memcpy(count, c->r->shape[f], sizeof count);
	if (spec->n_axes > 1) {
		start[0] = layer;
		count[0] = 1;
	}
	start[am_field_row_axis(f)] = b->from;
	count[am_field_row_axis(f)] = b->n;
	am_error inner;
	am_status s = spec->type == AM_TYPE_I32 ? am_run_read_i32(c->r, f, start, count, b->field[f], &inner)
	                                        : am_run_read_f32(c->r, f, start, count, b->field[f], &inner);
	b->ok[f] = s == AM_OK;
	if (s)
		am_check_broken(c, "values are readable", "%s", inner.text);
}

static const float *reals(const block *b, am_field f, size_t at)
{
	return b->ok[f] ? (const float *)b->field[f] + at : NULL;
}

static const int32_t *ints(const block *b, am_field f, size_t at)
{
	return b->ok[f] ? (const int32_t *)b->field[f] + at : NULL;
}

static void check_layer(am_checker *c, block *b, int64_t layer)
{
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		if (wanted(c->r, f) && am_fields[f].n_axes > 1)
			read_field(c, b, (am_field)f, layer);
	if (!b->ok[AM_FIELD_ROW_VISIBLE])
		return;
	int64_t heads = c->r->length[AM_AXIS_HEAD];
	for (int64_t i = 0; i < b->n; i++) {
		const int32_t *position = ints(b, AM_FIELD_ROW_POSITION, (size_t)i);
		am_check_row row = {
			.layer = c->r->values[AM_AXIS_LAYER][layer], .row = b->from + i,
			.n = *ints(b, AM_FIELD_ROW_VISIBLE, (size_t)i), .position = position ? *position : -1,
		};
		am_check_visible(c, &row);
		for (int64_t h = 0; h < heads && row.n >= 0; h++) {
			size_t at = (size_t)(h * b->n + i);
			row.head = c->r->values[AM_AXIS_HEAD][h];
			for (int f = AM_FIELD_LSE; f <= AM_FIELD_MEAN_DISTANCE; f++)
				row.stat[f] = reals(b, (am_field)f, at);
			for (int f = AM_FIELD_MASS_AT_K; f <= AM_FIELD_PAIR_OVERLAP; f++) {
				size_t first = at * trailing(c->r, (am_field)f);
				if (am_fields[f].type == AM_TYPE_I32)
					row.count[f] = ints(b, (am_field)f, first);
				else
					row.stat[f] = reals(b, (am_field)f, first);
			}
			am_check_row_values(c, &row);
		}
	}
}

am_status am_check_rows(am_checker *c, am_error *err)
{
	block b = {0};
	am_row_order order = {0};
	am_status s = open_block(c->r, &b, err);
	if (!s)
		s = am_row_order_open(c, &order, err);
	for (b.from = 0; b.from < c->r->rows && !s; b.from += b.n) {
		b.n = c->r->rows - b.from < b.room ? c->r->rows - b.from : b.room;
		for (int f = AM_FIELD_ROW_SEQUENCE; f <= AM_FIELD_ROW_NLL; f++) {
			b.ok[f] = false;
			if (wanted(c->r, f))
				read_field(c, &b, (am_field)f, 0);
		}
		for (int64_t i = 0; i < b.n; i++)
			am_check_order(c, &order, b.from + i, ints(&b, AM_FIELD_ROW_SEQUENCE, (size_t)i),
			               ints(&b, AM_FIELD_ROW_POSITION, (size_t)i),
			               ints(&b, AM_FIELD_ROW_TOKEN, (size_t)i),
			               reals(&b, AM_FIELD_ROW_NLL, (size_t)i));
		for (int64_t l = 0; l < c->r->length[AM_AXIS_LAYER]; l++)
			check_layer(c, &b, l);
	}
	am_row_order_fini(&order);
	for (int f = 0; f < AM_FIELD_COUNT; f++)
		am_free(b.field[f]);
	return s;
}
