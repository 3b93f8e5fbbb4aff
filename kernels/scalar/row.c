#define AM_VW 4
#define AM_ISA_TABLE am_kernels_scalar
#define AM_ISA_NAME "scalar"
#define AM_ISA_PRODUCTS .index_scores = am_index_scores_scalar
#include "kernels/generic/vec.h"

static inline vf vf_fma(vf a, vf b, vf c)
{
	return a * b + c;
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

#define AM_A float
#define AM_STEP 1
#define NV 2
#define AM_INDEX_SCORES am_index_scores_scalar
static inline vf vf_spread(const float *a)
{
	return vf_set(*a);
}

#include "kernels/generic/index.h"

#include "kernels/generic/table.h"
