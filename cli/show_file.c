#include "cli/show.h"

#include "analysis/pair_table.h"

#include <sys/stat.h>

int64_t am_show_file_bytes(const am_run *r)
{
	struct stat st;
	return stat(am_run_path(r), &st) == 0 ? (int64_t)st.st_size : -1;
}

const char *am_show_type_name(am_type t)
{
	static const char *const names[] = {
		[AM_TYPE_I32] = "int32", [AM_TYPE_I64] = "int64", [AM_TYPE_F32] = "float32",
		[AM_TYPE_F64] = "float64", [AM_TYPE_STRING] = "string",
	};
	return names[t];
}

am_status am_show_pair(am_run *r, am_aggregate_level level, am_table *t, am_error *err)
{
	am_aggregate_options o;
	if (!am_pair_table_has(r) || am_run_axis_length(r, AM_AXIS_ROW) == 0)
		return AM_OK;
	am_aggregate_options_init(&o);
	o.level = level;
	return am_pair_table(r, &o, t, err);
}
