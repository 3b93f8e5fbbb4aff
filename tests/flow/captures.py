"""Capture files as docs/capture-format.md has them, written with h5py alone."""
import h5py
import numpy as np


def bfloat16(x):
    """Upper halves of float32, to nearest, ties to even."""
    u = np.ascontiguousarray(x, np.float32).view(np.uint32)
    return ((u + 0x7FFF + ((u >> 16) & 1)) >> 16).astype(np.uint16)


def from_bfloat16(x):
    return (x.astype(np.uint32) << 16).view(np.float32)


def put(group, name, x, dtype):
    if dtype == "bfloat16":
        d = group.create_dataset(name, data=bfloat16(x))
        d.attrs["dtype"] = "bfloat16"
    else:
        group.create_dataset(name, data=np.asarray(x, dtype))


def write(path, layers, sequences, dtype="float32", **attributes):
    """layers: {id: {scale, soft_cap, window, sink_logit}}; sequences: list of {length, row_position, token_id, nll,
    name, task, id: {q, k, v, ...}}."""
    with h5py.File(path, "w") as f:
        f.attrs.update({"format": "attnmeter-capture", "format_version": 1, "complete": 1, "sequences": len(sequences)}
                       | attributes)
        f["layer"] = np.array(sorted(layers), np.int32)
        for i, layer in layers.items():
            g = f.create_group(f"layers/{i}")
            for name, value in layer.items():
                if name == "sink_logit":
                    g[name] = np.asarray(value, np.float32)
                else:
                    g.attrs[name] = value
        for i, sequence in enumerate(sequences):
            g = f.create_group(f"sequences/{i}")
            g.attrs["length"] = sequence["length"]
            for name in ("name", "task"):
                if name in sequence:
                    g.attrs[name] = sequence[name]
            for name, kind in (("row_position", np.int32), ("token_id", np.int32), ("nll", np.float32)):
                if name in sequence:
                    g[name] = np.asarray(sequence[name], kind)
            for layer in layers:
                h = g.create_group(str(layer))
                for name, x in sequence[layer].items():
                    put(h, name, x, dtype)


def tensors(path, sequence, layer):
    """What the file holds for one layer, as float64."""
    with h5py.File(path, "r") as f:
        g = f[f"sequences/{sequence}/{layer}"]
        return {name: (from_bfloat16(d[()]) if d.attrs.get("dtype") == "bfloat16" else d[()]).astype(float)
                for name, d in g.items()}


def scores(q, k, position, scale, soft_cap=0.0, window=0):
    """Scores of every row and head over its visible keys, float64: [(first key, [H, n])] by row."""
    group, out = q.shape[1] // k.shape[1], []
    for row, p in enumerate(position):
        first = max(0, p + 1 - window) if window else 0
        s = np.einsum("hd,nhd->hn", q[row], np.repeat(k[first:p + 1], group, axis=1)) * scale
        out.append((first, soft_cap * np.tanh(s / soft_cap) if soft_cap else s))
    return out
