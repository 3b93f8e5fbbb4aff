"""attnmeter compare against numpy, for the embedded model and a
copy with scaled query weights, and for a made-up run of two tasks.

The rank and sign-flip p values are recounted here from their definitions."""
import itertools
import json
import os
import subprocess

import h5py
import numpy as np

from runs import BASE, attnmeter, folder
from scaled_model import scale_queries

WORK = folder("compare")
PROMPTS = ["The Time Traveller was expounding a recondite matter to us.", "It was the best of times, it was the worst of times.",
           "One two three four five six seven eight.", "a b c d e f g h i j k l m n o p q r s t u v w x y z",
           "Once upon a time there was a small machine in a house.", "No. Yes. Perhaps tomorrow.",
           "The rain fell on the roof and on the road.", "He said that he would come back in a week."]


def path(name):
    return os.path.join(WORK, name)


def capture(name, *arguments):
    attnmeter("run", *[a for p in PROMPTS for a in ("-p", p)], "--layers", "0,3,5", "-k", "1,4", *arguments, "-o", path(name))


def sequence_means(name, field, inner=None, normalised=False):
    """[layer, head, sequence]"""
    with h5py.File(path(name)) as f:
        x, sequence = f[field][:].astype(float), f["row_sequence"][:]
        visible = f["row_visible"][:]
    x = x if inner is None else x[..., inner]
    if normalised:
        with np.errstate(divide="ignore"):
            x = np.where(visible >= 2, 1 / np.log(visible), np.nan)[:, None, :] * np.where(visible[:, None, :] >= 2, x, np.nan)
    return np.stack([np.nanmean(x[:, :, sequence == s], axis=2) for s in range(sequence.max() + 1)], axis=2)


def all_signs(d):
    signs = np.array(list(itertools.product((1, -1), repeat=d.shape[-1])))
    return signs @ d.T  # [signs, cells]


def wilcoxon(d):
    """Exact two-sided p by every sign; the differences have no ties or zeros."""
    ranks = np.argsort(np.argsort(np.abs(d))) + 1
    sums = np.array([r @ ranks for r in itertools.product((0, 1), repeat=len(d))])
    w = ranks[d > 0].sum()
    w = min(w, ranks.sum() - w)
    return min(1, 2 * np.mean(sums <= w)), (2 * ranks[d > 0].sum() - ranks.sum()) / ranks.sum()


def flips(d):
    t = np.abs(all_signs(d)) / np.sqrt((d ** 2).sum(axis=1))
    observed = np.abs(d.sum(axis=1)) / np.sqrt((d ** 2).sum(axis=1))
    p, order, p_max, highest = (t >= observed - 1e-10).mean(axis=0), np.argsort(-observed, kind="stable"), np.empty(len(d)), 0
    for k, cell in enumerate(order):
        highest = max(highest, (t[:, order[k:]].max(axis=1) >= observed[cell] - 1e-10).mean())
        p_max[cell] = highest
    return p, p_max


def step_up(p, factor):
    m, order = len(p), np.argsort(p)
    q = np.minimum.accumulate((p[order] * factor * m / np.arange(1, m + 1))[::-1])[::-1]
    out = np.empty(m)
    out[order] = np.minimum(q, 1)
    return out


def same(got, want, what):
    assert np.allclose(got, want, rtol=3e-8, atol=1e-9), (what, got, want)


def check_family(rows, a, b, what):
    """rows of one level against values [cell, sequence]."""
    d = b - a
    assert len(rows) == len(d), (what, len(rows))
    p, r = np.array([wilcoxon(x) for x in d]).T
    bh, by = step_up(p, 1), step_up(p, np.sum(1 / np.arange(1, len(p) + 1)))
    p_flip, p_max = flips(d)
    walsh = np.array([np.median([(x[i] + x[j]) / 2 for i in range(len(x)) for j in range(i, len(x))]) for x in d])
    want = {"mean_a": a.mean(axis=1), "mean_b": b.mean(axis=1), "change": d.mean(axis=1),
            "percent": 100 * (b.mean(axis=1) / a.mean(axis=1) - 1), "hl": walsh, "p_wilcoxon": p, "rank_biserial": r,
            "p_permutation": p_flip, "p_maxt": p_max, "q_bh": bh, "q_by": by,
            "d_z": d.mean(axis=1) / d.std(axis=1, ddof=1), "n_sequences": np.full(len(d), d.shape[1])}
    for key, value in want.items():
        same([row[key] for row in rows], value, (what, key))
    for row in rows:
        assert row["ci_low"] <= row["change"] <= row["ci_high"], (what, row)


def compare(*arguments):
    return json.loads(attnmeter("compare", *arguments, "--json"))


def check_table(table, metric, a, b):
    rows = [r for r in table if r["metric"] == metric]
    L, H, S = a.shape
    assert [(r["layer"], r["head"]) for r in rows] == [(l, h) for l in (0, 3, 5) for h in range(H)] + \
        [(l, None) for l in (0, 3, 5)] + [(None, None)], metric
    check_family(rows[:L * H], a.reshape(L * H, S), b.reshape(L * H, S), metric)
    check_family(rows[L * H:-1], a.mean(axis=1), b.mean(axis=1), metric)
    check_family(rows[-1:], a.mean(axis=(0, 1))[None], b.mean(axis=(0, 1))[None], metric)


def check_numbers():
    found = compare(path("a.h5"), path("b.h5"), "--metric", "entropy,mass@4,normalised,nll")
    with h5py.File(path("a.h5")) as f, h5py.File(path("b.h5")) as g:
        assert found["pairs"] == {"sequences": len(PROMPTS), "rows": len(f["row_sequence"])}, found["pairs"]
        nll = [x["sequence_nll"][:].astype(float) for x in (f, g)]
    assert found["interval"]["method"] == "bootstrap-t" and found["tests"]["draws"] == "all", found
    t = found["table"]
    for metric, field, inner, normalised in (("entropy", "stat/entropy", None, False), ("mass@4", "stat/mass_at_k", 1, False),
                                             ("normalised", "stat/entropy", None, True)):
        check_table(t, metric, *(sequence_means(n, field, inner, normalised) for n in ("a.h5", "b.h5")))
    assert t[-1]["metric"] == "nll" and t[-1]["layer"] is None and len(t) == 3 * (24 + 3 + 1) + 1, len(t)
    check_family(t[-1:], nll[0][None], nll[1][None], "nll")
    for key in ("nll", "normalised"):
        row = next(r for r in t if r["metric"] == key and r["layer"] is None)
        assert all(found["controls"][key][k] == row[k] for k in found["controls"][key]), key
    family = {(r["metric"], r["level"]): r for r in found["corrected"]}
    assert family["entropy", "head"]["tests"] == 24 and family["entropy", "layer"]["tests"] == 3, family
    assert family["nll", "overall"]["tests"] == 1 and ("nll", "head") not in family, family
    heads = [r for r in t if r["metric"] == "entropy" and r["head"] is not None]
    assert family["entropy", "head"]["below_bh"] == sum(r["q_bh"] < 0.05 for r in heads), family


def check_planted_effect():
    """Scores 1.25 times as large: every layer's entropy falls, and all of it is explained by itself."""
    found = compare(path("a.h5"), path("b.h5"), "--control", path("b.h5"))
    layers = [r for r in found["table"] if r["head"] is None]
    assert all(r["change"] < 0 and r["q_bh"] < 0.05 for r in layers), layers
    control = found["controls"]["control"]["table"]
    assert {r["metric"] for r in control} >= {"entropy", "normalised", "nll", "mass@1", "mass@4"}, control
    assert all(r["remaining"] == 0 and r["p_remaining"] == 1 for r in control), control
    assert all(abs(r["share"] - 1) < 1e-9 for r in control if r["change"]), control
    a_itself = compare(path("a.h5"), path("b.h5"), "--control", path("a.h5"))["controls"]["control"]["table"]
    assert all(r["change_control"] == 0 and np.isclose(r["remaining"], r["change"], atol=1e-8) for r in a_itself), a_itself
    # No change at all is equivalent, whatever the margin; this one is not.
    row = compare(path("a.h5"), path("a.h5"), "--margin", "1%", "--by", "overall")["table"][0]
    assert row["p_equivalent"] == 0 and row["change"] == 0 and row["p_wilcoxon"] == 1, row
    row = compare(path("a.h5"), path("b.h5"), "--margin", "1%", "--by", "overall")["table"][0]
    assert row["p_equivalent"] > 0.5 and row["p_not_higher"] < 0.01, row


def check_positions_and_tasks():
    """Bins and tasks against the same rows cut out in numpy, for a made-up run of two tasks and a copy."""
    made, other = path("made.h5"), path("other.h5")
    subprocess.run([os.path.join(os.environ["AM_BINARY_DIR"], "tests", "make_run"), "sound", made], check=True)
    subprocess.run([os.path.join(os.environ["AM_BINARY_DIR"], "tests", "make_run"), "sound", other], check=True)
    rng = np.random.default_rng(6)
    with h5py.File(other, "r+") as f:
        f["stat/entropy"][...] *= rng.uniform(0.6, 0.95, f["stat/entropy"].shape).astype(np.float32)
        f["stat/entropy"][0, 1, 7] = np.nan
    with h5py.File(made) as f, h5py.File(other) as g:
        a, b = (x["stat/entropy"][:].astype(float) for x in (f, g))
        sequence, position = f["row_sequence"][:], f["row_position"][:]
        task = np.array([t.decode() for t in f["sequence_task"][:]])
    a[np.isnan(b)] = np.nan  # a row that one lacks counts in neither

    def overall(rows, sequences):
        """mean_a, change, over the tasks of the sequences."""
        out = []
        for x in (a, b):
            each = np.array([np.nanmean(x[:, :, rows & (sequence == s)], axis=2).mean() for s in sequences])
            out.append(np.mean([each[task[sequences] == t].mean() for t in dict.fromkeys(task[sequences])]))
        return out[0], out[1] - out[0]

    every = np.arange(len(task))
    t = compare(made, other, "--by", "position", "--bins", "4")["table"]
    for bin, row in enumerate(r for r in t if r["layer"] is None):
        assert (row["position_low"], row["position_high"]) == (5 * bin, 5 * bin + 5), row
        same([row["mean_a"], row["change"]], overall(position // 5 == bin, every), "bin")
    found = compare(made, other, "--by", "task")
    rows = [r for r in found["table"] if r["layer"] is None]
    assert [r["task"] for r in rows] == [*dict.fromkeys(task), None], rows
    everywhere = np.ones(len(sequence), bool)
    for row in rows:
        mine = every if row["task"] is None else every[task == row["task"]]
        same([row["mean_a"], row["change"]], overall(everywhere, mine), "task")
        assert row["n_sequences"] == len(mine), row
        assert (row["ci_low"] is None) == (len(mine) < 5), row
    assert found["warnings"] == ["/stat/entropy: 1 NaN value left out of both runs",
                                 "nll: no sequence has a value in both runs"], found["warnings"]
    assert [(r["level"], r["by"], r["tests"]) for r in found["corrected"]] == [
        ("head", "task", 8), ("head", None, 4), ("layer", "task", 4), ("layer", None, 2), ("overall", "task", 2),
        ("overall", None, 1)], found["corrected"]
    # The same input, the same bytes.
    once = attnmeter("compare", made, other, "--json", "--seed", "3")
    assert once == attnmeter("compare", made, other, "--json", "--seed", "3")


def check_accuracy():
    """McNemar on scores written into the runs by hand."""
    names = [path("score_a.h5"), path("score_b.h5")]
    scores = ([1, 1, 1, 1, 0, 0.5], [0, 0, 0, 1, 1, np.nan])
    for name, score in zip(names, scores):
        subprocess.run([os.path.join(os.environ["AM_BINARY_DIR"], "tests", "make_run"), "sound", name], check=True)
        with h5py.File(name, "r+") as f:
            f["sequence_score"][...] = score
    found = compare(*names)["accuracy"]
    assert found == {"n": 5, "accuracy_a": 0.8, "accuracy_b": 0.4, "only_a": 3, "only_b": 1, "p_mcnemar": 0.625}, found


scale_queries(BASE, path("scaled"), 1.25)
capture("a.h5")
capture("b.h5", "-m", path("scaled"))
check_numbers()
check_planted_effect()
check_positions_and_tasks()
check_accuracy()
