"""Shadowed selectors against brute force in float64 from whole distributions: sets from
their stored indices, references ranked anew, every stored value; what does not depend on
threads and blocks; and the table of `recall` against the same sums in numpy."""
import itertools
import os
import subprocess
import sys

import h5py
import numpy as np

import recall_table
from runs import BASE, BOOK, attnmeter, capture, folder, same_bytes

PROMPTS = ["The Time Traveller (for so it will be convenient to speak of him) was expounding a recondite matter to us.",
           "a b a b a b c d", "One two three four five six seven eight nine ten eleven twelve thirteen fourteen."]
K, RATIO, SAMPLE = [1, 2, 5, 16, 24], [0.1, 0.5], 6
SPECS = ["exact,store=index", "random,store=index,seed=7", "exact-sum,store=index", "exact-group,store=index", "exact-max,store=index",
         "random,store=index,sink=2,recent=3", "recent:2+6"]
OPTIONS = [a for s in SPECS for a in ("--shadow", s)] + ["-k", ",".join(map(str, K)), "--ratio", "10%,50%", "--shadow-sample", str(SAMPLE)]
REFERENCES = ["head", "group", "sum", "max"]
NEAR = 1e-6  # scores closer than this may be ordered either way: one was rounded to float32


def close(got, want, tolerance, what):
    got, want = np.asarray(got, float), np.asarray(want, float)
    assert got.shape == want.shape, (what, got.shape, want.shape)
    ok = (np.abs(got - want) <= tolerance) | (np.isnan(got) & np.isnan(want))
    assert ok.all(), (what, got[~ok][:3], want[~ok][:3])


def budgets(n):
    return [min(k, n) for k in K] + [min(n, max(1, int(np.ceil(r * n - 1e-9)))) for r in RATIO]


class Ranking:
    """Keys by a score, higher first, then by position; and the measure of their mass."""

    def __init__(self, score, p):
        self.score, self.p = score, p
        self.order = np.argsort(-score, kind="stable")

    def best(self, k):
        return self.order[:k]

    def clear(self, k):
        """The k best are certain: the next one is well below."""
        s = self.score[self.order]
        return k >= len(s) or s[k - 1] - s[k] > NEAR * abs(s[k - 1])

    def gap(self, k):
        s = self.score[self.order]
        return s[k - 1] - s[k] if k < len(s) else np.nan


def read(path):
    run = {}
    with h5py.File(path) as f:
        f.visititems(lambda name, item: run.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
        run["sets"] = [f[f"selector/s{i}"].attrs["sets"] for i in range(len(SPECS))]
        assert [f[f"selector/s{i}"].attrs["spec"] for i in range(len(SPECS))] == SPECS
        assert [f[f"selector/s{i}"].attrs["own_budget"] for i in range(len(SPECS))] == [0] * 6 + [1]
    return run


def rows_of(run, layer, row):
    """[head][n] probabilities, as float64."""
    prob, offset = run[f"dist/{layer}/prob"], run[f"dist/{layer}/offset"]
    return prob[:, offset[row]:offset[row + 1]].astype(float)


def rankings(p, heads_of_group):
    """reference: its rankings."""
    groups = [p[g] for g in heads_of_group]
    return {"head": [Ranking(x, x) for x in p], "group": [Ranking(g.sum(0), g.sum(0)) for g in groups],
            "sum": [Ranking(p.sum(0), p.sum(0))], "max": [Ranking(p.max(0), p.max(0))]}


def stored_sets(run, selector, layer, row, n, count):
    """[set][budget] arrays of keys: prefixes of the stored index, of at most the largest k."""
    if SPECS[selector].startswith("recent"):
        keys = np.array(sorted(set(range(min(2, n))) | set(range(max(0, n - 6), n))))
        return [[keys for _ in budgets(n)]]
    index = run[f"selector/s{selector}/index"]
    index = index[layer][:, row] if index.ndim == 4 else index[layer][None, row]
    assert index.shape == (count, max(K)), index.shape
    assert ((index == -1).sum(-1) == max(K) - min(max(K), n)).all()
    return [[None if k > max(K) else one[:k] for k in budgets(n)] for one in index]


def both(run, path, layer, *at):
    """A value at every budget: along k, then along ratio."""
    ratio = path.replace("_at_k", "") + "_at_ratio"
    return np.concatenate([run[path][(layer, *at)], run[ratio][(layer, *at)]])


def sets_of(kind, sets, reference, at, heads_of_group):
    """The selector's sets that bear on value `at` of a reference."""
    group_of = {h: g for g, heads in enumerate(heads_of_group) for h in heads}
    if kind == "layer":
        return sets
    if reference == "head":
        return [sets[at] if kind == "head" else sets[group_of[at]]]
    if reference == "group":
        return [sets[h] for h in heads_of_group[at]] if kind == "head" else [sets[at]]
    return sets


def check_row(run, layer, row, heads_of_group, checked):
    p = rows_of(run, layer, row)
    n, ranked = p.shape[1], rankings(p, heads_of_group)
    ks = budgets(n)
    for s, kind in enumerate(run["sets"]):
        sets = stored_sets(run, s, layer, row, n, {"head": len(p), "group": len(heads_of_group), "layer": 1}[kind])
        root = f"selector/s{s}/"
        for h in range(len(p)):
            mine = sets_of(kind, sets, "head", h, heads_of_group)[0]
            kept = [len(x) if x is not None else k for x, k in zip(mine, ks)]
            close(both(run, root + "chance", layer, h, row), np.array(kept) / n, 1e-6, "chance")
            for b, x in enumerate(mine):
                if x is not None:
                    close(both(run, root + "retained_mass", layer, h, row)[b], p[h][x].sum(), 2e-6, ("retained", SPECS[s], h, ks[b]))
        for reference, all_ranked in ranked.items():
            for at, r in enumerate(all_ranked):
                where = (at, row) if reference in ("head", "group") else (row,)
                got = {name: both(run, root + f"{reference}/{name}", layer, *where)
                       for name in ("recall_at_k", "mass_recall", "top1_hit")}
                mine = sets_of(kind, sets, reference, at, heads_of_group)
                for b, k in enumerate(ks):
                    if mine[0][b] is None:
                        continue
                    best = r.best(k)
                    if r.clear(1):
                        close(got["top1_hit"][b], np.mean([r.best(1)[0] in x[b] for x in mine]), 1e-6, "top1")
                    close(got["mass_recall"][b], np.mean([r.p[x[b]].sum() / r.p[best].sum() for x in mine]), 5e-6,
                          ("mass recall", SPECS[s], reference, k))
                    if not r.clear(k):
                        continue
                    want = np.mean([len(np.intersect1d(x[b], best)) / k for x in mine])
                    close(got["recall_at_k"][b], want, 1e-6, ("recall", SPECS[s], reference, layer, row, k))
                    checked[s, reference] = checked.get((s, reference), 0) + 1


def ranks(x):
    """From 1, equal values sharing their mean."""
    order = np.unique(x, return_inverse=True)[1]
    ends = np.cumsum(np.bincount(order))
    return (ends - (np.bincount(order) - 1) / 2)[order]


def spearman(x, y):
    return np.corrcoef(ranks(x), ranks(y))[0, 1] if len(x) > 1 else np.nan


def overlap(a, b):
    return len(np.intersect1d(a, b)) / min(len(a), len(b))


def check_samples(run, heads_of_group):
    """What is there on sampled rows only, and where those are."""
    sequence, position = run["row_sequence"], run["row_position"]
    sampled = np.zeros(len(position), bool)
    for s in set(sequence):
        sampled[np.flatnonzero(sequence == s)[::-1][::SAMPLE]] = True
    gap = run["reference/head/gap_at_k"]
    there = sampled[:, None] & (run["row_visible"][0][:, None] > K)
    assert (np.isfinite(gap) == there).all()
    for s, kind in enumerate(run["sets"][:6]):
        root = f"selector/s{s}/"
        count = {"head": 8, "group": 4, "layer": 1}[kind]
        for layer, row in itertools.product(range(6), np.flatnonzero(sampled)):
            n = position[row] + 1
            sets = stored_sets(run, s, layer, row, n, count)
            p = rows_of(run, layer, row)
            ranked = rankings(p, heads_of_group)
            each = lambda name, i: both(run, root + name, layer, *((i, row) if kind != "layer" else (row,)))
            for b, k in enumerate(budgets(n)):
                if sets[0][b] is None:
                    continue
                for i in range(count):
                    if layer:
                        before = stored_sets(run, s, layer - 1, row, n, count)[i][b]
                        close(each("overlap_layer", i)[b], overlap(sets[i][b], before), 1e-6, "overlap_layer")
                    else:
                        assert np.isnan(each("overlap_layer", i)).all()
                    if n > 1:
                        before = stored_sets(run, s, layer, row - 1, n - 1, count)[i][b]
                        if before is not None:
                            close(each("overlap_step", i)[b], overlap(sets[i][b], before), 1e-6, ("overlap_step", row, i, k))
                    else:
                        assert np.isnan(each("overlap_step", i)).all()
                if kind != "layer":
                    pairs = [overlap(x[b], y[b]) for x, y in itertools.combinations(sets, 2)]
                    close(both(run, root + "overlap_heads", layer, row)[b], np.mean(pairs), 1e-6, "overlap_heads")
                if kind == "head":
                    union = [len(set(np.concatenate([sets[h][b] for h in g]))) for g in heads_of_group]
                    close([both(run, root + "union", layer, g, row)[b] for g in range(4)], union, 0, "union")
            for h in range(8):
                close(both(run, "reference/head/gap_at_k", layer, h, row)[:len(K)] >= 0, [k < n for k in K], 0, "gap of logits")
            for reference, width in (("group", 2), ("sum", 8), ("max", 1)):
                for at, r in enumerate(ranked[reference]):
                    where = (at, row) if reference == "group" else (row,)
                    want = [r.gap(k) / width for k in budgets(n)]
                    close(both(run, f"reference/{reference}/gap_at_k", layer, *where), want, 1e-6, ("gap", reference))
        correlation(run, s, kind, np.flatnonzero(sampled), heads_of_group)


def correlation(run, s, kind, rows, heads_of_group):
    """Exact selectors rank by what is at hand: Spearman's coefficient."""
    name = SPECS[s].split(",")[0]
    own = {"exact": "head", "exact-group": "group", "exact-sum": "sum", "exact-max": "max"}.get(name)
    for layer, row in itertools.product(range(6), rows):
        ranked = rankings(rows_of(run, layer, row), heads_of_group)
        for reference in REFERENCES if own else []:
            for at, r in enumerate(ranked[reference]):
                got = run[f"selector/s{s}/{reference}/rank_correlation"][(layer, at, row) if reference in ("head", "group") else (layer, row)]
                mine = sets_of(kind, ranked[own], reference, at, heads_of_group)
                with np.errstate(all="ignore"):
                    want = np.mean([spearman(x.score, r.score) for x in mine])
                close(got, want, 2e-3, ("rank correlation", SPECS[s], reference, len(r.score)))


def check_exact(run):
    """Each exact selector finds all of its own reference, to the bit."""
    for s, reference in ((0, "head"), (2, "sum"), (3, "group"), (4, "max")):
        for name in ("recall_at_k", "recall_at_ratio", "mass_recall", "mass_recall_at_ratio", "top1_hit", "top1_hit_at_ratio"):
            assert (run[f"selector/s{s}/{reference}/{name}"] == 1).all(), (SPECS[s], name)
    close(run["selector/s0/retained_mass"], run["stat/mass_at_k"], 1e-6, "mass of the best keys")
    close(run["reference/sum/mass_at_k"], run["selector/s2/retained_mass"].mean(1), 1e-6, "mass of the layer's best keys")


def check_random(work):
    """Random sets find their share of the best: mean recall within five standard errors of k / n."""
    run = capture(os.path.join(work, "random.h5"), "-f", BOOK, "-c", "400", "-k", "8,32,100", "--ratio", "10%", "--map", "0",
                  "--shadow", "random", "--shadow", "random,seed=3")
    n = run["row_visible"][0].astype(float)
    for s in (0, 1):
        recall = run[f"selector/s{s}/head/recall_at_k"]
        for i, k in enumerate((8, 32, 100)):
            wide = n > k
            share = k / n[wide]
            draws = recall.shape[0] * recall.shape[1]
            # Hypergeometric: k draws of n keys, k of them wanted.
            variance = share * (1 - share) * (n[wide] - k) / (n[wide] - 1) / k / draws
            error = (recall[:, :, wide, i].mean((0, 1)) - share).mean() / np.sqrt(variance.sum()) * wide.sum()
            assert abs(error) < 5, (s, k, error)
    assert not np.array_equal(run["selector/s0/head/recall_at_k"], run["selector/s1/head/recall_at_k"])


def check_same(work):
    """Neither threads nor blocks change a byte; a run without shadows has the same statistics."""
    options = ["-f", BOOK, "-c", "200", *OPTIONS, "--rows", "every:3", "--layers", "1,2,5", "--heads", "1,6"]
    first = capture(os.path.join(work, "same.h5"), *options, "-t", "1", "--block", "64")
    for i, more in enumerate((["-t", "3", "--block", "64"], ["-t", "2", "--block", "33"], ["-t", "2", "--block", "200"])):
        path = os.path.join(work, f"same{i}.h5")
        other = capture(path, *options, *more)
        if more[3] == "64":
            same_bytes(first, other, more)
        for name in first:
            if name.startswith(("selector", "reference")):
                different = ~((first[name] == other[name]) | (np.isnan(first[name]) & np.isnan(other[name])))
                # Products of other blocks round alike, so scores and sets are the same.
                assert not different.any(), (more, name, different.sum())
    plain = capture(os.path.join(work, "plain.h5"), *options[:4], "-k", "1,2,5,16,24", "--ratio", "10%,50%", "--rows", "every:3",
                    "--layers", "1,2,5", "--heads", "1,6", "-t", "1", "--block", "64")
    # With groups called "head" the groups beside them have scales of their own.
    shadowed = {k: v for k, v in first.items()
                if not k.startswith(("selector", "reference")) and k not in ("rank", "stat/head", "profile/head")}
    same_bytes(plain, shadowed, "without shadows")


def check_chosen(work, heads_of_group):
    """Some layers, heads and rows of a run are those of the whole one."""
    text = ["-p", PROMPTS[0], *OPTIONS]
    every = capture(os.path.join(work, "every.h5"), *text)
    some = capture(os.path.join(work, "some.h5"), *text, "--layers", "2,4", "--heads", "3,4", "--rows", "last:5")
    for name in some:
        if not name.startswith(("selector", "reference")) or "overlap_layer" in name or name.endswith("/head") or np.isnan(every[name]).any():
            continue
        want = every[name][[2, 4]]
        if some[name].ndim == 4 or name.endswith("rank_correlation"):
            want = want[:, [3, 4]] if want.shape[1] == 8 else want
        rows = 2 if want.ndim == 4 else 1
        want = np.take(want, range(want.shape[rows] - 5, want.shape[rows]), rows)
        assert np.array_equal(some[name], want), name


def check_later_rows(work):
    """Selectors that look at queries or hidden states take in blocks and layers of which nothing is captured."""
    indexer = os.path.join(work, "indexer.safetensors")
    make = os.path.join(os.environ["AM_SOURCE_DIR"], "bench", "make_indexer.py")
    subprocess.run([sys.executable, make, BASE, indexer, "--full-layers", "0,3"], check=True)
    specs = ["snapkv:16", "doublesparse:4,calibrate=100", "loki:4,calibrate=100", "quest:8", "blockmean:16", "indexer:" + indexer]
    text = ["-f", BOOK, "-c", "300", "--block", "64", "-k", "8,24", "--ratio", "10%", *[a for s in specs for a in ("--shadow", s + ",store=index")]]
    every = capture(os.path.join(work, "all-rows.h5"), *text)
    for rows, which in (("last:3", [297, 298, 299]), ("every:140", [0, 140, 280])):
        some = capture(os.path.join(work, "later.h5"), *text, "--rows", rows, "--layers", "2,4", "--force")
        assert some["row_position"].tolist() == which
        for name in some:
            if name.endswith(("recall_at_k", "retained_mass", "kept", "recall_at_ratio")) and name.startswith("selector"):
                want = np.take(every[name][[2, 4]], which, every[name].ndim - 2)
                assert np.array_equal(some[name], want), (rows, name)
    # What a method keeps of itself is in its sets: the row's page or block, the window.
    with h5py.File(os.path.join(work, "all-rows.h5")) as f:
        for s, own in ((0, lambda t: 16), (3, lambda t: t % 8 + 1), (4, lambda t: t % 16 + 1)):
            index = f[f"selector/s{s}/index"][()]
            assert f[f"selector/s{s}"].attrs["spec"].startswith(specs[s])
            for t in range(24, 300):
                sets = index[:, :, t].reshape(-1, 24)
                recent = np.arange(t + 1 - own(t), t + 1)
                assert all(np.isin(recent, x).all() and len(set(x.tolist())) == 24 for x in sets), (specs[s], t)
    # Layers that nothing captured needs are not taken in: an indexer may have nothing for them.
    late = os.path.join(work, "late.safetensors")
    subprocess.run([sys.executable, make, BASE, late, "--full-layers", "2-5"], check=True)
    text = ["-p", PROMPTS[0], "-k", "4", "--shadow", "indexer:" + late]
    capture(os.path.join(work, "late.h5"), *text, "--layers", "3,4")
    early = subprocess.run([os.environ["ATTNMETER"], "run", *text, "-o", os.path.join(work, "early.h5")], capture_output=True, text=True)
    assert early.returncode == 1 and "layer 0: " in early.stderr, early.stderr
    assert "expected an indexer for this layer or one before it, found none" in early.stderr, early.stderr


def main():
    work = folder("recall")
    heads_of_group = [[2 * g, 2 * g + 1] for g in range(4)]
    path = os.path.join(work, "full.h5")
    attnmeter("run", *[a for p in PROMPTS for a in ("-p", p)], "--dist", "full", "-o", path, *OPTIONS)
    attnmeter("show", "--check", path)
    run, checked = read(path), {}
    for layer in range(6):
        for row in range(layer % 3, len(run["row_position"]), 3):
            check_row(run, layer, row, heads_of_group, checked)
    assert len(checked) == len(SPECS) * 4 and min(checked.values()) > 60, checked
    check_exact(run)
    check_samples(run, heads_of_group)
    check_random(work)
    check_same(work)
    check_chosen(work, heads_of_group)
    check_later_rows(work)
    recall_table.check(path, work, BOOK, attnmeter)


main()
