/* The row kernels in plain C with the fused multiply-add of the C library: what every
 * table with such an instruction has to give, to the byte. */
#define AM_VW 4
#define AM_ISA_TABLE test_kernels_fused
#define AM_ISA_NAME "fused"
#define AM_ISA_PRODUCTS
#include "kernels/generic/vec.h"

#include "tests.h"

#include <math.h>

static inline vf vf_fma(vf a, vf b, vf c)
{
	vf r;
	for (int i = 0; i < AM_VW; i++)
		r[i] = fmaf(a[i], b[i], c[i]);
	return r;
}

static inline vf vf_max(vf a, vf b)
{
	return vf_pick(a > b, a, b);
}

static inline vf vf_min(vf a, vf b)
{
	return vf_pick(a < b, a, b);
}

#include "kernels/generic/row.h"
#include "kernels/generic/spans.h"
#include "kernels/generic/mass.h"
#include "kernels/generic/topk.h"
#include "kernels/generic/best.h"
#include "kernels/generic/sets.h"
#include "kernels/generic/set_sums.h"
#include "kernels/generic/shares.h"
#include "kernels/generic/member.h"
#include "kernels/generic/combine.h"
#include "kernels/generic/decode.h"
#include "kernels/generic/table.h"
