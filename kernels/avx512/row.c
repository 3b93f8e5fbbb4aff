#define AM_VW 16
#define AM_ISA_TABLE am_kernels_avx512
#define AM_ISA_NAME "avx512"
#include "kernels/generic/row.h"
#include "kernels/generic/mass.h"
#include "kernels/generic/topk.h"
#include "kernels/generic/table.h"
