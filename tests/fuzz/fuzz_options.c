/* Values of options: byte 0 chooses the type, the rest is the text. */
#include "fuzz.h"

#include "cli/option_values.h"

#include <math.h>
#include <stdlib.h>

static const char *const names[] = {"all", "last:N", "every:N", NULL};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	fuzz_bytes b = {data, data + size};
	union {
		int i;
		uint64_t u;
		double x;
		am_opt_ints ints;
		am_opt_doubles doubles;
		am_opt_strings strings;
		am_opt_choice choice;
	} target = {.u = 0};
	am_option opt = {.name = "value", .type = (am_option_type)(1 + fuzz_u8(&b) % (AM_OPT_CALL - 1)), .target = &target,
	                 .max = 100000, .names = names};
	am_options o = {.command = "fuzz", .table = &opt, .n_table = 1};
	am_error err = {0};
	char *text = fuzz_rest(&b);
	if (!fuzz_failed(am_option_store(&o, &opt, text, &err), &err)) {
		if (opt.type == AM_OPT_INTS || opt.type == AM_OPT_RANGES)
			for (int i = 0; i < target.ints.n; i++)
				fuzz_require(target.ints.items[i] >= 0 && target.ints.items[i] <= opt.max &&
				             (i == 0 || target.ints.items[i] > target.ints.items[i - 1]));
		if (opt.type == AM_OPT_SHARES)
			for (int i = 0; i < target.doubles.n; i++)
				fuzz_require(target.doubles.items[i] > 0 && target.doubles.items[i] <= 1);
		if (opt.type == AM_OPT_DOUBLE)
			fuzz_require(isfinite(target.x) && target.x >= 0 && target.x <= opt.max);
	}
	am_options_fini(&o);
	free(text);
	return 0;
}
