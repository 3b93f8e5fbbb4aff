/* SiLU of one vector times another, included by <isa>/row.c after generic/row.h. */

/* g / (1 + e^-g) by e = e^-|g|, which does not overflow. */
INLINE vf silu(vf g)
{
	vf e = vf_exp(vf_max(vf_set(EXP_MIN), vf_min(g, -g)));
	return g * vf_pick(g < vf_set(0), e, vf_set(1)) / (e + vf_set(1));
}

static void silu_gate(float *gate, const float *up, size_t n)
{
	size_t j = 0;
	for (; j + AM_VW <= n; j += AM_VW)
		vf_store(gate + j, silu(vf_load(gate + j)) * vf_load(up + j));
	if (j == n)
		return;
	float g[AM_VW] = {0}, u[AM_VW] = {0};
	memcpy(g, gate + j, (n - j) * sizeof *g);
	memcpy(u, up + j, (n - j) * sizeof *u);
	vf_store(g, silu(vf_load(g)) * vf_load(u));
	memcpy(gate + j, g, (n - j) * sizeof *g);
}
