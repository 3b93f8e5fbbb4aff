#!/usr/bin/env python3
"""Tiny random DeepSeek-V3.2 and GLM-5 models run by transformers, with what their indexers did.

    python3 make_indexers.py          write the folders NAME/ beside this script

Needs torch and transformers (made with 2.15.0 and 5.23.0, on a CPU). A folder holds
  config.json            of the model, as transformers writes it
  model.safetensors      its indexers' tensors alone, by their names in the checkpoint
  expected.safetensors   one sequence of T tokens; per layer N with an indexer:
    N.x [T,C], N.c [T,r]       inputs: attention input after its norm, compressed query after its norm
    N.wq [T,H*d], N.wk [T,d]   projections; N.k_norm [T,d] keys after the layer norm
    N.k [T,d]                  keys as they are cached (after rotation)
    N.relu [T,H,T]             d^-1/2 q.k of every head, before the ReLU
    N.w [T,H]                  weights_proj(x) H^-1/2
    N.scores [T,T]             index scores, masked ones very negative
  and for every layer N.set [T,k]: the keys kept, by the rule (higher score, then lower index), -1 behind the
  visible ones. torch.topk breaks ties as it likes, so it is replaced by that rule while the model runs.
"""
import json
import os
import struct

import numpy as np
import torch
import transformers
from transformers.models.deepseek_v32 import modeling_deepseek_v32 as deepseek
from transformers.models.glm_moe_dsa import modeling_glm_moe_dsa as glm

HERE = os.path.dirname(os.path.abspath(__file__))
T, K = 40, 10
SMALL = dict(vocab_size=64, hidden_size=48, intermediate_size=32, moe_intermediate_size=16, num_hidden_layers=2,
             num_attention_heads=4, num_key_value_heads=4, n_routed_experts=4, num_experts_per_tok=2, n_shared_experts=1,
             first_k_dense_replace=1, n_group=1, topk_group=1, q_lora_rank=24, kv_lora_rank=16, qk_nope_head_dim=8,
             qk_rope_head_dim=16, v_head_dim=8, index_n_heads=8, index_head_dim=32, index_topk=K,
             max_position_embeddings=256, attn_implementation="eager")
YARN = dict(rope_type="yarn", rope_theta=10000.0, factor=40.0, original_max_position_embeddings=16, beta_fast=32,
            beta_slow=1)
MODELS = {
    "deepseek": (deepseek, transformers.DeepseekV32Config, {}, torch.float32),
    "deepseek-yarn": (deepseek, transformers.DeepseekV32Config,
                      {"rope_parameters": dict(YARN, mscale=1.0, mscale_all_dim=1.0)}, torch.float32),
    "deepseek-yarn-factor": (deepseek, transformers.DeepseekV32Config, {"rope_parameters": YARN, "num_hidden_layers": 1},
                             torch.float32),
    "deepseek-bf16": (deepseek, transformers.DeepseekV32Config, {"num_hidden_layers": 1}, torch.bfloat16),
    "glm": (glm, transformers.GlmMoeDsaConfig,
            {"num_hidden_layers": 4, "index_topk_freq": 2, "index_skip_topk_offset": 2,
             "rope_parameters": {"rope_type": "default", "rope_theta": 1e6}}, torch.float32),
}
DTYPES = {torch.float32: "F32", torch.bfloat16: "BF16", torch.int32: "I32"}


def save(path, tensors):
    header, at, blobs = {}, 0, []
    for name, t in tensors.items():
        raw = t.contiguous().flatten().view(torch.uint8).numpy().tobytes()
        header[name] = {"dtype": DTYPES[t.dtype], "shape": list(t.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        blobs.append(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


class Recorder:
    """What one forward pass shows of its indexers, layer by layer in the order they run."""

    def __init__(self, model):
        self.out, self.layer, self.relu = {}, None, torch.nn.functional.relu
        self.topk = torch.Tensor.topk
        for n, block in enumerate(model.model.layers):
            indexer = block.self_attn.indexer
            if indexer is None:
                continue
            indexer.register_forward_pre_hook(self.begin(n), with_kwargs=True)
            for name, key in (("wq_b", "wq"), ("wk", "wk"), ("k_norm", "k_norm")):
                getattr(indexer, name).register_forward_hook(self.stage(n, key))
            indexer.weights_proj.register_forward_hook(
                lambda m, i, o, n=n, h=indexer.n_heads: self.put(n, "w", o.float() * h**-0.5))

    def put(self, n, key, value):
        self.out[f"{n}.{key}"] = value.detach()[0].float().clone()

    def begin(self, n):
        def hook(module, args, kwargs):
            self.layer = n
            x, c = (list(args) + [kwargs.get("hidden_states"), kwargs.get("q_resid")])[:2] if args else (
                kwargs["hidden_states"], kwargs["q_resid"])
            self.put(n, "x", x)
            self.put(n, "c", c)
        return hook

    def stage(self, n, key):
        return lambda module, args, out: self.put(n, key, out)

    def run(self, model, ids):
        recorder = self

        def relu(x, *a, **k):
            if recorder.layer is not None and x.dim() == 4 and x.shape[1] == T:
                recorder.put(recorder.layer, "relu", x)
            return recorder.relu(x, *a, **k)

        def topk(x, k, dim=-1, **more):
            if recorder.layer is None or x.shape[-2:] != (T, T):
                return recorder.topk(x, k, dim=dim, **more)
            recorder.put(recorder.layer, "scores", x)
            order = torch.sort(-(x + 0.0), dim=-1, stable=True).indices[..., :k]
            recorder.put(recorder.layer, "set", order)
            recorder.layer = None
            return torch.return_types.topk((x.gather(-1, order), order))

        cache = transformers.DynamicCache(config=model.config)
        update = type(cache).update_indexer

        def keep(this, k, layer, *a, **more):
            recorder.put(layer, "k", k)
            return update(this, k, layer, *a, **more)

        torch.nn.functional.relu, torch.Tensor.topk, type(cache).update_indexer = relu, topk, keep
        try:
            model(ids, past_key_values=cache, use_cache=True)
        finally:
            torch.nn.functional.relu, torch.Tensor.topk, type(cache).update_indexer = self.relu, self.topk, update


def spread(model):
    """Weights large enough that scores differ, biases other than 0."""
    g = torch.Generator().manual_seed(7)
    for name, p in model.named_parameters():
        if "norm" in name and name.endswith("weight"):
            p.copy_(1 + 0.3 * torch.randn(p.shape, generator=g))
        elif "indexer" in name and name.endswith("bias"):
            p.copy_(0.3 * torch.randn(p.shape, generator=g))
        elif p.dim() >= 2:
            p.copy_(torch.randn(p.shape, generator=g) * p.shape[-1] ** -0.5)


@torch.no_grad()
def make(name):
    module, config_class, settings, dtype = MODELS[name]
    config = config_class(**{**SMALL, **settings})
    for key in ("index_topk_freq", "index_skip_topk_offset"):
        if key in settings:
            setattr(config, key, settings[key])
    cls = module.DeepseekV32ForCausalLM if module is deepseek else module.GlmMoeDsaForCausalLM
    torch.manual_seed(3)
    model = cls(config).eval()
    spread(model)
    model = model.to(dtype)
    recorder = Recorder(model)
    ids = torch.randint(0, config.vocab_size, (1, T), generator=torch.Generator().manual_seed(11))
    recorder.run(model, ids)
    last = None
    for n in range(config.num_hidden_layers):
        last = recorder.out.get(f"{n}.set", last)
        rows = last.to(torch.int32).clone()
        for t in range(T):
            visible = sorted(int(s) for s in rows[t] if s <= t)
            rows[t] = torch.tensor(visible + [-1] * (K - len(visible)), dtype=torch.int32)
        recorder.out[f"{n}.set"] = rows
    folder = os.path.join(HERE, name)
    os.makedirs(folder, exist_ok=True)
    config.save_pretrained(folder)
    save(os.path.join(folder, "model.safetensors"),
         {k: v.detach() for k, v in model.state_dict().items() if ".indexer." in k})
    for key in [k for k in recorder.out if k.endswith(".relu") and not k.startswith("0.")]:
        del recorder.out[key]
    save(os.path.join(folder, "expected.safetensors"), dict(sorted(recorder.out.items())))
    print(name, {k: tuple(v.shape) for k, v in recorder.out.items()})


if __name__ == "__main__":
    for each in MODELS:
        make(each)
