"""Makes bootstrap.txt: intervals by scipy.stats.bootstrap and, studentised ones, by
numpy from their definition, for test_bootstrap.c.

    python bootstrap.py > bootstrap.txt      (needs numpy and scipy)

A case: "case NAME METHOD n_task n_value", a line "task value" per sequence, then
"mean", "interval" and "tolerance": four times the Monte-Carlo standard error of
an end, measured over repeated runs of scipy with the 9999 resamples we draw.
Several tasks are scipy's several samples: the statistic is the mean of means.
METHOD is bca, percentile or t.
"""
import numpy as np
from scipy.stats import bootstrap

RESAMPLES, REPEATS = 9999, 40


def mean_of_means(*samples, axis=-1):
    return sum(np.mean(s, axis=axis) for s in samples) / len(samples)


def error(samples, axis=-1):
    return np.sqrt(sum(np.var(s, axis=axis, ddof=1) / s.shape[axis] for s in samples)) / len(samples)


def studentised(samples, rng):
    drawn = [s[rng.integers(0, len(s), (RESAMPLES, len(s)))] for s in map(np.asarray, samples)]
    estimate, spread = mean_of_means(*samples), error([np.asarray(s) for s in samples])
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (mean_of_means(*drawn) - estimate) / error(drawn)
    high, low = np.quantile(t[~np.isnan(t)], [0.025, 0.975])
    return estimate - low * spread, estimate - high * spread


def interval(samples, method, seed):
    rng = np.random.default_rng(seed)
    if method == "t":
        return studentised(samples, rng)
    r = bootstrap(samples, mean_of_means, n_resamples=RESAMPLES, method=method, vectorized=True, random_state=rng)
    return r.confidence_interval.low, r.confidence_interval.high


def emit(name, *samples, method="BCa"):
    ends = np.array([interval(samples, method, seed) for seed in range(REPEATS)])
    print("case", name, method.lower(), len(samples), sum(map(len, samples)))
    for task, sample in enumerate(samples):
        for value in sample:
            print(task, repr(float(value)))
    print("mean", repr(float(mean_of_means(*samples))))
    print("interval", *(repr(float(x)) for x in ends.mean(axis=0)))
    print("tolerance", *(repr(float(x)) for x in 4 * ends.std(axis=0, ddof=1)))


rng = np.random.default_rng(20261124)
emit("normal", rng.normal(2.0, 0.3, 12))
emit("skewed", rng.lognormal(0.0, 1.0, 20))
emit("five", [1.31, 1.27, 1.55, 1.40, 2.90])
emit("ties", [1.0, 1.0, 1.0, 2.0, 2.0, 5.0, 5.0, 5.0])
emit("two_tasks", rng.lognormal(0.0, 0.8, 9), rng.normal(3.0, 1.0, 4))
emit("three_tasks", rng.exponential(1.0, 6), rng.exponential(2.0, 15), rng.normal(0.0, 0.1, 5))
for method in ("percentile", "t"):
    rng = np.random.default_rng(20261127)
    emit("normal", rng.normal(2.0, 0.3, 12), method=method)
    emit("skewed", rng.lognormal(0.0, 1.0, 20), method=method)
    emit("two_tasks", rng.lognormal(0.0, 0.8, 9), rng.normal(3.0, 1.0, 7), method=method)
