"""A copy of the embedded model whose query weights are scaled: a planted effect on
attention, since scores then are scaled too.

    python scaled_model.py FACTOR FOLDER
"""
import json
import os
import shutil
import sys

import numpy as np


def bfloat16(x):
    """Nearest bfloat16 of float32 values, ties to even, as uint16."""
    bits = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((bits + 0x7FFF + (bits >> 16 & 1)) >> 16).astype(np.uint16)


def scale_queries(source, target, factor):
    """factor: a number, or one for each layer and head ([layers][heads])."""
    shutil.copytree(source, target)
    path = os.path.join(target, "model.safetensors")
    with open(path, "rb") as f:
        data = bytearray(f.read())
    with open(os.path.join(source, "config.json")) as f:
        heads = json.load(f)["num_attention_heads"]
    size = int.from_bytes(data[:8], "little")
    scaled = 0
    for name, entry in json.loads(bytes(data[8:8 + size])).items():
        if not name.endswith("self_attn.q_proj.weight"):
            continue
        assert entry["dtype"] == "BF16", entry
        begin, end = (8 + size + x for x in entry["data_offsets"])
        layer = int(name.split(".layers.")[1].split(".")[0])
        f = np.broadcast_to(np.asarray(factor, np.float32), (layer + 1, heads))[layer] if np.ndim(factor) == 0 else factor[layer]
        x = (np.frombuffer(bytes(data[begin:end]), np.uint16).astype(np.uint32) << 16).view(np.float32)
        x = x.reshape(heads, -1) * np.asarray(f, np.float32).reshape(heads, 1)
        data[begin:end] = bfloat16(x).tobytes()
        scaled += 1
    assert scaled, source
    with open(path, "wb") as f:
        f.write(data)


if __name__ == "__main__":
    here = os.path.dirname(os.path.abspath(__file__))
    scale_queries(os.path.join(here, "..", "..", "models", "base"), sys.argv[2], float(sys.argv[1]))
