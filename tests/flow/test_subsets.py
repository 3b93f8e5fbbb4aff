"""Rows, layers and heads left out change nothing in those that stay; neither do
threads, kernels and, up to rounding, blocks."""
import json
import os
import subprocess

import h5py
import numpy as np

from runs import BOOK, attnmeter, capture, folder, same_bytes

WORK = folder("subsets")
TEXT = ["-f", BOOK, "-c", 90, "-p", "A shorter one.", "-p", "A third one, neither long nor short, of some tokens.", "-k", "1,4,16", "--map", "8", "--output-error"]
APART = ("profile/", "dist/", "row_edge")  # compared apart; the last is a bare dimension
PER_ROW = ["row_sequence", "row_position", "row_token", "row_nll"]


def run(name, *arguments):
    return capture(os.path.join(WORK, name + ".h5"), *TEXT, *arguments)


def of_rows(full, keep, layers=slice(None), heads=slice(None)):
    """What a run of these rows, layers and heads must hold; profiles aside."""
    want = {}
    for name, x in full.items():
        if name in PER_ROW:
            want[name] = x[keep]
        elif name == "row_visible":
            want[name] = x[layers][:, keep]
        elif name.startswith(("stat/", "topk/")):
            want[name] = x[layers][:, heads][:, :, keep]
        elif name in ("layer", "head"):
            want[name] = x[layers if name == "layer" else heads]
        elif name == "row":
            want[name] = np.arange(keep.sum(), dtype=x.dtype)
        elif not name.startswith(APART):
            want[name] = x
    return want


def dist_rows(run, layer, head):
    prob, offset = run[f"dist/{layer}/prob"], run[f"dist/{layer}/offset"]
    return [prob[head, a:b].tobytes() for a, b in zip(offset, offset[1:])]


def check_subset(full, name, keep, layers, heads, *arguments):
    layers, heads = np.array(layers), np.array(heads)
    got = run(name, "--dist", "full", *arguments)
    plain = {n: x for n, x in got.items() if not n.startswith(APART)}
    same_bytes(of_rows(full, keep, layers, heads), plain, name)
    for layer in layers:
        for i, head in enumerate(heads):
            rows = dist_rows(full, layer, head)
            assert dist_rows(got, layer, i) == [rows[j] for j in np.flatnonzero(keep)], (name, layer, head)
    return got


def check_rows(full):
    q, length = full["row_position"], full["sequence_length"][full["row_sequence"]]
    every_layer, every_head = np.arange(6), np.arange(8)
    check_subset(full, "last", q >= length - 5, every_layer, every_head, "--rows", "last:5")
    check_subset(full, "every", q % 7 == 0, every_layer, every_head, "--rows", "every:7")
    some = check_subset(full, "part", np.ones(len(q), bool), [0, 3, 4], [1, 6], "--layers", "0,3-4", "--heads", "1,6")
    for name in ("profile/distance", "profile/map"):
        assert some[name].tobytes() == full[name][[0, 3, 4]][:, [1, 6]].tobytes(), name
    sample = run("sample", "--rows", "sample:6", "--seed", 3)
    keys = lambda r: list(zip(r["row_sequence"].tolist(), r["row_position"].tolist()))
    keep = np.array([key in set(keys(sample)) for key in keys(full)])
    assert keep.sum() == len(keys(sample)) == 18
    check_subset(full, "sample-dist", keep, every_layer, every_head, "--rows", "sample:6", "--seed", 3)
    assert keys(sample) != keys(run("seed", "--rows", "sample:6", "--seed", 4))


def near(got, want, what):
    """Other rounding in the matrix products: statistics within 1e-4."""
    assert got.keys() == want.keys()
    for name, x in want.items():
        if x.dtype.kind == "f":
            close = np.isclose(got[name], x, rtol=1e-4, atol=1e-4, equal_nan=True)
            # Output errors are taken between nearly equal outputs, relative to one of them.
            assert close.all(), (what, name, np.nanmax(np.abs(got[name] - x)))
        elif name in ("stat/k_at_mass", "topk/index"):
            assert (got[name] != x).mean() < 1e-3, (what, name)
            assert name != "stat/k_at_mass" or np.abs(got[name] - x).max() <= 1, what
        else:
            assert (got[name] == x).all(), (what, name)


def check_blocks(full):
    for block in (1, 7):
        near(run(f"block{block}", "--block", block, "--dist", "full"), full, block)


def check_own_budget():
    """Sets of heads that were not captured may hold more keys than those that were: no mistake of the file."""
    path = os.path.join(WORK, "topp.h5")
    got = capture(path, "-f", BOOK, "-c", 64, "-k", "1,4", "--heads", "0", "--layers", "1", "--shadow", "topp:0.9")
    assert got["selector/s0/group/mass_recall"].max() > 1.01
    assert "no problems" in attnmeter("show", "--check", path)
    within = np.argwhere(got["selector/s0/kept"][0, 0, 8:, 1] <= 4)[0, 0] + 8
    with h5py.File(path, "r+") as f:
        f["selector/s0/head/mass_recall"][0, 0, within, 1] = 1.2
    told = subprocess.run([os.environ["ATTNMETER"], "show", "--check", path], stdin=subprocess.DEVNULL, capture_output=True)
    assert told.returncode == 3 and b"/selector/s0/head/mass_recall[0][1]: 1.2" in told.stdout + told.stderr, told


def check_machine():
    """Every kernel that this machine runs: with 1 and 2 threads the same bytes. All but
    scalar, whose matrix products are OpenBLAS's, agree to the byte among themselves."""
    names = [k["name"] for k in json.loads(attnmeter("info", "--json"))["kernels"] if k["usable"]]
    assert names[0] == "scalar", names
    runs = {(name, t): run(f"{name}{t}", "--kernels", name, "-t", t, "--dist", "topk:5") for name in names for t in (1, 2)}
    for name in names:
        same_bytes(runs[name, 1], runs[name, 2], name)
        if name == "scalar":
            continue
        same_bytes(runs[names[1], 1], runs[name, 1], name)
        near(runs[name, 1], runs["scalar", 1], name)


full = run("full", "--dist", "full")
assert len(full["row"]) == sum(full["sequence_length"]) and full["sequence_length"][0] == 90 and len(full["sequence_length"]) == 3
check_rows(full)
check_blocks(full)
check_own_budget()
check_machine()
