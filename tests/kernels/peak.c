#include "peak.h"
#include "cpu_time.h"

#include <string.h>

enum { ROUNDS = 100000, BATCHES = 200 }; /* long enough for the clock to rise */

#if defined(__x86_64__)
#include <immintrin.h>

/* As many sums at once as hide the latency and fit the registers, each a variable of its
 * own; the empty assembly keeps the compiler from folding steps. */
#define EACH_12(do) do(0) do(1) do(2) do(3) do(4) do(5) do(6) do(7) do(8) do(9) do(10) do(11)
#define EACH_20(do) EACH_12(do) do(12) do(13) do(14) do(15) do(16) do(17) do(18) do(19)
#define KEEP(i) __asm__ volatile("" : "+v"(a##i));
#define PEAK(name, isa, vector, zero, step, EACH)       \
	__attribute__((target(isa))) static void name(void) \
	{                                                   \
		vector x = zero;                                \
		EACH(START)                                     \
		for (int n = 0; n < ROUNDS; n++) {              \
			EACH(step)                                  \
			EACH(KEEP)                                  \
		}                                               \
	}

#define START(i) __m256 a##i = x;
#define STEP(i) a##i = _mm256_fmadd_ps(x, x, a##i);
PEAK(fma_avx2, "avx2,fma", __m256, _mm256_setzero_ps(), STEP, EACH_12)
#undef START
#undef STEP
#define START(i) __m512 a##i = x;
#define STEP(i) a##i = _mm512_fmadd_ps(x, x, a##i);
PEAK(fma_avx512, "avx512f", __m512, _mm512_setzero_ps(), STEP, EACH_20)
#undef STEP
#define STEP(i) a##i = _mm512_dpbf16_ps(a##i, (__m512bh)x, (__m512bh)x);
PEAK(dot_avx512, "avx512f,avx512bf16", __m512, _mm512_setzero_ps(), STEP, EACH_20)
#endif

/* operations: of one round */
static double best(void (*loop)(void), double operations)
{
	double seconds = 1e9;
	for (int i = 0; i < BATCHES; i++) {
		double start = cpu_time();
		loop();
		double t = cpu_time() - start;
		seconds = t < seconds ? t : seconds;
	}
	return operations * ROUNDS / seconds * 1e-9;
}

double bench_peak(const am_kernels *k, int bf16)
{
#if defined(__x86_64__)
	if (k->gemm_nt && !strcmp(k->name, "avx2") && !bf16)
		return best(fma_avx2, 12 * 16);
	if (k->gemm_nt && !strcmp(k->name, "avx512"))
		return !bf16 ? best(fma_avx512, 20 * 32) : k->gemm_bf16 ? best(dot_avx512, 20 * 64) : 0;
#endif
	(void)k, (void)bf16, (void)best;
	return 0;
}
