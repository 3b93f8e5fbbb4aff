"""eval end to end on the embedded model: answers scored again in Python, the tables against numpy, a shared
prefill against separate ones, budgets that keep every key against dense attention."""
import gzip
import json
import os
import subprocess

import numpy as np

import runs

WORK = runs.folder("eval")
TASKS = os.path.join(runs.SOURCE, "data", "tasks")


def path(name):
    return os.path.join(WORK, name)


def evaluate(*arguments, lines=None):
    out = json.loads(runs.attnmeter("eval", "--json", "-q", *arguments, *(["-o", path(lines)] if lines else [])))
    if not lines:
        return out, None
    with open(path(lines), encoding="utf-8") as f:
        return out, [json.loads(line) for line in f]


def rescore(task, outputs, text):
    """RULER's rule; for copy the passage must stand at the start."""
    text = "".join("\n" if ord(c) < 0x20 else c for c in text).strip()
    hits = [text.startswith(outputs[0])] if task == "copy" else [o.lower() in text.lower() for o in outputs]
    return sum(hits) / len(hits), float(all(hits))


def wilson(hits, n, z=1.959963984540054):
    p, z2 = hits / n, z * z / n
    half = z * np.sqrt(p * (1 - p) / n + z2 / (4 * n))
    return (p + z2 / 2 - half) / (1 + z2), (p + z2 / 2 + half) / (1 + z2)


def read_task(name):
    with open(os.path.join(TASKS, name), encoding="utf-8") as f:
        return [json.loads(line) for line in f]


def check_lines(out, lines, files, points, limit):
    """Lines in order, scored as Python scores them; rows of the table are their means."""
    assert len(lines) == len(files) * limit * points, len(lines)
    ids = {}
    for at, line in enumerate(lines):
        name = files[at // (limit * points)]
        sample = read_task(name)[at // points % limit]
        task = name.split("/")[0]
        assert (line["task"], line["index"], line["outputs"]) == (task, sample["index"], sample["outputs"]), line
        assert np.allclose((line["score"], line["accuracy"]), rescore(task, sample["outputs"], line["output"]), atol=1e-9), line
        assert line["prompt_tokens"] == sample["length"], line
        ids.setdefault(line["id"], []).append(line["attention"])
    assert len(ids) == len(files) * limit and all(len(set(a)) == points for a in ids.values())
    for row in out["table"]:
        mine = [l for l in lines if l["task"] == row["task"] and l["attention"] == row["attention"]]
        assert row["n"] == len(mine) == limit, row
        hits = sum(l["accuracy"] for l in mine)
        assert np.isclose(row["accuracy"], hits / limit) and np.isclose(row["score"], np.mean([l["score"] for l in mine])), row
        low, high = wilson(hits, limit)
        assert np.isclose(row["ci_low"], max(low, 0), atol=1e-8) and np.isclose(row["ci_high"], min(high, 1)), row
        if row["retained_mass"] is not None:
            assert np.isclose(row["retained_mass"], np.mean([l["retained_mass"] for l in mine]), rtol=1e-7), row


def same_answers(a, b):
    keys = ("id", "output", "new_tokens", "ended", "score")
    assert [[l[k] for k in keys] for l in a] == [[l[k] for k in keys] for l in b]


# The embedded model knows needles and copying; every answer is scored again here.
files = ["niah_single/512.jsonl", "copy/512.jsonl", "cwe/512.jsonl"]
given = [x for f in files for x in ("--tasks", os.path.join(TASKS, f))]
out, dense = evaluate(*given, "--limit", "6", lines="dense.jsonl")
check_lines(out, dense, files, 1, 6)
accuracy = {r["task"]: r["accuracy"] for r in out["table"]}
assert accuracy["niah_single"] == 1 and accuracy["copy"] >= 5 / 6, accuracy
assert [r["length"] for r in out["table"]] == [512] * 3
assert all(l["ended"] == "eos" for l in dense if l["task"] == "niah_single"), "the model ends its answers"
assert set(out["table"][0]) >= {"task", "length", "attention", "k", "precision", "accuracy", "score", "ci_low", "ci_high", "n"}
assert np.isclose(out["overall"][0]["accuracy"], np.mean(list(accuracy.values())))

# A sweep: prefill shared between points gives what single runs give; where k keeps every key, dense.
out, swept = evaluate(*given[:2], "--limit", "6", "--sweep", "k=1,4,2048,dense", lines="sweep.jsonl")
check_lines(out, swept, files[:1], 4, 6)
assert [r["k"] for r in out["table"]] == [1, 4, 2048, None]
same_answers([l for l in swept if l["k"] == 2048], [l for l in swept if l["attention"] == "dense"])
same_answers([l for l in swept if l["attention"] == "dense"], dense[:6])
_, single = evaluate(*given[:2], "--limit", "6", "--attention", "topk:1", lines="single.jsonl")
same_answers([l for l in swept if l["k"] == 1], single)
mass = [r["retained_mass"] for r in out["table"]]
assert 0 < mass[0] < mass[1] < 1 and np.isclose(mass[2], 1, atol=1e-6) and mass[3] is None, mass
assert out["table"][0]["accuracy"] < 1, "one key a head cannot answer every time"
trend = out["trends"][0]
assert trend["over"] == "k" and trend["n_points"] == 3 and trend["n"] == 6 and trend["spearman"] > 0
assert [p["reference"] for p in out["pairs"]] == ["dense"] * 3
change = np.mean([a["accuracy"] - b["accuracy"] for a, b in zip(swept[0::4], swept[3::4])])
assert np.isclose(out["pairs"][0]["change"], change), (out["pairs"][0], change)

# Sparse prompts are another model; the number of threads is not.
_, everywhere = evaluate(*given[:2], "--limit", "6", "--attention", "topk:1", "--sparse", "all", lines="all.jsonl")
assert [l["output"] for l in everywhere] != [l["output"] for l in single]
assert [l["id"] for l in everywhere] == [l["id"] for l in single]
_, decoded = evaluate(*given[:2], "--limit", "3", "--attention", "topk:8", "-t", "1", lines="decode.jsonl")
_, threads = evaluate(*given[:2], "--limit", "3", "--attention", "topk:8", "-t", "2", lines="threads.jsonl")
same_answers(decoded, threads)

# Generated tasks, through gzip, with answers cut by a limit; run reads them too.
runs.attnmeter("tasks", "niah_single", "--length", "400", "--answer-tokens", "16", "-n", "3", "-o", path("made.jsonl"))
with open(path("made.jsonl"), "rb") as f, gzip.open(path("made.jsonl.gz"), "wb") as g:
    g.write(f.read())
out, made = evaluate("--tasks", path("made.jsonl.gz"), lines="made_out.jsonl")
assert out["table"][0]["accuracy"] == 1 and out["table"][0]["task"] == "niah_single", out["table"]
assert all(l["prompt_tokens"] <= 400 - 16 for l in made)
_, cut = evaluate("--tasks", path("made.jsonl.gz"), "--max-new-tokens", "2", lines="cut.jsonl")
assert all(l["new_tokens"] == 2 and l["ended"] == "limit" for l in cut)
_, middle = evaluate("--tasks", path("made.jsonl.gz"), "-c", "128", "--max-new-tokens", "8", "--cut-middle", lines="middle.jsonl")
assert all(l["prompt_tokens"] == 120 and l["dropped_tokens"] > 0 for l in middle)
data = runs.capture(path("made.h5"), "--tasks", path("made.jsonl.gz"), "--rows", "last:1", "-q")
assert [int(n) for n in data["sequence_length"]] == [l["prompt_tokens"] for l in made]
assert [t.decode() for t in data["sequence_task"]] == ["niah_single"] * 3

# Files without a length in their names are not averaged together, those with one and the same are.
runs.attnmeter("tasks", "niah_single", "--length", "200", "--answer-tokens", "16", "-n", "2", "-o", path("short.jsonl"))
os.makedirs(path("niah_single"))
for name in ("200.jsonl", "validation_200.jsonl"):
    os.link(path("short.jsonl"), path("niah_single/" + name))
out, _ = evaluate(*(x for f in ("made", "short", "niah_single/200", "niah_single/validation_200") for x in ("--tasks", path(f + ".jsonl"))))
assert [(r["task"], r["n"]) for r in out["table"]] == [("niah_single", 3), ("niah_single", 2), ("niah_single", 4)], out["table"]
assert 300 < out["table"][0]["length"] <= 400 - 16 and 100 < out["table"][1]["length"] <= 200 - 16 and out["table"][2]["length"] == 200

# Pictures and their numbers.
out, _ = evaluate("--tasks", path("made.jsonl"), "--sweep", "ratio=1%,50%,dense", "--plot", path("plots"))
with open(path("plots/accuracy-ratio.tsv"), encoding="utf-8") as f:
    rows = [line.rstrip("\n").split("\t") for line in f if line.strip()]
assert rows[0][2] == "ratio [1]" and [r[2] for r in rows[1:]] == ["0.01", "0.5"], rows
assert np.allclose([float(r[3]) for r in rows[1:]], [r["accuracy"] for r in out["table"][:2]])
assert sorted(os.listdir(path("plots"))) == sorted(f"accuracy-{a}.{b}" for a in ("mass", "ratio") for b in ("gp", "png", "svg", "tsv"))

# A file that is there stays, and nothing is half written.
r = subprocess.run([os.environ["ATTNMETER"], "eval", "--tasks", path("made.jsonl"), "-o", path("cut.jsonl")], capture_output=True)
assert r.returncode == 1 and b"exists" in r.stderr, r.stderr
r = subprocess.run([os.environ["ATTNMETER"], "eval", "--tasks", path("made.jsonl"), "-c", "100", "-o", path("none.jsonl")],
                   capture_output=True)
assert r.returncode == 1 and b"made.jsonl:1: " in r.stderr and not any(n.startswith("none") for n in os.listdir(WORK)), r.stderr
