"""The Python reader gives the means of the program's own table."""
import json
import os
import sys

import numpy as np
import runs

sys.path.insert(0, os.path.join(runs.SOURCE, "notebooks-export", "python"))
import attnmeter  # noqa: E402

where = runs.folder("python_reader")
path = os.path.join(where, "run.h5")
runs.attnmeter("run", "-q", "-f", runs.BOOK, "-c", 80, "--split", "--limit", 6, "--shadow", "random", "-o", path)
table = json.loads(runs.attnmeter("entropy", path, "--json"))["table"]
with attnmeter.open(path) as tree:
    assert tree.attrs["complete"] == 1
    rows = attnmeter.rows(tree)
    assert rows.entropy.dims == ("layer", "head", "row") and rows.sizes["row"] == 480
    means = attnmeter.sequence_means(rows.entropy)
    assert means.sizes["sequence_of_row"] == 6
    means = means.mean("sequence_of_row")
    for row in table:
        if row["head"] is not None:
            got = float(means.sel(layer=row["layer"], head=row["head"]))
            assert abs(got - row["mean"]) <= 1e-5, (row, got)
    assert (rows.visible.values == rows.position.values + 1).all()
    assert np.isnan(rows.nll.values[79]) and np.isfinite(rows.nll.values[:79]).all()
    assert rows.mass_at_k.sel(k=64).shape == (6, 8, 480)

other = os.path.join(where, "other.h5")
with runs.h5py.File(other, "w") as f:
    f.attrs["format"] = "something else"
try:
    attnmeter.open(other)
except ValueError as e:
    assert "expected an attnmeter run file" in str(e)
else:
    raise AssertionError("a foreign file was opened")
