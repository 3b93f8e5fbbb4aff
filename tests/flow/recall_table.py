"""The table of `recall` against the same sums in numpy, and its gate."""
import json
import os
import subprocess

import h5py
import numpy as np

REFERENCES = ["head", "group", "sum", "max"]
BASELINES = {"head": "exact", "group": "exact-group", "sum": "exact-sum", "max": "exact-max"}


def recall(*arguments):
    return subprocess.run([os.environ["ATTNMETER"], "recall", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True)


def same(got, want, what, tolerance=2e-6):
    if want is None or np.isnan(want):
        assert got is None, (what, got, want)
    else:
        assert got is not None and abs(got - want) <= tolerance, (what, got, want)


class Run:
    def __init__(self, path):
        self.f, self.cache = h5py.File(path), {}
        self.sequence, self.position = self.f["row_sequence"][:], self.f["row_position"][:]
        self.n = self.f["row_visible"][:].astype(float)
        self.layers = self.f["layer"][:]
        self.heads = {"head": self.f["head"][:], "group": self.f["kv_head"][:], "sum": None, "max": None}
        self.budgets = [("k", k) for k in self.f["k"][:]] + [("ratio", r) for r in self.f["ratio"][:]]

    def keys(self, kind, value):
        """[layer][row] keys asked for."""
        return np.full(self.n.shape, float(value)) if kind == "k" else np.maximum(1, np.ceil(value * self.n - 1e-9))

    def field(self, path, kind, i):
        """[layer][heads or 1][row] at a budget, float64."""
        path = path.replace("_at_k", "") + "_at_ratio" if kind == "ratio" else path
        if path not in self.cache:
            self.cache[path] = self.f[path][()].astype(float)
        x = self.cache[path][..., i]
        return x if x.ndim == 3 else x[:, None]

    def used(self, kind, value, min_ratio):
        k = self.keys(kind, value)
        return (self.n > k) & (self.n >= min_ratio * k)

    def mean(self, x, used, layers, heads, rows):
        """Rows to sequence, heads, layers, then sequences; all tests here have one task."""
        out = []
        for s in np.unique(self.sequence[rows]):
            mine = rows & (self.sequence == s)
            of_layers = []
            for l in layers:
                y = np.where(used[l], x[l], np.nan)[np.ix_(heads, mine)]
                count, total = (~np.isnan(y)).sum(1), np.nansum(y, 1)
                of_heads = total[count > 0] / count[count > 0]
                of_layers += [np.mean(of_heads)] if len(of_heads) else []
            out += [np.mean(of_layers)] if of_layers else []
        return np.mean(out) if out else np.nan


def cells(run, reference):
    heads = run.heads[reference]
    width = 1 if heads is None else len(heads)
    for l, layer in enumerate(run.layers):
        for h in range(width) if heads is not None else []:
            yield [l], [h], layer, heads[h]
    for l, layer in enumerate(run.layers):
        yield [l], range(width), layer, None
    yield range(len(run.layers)), range(width), None, None


def check_cell(run, got, s, reference, kind, i, value, layers, heads, rows, min_ratio):
    used = run.used(kind, value, min_ratio)
    root, of = f"selector/s{s}/", f"selector/s{s}/{reference}/"
    mean = lambda path, hs=heads: run.mean(run.field(path, kind, i), used, layers, hs, rows)
    x = run.field(of + "recall_at_k", kind, i)
    want = mean(of + "recall_at_k")
    what = (s, reference, kind, value, got["layer"], got["head"])
    same(got["recall"], want, (*what, "recall"))
    same(got["mass_recall"], mean(of + "mass_recall"), (*what, "mass_recall"))
    same(got["top1_hit"], mean(of + "top1_hit"), (*what, "top1_hit"))
    same(got["recall_tied"], mean(of + "recall_tied_at_k"), (*what, "recall_tied"))
    query = heads if reference == "head" else range(len(run.heads["head"]))
    if reference == "group" and got["head"] is not None:
        query = [h for h in range(8) if h // 2 == got["head"]]
    chance = mean(root + "chance", query)
    same(got["chance"], chance, (*what, "chance"))
    same(got["retained_mass"], mean(root + "retained_mass", query), (*what, "retained_mass"))
    if got["recall"] is not None:
        same(got["recall_corrected"], (got["recall"] - got["chance"]) / (1 - got["chance"]), (*what, "corrected"))
    pool = np.concatenate([x[l][h][used[l] & rows] for l in layers for h in heads])
    assert got["n_rows"] == len(pool), (what, got["n_rows"], len(pool))
    assert got["n_rows_trivial"] == sum((run.n[l] <= run.keys(kind, value)[l])[rows].sum() for l in layers) * len(heads), what
    same(got["worst"], pool.min() if len(pool) else np.nan, (*what, "worst"))
    for q, name in ((0.05, "p05"), (0.5, "median"), (0.95, "p95")):
        same(got[name], np.quantile(pool, q) if len(pool) else np.nan, (*what, name))
    if len(pool):
        at = (run.sequence == got["worst_sequence"]) & (run.position == got["worst_position"])
        assert at.sum() == 1 and min(x[l][h][at][0] for l in layers for h in heads) == np.float32(pool.min()), what
        enough = len(np.unique(run.sequence[rows])) >= 5
        assert (got["ci_low"] is not None) <= enough, what
        if got["ci_low"] is not None:
            assert got["ci_low"] - 1e-9 <= got["recall"] <= got["ci_high"] + 1e-9, what


def check_selectors(path, *arguments, rows=None, min_ratio=0):
    run = Run(path)
    rows = np.ones(len(run.sequence), bool) if rows is None else rows
    told = recall(path, "--json", "--resamples", "100", *arguments)
    assert told.returncode == 0, told.stderr
    table = json.loads(told.stdout)["table"]
    at = {(r["id"], r["reference"], r.get("k", r.get("ratio")), "k" in r, r["layer"], r["head"]): r for r in table if r["id"]}
    count = 0
    for s in range(len(run.f["selector"])):
        for reference in REFERENCES:
            for layers, heads, layer, head in cells(run, reference):
                for b, (kind, value) in enumerate(run.budgets):
                    i = b - (kind == "ratio") * len(run.f["k"])
                    got = at[f"s{s}", reference, value, kind == "k", layer, head]
                    check_cell(run, got, s, reference, kind, i, value, list(layers), list(heads), rows, min_ratio)
                    count += 1
    assert count == len(at), (count, len(at))
    run.cache.clear()
    return table, run


def check_baselines(path):
    """Exact and random sets that were not shadowed, from the masses alone."""
    table, run = check_selectors(path)
    base = [r for r in table if not r["id"]]
    assert {r["selector"] for r in base} == {"exact", "exact-group", "exact-max", "random"}, base
    for r in base:
        kind = "k" if "k" in r else "ratio"
        i = [v for t, v in run.budgets if t == kind].index(r[kind])
        used = run.used(kind, r[kind], 0)
        every = np.ones(len(run.sequence), bool)
        layers = [list(run.layers).index(r["layer"])] if r["layer"] is not None else range(len(run.layers))
        share = (run.keys(kind, r[kind]) / run.n)[:, None]
        chance = run.mean(share, used, layers, [0], every)
        same(r["chance"], chance, (r, "chance"))
        if r["recall"] is None:
            continue
        exact = r["selector"] != "random"
        same(r["recall"], 1 if exact else chance, (r, "recall"))
        if exact and r["reference"] == "head":
            mass = run.field("stat/mass_at_k", kind, i)
            heads = range(8) if r["head"] is None else [r["head"]]
            same(r["retained_mass"], run.mean(mass, used, layers, heads, every), (r, "retained"))
            same(r["mass_recall"], 1, r)


def check_pictures(path, work):
    """The numbers under the pictures are those of the table."""
    folder = os.path.join(work, "plots")
    assert recall(path, "--plot", folder, "--json").returncode == 0
    table = json.loads(recall(path, "--json", "--by", "overall").stdout)["table"]
    want = {(r["selector"], r["k"]): r for r in table if r["reference"] == "head" and "k" in r}
    for name in ("recall-curves-s0", "recall-curves-s1", "recall-selectors", "recall-position", "recall-mass"):
        with open(os.path.join(folder, name + ".png"), "rb") as f:
            assert f.read(8) == b"\x89PNG\r\n\x1a\n", name
        assert os.path.getsize(os.path.join(folder, name + ".svg")) > 2000, name
    lines = [line.split("\t") for line in open(os.path.join(folder, "recall-selectors.tsv")).read().splitlines() if line]
    assert lines[0][:3] == ["selector", "k [keys]", "recall [1]"] and len(lines) == 1 + 2 * 3, lines
    for selector, k, *values in lines[1:]:
        r = want[selector, int(k)]
        for got, key in zip(values, ("recall", "chance", "mass_recall", "retained_mass")):
            same(float(got), r[key], (selector, k, key), 1e-8)


def check_gate(path):
    """Exit code 3 names what falls short; a sound selector passes."""
    assert recall(path, "--selector", "exact-sum", "--min-recall", "1").returncode == 0
    failed = recall(path, "--selector", "s1", "--min-recall", "0.9")
    assert failed.returncode == 3 and "random: layer 0 (" in failed.stderr and "layer 5 (" in failed.stderr, failed.stderr
    assert recall(path, "--min-recall", "0.9").returncode == 3
    assert recall(path, "--min-recall", "0").returncode == 0
    one = json.loads(recall(path, "--selector", "s1", "--reference", "max", "--json", "--by", "overall").stdout)["table"]
    assert {(r["selector"], r["reference"], r["layer"]) for r in one} == {("random", "max", None)}, one
    wrong = recall(path, "--selector", "s9")
    assert wrong.returncode == 2 and "s0 to s1" in wrong.stderr, wrong.stderr


def check(full, work, book, attnmeter):
    check_selectors(full)
    path = os.path.join(work, "six.h5")
    attnmeter("run", "-f", book, "-c", "60", "--split", "--limit", "6", "-k", "1,4,30", "--ratio", "10%", "--shadow", "exact-sum",
              "--shadow", "random", "--rows", "every:2", "--shadow-sample", "4", "-o", path)
    table, run = check_selectors(path)
    assert all(r["ci_low"] is not None for r in table if r["layer"] is None and r["id"] and r.get("k") == 4), "intervals"
    check_selectors(path, "--min-ratio", "4", min_ratio=4)
    check_selectors(path, "--min-position", "20", rows=run.position >= 20)
    check_gate(path)
    check_pictures(path, work)
    assert "random" not in {r["selector"] for r in table if not r["id"]}, "a baseline beside its shadow"
    alone = os.path.join(work, "alone.h5")
    attnmeter("run", "-f", book, "-c", "50", "-k", "1,4", "--ratio", "10%", "--shadow", "exact-sum", "-o", alone)
    check_baselines(alone)
    bins = json.loads(recall(path, "--json", "--by", "position", "--bins", "3").stdout)["table"]
    assert {(r["position_low"], r["position_high"]) for r in bins} == {(0, 20), (20, 40), (40, 60)}, bins[0]
