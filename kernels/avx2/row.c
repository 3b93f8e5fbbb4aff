#define AM_VW 8
#define AM_ISA_TABLE am_kernels_avx2
#define AM_ISA_NAME "avx2"
#define AM_ISA_PRODUCTS .gemm_nt = am_gemm_nt_avx2, .gemm_nn = am_gemm_nn_avx2
#include "kernels/generic/row.h"
#include "kernels/generic/mass.h"
#include "kernels/generic/topk.h"
#include "kernels/generic/levels.h"
#include "kernels/generic/member.h"
#include "kernels/generic/combine.h"
#include "kernels/generic/decode.h"
#include "kernels/generic/table.h"
