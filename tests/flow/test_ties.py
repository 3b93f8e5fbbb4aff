"""Scores that are all equal: every statistic is known, to the tie rule, and the
run passes its own check."""
import os
import shutil

import numpy as np

from runs import SOURCE, capture, folder, tensor_span

WORK = folder("ties")
TINY = os.path.join(SOURCE, "tests", "golden", "models", "llama-plain")
MODEL = os.path.join(WORK, "flat")
N = 128
RATIOS = (0.07, 0.14, 0.28)  # times 100, 50 and 25 a hair above 7
COUNTS, MASSES = (1, 7, 200), (0.3, 0.95, 1.0)


def flat_model():
    """The tiny model with queries of zero."""
    os.makedirs(MODEL)
    shutil.copy(os.path.join(TINY, "config.json"), MODEL)
    with open(os.path.join(TINY, "model.safetensors"), "rb") as f:
        data = bytearray(f.read())
    for layer in (0, 1):
        _, begin, end = tensor_span(data, f"model.layers.{layer}.self_attn.q_proj.weight")
        data[begin:end] = bytes(end - begin)
    with open(os.path.join(MODEL, "model.safetensors"), "wb") as f:
        f.write(data)


def near(x, expected, tolerance):
    expected = np.broadcast_to(expected, x.shape)
    assert (abs(x - expected) <= tolerance).all(), (abs(x - expected).max(), x)


flat_model()
ids = os.path.join(WORK, "ids.txt")
with open(ids, "w") as f:
    f.write(" ".join(str(i * 7 % 97) for i in range(N)))
run = capture(os.path.join(WORK, "flat.h5"), "-m", MODEL, "--tokens", ids, "-k", ",".join(map(str, COUNTS)),
              "--ratio", ",".join(f"{100 * r:g}%" for r in RATIOS), "--mass", ",".join(map(str, MASSES)), "--dist", "topk:5")
n = np.arange(1, N + 1)
near(run["stat/entropy"], np.log(n), 1e-5)
near(run["stat/renyi2"], np.log(n), 1e-5)
near(run["stat/score_variance"], 0, 0)
near(run["stat/max_prob"], 1 / n, 1e-6)
near(run["stat/mean_distance"], (n - 1) / 2, 1e-4)
near(run["stat/mass_at_k"], np.minimum(np.array(COUNTS) / n[:, None], 1), 1e-5)
kept = np.maximum(1, np.ceil(np.array(RATIOS) * n[:, None] - 1e-9))
assert (kept[[99, 49, 24], [0, 1, 2]] == 7).all()
near(run["stat/mass_at_ratio"], kept / n[:, None], 1e-5)
near(run["stat/k_at_mass"][..., 1:], np.ceil(np.array(MASSES[1:]) * n[:, None] - 1e-4), 0)
first = np.where(np.arange(5) < n[:, None], np.arange(5), -1)
assert (run["topk/index"] == first).all()
