"""Tables of a file larger than the memory they may have: the same numbers as of the run it repeats,
and the same bytes for any number of threads."""
import json
import os
import resource
import subprocess
import sys

import numpy as np
import runs

sys.path.insert(0, os.path.join(runs.SOURCE, "bench"))
import analysis_rate  # noqa: E402

LIMIT = 352 << 20  # of addresses, libraries and stacks included
TIMES = 72

where = runs.folder("streams")
short, long = os.path.join(where, "short.h5"), os.path.join(where, "long.h5")
runs.attnmeter("run", "-q", "-f", runs.BOOK, "-c", 512, "--split", "--limit", 8, "-o", short)
fields = ["stat/entropy", "stat/mass_at_k", "stat/mass_at_ratio", "stat/k_at_mass"]
analysis_rate.lengthen(short, long, fields, TIMES)
assert os.path.getsize(long) > LIMIT, os.path.getsize(long)


def limited(*arguments):
    result = subprocess.run([os.environ["ATTNMETER"], *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=500,
                            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (LIMIT, LIMIT)))
    assert result.returncode == 0, (arguments, result.returncode, result.stderr)
    return result.stdout


def repeated(values, p):
    """The quantile of values that each occur TIMES times."""
    values, at = np.sort(values.ravel()).astype(float), p * (values.size * TIMES - 1)
    low, high = values[int(at) // TIMES], values[min(int(at) + 1, values.size * TIMES - 1) // TIMES]
    return low + (at - int(at)) * (high - low)


def cell(values, row):
    return values[slice(None) if row["layer"] is None else row["layer"], slice(None) if row["head"] is None else row["head"]]


found = runs.datasets(short)
for command, means, quantiles in (("entropy", ["mean", "normalised"], {"median": 0.5, "p05": 0.05, "p95": 0.95}),
                                  ("coverage", ["mass"], {"k_median": 0.5, "k_p95": 0.95})):
    options = ["--json", "-q", "--resamples", "100", "-t"]
    text = limited(command, long, *options, "2")
    got, want = json.loads(text), json.loads(runs.attnmeter(command, short, *options, 1))["table"]
    assert got["n_sequences"] == 8 * TIMES and got["n_rows"] == 4096 * TIMES and len(got["table"]) == len(want) > 50
    checked = 0
    for row, once in zip(got["table"], want):
        for name in means:
            assert row.get(name) == once.get(name) or abs(row[name] - once[name]) <= 1e-8, (name, row, once)
        values = cell(found["stat/entropy" if command == "entropy" else "stat/k_at_mass"], row)
        if command == "coverage" and "tau" in row:
            values = values[..., found["mass"].tolist().index(row["tau"])]
        for name in quantiles:
            if name in row:
                exact = repeated(values, quantiles[name])
                assert abs(row[name] - exact) <= 1e-8 * max(1, exact), (name, row, exact)
                checked += 1
    assert checked > 100
    for threads in "13":
        assert limited(command, long, *options, threads) == text, (command, threads)
text = limited("compare", long, long, "--json", "-q", "--resamples", "100", "--metric", "entropy,mass@16", "-t", "2")
table = json.loads(text)["table"]
assert len(table) > 100 and all(row["change"] == 0 and row["p_wilcoxon"] == 1 for row in table), table[0]
assert limited("compare", long, long, "--json", "-q", "--resamples", "100", "--metric", "entropy,mass@16", "-t", "1") == text
print(f"{os.path.getsize(long) / 2**20:.0f} MiB of file in {LIMIT / 2**20:.0f} MiB of addresses")
os.remove(long)
