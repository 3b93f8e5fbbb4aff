#!/usr/bin/env python3
"""Writes a random-weight Llama checkpoint for benchmarks: DIR/config.json and DIR/model.safetensors.

Weights are normal(0, 0.02) from a fixed seed, norms are 1, embeddings are tied. The
defaults are the model that docs/performance.md measures. Needs numpy.

    python3 bench/make_model.py DIR [--dtype f32|bf16] [--layers N] [--positions N] [--seed N]
"""
import argparse
import json
import os
import struct

import numpy as np

HIDDEN, HEADS, KV_HEADS, HEAD_DIM, MLP, VOCAB = 576, 9, 3, 64, 1536, 49152


def tensors(layers):
    """(name, shape) in file order."""
    yield "model.embed_tokens.weight", (VOCAB, HIDDEN)
    for i in range(layers):
        stem = f"model.layers.{i}."
        yield stem + "input_layernorm.weight", (HIDDEN,)
        yield stem + "self_attn.q_proj.weight", (HEADS * HEAD_DIM, HIDDEN)
        yield stem + "self_attn.k_proj.weight", (KV_HEADS * HEAD_DIM, HIDDEN)
        yield stem + "self_attn.v_proj.weight", (KV_HEADS * HEAD_DIM, HIDDEN)
        yield stem + "self_attn.o_proj.weight", (HIDDEN, HEADS * HEAD_DIM)
        yield stem + "post_attention_layernorm.weight", (HIDDEN,)
        yield stem + "mlp.gate_proj.weight", (MLP, HIDDEN)
        yield stem + "mlp.up_proj.weight", (MLP, HIDDEN)
        yield stem + "mlp.down_proj.weight", (HIDDEN, MLP)
    yield "model.norm.weight", (HIDDEN,)


def encode(x, dtype):
    if dtype == "f32":
        return x.astype("<f4").tobytes()
    bits = x.astype("<f4").view("<u4")
    bits = bits + 0x7FFF + (bits >> 16 & 1)  # to nearest, ties to even
    return (bits >> 16).astype("<u2").tobytes()


def header(names, dtype):
    size = 4 if dtype == "f32" else 2
    entries, at = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in names:
        end = at + size * int(np.prod(shape))
        entries[name] = {"dtype": dtype.upper(), "shape": list(shape), "data_offsets": [at, end]}
        at = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    return text + b" " * (-len(text) % 8)


def write_weights(path, names, dtype, seed):
    rng = np.random.default_rng(seed)
    with open(path, "wb") as f:
        text = header(names, dtype)
        f.write(struct.pack("<Q", len(text)) + text)
        for name, shape in names:
            norm = "norm" in name
            x = np.ones(shape, "f4") if norm else rng.standard_normal(shape, "f4") * np.float32(0.02)
            f.write(encode(x, dtype))


def write_config(path, args):
    config = {
        "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": HIDDEN,
        "intermediate_size": MLP, "num_hidden_layers": args.layers, "num_attention_heads": HEADS,
        "num_key_value_heads": KV_HEADS, "head_dim": HEAD_DIM, "vocab_size": VOCAB,
        "max_position_embeddings": args.positions, "rms_norm_eps": 1e-5, "rope_theta": 100000.0,
        "hidden_act": "silu", "tie_word_embeddings": True, "attention_bias": False, "mlp_bias": False,
        "bos_token_id": 0, "eos_token_id": 0, "torch_dtype": {"f32": "float32", "bf16": "bfloat16"}[args.dtype],
    }
    with open(path, "w") as f:
        json.dump(config, f, indent=1)


def main():
    p = argparse.ArgumentParser(description="Writes a random-weight Llama checkpoint for benchmarks.")
    p.add_argument("directory")
    p.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
    p.add_argument("--layers", type=int, default=30)
    p.add_argument("--positions", type=int, default=8192, help="context of the model, tokens")
    p.add_argument("--seed", type=int, default=1)
    args = p.parse_args()
    os.makedirs(args.directory, exist_ok=True)
    write_config(os.path.join(args.directory, "config.json"), args)
    path = os.path.join(args.directory, "model.safetensors")
    write_weights(path, list(tensors(args.layers)), args.dtype, args.seed)
    print(f"{path}: {os.path.getsize(path) / 1e6:.0f} MB")


if __name__ == "__main__":
    main()
