/* Two questions of the machine, asked apart. Internal to kernels. */
#ifndef AM_KERNELS_CPU_H
#define AM_KERNELS_CPU_H

/* What a kernel table needs. AM_ISA_BASE is what the compiler may use anywhere: SSE2
 * on x86-64, NEON on AArch64. */
typedef enum { AM_ISA_BASE, AM_ISA_AVX2, AM_ISA_AVX512, AM_ISA_AVX512_BF16 } am_isa;

/* Capability: has the processor these instructions? */
int am_cpu_has(am_isa isa);
/* Operating system: does it keep their registers when threads switch? Without, they
 * fault. Meaningful where the processor has the instructions. */
int am_cpu_keeps(am_isa isa);

#endif
