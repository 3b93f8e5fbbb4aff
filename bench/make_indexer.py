#!/usr/bin/env python3
"""Writes a random indexer for a model in the form of docs/indexer-format.md, for tests and benchmarks.

    python3 bench/make_indexer.py MODEL FILE [--heads N] [--head-dim N] [--rope-dims N] [--dtype f32|f16|bf16]
                                  [--full-layers LIST] [--seed N] [--set KEY=VALUE]...

MODEL is a folder with config.json. Weights are normal with deviation inputs^-1/2 from a fixed seed, key norms
near 1. --set gives a key of the metadata another value. Needs numpy. `write` and `random` serve programs.
"""
import argparse
import json
import os
import struct

import numpy as np

CODES = {"f32": ("F32", "<f4"), "f16": ("F16", "<f2"), "bf16": ("BF16", "<u2")}


def encode(x, dtype):
    if dtype != "bf16":
        return x.astype(CODES[dtype][1]).tobytes()
    bits = x.astype("<f4").view("<u4")
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype("<u2").tobytes()  # to nearest, ties to even


def write(path, metadata, tensors, dtype="f32"):
    """tensors: name -> array; metadata: key -> string."""
    entries, at, blobs = {"__metadata__": {k: str(v) for k, v in metadata.items()}}, 0, []
    for name, x in tensors.items():
        blobs.append(encode(np.asarray(x, np.float32), dtype))
        entries[name] = {"dtype": CODES[dtype][0], "shape": list(np.shape(x)), "data_offsets": [at, at + len(blobs[-1])]}
        at += len(blobs[-1])
    text = json.dumps(entries).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as f:
        f.write(struct.pack("<Q", len(text)) + text + b"".join(blobs))


def metadata(layers, hidden, heads, head_dim, rope_dims):
    return {"format": "attnmeter-indexer", "format_version": 1, "layers": layers, "q_inputs": hidden, "k_inputs": hidden,
            "heads": heads, "head_dim": head_dim, "rope_dims": rope_dims, "rope_position": "first", "rope_layout": "half",
            "rope_theta": "model", "hadamard": "off", "relu": "on", "k_norm": "layer", "eps": "1e-6", "head_weights": "on",
            "scale": "default", "per_group": "off"}


def layer_list(text, layers):
    if text == "all":
        return list(range(layers))
    ranges = [part.split("-") for part in text.split(",")]
    return [l for r in ranges for l in range(int(r[0]), int(r[-1]) + 1)]


def random(meta, seed):
    """Tensors of every layer that has some."""
    rng = np.random.default_rng(seed)
    q, k, heads, dim = (int(meta[x]) for x in ("q_inputs", "k_inputs", "heads", "head_dim"))
    out = {}
    for l in layer_list(meta.get("full_layers", "all"), int(meta["layers"])):
        out[f"layers.{l}.wq.weight"] = rng.normal(0, q**-0.5, (heads * dim, q))
        out[f"layers.{l}.wk.weight"] = rng.normal(0, k**-0.5, (dim, k))
        if meta["head_weights"] == "on":
            out[f"layers.{l}.weights_proj.weight"] = rng.normal(0, k**-0.5, (heads, k))
        if meta["k_norm"] != "none":
            out[f"layers.{l}.k_norm.weight"] = rng.normal(1, 0.1, dim)
        if meta["k_norm"] == "layer":
            out[f"layers.{l}.k_norm.bias"] = rng.normal(0, 0.1, dim)
    return out


def main():
    p = argparse.ArgumentParser()
    p.add_argument("model")
    p.add_argument("file")
    p.add_argument("--heads", type=int, default=4)
    p.add_argument("--head-dim", type=int, default=64)
    p.add_argument("--rope-dims", type=int)
    p.add_argument("--dtype", choices=CODES, default="f32")
    p.add_argument("--full-layers")
    p.add_argument("--seed", type=int, default=0)
    p.add_argument("--set", action="append", default=[])
    a = p.parse_args()
    with open(os.path.join(a.model, "config.json")) as f:
        config = json.load(f)
    meta = metadata(config["num_hidden_layers"], config["hidden_size"], a.heads, a.head_dim,
                    min(64, a.head_dim // 2) if a.rope_dims is None else a.rope_dims)
    if a.full_layers:
        meta["full_layers"] = a.full_layers
    meta.update(s.split("=", 1) for s in a.set)
    write(a.file, meta, random(meta, a.seed), a.dtype)


if __name__ == "__main__":
    main()
