"""Every value of a run comes back from each exported form; the notebook's code runs."""
import csv
import json
import os
import zipfile

import numpy as np
import runs

where = runs.folder("export")
path = os.path.join(where, "run.h5")
inside = os.path.join(where, "in side")
os.makedirs(inside)
found = runs.capture(path, "-q", "-f", runs.BOOK, "-c", 60, "--split", "--limit", 3, "--layers", "1,4", "--heads", "0-2", "--rows",
                     "every:7", "--output-error", "--dist", "topk:3", "--map", 5)
outputs = {form: os.path.join(inside, "run." + form) for form in ("csv", "json", "npz", "ipynb")}
for form, to in outputs.items():
    runs.attnmeter("export", path, "-o", to)
    again = to + "." + form
    runs.attnmeter("export", path, "-o", again)
    with open(to, "rb") as a, open(again, "rb") as b:
        assert a.read() == b.read(), form

# NPZ: the archive is sound, and holds every field and axis.
assert zipfile.ZipFile(outputs["npz"]).testzip() is None
npz = np.load(outputs["npz"])
fields = [name for name in found if name not in ("row", "token", "token_edge") and not name.startswith("dist/")]
assert sorted(npz.files) == sorted(fields + ["attributes"]), set(npz.files) ^ set(fields)
for name in fields:
    want = found[name]
    if want.dtype.hasobject or want.dtype.kind == "S":
        assert [w.decode() for w in want.tolist()] == npz[name].tolist(), name
    else:
        assert np.array_equal(want.astype(npz[name].dtype), npz[name], equal_nan=npz[name].dtype.kind == "f"), name
        assert want.dtype.kind != "f" or npz[name].dtype == want.dtype, name
attributes = json.loads(npz["attributes"][()])
assert attributes["format"] == "attnmeter-run" and attributes["complete"] == 1, attributes

# JSON: values to the last bit of a float32.
with open(outputs["json"]) as f:
    whole = json.load(f)
assert whole["attributes"] == attributes
assert sorted(whole["fields"]) == sorted("/" + n for n in fields if n.startswith("stat/") or n == "row_nll")
for name, field in whole["fields"].items():
    want = found[name[1:]].astype(float)
    want[want < 0] = np.where(found[name[1:]].dtype.kind == "i", np.nan, want)[want < 0]
    got = np.array(field["data"], dtype=np.float32)
    assert np.array_equal(got, want.astype(np.float32), equal_nan=True), name
    assert len(field["dims"]) == got.ndim
assert whole["axes"]["k"] == found["k"].tolist() and whole["axes"]["layer"] == [1, 4]

# CSV: one line a value, each where its coordinates say.
with open(outputs["csv"], newline="") as f:
    lines = list(csv.DictReader(f))
assert len(lines) == sum(np.array(v["data"]).size for v in whole["fields"].values())
seen = 0
for line in lines:
    path_of = "row_nll" if line["field"] == "row_nll" else "stat/" + line["field"]
    index = []
    for axis in whole["fields"]["/" + path_of]["dims"]:
        index.append(int(line["row"]) if axis == "row" else found[axis].tolist().index(float(line[axis])))
    want = found[path_of][tuple(index)]
    got = np.float32(line["value"]) if line["value"] else np.nan
    assert got == np.float32(want) or (np.isnan(got) and (np.isnan(want) or want < 0)), (line, want)
    assert int(line["row_position"]) == found["row_position"][int(line["row"])]
    seen += line["value"] != ""
assert seen > 1000

# Notebook: finds the run beside itself; its code runs but for the drawing.
with open(outputs["ipynb"]) as f:
    book = json.load(f)
assert book["nbformat"] == 4 and {"cells", "metadata", "nbformat_minor"} < set(book)
code = ["".join(c["source"]) for c in book["cells"] if c["cell_type"] == "code"]
assert 'RUN = "../run.h5"' in code[0], code[0]
for text in code:
    compile(text, "cell", "exec")
os.chdir(inside)
scope = {}
exec(code[0].replace("import matplotlib.pyplot as plt", ""), scope)
exec(code[1], scope)
exec(code[2], scope)
heads = scope["mean_of_rows"](scope["stat"].entropy)
rows = found["stat/entropy"]
want = np.mean([rows[:, :, found["row_sequence"] == s].mean(2) for s in range(3)], axis=0)
assert np.allclose(heads.transpose("layer", "head").values, want, atol=1e-6)
