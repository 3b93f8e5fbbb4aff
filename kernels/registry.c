#include "kernels/kernels.h"
#include "kernels/row.h"

#include <stdio.h>
#include <string.h>

/* Two questions of the machine: has the processor the instructions, and does the
 * operating system save the registers. GCC's builtin asks both (CPUID and
 * XGETBV). Which table to prefer is policy: the last usable one. */
static int runs_anywhere(void)
{
	return 1;
}

#ifdef AM_HAVE_AVX2
static int runs_avx2(void)
{
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
#endif

#ifdef AM_HAVE_AVX512
static int runs_avx512(void)
{
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

#ifdef AM_HAVE_AVX512_BF16
static int has_bf16(void)
{
	return __builtin_cpu_supports("avx512bf16");
}
#endif

/* `more` is the table with what some machines of the ISA add, `has` asks for it. */
static const struct {
	const am_kernels *table;
	int (*usable)(void);
	const am_kernels *more;
	int (*has)(void);
} registry[] = {
	{&am_kernels_scalar, runs_anywhere, NULL, NULL},
#ifdef AM_HAVE_AVX2
	{&am_kernels_avx2, runs_avx2, NULL, NULL},
#endif
#ifdef AM_HAVE_AVX512_BF16
	{&am_kernels_avx512, runs_avx512, &am_kernels_avx512_bf16, has_bf16},
#elif defined(AM_HAVE_AVX512)
	{&am_kernels_avx512, runs_avx512, NULL, NULL},
#endif
};

#define N_REGISTRY ((int)(sizeof registry / sizeof registry[0]))

static const am_kernels *table_of(int i)
{
	return registry[i].more && registry[i].has() ? registry[i].more : registry[i].table;
}

const am_kernels *am_kernels_at(int i, int *usable)
{
	if (i < 0 || i >= N_REGISTRY)
		return NULL;
	if (usable)
		*usable = registry[i].usable();
	return table_of(i);
}

static am_status refuse(const char *name, const char *why, am_error *err)
{
	char list[256] = "auto";
	for (int i = 0; i < N_REGISTRY; i++)
		if (registry[i].usable()) {
			size_t used = strlen(list);
			snprintf(list + used, sizeof list - used, ", %s", registry[i].table->name);
		}
	return am_fail(err, AM_ERR_USAGE, "kernels: %s '%s'; expected one of %s", why, name, list);
}

am_status am_kernels_get(const char *name, const am_kernels **out, am_error *err)
{
	if (!name || !strcmp(name, "auto")) {
		for (int i = N_REGISTRY - 1; i >= 0; i--)
			if (registry[i].usable()) {
				*out = table_of(i);
				return AM_OK;
			}
	}
	for (int i = 0; i < N_REGISTRY; i++)
		if (!strcmp(name, registry[i].table->name)) {
			if (!registry[i].usable())
				return refuse(name, "this machine cannot run", err);
			*out = table_of(i);
			return AM_OK;
		}
	return refuse(name, "there is no", err);
}
