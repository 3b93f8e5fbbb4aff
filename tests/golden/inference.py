"""Makes inference.txt: tests and intervals by other software for test_inference.c.

    python inference.py > inference.txt      (numpy, scipy 1.17, statsmodels 0.15)

A case is a line: a word, sizes, values, then the results expected.

    signed_rank  0|1 (Pratt) n  d[n]  p biserial exact        scipy.stats.wilcoxon
    rank_sum     na nb  a[na] b[nb]  p biserial exact         scipy.stats.mannwhitneyu
    shift        n  d[n]  estimate low high                   every Walsh average, by brute force
    shift2       na nb  a[na] b[nb]  estimate low high        every difference
    flip         n_cell n  value[n_cell][n]  p[n_cell] p_max[n_cell]   all 2^n signs in turn
    flip_scipy   n  d[n]  p                                   scipy.stats.permutation_test, all signs
    fdr          n  p[n]  bh[n] by[n]                         statsmodels multipletests
    tost         n margin  d[n]  p p_not_lower p_not_higher   statsmodels ttost_mean
    mcnemar      up down  p                                   statsmodels mcnemar(exact)

Where the exact null is meant it is asked for by name; scipy's choice is not relied on.
"""
import itertools

import numpy as np
from scipy import stats
from statsmodels.stats.contingency_tables import mcnemar
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.weightstats import DescrStatsW

LEVEL = 0.95
rng = np.random.default_rng(20261127)


def emit(word, *parts):
    flat = []
    for part in parts:
        flat += [repr(int(x)) if isinstance(x, (int, np.integer, bool, np.bool_)) else repr(float(x))
                 for x in np.atleast_1d(np.asarray(part)).ravel()]
    print(word, *flat)


def signed_rank(d, pratt):
    d = np.asarray(d, float)
    kept = d if pratt else d[d != 0]
    sizes = np.abs(kept)
    exact = len(kept) <= 50 and len(set(sizes)) == len(sizes) and not (sizes == 0).any()
    ranks = stats.rankdata(sizes) if len(sizes) else np.zeros(0)
    plus, minus = ranks[kept > 0].sum(), ranks[kept < 0].sum()
    p = 1.0
    if (d != 0).any():
        p = stats.wilcoxon(d, zero_method="pratt" if pratt else "wilcox", correction=False,
                           method="exact" if exact else "asymptotic").pvalue
    emit("signed_rank", pratt, len(d), d, p, (plus - minus) / ranks.sum() if plus + minus else 0.0, exact)


def rank_sum(a, b):
    tied = len(set(np.concatenate([a, b]))) < len(a) + len(b)
    exact = not tied and len(a) <= 50 and len(b) <= 50
    r = stats.mannwhitneyu(b, a, use_continuity=False, method="exact" if exact else "asymptotic")
    biserial = np.mean(np.sign(np.subtract.outer(b, a)))
    p = r.pvalue if len(set(np.concatenate([a, b]))) > 1 else 1.0
    emit("rank_sum", len(a), len(b), a, b, p, biserial, exact)


def subset_sums(counts):
    """Distribution function over sums, from counts of Python integers."""
    total = sum(counts)
    below, out = 0, []
    for c in counts:
        below += c
        out.append(below / total)
    return out


def signed_cdf(n):
    counts = [1]
    for rank in range(1, n + 1):
        longer = counts + [0] * rank
        for s, c in enumerate(counts):
            longer[s + rank] += c
        counts = longer
    return subset_sums(counts)


def ends(sorted_values, cdf, tail):
    below = [u for u, c in enumerate(cdf) if c <= tail]
    if not below:
        return np.nan, np.nan
    # The test rejects a shift that at most below[-1] values do not exceed.
    return sorted_values[below[-1]], sorted_values[len(sorted_values) - 1 - below[-1]]


def normal_ends(sorted_values, mean, sd, tail):
    q = int(np.floor(mean - stats.norm.isf(tail) * sd))
    return sorted_values[q], sorted_values[len(sorted_values) - 1 - q]


def shift(d):
    d = np.asarray(d, float)
    n = len(d)
    walsh = np.sort([(d[i] + d[j]) / 2 for i in range(n) for j in range(i, n)])
    tail = (1 - LEVEL) / 2
    if n <= 50:
        low, high = ends(walsh, signed_cdf(n), tail)
    else:
        low, high = normal_ends(walsh, n * (n + 1) / 4, np.sqrt(n * (n + 1) * (2 * n + 1) / 24), tail)
    emit("shift", n, d, np.median(walsh), low, high)


def mann_whitney_cdf(m, n):
    """From the recursion of Mann and Whitney on which group has the largest value."""
    table = {}
    for i in range(m + 1):
        for j in range(n + 1):
            if i == 0 or j == 0:
                table[i, j] = [1]
                continue
            counts = [0] * (i * j + 1)
            for u, c in enumerate(table[i - 1, j]):
                counts[u + j] += c
            for u, c in enumerate(table[i, j - 1]):
                counts[u] += c
            table[i, j] = counts
    return subset_sums(table[m, n])


def shift2(a, b):
    m, n = len(a), len(b)
    differences = np.sort(np.subtract.outer(np.asarray(b), np.asarray(a)).ravel())
    tail = (1 - LEVEL) / 2
    if m <= 50 and n <= 50:
        low, high = ends(differences, mann_whitney_cdf(m, n), tail)
    else:
        low, high = normal_ends(differences, m * n / 2, np.sqrt(m * n * (m + n + 1) / 12), tail)
    emit("shift2", m, n, a, b, np.median(differences), low, high)


def flip(value):
    """Step-down max-T from its definition."""
    value = np.asarray(value, float)
    n_cell, n = value.shape
    norm = np.sqrt((value ** 2).sum(axis=1))
    norm[norm == 0] = 1
    signs = np.array(list(itertools.product((1, -1), repeat=n)))
    t = np.abs(signs @ value.T) / norm
    observed = np.abs(value.sum(axis=1)) / norm
    slack = 1e-11
    p = (t >= observed - slack).mean(axis=0)
    order = np.argsort(-observed, kind="stable")
    p_max, so_far = np.empty(n_cell), 0.0
    for k, cell in enumerate(order):
        rest = t[:, order[k:]].max(axis=1)
        so_far = max(so_far, (rest >= observed[cell] - slack).mean())
        p_max[cell] = so_far
    emit("flip", n_cell, n, value, p, p_max)


def flip_scipy(d):
    d = np.asarray(d, float)
    r = stats.permutation_test((d,), lambda x, axis: np.mean(x, axis=axis), permutation_type="samples",
                               vectorized=True, n_resamples=np.inf, alternative="two-sided")
    emit("flip_scipy", len(d), d, min(1, r.pvalue))


def fdr(p):
    emit("fdr", len(p), p, multipletests(p, method="fdr_bh")[1], multipletests(p, method="fdr_by")[1])


def tost(d, margin):
    p, (_, lower, _), (_, upper, _) = DescrStatsW(np.asarray(d, float)).ttost_mean(-margin, margin)
    emit("tost", len(d), margin, d, p, lower, upper)


def main():
    for n in list(range(1, 21)) + [25, 30, 40, 49, 50, 51, 60]:
        signed_rank(rng.normal(0.3, 1, n).round(6), False)
        signed_rank(rng.integers(-4, 6, n) / 4, False)
        signed_rank(rng.integers(-4, 6, n) / 4, True)
        shift(rng.normal(0.3, 1, n).round(6))
    signed_rank(rng.normal(0.2, 1, 30).round(6), True)
    signed_rank(np.concatenate([rng.normal(0.2, 1, 50).round(6), [0.0, 0.0]]), False)
    signed_rank([0.0, 0.0, 0.0], False)
    signed_rank([0.0, 0.0, 0.0], True)
    signed_rank([1.0, -1.0, 1.0, 1.0, -1.0, 1.0], False)
    shift([2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0])
    shift(rng.integers(-3, 5, 40) / 2)
    for na, nb in [(1, 1), (1, 5), (2, 3), (4, 4), (5, 9), (12, 7), (20, 20), (35, 31), (50, 50), (51, 8), (60, 55)]:
        a, b = rng.normal(0, 1, na).round(6), rng.normal(0.4, 1.5, nb).round(6)
        rank_sum(a, b)
        shift2(a, b)
        rank_sum(rng.integers(0, 6, na) / 2, rng.integers(0, 7, nb) / 2)
    rank_sum(np.array([1.0, 1.0]), np.array([1.0, 1.0, 1.0]))
    for n_cell, n in [(1, 1), (1, 5), (3, 2), (4, 9), (6, 10), (5, 11), (3, 13)]:
        effect = np.linspace(0, 1.2, n_cell)[:, None]
        shared = rng.normal(0, 0.5, n)
        flip((effect + shared + rng.normal(0, 1, (n_cell, n))).round(5))
    flip(rng.integers(-2, 4, (5, 8)) / 2)
    flip(np.vstack([np.zeros(6), rng.normal(1, 1, 6).round(5), np.zeros(6)]))
    for n in (3, 6, 10, 13):
        flip_scipy(rng.normal(0.5, 1, n).round(5))
    for n in (1, 2, 5, 40):
        fdr(rng.uniform(0, 1, n) ** 3)
    fdr([0.01, 0.01, 0.04, 0.04, 0.04, 1.0, 0.2])
    for n, margin in [(3, 1.0), (10, 0.4), (25, 0.25), (60, 0.1)]:
        tost(rng.normal(0.05, 0.5, n).round(6), margin)
    for up, down in [(0, 0), (1, 0), (0, 6), (5, 5), (3, 12), (40, 22), (150, 90)]:
        p = mcnemar([[10, up], [down, 10]], exact=True).pvalue if up + down else 1.0
        emit("mcnemar", up, down, min(1.0, p))


main()
