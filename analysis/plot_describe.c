#include "analysis/plot_picture.h"

#include <inttypes.h>

#define BLOCK 4096 /* rows read at a time */

am_status am_plot_describe_rows(const am_plot_job *job, am_text *out, am_error *err)
{
	int64_t n = am_run_axis_length(job->run, AM_AXIS_ROW), rows = 0, sequences = 0, last = -1;
	for (int64_t at = 0; at < n; at += BLOCK) {
		int32_t sequence[BLOCK], position[BLOCK];
		int64_t count = n - at < BLOCK ? n - at : BLOCK;
		am_status s = am_run_read_i32(job->run, AM_FIELD_ROW_SEQUENCE, &at, &count, sequence, err);
		if (!s)
			s = am_run_read_i32(job->run, AM_FIELD_ROW_POSITION, &at, &count, position, err);
		if (s)
			return s;
		for (int64_t i = 0; i < count; i++) {
			if (position[i] < job->options->min_position)
				continue;
			rows++;
			sequences += sequence[i] != last; /* rows come sequence by sequence */
			last = sequence[i];
		}
	}
	am_text_printf(out, "%" PRId64 " %s of %" PRId64 " %s", rows, rows == 1 ? "row" : "rows", sequences,
	               sequences == 1 ? "sequence" : "sequences");
	return AM_OK;
}

void am_plot_describe_heads(const am_plot_job *job, am_text *out)
{
	int64_t L = am_run_axis_length(job->run, AM_AXIS_LAYER);
	int64_t H = am_run_axis_length(job->run, AM_AXIS_HEAD);
	am_text_printf(out, "%" PRId64 " %s x %" PRId64 " %s", L, L == 1 ? "layer" : "layers", H,
	               H == 1 ? "head" : "heads");
}
