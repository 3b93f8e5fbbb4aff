/* NEON, part of AArch64: the common bodies at 4 floats a vector, and mass_gather of
 * generic/mass.h in intrinsics. Compilers leave its look-ups in memory, 11 instructions
 * a weight; by table look-up it is 42 for 16 weights. They vectorise all of mass_fill
 * but the additions to memory, so that stays. */
#define AM_VW 4
#define AM_ISA_TABLE am_kernels_neon
#define AM_ISA_NAME "neon"
#define AM_ISA_PRODUCTS .gemm_nt = am_gemm_nt_neon, .gemm_nn = am_gemm_nn_neon
#define AM_MASS_GATHER
#include "kernels/generic/mass_code.h"
#include "kernels/generic/row.h"

#include <arm_neon.h>

/* Low halves of (key - low) >> shift for 8 weights; `right` is -shift. */
static inline uint16x8_t mass_at(const float *x, int32x4_t low, int32x4_t right)
{
	const uint32x4_t magnitude = vdupq_n_u32(0x7fffffff);
	uint32x4_t at[2];
	for (int i = 0; i < 2; i++) {
		uint32x4_t key = vandq_u32(vreinterpretq_u32_f32(vld1q_f32(x + 4 * i)), magnitude);
		at[i] = vshlq_u32(vsubq_u32(key, vreinterpretq_u32_s32(low)), right);
	}
	return vuzp1q_u16(vreinterpretq_u16_u32(at[0]), vreinterpretq_u16_u32(at[1]));
}

/* The byte of the 256 of marks for each lane. An index past a table gives 0 (tbl) or
 * leaves the lane alone (tbx). */
static inline uint8x16_t mass_look_up(const uint8x16x4_t *mark, uint8x16_t index)
{
	uint8x16_t byte = vqtbl4q_u8(mark[0], index);
	byte = vqtbx4q_u8(byte, mark[1], vsubq_u8(index, vdupq_n_u8(64)));
	byte = vqtbx4q_u8(byte, mark[2], vsubq_u8(index, vdupq_n_u8(128)));
	return vqtbx4q_u8(byte, mark[3], vsubq_u8(index, vdupq_n_u8(192)));
}

/* Four bits a lane, set where the bucket of that weight is marked. */
static inline uint64_t mass_hits(uint16x8_t first, uint16x8_t second, const uint8x16x4_t *mark)
{
	static const uint8_t bits[16] = {1, 2, 4, 8, 16, 32, 64, 128};
	uint8x16_t byte = mass_look_up(mark, vshrn_high_n_u16(vshrn_n_u16(first, 3), second, 3));
	uint8x16_t at = vuzp1q_u8(vreinterpretq_u8_u16(first), vreinterpretq_u8_u16(second));
	uint8x16_t hit = vtstq_u8(byte, vqtbl1q_u8(vld1q_u8(bits), vandq_u8(at, vdupq_n_u8(7))));
	return vget_lane_u64(vreinterpret_u64_u8(vshrn_n_u16(vreinterpretq_u16_u8(hit), 4)), 0);
}

static int mass_gather(const float *x, int n, int32_t low, int shift, const uint32_t *mark, float *to)
{
	int32x4_t vlow = vdupq_n_s32(low), right = vdupq_n_s32(-shift);
	uint8x16x4_t marks[4];
	for (int i = 0; i < 4; i++)
		marks[i] = vld1q_u8_x4((const uint8_t *)mark + 64 * i);
	int m = 0, j = 0;
	for (; j + 16 <= n; j += 16) {
		uint64_t hits = mass_hits(mass_at(x + j, vlow, right), mass_at(x + j + 8, vlow, right), marks);
		while (hits) {
			int bit = __builtin_ctzll(hits);
			to[m++] = x[j + bit / 4];
			hits &= ~((uint64_t)15 << bit);
		}
	}
	for (; j < n; j++) {
		uint32_t at = (uint32_t)(mass_key(x[j]) - low) >> shift;
		if (mark[at >> 5] >> (at & 31) & 1)
			to[m++] = x[j];
	}
	return m;
}

#include "kernels/generic/mass.h"
#include "kernels/generic/topk.h"
#include "kernels/generic/levels.h"
#include "kernels/generic/member.h"
#include "kernels/generic/combine.h"
#include "kernels/generic/decode.h"

#include "kernels/generic/table.h"
