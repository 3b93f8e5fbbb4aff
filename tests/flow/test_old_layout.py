"""Files with selectors whose heads all hang on /head, as versions before wrote them, are read as
the new ones are."""
import os

import h5py
import runs

where = runs.folder("old_layout")
path = os.path.join(where, "run.h5")
runs.capture(path, "-q", "-f", runs.BOOK, "-c", 60, "--split", "--limit", 2, "--layers", "0-1", "--dist", "full", "--shadow", "exact-sum",
             "--shadow", "random")


def tables():
    runs.attnmeter("show", path, "--check")
    return [runs.attnmeter(*command, path, "--json") for command in (["recall"], ["entropy"], ["coverage"])]


new = tables()
with h5py.File(path, "r+") as f:
    own = []
    f.visititems(lambda name, item: own.append(name) if isinstance(item, h5py.Dataset) and name.endswith("/head") else None)
    fields = []
    f.visititems(lambda name, item: fields.append(name) if isinstance(item, h5py.Dataset) and not item.is_scale else None)
    assert len(own) > 5 and "stat/head" in own, own
    moved = 0
    for name in fields:
        for axis in f[name].dims:
            for scale in [s for s in axis.values() if s.name[1:] in own]:
                axis.detach_scale(scale)
                axis.attach_scale(f["head"])
                moved += 1
    assert moved > 20, moved
    for name in own:
        del f[name]
    del f["head"].attrs["NAME"]
    f["head"].attrs["NAME"] = b"head"
assert tables() == new
print(f"{moved} fields on /head: the same tables")
