"""Makes bootstrap.txt: BCa intervals by scipy.stats.bootstrap for test_bootstrap.c.

    python bootstrap.py > bootstrap.txt      (needs numpy and scipy)

A case: "case NAME n_task n_value", a line "task value" per sequence, then
"mean", "interval" and "tolerance": four times the Monte-Carlo standard error of
an end, measured over repeated runs of scipy with the 9999 resamples we draw.
Several tasks are scipy's several samples: the statistic is the mean of means.
"""
import numpy as np
from scipy.stats import bootstrap

RESAMPLES, REPEATS = 9999, 40


def mean_of_means(*samples, axis=-1):
    return sum(np.mean(s, axis=axis) for s in samples) / len(samples)


def interval(samples, seed):
    r = bootstrap(samples, mean_of_means, n_resamples=RESAMPLES, method="BCa", vectorized=True,
                  random_state=np.random.default_rng(seed))
    return r.confidence_interval.low, r.confidence_interval.high


def emit(name, *samples):
    ends = np.array([interval(samples, seed) for seed in range(REPEATS)])
    print("case", name, len(samples), sum(map(len, samples)))
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
