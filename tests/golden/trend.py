"""Makes trend.txt for test_trend.c: Spearman with exact permutation p, Jonckheere, Wilson, McNemar.

    python trend.py > trend.txt      (needs numpy and scipy)

rho is scipy.stats.spearmanr's; its p counts all orders of y by scipy.stats.permutation_test. The
Jonckheere statistic is the sum of scipy.stats.mannwhitneyu over pairs of groups; its variance is
counted from all assignments of a small case and, for a larger one, over permutations; the paired p of
small cases counts all orders within samples. Wilson and McNemar are scipy's binomtest.
"""
import itertools

import numpy as np
from scipy import stats


def spearman(name, x, y):
    x, y = np.asarray(x, float), np.asarray(y, float)
    rho = stats.spearmanr(x, y).statistic
    test = stats.permutation_test((y,), lambda v: abs(stats.spearmanr(x, v).statistic), permutation_type="pairings",
                                  alternative="greater", n_resamples=np.inf)
    print("spearman", name, len(x), *x, *y, repr(float(rho)), repr(float(test.pvalue)))


def jonckheere_statistic(groups):
    return sum(stats.mannwhitneyu(groups[j], groups[i]).statistic
               for i in range(len(groups)) for j in range(i + 1, len(groups)))


def jonckheere(name, groups):
    g, m = groups.shape
    j = jonckheere_statistic(groups)
    # All values dealt to the groups anew: the null of independent groups.
    flat, total = groups.ravel(), []
    for first in itertools.permutations(range(g * m)) if g * m <= 6 else ():
        total.append(jonckheere_statistic(flat[list(first)].reshape(g, m)))
    tolerance = 1e-9
    if not total:
        rng = np.random.default_rng(5)
        total = [jonckheere_statistic(rng.permutation(flat).reshape(g, m)) for _ in range(4000)]
        tolerance = 0.05  # relative: 4 standard errors of a sampled standard deviation
    sd = np.std(total)
    # The paired null: every order of every sample.
    mean, hits, n = g * (g - 1) / 2 * m * m / 2, 0, 0
    for orders in itertools.product(itertools.permutations(range(g)), repeat=m):
        dealt = np.column_stack([groups[list(o), i] for i, o in enumerate(orders)])
        hits += abs(jonckheere_statistic(dealt) - mean) >= abs(j - mean) - 1e-9
        n += 1
    print("jonckheere", name, g, m, *groups.ravel(), repr(float(j)), repr(float(mean)), repr(float(sd)), tolerance, repr(float(hits / n)))


spearman("monotone", [1, 2, 3, 4, 5], [0.1, 0.2, 0.4, 0.8, 0.9])
spearman("noise", [1, 4, 16, 64, 256, 1024, 4096], [0.2, 0.1, 0.5, 0.4, 0.9, 0.8, 0.85])
spearman("ties", [1, 2, 3, 4, 5, 6], [0, 0, 1, 1, 1, 0.5])
spearman("falling", [0.1, 0.5, 0.7, 0.9], [3, 2, 2, 1])
jonckheere("tiny", np.array([[0., 1, 0], [1, 1, 0]]))
jonckheere("binary", np.array([[0., 0, 1, 0], [0, 1, 1, 0], [1, 1, 1, 0]]))
jonckheere("levels", np.array([[.1, .5, .3, .2], [.2, .6, .3, .1], [.4, .6, .5, .9]]))
for hits, n in ((0, 10), (3, 20), (10, 20), (50, 50), (471, 503)):
    ci = stats.binomtest(hits, n).proportion_ci(0.95, "wilson")
    print("wilson", hits, n, repr(float(ci.low)), repr(float(ci.high)))
for gained, lost in ((0, 5), (3, 9), (7, 7), (1, 0), (40, 20)):
    print("mcnemar", gained, lost, repr(float(stats.binomtest(gained, gained + lost).pvalue)))
