/* Which table runs is three questions: has the processor the instructions, does the
 * operating system keep their registers (cpu.h), and what is wanted (policy: the
 * environment, else the last usable table). */
#include "kernels/cpu.h"
#include "kernels/kernels.h"
#include "kernels/row.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHOICE "ATTNMETER_KERNELS"
#define OFF "ATTNMETER_KERNELS_OFF"

/* `more` is the table, of the same name, with what only some machines of the ISA have. */
static const struct {
	const am_kernels *table;
	am_isa isa;
	const am_kernels *more;
	am_isa more_isa;
	const char *more_name; /* as ATTNMETER_KERNELS_OFF spells it */
} registry[] = {
	{&am_kernels_scalar, AM_ISA_BASE, NULL, AM_ISA_BASE, NULL},
#ifdef AM_HAVE_NEON
	{&am_kernels_neon, AM_ISA_BASE, NULL, AM_ISA_BASE, NULL},
#endif
#ifdef AM_HAVE_AVX2
	{&am_kernels_avx2, AM_ISA_AVX2, NULL, AM_ISA_BASE, NULL},
#endif
#ifdef AM_HAVE_AVX512_BF16
	{&am_kernels_avx512, AM_ISA_AVX512, &am_kernels_avx512_bf16, AM_ISA_AVX512_BF16, "avx512_bf16"},
#elif defined(AM_HAVE_AVX512)
	{&am_kernels_avx512, AM_ISA_AVX512, NULL, AM_ISA_BASE, NULL},
#endif
};

#define N_REGISTRY ((int)(sizeof registry / sizeof registry[0]))

/* Is the name on the comma-separated list of what is switched off? */
static int switched_off(const char *name)
{
	const char *list = getenv(OFF);
	size_t n = strlen(name);
	while (list && *list) {
		size_t entry = strcspn(list, ",");
		if (entry == n && !memcmp(list, name, n))
			return 1;
		list += entry + (list[entry] == ',');
	}
	return 0;
}

const char *am_kernels_obstacle(int i)
{
	if (!am_cpu_has(registry[i].isa))
		return "the processor lacks its instructions";
	if (!am_cpu_keeps(registry[i].isa))
		return "the operating system does not keep its registers";
	/* The reference stays, so that there is always a table. */
	if (i > 0 && switched_off(registry[i].table->name))
		return "switched off by " OFF;
	return NULL;
}

static const am_kernels *table_of(int i)
{
	if (registry[i].more && am_cpu_has(registry[i].more_isa) && am_cpu_keeps(registry[i].more_isa) &&
	    !switched_off(registry[i].more_name))
		return registry[i].more;
	return registry[i].table;
}

const am_kernels *am_kernels_at(int i, int *usable)
{
	if (i < 0 || i >= N_REGISTRY)
		return NULL;
	if (usable)
		*usable = !am_kernels_obstacle(i);
	return table_of(i);
}

/* obstacle: NULL when no table has that name. source: who gave it. */
static am_status refuse(const char *source, const char *name, const char *obstacle, am_error *err)
{
	char list[256] = "auto";
	for (int i = 0; i < N_REGISTRY; i++)
		if (!am_kernels_obstacle(i)) {
			size_t used = strlen(list);
			snprintf(list + used, sizeof list - used, ", %s", registry[i].table->name);
		}
	if (!obstacle)
		return am_fail(err, AM_ERR_USAGE, "%s: there is no '%s'; expected one of %s", source, name, list);
	return am_fail(err, AM_ERR_USAGE, "%s: '%s' cannot run, %s; expected one of %s", source, name, obstacle, list);
}

static const am_kernels *best(void)
{
	int i = N_REGISTRY - 1;
	while (am_kernels_obstacle(i))
		i--;
	return table_of(i);
}

am_status am_kernels_get(const char *name, const am_kernels **out, am_error *err)
{
	const char *source = "kernels";
	if (!name) {
		source = CHOICE;
		name = getenv(CHOICE);
		name = name && *name ? name : "auto";
	}
	if (!strcmp(name, "auto")) {
		*out = best();
		return AM_OK;
	}
	for (int i = 0; i < N_REGISTRY; i++)
		if (!strcmp(name, registry[i].table->name)) {
			const char *obstacle = am_kernels_obstacle(i);
			if (obstacle)
				return refuse(source, name, obstacle, err);
			*out = table_of(i);
			return AM_OK;
		}
	return refuse(source, name, NULL, err);
}
