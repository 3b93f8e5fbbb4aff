#include "kernels/cpu.h"

#if defined(__x86_64__)
#include <cpuid.h>

/* Leaf 1, ECX. */
#define FMA (1u << 12)
#define OSXSAVE (1u << 27)
#define AVX (1u << 28)
/* Leaf 7, EBX. */
#define AVX2 (1u << 5)
#define BMI2 (1u << 8)
#define AVX512 (1u << 16 | 1u << 17 | 1u << 30 | 1u << 31) /* F, DQ, BW, VL */
/* Leaf 7.1, EAX. */
#define AVX512_BF16 (1u << 5)
/* XCR0: SSE and AVX state; masks and the wider registers too. */
#define KEEPS_YMM 0x06u
#define KEEPS_ZMM 0xe6u

static unsigned leaf1_ecx(void)
{
	unsigned a, b, c = 0, d;
	return __get_cpuid(1, &a, &b, &c, &d) ? c : 0;
}

static unsigned leaf7_1_eax(void)
{
	unsigned a = 0, b, c, d;
	return __get_cpuid_count(7, 1, &a, &b, &c, &d) ? a : 0;
}

static unsigned leaf7_ebx(void)
{
	unsigned a, b = 0, c, d;
	return __get_cpuid_count(7, 0, &a, &b, &c, &d) ? b : 0;
}

static int has_all(unsigned found, unsigned wanted)
{
	return (found & wanted) == wanted;
}

int am_cpu_has(am_isa isa)
{
	switch (isa) {
	case AM_ISA_BASE: return 1;
	case AM_ISA_AVX2: return has_all(leaf1_ecx(), FMA | AVX) && has_all(leaf7_ebx(), AVX2 | BMI2);
	case AM_ISA_AVX512: return am_cpu_has(AM_ISA_AVX2) && has_all(leaf7_ebx(), AVX512);
	case AM_ISA_AVX512_BF16: return am_cpu_has(AM_ISA_AVX512) && has_all(leaf7_1_eax(), AVX512_BF16);
	}
	return 0;
}

/* XCR0; 0 where the system does not use it. */
static unsigned saved_state(void)
{
	unsigned low, high;
	if (!(leaf1_ecx() & OSXSAVE))
		return 0;
	__asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
	return low;
}

int am_cpu_keeps(am_isa isa)
{
	switch (isa) {
	case AM_ISA_BASE: return 1;
	case AM_ISA_AVX2: return has_all(saved_state(), KEEPS_YMM);
	case AM_ISA_AVX512:
	case AM_ISA_AVX512_BF16: return has_all(saved_state(), KEEPS_ZMM);
	}
	return 0;
}

#else

int am_cpu_has(am_isa isa)
{
	return isa == AM_ISA_BASE;
}

int am_cpu_keeps(am_isa isa)
{
	return isa == AM_ISA_BASE;
}

#endif
