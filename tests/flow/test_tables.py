"""The tables of entropy and coverage against the same sums in numpy, for a made-up
run of two tasks and for a real one of texts of unequal lengths."""
import json
import os
import subprocess

import h5py
import numpy as np

WORK = os.path.join(os.environ["AM_BINARY_DIR"], "tests", "tmp", "tables")
PROMPTS = ["The Time Traveller", "It was the best of times, it was the worst of times.", "One two three four five six seven",
           "a b c d e f g h i j k l m n o p q r s t u v w x y z", "Once upon a time there was a small machine in a house.",
           "No."]


def attnmeter(*arguments):
    r = subprocess.run([os.environ["ATTNMETER"], *arguments], check=True, stdin=subprocess.DEVNULL, capture_output=True)
    return r.stdout


class Run:
    """A run file as arrays, and the aggregation in the words of its definition."""

    def __init__(self, path):
        with h5py.File(path) as f:
            self.sequence, self.position = f["row_sequence"][:], f["row_position"][:]
            self.visible = f["row_visible"][:]
            self.entropy = f["stat/entropy"][:].astype(float)
            self.mass = np.concatenate([f["stat/mass_at_k"][:], f["stat/mass_at_ratio"][:]], axis=-1).astype(float)
            self.count = f["stat/k_at_mass"][:].astype(float)
            self.k, self.ratio, self.tau = f["k"][:], f["ratio"][:], f["mass"][:]
            self.layer, self.head = f["layer"][:], f["head"][:]
            self.task = [t.decode() for t in f["sequence_task"][:]]
            self.longest = f["sequence_length"][:].max()

    def of_sequence(self, x, rows):
        """[layer, head, sequence]: mean over a sequence's rows, NaN without any."""
        out = np.full(x.shape[:2] + (len(self.task),), np.nan)
        for s in range(len(self.task)):
            mine = rows & (self.sequence == s)
            if mine.any():
                out[:, :, s] = np.nanmean(x[:, :, mine], axis=2)
        return out

    def over_tasks(self, per_sequence):
        means = []
        for task in dict.fromkeys(self.task):
            values = [v for v, t in zip(per_sequence, self.task) if t == task and not np.isnan(v)]
            means += [np.mean(values)] if values else []
        return np.mean(means)

    def cells(self):
        L, H = range(len(self.layer)), range(len(self.head))
        yield from (([i], [j], self.layer[i], self.head[j]) for i in L for j in H)
        yield from (([i], list(H), self.layer[i], None) for i in L)
        yield list(L), list(H), None, None

    def mean(self, x, rows, layers, heads):
        per_sequence = self.of_sequence(x, rows)[np.ix_(layers, heads)]
        return self.over_tasks(per_sequence.mean(axis=1).mean(axis=0))

    def pooled(self, x, rows, layers, heads, q):
        return np.quantile(x[np.ix_(layers, heads, np.flatnonzero(rows))].ravel(), q)


def same(got, want, what):
    assert np.allclose(got, want, rtol=2e-8, atol=1e-12), (what, got, want)


def check_entropy(path, run, rows, *arguments):
    t = json.loads(attnmeter("entropy", path, "--json", "--resamples", "200", *arguments))["table"]
    n = np.where(run.visible >= 2, run.visible, np.nan)
    normalised = run.entropy / np.log(n)[:, None, :]
    cells = list(run.cells())
    expected = [(r, c) for r in rows for c in cells]
    assert len(t) == len(expected), (len(t), len(expected))
    for got, (r, (layers, heads, layer, head)) in zip(t, expected):
        assert (got["layer"], got["head"]) == (layer, head), got
        mean = run.mean(run.entropy, r, layers, heads)
        same(got["mean"], mean, "mean")
        same(got["effective_support"], np.exp(mean), "effective_support")
        wide = r & (run.visible[0] >= 2)
        if wide.any():
            same(got["normalised"], run.mean(normalised, wide, layers, heads), "normalised")
        same([got["median"], got["p05"], got["p95"]], run.pooled(run.entropy, r, layers, heads, [0.5, 0.05, 0.95]), "quantiles")
        assert got["n_rows"] == r.sum() * len(layers) * len(heads), got
        assert got["n_sequences"] == len(set(run.sequence[r])), got
        if got["n_sequences"] < 5:
            assert got["ci_low"] is None and got["ci_high"] is None, got
        else:
            assert got["ci_low"] <= got["mean"] <= got["ci_high"], got


def check_coverage(path, run):
    t = iter(json.loads(attnmeter("coverage", path, "--json", "--resamples", "200"))["table"])
    rows = np.ones(len(run.sequence), bool)
    for layers, heads, layer, head in run.cells():
        for i, (key, value) in enumerate([("k", k) for k in run.k] + [("ratio", r) for r in run.ratio]):
            got = next(t)
            assert list(got) == ["layer", "head", key, "mass", "ci_low", "ci_high"], got
            assert (got["layer"], got["head"], got[key]) == (layer, head, value), got
            same(got["mass"], run.mean(run.mass[..., i], rows, layers, heads), "mass")
        for i, tau in enumerate(run.tau):
            got = next(t)
            assert list(got) == ["layer", "head", "tau", "k_median", "k_p95"] and got["tau"] == tau, got
            same([got["k_median"], got["k_p95"]], run.pooled(run.count[..., i], rows, layers, heads, [0.5, 0.95]), "k")
    assert next(t, None) is None


def check(path):
    run = Run(path)
    every = np.ones(len(run.sequence), bool)
    check_entropy(path, run, [every])
    check_entropy(path, run, [run.position >= 3], "--min-position", "3")
    bins = [run.position * 4 // run.longest == b for b in range(4)]
    check_entropy(path, run, bins, "--bins", "4")
    check_coverage(path, run)


os.makedirs(WORK, exist_ok=True)
made, real = os.path.join(WORK, "made.h5"), os.path.join(WORK, "real.h5")
subprocess.run([os.path.join(os.environ["AM_BINARY_DIR"], "tests", "make_run"), "sound", made], check=True)
attnmeter("run", *[a for p in PROMPTS for a in ("-p", p)], "-o", real, "--force", "--layers", "1,4", "--heads", "0,3,5", "-k", "1,4")
check(made)
check(real)
