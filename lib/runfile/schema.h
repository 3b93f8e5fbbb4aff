/* The run file as data: axes and fields, each once. Writer, reader, checker and
 * docs/run-file.md all follow these tables. No HDF5 type appears here. */
#ifndef AM_RUNFILE_SCHEMA_H
#define AM_RUNFILE_SCHEMA_H

#include <stddef.h>

#define AM_RUN_FORMAT "attnmeter-run"
#define AM_RUN_FORMAT_VERSION 1

typedef enum {
	AM_AXIS_LAYER, AM_AXIS_HEAD, AM_AXIS_KV_HEAD, AM_AXIS_ROW, AM_AXIS_K, AM_AXIS_RATIO,
	AM_AXIS_MASS, AM_AXIS_RANK, AM_AXIS_DISTANCE_BIN, AM_AXIS_MAP_Q, AM_AXIS_MAP_K,
	AM_AXIS_SEQUENCE, AM_AXIS_TOKEN,
	AM_AXIS_TOKEN_EDGE, /* sequence + 1: of /token_offset */
	AM_AXIS_COUNT
} am_axis;

typedef enum { AM_TYPE_I32, AM_TYPE_I64, AM_TYPE_F32, AM_TYPE_F64, AM_TYPE_STRING } am_type;

typedef struct am_axis_spec {
	const char *name; /* of the dimension scale at the root */
	am_type type;     /* of its coordinate values */
	const char *unit, *long_name;
} am_axis_spec;

/* Fields in the order of the contract. Those whose axes include ROW grow as
 * blocks of rows are appended; the others are written when the run ends. */
typedef enum {
	AM_FIELD_ROW_SEQUENCE, AM_FIELD_ROW_POSITION, AM_FIELD_ROW_TOKEN, AM_FIELD_ROW_NLL,
	AM_FIELD_ROW_VISIBLE,
	AM_FIELD_LSE, AM_FIELD_ENTROPY, AM_FIELD_SCORE_VARIANCE, AM_FIELD_RENYI2, AM_FIELD_MAX_PROB, AM_FIELD_DEFICIT,
	AM_FIELD_SINK_MASS, AM_FIELD_RECENT_MASS, AM_FIELD_MEAN_DISTANCE,
	AM_FIELD_MASS_AT_K, AM_FIELD_MASS_AT_RATIO, AM_FIELD_K_AT_MASS, AM_FIELD_OUTPUT_ERROR,
	AM_FIELD_TOPK_INDEX, AM_FIELD_TOPK_PROB,
	AM_FIELD_PAIR_KL, AM_FIELD_PAIR_KL_REVERSE, AM_FIELD_PAIR_JS, AM_FIELD_PAIR_TV, AM_FIELD_PAIR_LOST,
	AM_FIELD_PAIR_GAINED, AM_FIELD_PAIR_OVERLAP, AM_FIELD_PAIR_NLL,
	AM_FIELD_TEMPERATURE_BETA, AM_FIELD_TEMPERATURE_TARGET, AM_FIELD_TEMPERATURE_ENTROPY,
	AM_FIELD_TEMPERATURE_SEQUENCE,
	AM_FIELD_PROFILE_DISTANCE, AM_FIELD_PROFILE_MAP,
	AM_FIELD_SEQUENCE_NAME, AM_FIELD_SEQUENCE_LENGTH, AM_FIELD_SEQUENCE_TASK,
	AM_FIELD_SEQUENCE_SCORE, AM_FIELD_SEQUENCE_NLL,
	AM_FIELD_TOKEN_ID, AM_FIELD_TOKEN_OFFSET,
	AM_FIELD_COUNT
} am_field;

#define AM_MAX_AXES 4

typedef struct am_field_spec {
	const char *path; /* "/stat/entropy" */
	am_type type;
	int n_axes;
	am_axis axes[AM_MAX_AXES]; /* slowest first */
	const char *unit, *long_name;
} am_field_spec;

extern const am_axis_spec am_axes[AM_AXIS_COUNT];
extern const am_field_spec am_fields[AM_FIELD_COUNT];

size_t am_type_size(am_type t); /* 0 for strings */
/* Position of ROW among the field's axes, -1 when it has none. */
int am_field_row_axis(am_field f);

#endif
