#!/usr/bin/env python3
"""Writes configs.json: what transformers makes of config.json files of the four families.

Each case holds a configuration as a file would, a sequence length, and what the
installed transformers reads from it: sizes, the window of every layer, the rotary
inverse frequencies (float32) of a forward over that length, and the factor on cos
and sin. Run with a Python that has torch and transformers:

    python3 make_configs.py > configs.json
"""
import importlib
import json
import sys

import torch
import transformers
from transformers import AutoConfig

SMALL = {"hidden_size": 64, "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 3}
LLAMA3 = {"factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 512}


def llama(**keys):
    return {"model_type": "llama", **SMALL, **keys}


def yarn(**keys):
    return llama(max_position_embeddings=2048, rope_theta=1e6, head_dim=32, rope_scaling={**YARN, **keys})


def qwen(family, **keys):
    return {"model_type": family, **SMALL, "use_sliding_window": True, **keys}


def dynamic(factor, length):
    rope = {"type": "dynamic", "factor": factor}
    return llama(max_position_embeddings=100, rope_theta=10000.0, rope_scaling=rope), length


def cases():
    for family in ("llama", "mistral", "qwen2", "qwen3"):
        yield {"model_type": family}, 10
    yield llama(num_key_value_heads=None, head_dim=None, rope_theta=500000.0), 10
    yield llama(rope_parameters={"rope_type": "default", "rope_theta": 500000.0}), 10
    yield llama(rope_theta=10000.0, rope_parameters={"rope_theta": 500000.0}), 10
    yield llama(rope_theta=20000.0, rope_scaling={"type": "linear", "factor": 2.5}), 10
    yield llama(rope_scaling={"type": "linear", "factor": 2}, rope_parameters={"rope_theta": 500000.0}), 10
    for factor, length in ((1.1, 50), (2.0, 100), (2.0, 101), (1.0, 150), (4.0, 150), (2.0, 3000)):
        yield dynamic(factor, length)
    old = {**LLAMA3, "rope_type": "llama3", "original_max_position_embeddings": 256}
    yield llama(max_position_embeddings=2048, rope_theta=500000.0, head_dim=64, rope_scaling=old), 10
    new = {**LLAMA3, "rope_type": "llama3", "rope_theta": 500000.0}
    yield llama(max_position_embeddings=2048, rope_parameters=new, original_max_position_embeddings=128), 10
    yield yarn(), 10
    yield yarn(attention_factor=1.5), 10
    yield yarn(mscale=0.7, mscale_all_dim=1.0), 10
    yield yarn(mscale=0.7), 10
    yield yarn(truncate=False), 10
    yield yarn(beta_fast=16, beta_slow=2), 10
    yield yarn(beta_fast=8.0, beta_slow=8.0), 10
    yield yarn(factor=None), 10
    yield yarn(original_max_position_embeddings=8, factor=1.0), 10
    yield {"model_type": "mistral", **SMALL, "sliding_window": None}, 10
    yield {"model_type": "mistral", **SMALL, "sliding_window": 9, "head_dim": 64}, 10
    yield qwen("qwen2", max_window_layers=2, sliding_window=7), 10
    yield qwen("qwen3", max_window_layers=1), 10
    yield qwen("qwen2", sliding_window=None, max_window_layers=0), 10
    types = ["sliding_attention", "full_attention", "sliding_attention"]
    yield qwen("qwen2", sliding_window=7, layer_types=types), 10
    yield {"model_type": "qwen3", **SMALL, "layer_types": ["full_attention"] * 3}, 10


def windows(config, family):
    window = getattr(config, "sliding_window", None) or 0
    if family == "llama":
        return [0] * config.num_hidden_layers
    if family == "mistral":
        return [window] * config.num_hidden_layers
    return [window if t == "sliding_attention" else 0 for t in config.layer_types]


def expected(keys, length):
    family = keys["model_type"]
    config = AutoConfig.for_model(**json.loads(json.dumps(keys)))
    module = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
    rotary = getattr(module, f"{family.capitalize()}RotaryEmbedding")(config)
    rotary(torch.zeros(1), torch.arange(length)[None])
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return {
        "hidden": config.hidden_size, "intermediate": config.intermediate_size,
        "layers": config.num_hidden_layers, "heads": config.num_attention_heads,
        "kv_heads": config.num_key_value_heads, "head_dim": head_dim, "vocab": config.vocab_size,
        "max_positions": config.max_position_embeddings, "rms_eps": config.rms_norm_eps,
        "window": windows(config, family), "scale": float(rotary.attention_scaling),
        "inv_freq": [float(f) for f in rotary.inv_freq],
    }


def main():
    rows = [{"config": k, "length": n, "expected": expected(k, n)} for k, n in cases()]
    print('{"made_by": "transformers %s, torch %s", "cases": [' % (transformers.__version__, torch.__version__))
    print(",\n".join(json.dumps(row) for row in rows))
    print("]}")


if __name__ == "__main__":
    sys.exit(main())
