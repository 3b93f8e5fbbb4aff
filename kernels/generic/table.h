/* Conversions and the table of one ISA; included last by <isa>/row.c, which
 * defines AM_ISA_TABLE, AM_ISA_NAME and AM_ISA_PRODUCTS (initialisers of the products
 * it has, or nothing). */
#include "base/half.h"
#include "kernels/generic/gate.h"

static void bf16_to_f32(const uint16_t *x, size_t n, float *y)
{
	for (size_t i = 0; i < n; i++)
		y[i] = am_bf16_to_f32(x[i]);
}

static void f16_to_f32(const uint16_t *x, size_t n, float *y)
{
	for (size_t i = 0; i < n; i++)
		y[i] = am_f16_to_f32(x[i]);
}

static void f32_to_bf16(const float *x, size_t n, uint16_t *y)
{
	for (size_t i = 0; i < n; i++)
		y[i] = am_f32_to_bf16(x[i]);
}

#define AM_TABLE(...)                   \
	{                                   \
		.name = AM_ISA_NAME,            \
		.row_stats = row_stats,         \
		.row_tally = row_tally,         \
		.row_weigh = row_weigh,         \
		.row_softmax = row_softmax,     \
		.sum = sum,                     \
		.row_mass = row_mass,           \
		.tally_mass = tally_mass,       \
		.row_best = row_best,           \
		.spans = spans,                 \
		.row_topk = row_topk,           \
		.row_sets = row_sets,           \
		.reach_sets = reach_sets,       \
		.member_sets = member_sets,     \
		.set_counts = set_counts,       \
		.set_sums = set_sums,           \
		.weigh_sets = weigh_sets,       \
		.reach_sums = reach_sums,       \
		.first_reach = first_reach,     \
		.row_shares = row_shares,       \
		.row_member = row_member,       \
		.combine_rows = combine_rows,   \
		.decode_scores = decode_scores, \
		.decode_values = decode_values, \
		.decode_picked = decode_picked, \
		.silu_gate = silu_gate,         \
		.bf16_to_f32 = bf16_to_f32,     \
		.f16_to_f32 = f16_to_f32,       \
		.f32_to_bf16 = f32_to_bf16,     \
		__VA_ARGS__                     \
	}

const am_kernels AM_ISA_TABLE = AM_TABLE(AM_ISA_PRODUCTS);
