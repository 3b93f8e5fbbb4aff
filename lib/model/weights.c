#include "model/weights.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 96

typedef struct resolver {
	const am_tensors *tensors;
	const char *prefix; /* "model." or "" */
	bool *taken;        /* [am_tensors_count] */
} resolver;

/* One tensor of a layer; absent ones are left NULL. */
typedef struct slot {
	const char *name; /* after "layers.N." */
	size_t field;     /* offset in am_layer_weights */
	bool present;
	int rank;
	int64_t shape[2];
} slot;

static am_status need(const resolver *r, const char *name, int rank, const int64_t *shape,
                      const am_tensor **out, am_error *err)
{
	const am_tensor *x = NULL;
	am_status s = am_tensors_need(r->tensors, name, rank, shape, &x, err);
	if (s)
		return s;
	if (x->dtype != AM_DTYPE_F32 && x->dtype != AM_DTYPE_F16 && x->dtype != AM_DTYPE_BF16)
		return am_fail(err, AM_ERR_UNSUPPORTED, "%s: tensor %s: expected dtype F32, F16 or BF16, found %s",
		               x->file, name, am_dtype_name(x->dtype));
	r->taken[x - am_tensors_at(r->tensors, 0)] = true;
	*out = x;
	return AM_OK;
}

static am_status resolve_layer(const resolver *r, const am_config *c, int layer,
                               am_layer_weights *out, am_error *err)
{
	const int64_t q = (int64_t)c->heads * c->head_dim, kv = (int64_t)c->kv_heads * c->head_dim;
	const int64_t hidden = c->hidden, mlp = c->intermediate, d = c->head_dim;
#define FIELD(f) offsetof(am_layer_weights, f)
	const slot slots[] = {
		{"input_layernorm.weight", FIELD(input_norm), true, 1, {hidden}},
		{"self_attn.q_proj.weight", FIELD(q), true, 2, {q, hidden}},
		{"self_attn.k_proj.weight", FIELD(k), true, 2, {kv, hidden}},
		{"self_attn.v_proj.weight", FIELD(v), true, 2, {kv, hidden}},
		{"self_attn.q_proj.bias", FIELD(q_bias), c->qkv_bias, 1, {q}},
		{"self_attn.k_proj.bias", FIELD(k_bias), c->qkv_bias, 1, {kv}},
		{"self_attn.v_proj.bias", FIELD(v_bias), c->qkv_bias, 1, {kv}},
		{"self_attn.q_norm.weight", FIELD(q_norm), c->qk_norm, 1, {d}},
		{"self_attn.k_norm.weight", FIELD(k_norm), c->qk_norm, 1, {d}},
		{"self_attn.o_proj.weight", FIELD(o), true, 2, {hidden, q}},
		{"self_attn.o_proj.bias", FIELD(o_bias), c->o_bias, 1, {hidden}},
		{"post_attention_layernorm.weight", FIELD(post_norm), true, 1, {hidden}},
		{"mlp.gate_proj.weight", FIELD(gate), true, 2, {mlp, hidden}},
		{"mlp.up_proj.weight", FIELD(up), true, 2, {mlp, hidden}},
		{"mlp.down_proj.weight", FIELD(down), true, 2, {hidden, mlp}},
		{"mlp.gate_proj.bias", FIELD(gate_bias), c->mlp_bias, 1, {mlp}},
		{"mlp.up_proj.bias", FIELD(up_bias), c->mlp_bias, 1, {mlp}},
		{"mlp.down_proj.bias", FIELD(down_bias), c->mlp_bias, 1, {hidden}},
	};
#undef FIELD
	for (size_t i = 0; i < sizeof slots / sizeof *slots; i++) {
		if (!slots[i].present)
			continue;
		char name[NAME_SIZE];
		snprintf(name, sizeof name, "%slayers.%d.%s", r->prefix, layer, slots[i].name);
		const am_tensor **field = (const am_tensor **)(void *)((char *)out + slots[i].field);
		am_status s = need(r, name, slots[i].rank, slots[i].shape, field, err);
		if (s)
			return s;
	}
	return AM_OK;
}

static bool same_values(const am_tensor *a, const am_tensor *b)
{
	return a->dtype == b->dtype && a->bytes == b->bytes && memcmp(a->data, b->data, a->bytes) == 0;
}

static am_status resolve_ends(const resolver *r, const am_config *c, am_weights *w, am_error *err)
{
	const int64_t table[] = {c->vocab, c->hidden};
	char embed[NAME_SIZE], norm[NAME_SIZE];
	snprintf(embed, sizeof embed, "%sembed_tokens.weight", r->prefix);
	snprintf(norm, sizeof norm, "%snorm.weight", r->prefix);
	bool head = !c->tied_embeddings || am_tensors_find(r->tensors, "lm_head.weight");
	bool from_head = c->tied_embeddings && head && !am_tensors_find(r->tensors, embed);
	am_status s = need(r, norm, 1, table + 1, &w->final_norm, err);
	if (!s && !from_head)
		s = need(r, embed, 2, table, &w->embed, err);
	if (!s && head)
		s = need(r, "lm_head.weight", 2, table, &w->lm_head, err);
	if (s)
		return s;
	if (from_head)
		w->embed = w->lm_head;
	else if (c->tied_embeddings && (!head || same_values(w->embed, w->lm_head)))
		w->lm_head = w->embed;
	return AM_OK;
}

/* What stands under a layer and was not asked for. Older files keep the rotary
 * frequencies there, which are formed anew. */
static am_status check_leftovers(const resolver *r, const am_config *c, am_error *err)
{
	char stem[NAME_SIZE];
	int n = snprintf(stem, sizeof stem, "%slayers.", r->prefix);
	for (int i = 0; i < am_tensors_count(r->tensors); i++) {
		const am_tensor *x = am_tensors_at(r->tensors, i);
		if (r->taken[i] || strncmp(x->name, stem, (size_t)n) != 0 ||
		    strstr(x->name, "rotary_emb.inv_freq"))
			continue;
		if (strtol(x->name + n, NULL, 10) < c->layers)
			return am_fail(err, AM_ERR_UNSUPPORTED,
			               "%s: tensor %s: expected only tensors that family %s with this "
			               "configuration uses, found this one", x->file, x->name,
			               am_family_name(c->family));
	}
	return AM_OK;
}

am_status am_weights_resolve(const am_config *c, const am_tensors *t, am_weights *out, am_error *err)
{
	bool bare = am_tensors_find(t, "norm.weight") && !am_tensors_find(t, "model.norm.weight");
	resolver r = {t, bare ? "" : "model.", am_calloc((size_t)am_tensors_count(t), sizeof(bool))};
	am_weights w = {.layers = am_calloc((size_t)c->layers, sizeof *w.layers), .n_layers = c->layers};
	am_status s = AM_OK;
	if (!r.taken || !w.layers)
		s = am_fail(err, AM_ERR_MEMORY, "out of memory for %d layers", c->layers);
	if (!s)
		s = resolve_ends(&r, c, &w, err);
	for (int i = 0; !s && i < c->layers; i++)
		s = resolve_layer(&r, c, i, &w.layers[i], err);
	if (!s)
		s = check_leftovers(&r, c, err);
	am_free(r.taken);
	if (s)
		am_weights_fini(&w);
	else
		*out = w;
	return s;
}

void am_weights_fini(am_weights *w)
{
	if (!w)
		return;
	am_free(w->layers);
	*w = (am_weights){0};
}
