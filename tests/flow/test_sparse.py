"""run --attention against a forward pass written anew in float64: which keys are kept, what the
rows' NLL and statistics become, and that nothing changes where all keys are kept."""
import json
import os
import subprocess

import numpy as np

from model64 import Model, chooser
from runs import BASE, BOOK, SOURCE, attnmeter, capture, datasets, folder, same_bytes

WORK = folder("sparse")
GOLDEN = os.path.join(SOURCE, "tests", "golden", "models")


def compare(got, model, spec, first_sparse=0):
    nll, entropy, lse = model.forward(got["token_id"], chooser(spec), first_sparse)
    dense = model.forward(got["token_id"], lambda s, p, lo, group: np.ones_like(s, bool))[0]
    off = np.abs(got["row_nll"][:-1] - nll).max()
    print(f"{spec}: NLL off by {off:.2g} nat, from dense by {np.abs(nll - dense).max():.2g}")
    assert off <= 2e-4, (spec, off)
    assert np.abs(nll - dense).max() > 5e-3, spec
    for name, want in ("stat/entropy", entropy), ("stat/lse", lse):
        worst = np.abs(got[name] - want).max()
        assert worst <= 3e-4, (spec, name, worst)


def check_golden(name, specs):
    directory = os.path.join(GOLDEN, name)
    rng = np.random.default_rng(5)
    tokens = os.path.join(WORK, name + ".txt")
    with open(tokens, "w") as f:
        f.write(" ".join(map(str, rng.integers(3, 97, 70))))
    model = Model(directory)
    for i, spec in enumerate(specs):
        for block in (70, 33):
            got = capture(os.path.join(WORK, f"{name}-{i}-{block}.h5"), "-m", directory, "--tokens", tokens,
                          "--attention", spec, "--block", block)
            print(name, end=" ")
            compare(got, model, spec)


def check_decode():
    """Rows of the answer are sparse, those of the prompt are not."""
    tasks = os.path.join(WORK, "tasks.jsonl")
    sample = {"input": "The pass key is 71432. Remember it. What is the pass key? The pass key is", "outputs": ["71432"],
              "answer": " 71432, as I told you before the machine went away into the future."}
    with open(tasks, "w") as f:
        f.write(json.dumps(sample) + "\n")
    prompt = capture(os.path.join(WORK, "prompt.h5"), "--tasks", tasks)["sequence_length"][0]
    model = Model(BASE)
    for spec in ("topk:4", "exact-sum,k=6,sink=1,recent=2"):
        got = capture(os.path.join(WORK, f"decode-{len(spec)}.h5"), "--tasks", tasks, "--with-answer", "--attention", spec,
                      "--sparse", "decode")
        assert len(got["row"]) > prompt + 8
        compare(got, model, spec, prompt)


def check_dense_bytes():
    """A budget of all keys: the same bytes as dense, for every kernel table, blocks and threads."""
    names = [k["name"] for k in json.loads(attnmeter("info", "--json"))["kernels"] if k["usable"]]
    text = ["-f", BOOK, "-c", 90, "-p", "A shorter one.", "--output-error", "--dist", "topk:5"]
    for name in names:
        for block, threads in ((90, 1), (37, 2), (1, 2)):
            how = [*text, "--kernels", name, "--block", block, "-t", threads]
            dense = capture(os.path.join(WORK, "dense.h5"), *how, "--force")
            for spec in ("topk:90", "exact-sum,k=1000", "exact-group,ratio=100%"):
                same_bytes(capture(os.path.join(WORK, "all.h5"), *how, "--attention", spec, "--force"), dense, (name, spec))


def check_own_budgets():
    """A budget caps topp; recent has no use for one and says so."""
    text = ["-f", BOOK, "-c", 60]
    nll = {}
    for i, spec in enumerate(("exact,k=4", "topp:1,k=4", "recent:2+6", "recent:2+6,k=3")):
        path = os.path.join(WORK, f"own{i}.h5")
        r = subprocess.run([os.environ["ATTNMETER"], "run", *map(str, text), "--attention", spec, "-o", path], capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        assert ("recent:2+6,k=3: the sets of recent do not depend on a budget" in r.stderr) == (i == 3), r.stderr
        nll[spec] = datasets(path)["row_nll"][:-1]
    assert np.abs(nll["exact,k=4"] - nll["topp:1,k=4"]).max() <= 2e-4
    assert np.array_equal(nll["recent:2+6"], nll["recent:2+6,k=3"])


def check_attributes():
    import h5py
    path = os.path.join(WORK, "attributes.h5")
    capture(path, "-p", "Some text.", "--attention", "random,k=3", "--seed", 9)
    with h5py.File(path) as f:
        text = lambda x: x.decode() if isinstance(x, bytes) else str(x)
        assert text(f.attrs["attention"]) == "random,k=3" and text(f.attrs["sparse"]) == "all", dict(f.attrs)
        assert f.attrs["attention_seed"] == 9
    # Whoever reads its numbers is told what they are of; of a dense run there is nothing to tell.
    dense = os.path.join(WORK, "dense-attributes.h5")
    capture(dense, "-p", "Some text.")
    note = "attention random,k=3: rows are measured over all visible keys"
    for command in (["entropy"], ["coverage"], ["compare", dense]):
        told = [subprocess.run([os.environ["ATTNMETER"], *command, p], capture_output=True, text=True).stderr.count(note) for p in (path, dense)]
        assert told == [1, 0], (command, told)
    for p, told in ((path, 1), (dense, 0)):
        attnmeter("report", p, "-o", os.path.join(WORK, "page"), "--force")
        with open(os.path.join(WORK, "page", "index.html"), encoding="utf-8") as f:
            assert f.read().count(note) == told, p


check_attributes()
check_own_budgets()
check_golden("mistral-window", ["topk:5", "exact-group,k=4", "exact-sum,ratio=30%", "recent:2+4", "exact-max,k=6,sink=1"])
check_golden("qwen2-windows", ["topk:10%", "exact-group,k=4,recent=2", "exact-sum,k=5", "recent:1+12"])
check_decode()
check_dense_bytes()
