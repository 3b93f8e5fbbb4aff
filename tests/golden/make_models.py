#!/usr/bin/env python3
"""Makes the fixture models and their expected statistics; see README.md.

Every folder models/NAME gets config.json, weights (seeded random), tokens.txt and
expected.safetensors. The model is loaded back through transformers in float64, an
attention function of our own records the scores, and the statistics follow from
them in float64. Run with a Python that has torch, transformers and safetensors:

    python3 make_models.py [DIR]
"""
import json
import math
import os
import shutil
import sys

import torch
from safetensors.torch import save_file
from transformers import AttentionInterface, AutoConfig, AutoModelForCausalLM
from transformers.masking_utils import AttentionMaskInterface, eager_mask

VOCAB = 97
KS = (1, 2, 4, 8, 16)
RATIOS = (0.05, 0.25)
MASSES = (0.5, 0.9, 0.95)
SINK, RECENT = 4, 8
FULL, SLIDING = "full_attention", "sliding_attention"

BASE = {
    "vocab_size": VOCAB, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "max_position_embeddings": 128,
    "rms_norm_eps": 1e-5, "hidden_act": "silu", "tie_word_embeddings": False,
}


def config(family, **keys):
    return {"model_type": family, **BASE, **keys}


# name: configuration as its file holds it, type of the weights, number of shards, lengths
MODELS = {
    "llama-plain": (config("llama", num_key_value_heads=4, rope_theta=10000.0, rope_scaling=None),
                    torch.float32, 1, (48, 24)),
    "llama-biases": (config("llama", attention_bias=True, mlp_bias=True, tie_word_embeddings=True,
                            rope_parameters={"rope_type": "default", "rope_theta": 500.0}),
                     torch.float32, 1, (40, 17)),
    "llama-head-dim": (config("llama", head_dim=12, num_hidden_layers=3, num_key_value_heads=1),
                       torch.float16, 1, (33, 20)),
    "llama-llama3": (config("llama", rope_theta=500.0, rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
        "original_max_position_embeddings": 32}), torch.bfloat16, 1, (48, 24)),
    "llama-linear": (config("llama", rope_theta=10000.0, rope_scaling={"type": "linear", "factor": 2.5}),
                     torch.float32, 3, (40, 20)),
    "llama-dynamic": (config("llama", max_position_embeddings=32, rope_theta=10000.0,
                             rope_scaling={"type": "dynamic", "factor": 2.0}),
                      torch.bfloat16, 1, (56, 24)),
    "llama-yarn": (config("llama", tie_word_embeddings=True, rope_theta=10000.0, rope_scaling={
        "type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32}),
                   torch.bfloat16, 1, (48, 24)),
    "llama-yarn-factor": (config("llama", rope_parameters={
        "rope_type": "yarn", "rope_theta": 1000.0, "factor": 8.0, "attention_factor": 1.35,
        "original_max_position_embeddings": 16, "beta_fast": 16.0, "beta_slow": 2.0,
        "truncate": False}), torch.bfloat16, 1, (48, 24)),
    "mistral-window": (config("mistral", sliding_window=13, rope_theta=10000.0),
                       torch.bfloat16, 1, (48, 24)),
    "qwen2-windows": (config("qwen2", num_hidden_layers=3, rope_theta=10000.0, use_sliding_window=True,
                             sliding_window=9, max_window_layers=1), torch.bfloat16, 1, (40, 20)),
    "qwen2-layer-types": (config("qwen2", rope_parameters={"rope_theta": 10000.0, "rope_type": "default"},
                                 tie_word_embeddings=True, use_sliding_window=True, sliding_window=11,
                                 layer_types=[SLIDING, FULL]), torch.bfloat16, 1, (40, 20)),
    "qwen3": (config("qwen3", head_dim=16, rope_theta=10000.0, tie_word_embeddings=True),
              torch.bfloat16, 1, (40, 20)),
}


def scale_weights(model, generator):
    """Fresh random weights whose heads run from nearly flat to nearly one-hot."""
    def normal(p, std):
        p.copy_(torch.randn(p.shape, generator=generator, dtype=torch.float32) * std)

    for name, p in model.named_parameters():
        if "norm" in name:
            p.copy_(0.5 + torch.rand(p.shape, generator=generator))
        elif name.endswith("bias"):
            normal(p, 0.3)
        elif "embed_tokens" in name or "lm_head" in name:
            normal(p, 0.3)
        else:
            normal(p, p.shape[1] ** -0.5)
    for index, layer in enumerate(model.model.layers):
        heads = model.config.num_attention_heads
        gains = torch.linspace(0.4, 5.0, heads).roll(index)
        attention = layer.self_attn
        w = attention.q_proj.weight
        w.mul_(gains.repeat_interleave(w.shape[0] // heads)[:, None])
        if hasattr(attention, "q_norm"):  # which undoes any gain of the projection
            attention.q_norm.weight.mul_(1.0 + 1.5 * index)


def save_weights(model, where, dtype, shards):
    tensors = {k: v.to(dtype).contiguous() for k, v in model.state_dict().items()}
    if model.config.tie_word_embeddings:
        del tensors["lm_head.weight"]
    if shards == 1:
        save_file(tensors, os.path.join(where, "model.safetensors"), metadata={"format": "pt"})
        return
    names, weight_map = sorted(tensors), {}
    for i in range(shards):
        file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
        part = names[i::shards]
        save_file({n: tensors[n] for n in part}, os.path.join(where, file), metadata={"format": "pt"})
        weight_map.update({n: file for n in part})
    total = sum(t.numel() * t.element_size() for t in tensors.values())
    with open(os.path.join(where, "model.safetensors.index.json"), "w") as f:
        json.dump({"metadata": {"total_size": total}, "weight_map": weight_map}, f, indent=1)


recorded = []


def recording_attention(module, query, key, value, attention_mask, scaling, **_):
    """Softmax attention in the type of its inputs; transformers' own casts to float32."""
    groups = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
    scores = query @ key.transpose(2, 3) * scaling
    visible = attention_mask.expand_as(scores) == 0
    weights = scores.masked_fill(~visible, -math.inf).softmax(-1)
    recorded.append((scores[0], visible[0], value[0]))
    return (weights @ value).transpose(1, 2).contiguous(), weights


def exact_norm(module):
    """RMS norm in the type of its input; transformers' own casts to float32."""
    def forward(x):
        return module.weight * x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + module.variance_epsilon)
    return forward


def load(where):
    AttentionInterface.register("recording", recording_attention)
    AttentionMaskInterface.register("recording", eager_mask)
    model = AutoModelForCausalLM.from_pretrained(where, dtype=torch.float64, attn_implementation="recording")
    for m in model.modules():
        if hasattr(m, "variance_epsilon"):
            m.forward = exact_norm(m)
    return model.eval()


def row_statistics(i, scores, keys, values):
    """scores: [n] of the visible keys, keys: [n] their positions, values: [n, D]."""
    n = len(keys)
    u = scores - scores.max()
    e = u.exp()
    z = e.sum()
    p = e / z
    order = torch.sort(scores, descending=True, stable=True).indices
    mass = torch.cumsum(p[order], 0)
    mass[-1] = 1.0
    distance = (i - keys).double()
    mean = (p * u).sum()
    out = p @ values

    def at(k):
        return mass[min(k, n) - 1]

    def error(k):
        top = order[:k]
        o = e[top] @ values[top] / e[top].sum()
        return ((o - out).norm() / out.norm()) if k < n else torch.tensor(0.0)

    k_at = [int((mass < tau - 1e-12).sum()) + 1 for tau in MASSES]
    steps = torch.cat([torch.zeros(1, dtype=torch.float64), mass])
    return {
        "lse": scores.max() + z.log(),
        "entropy": z.log() - mean,
        "score_variance": (p * (u - mean) ** 2).sum(),
        "renyi2": 2 * z.log() - (e * e).sum().log(),
        "max_prob": p.max(),
        "sink_mass": p[keys < SINK].sum(),
        "recent_mass": p[i - keys < RECENT].sum(),
        "mean_distance": (p * distance).sum(),
        "mass_at_k": [at(k) for k in KS],
        "mass_at_ratio": [at(max(1, math.ceil(r * n))) for r in RATIOS],
        "k_at_mass": k_at,
        "k_at_mass_margin": [(steps - tau).abs().min() for tau in MASSES],
        "output_error": [error(k) for k in KS],
    }


def sequence_statistics(model, ids):
    recorded.clear()
    with torch.no_grad():
        logits = model(torch.tensor([ids]), use_cache=False).logits[0]
    layers = []
    for scores, visible, value in recorded:
        heads = []
        for h in range(scores.shape[0]):
            rows = []
            for i in range(len(ids)):
                keys = visible[h, i].nonzero()[:, 0]
                rows.append(row_statistics(i, scores[h, i, keys], keys, value[h, keys]))
            heads.append(rows)
        layers.append(heads)
    out = {}
    for field in layers[0][0][0]:
        dtype = torch.int32 if field == "k_at_mass" else torch.float32
        nested = [[[r[field] for r in rows] for rows in heads] for heads in layers]
        out[field] = torch.tensor(nested, dtype=torch.float64).to(dtype)
    nll = torch.nn.functional.cross_entropy(logits[:-1], torch.tensor(ids[1:]), reduction="none")
    out["nll"] = torch.cat([nll, torch.tensor([math.nan])]).float()
    out["visible"] = torch.stack([v[0].sum(-1) for _, v, _ in recorded]).int()
    out["last_logits"] = logits[-1].float()
    return out


def make(root, seed, name):
    keys, dtype, shards, lengths = MODELS[name]
    where = os.path.join(root, name)
    shutil.rmtree(where, ignore_errors=True)
    os.makedirs(where)
    with open(os.path.join(where, "config.json"), "w") as f:
        json.dump(keys, f, indent=1)
    generator = torch.Generator().manual_seed(seed)
    model = AutoModelForCausalLM.from_config(AutoConfig.from_pretrained(where))
    with torch.no_grad():
        scale_weights(model, generator)
    save_weights(model, where, dtype, shards)
    sequences = [torch.randint(VOCAB, (n,), generator=generator).tolist() for n in lengths]
    with open(os.path.join(where, "tokens.txt"), "w") as f:
        f.writelines(" ".join(map(str, ids)) + "\n" for ids in sequences)
    expected = {}
    for s, ids in enumerate(sequences):
        found = sequence_statistics(load(where), ids)
        expected.update({f"s{s}.{k}": v.contiguous() for k, v in found.items()})
    save_file(expected, os.path.join(where, "expected.safetensors"))
    entropy = expected["s0.entropy"]
    print(f"{name}: entropy of the last row by layer and head "
          + " | ".join(" ".join(f"{x:.2f}" for x in layer) for layer in entropy[:, :, -1].tolist()))


def main():
    root = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "models")
    for seed, name in enumerate(MODELS):
        make(root, 1000 + seed, name)


if __name__ == "__main__":
    main()
