"""Every --json output is what its schema in docs/schemas says, and every command that offers --json
has one."""
import json
import os
import re
import shutil
import subprocess

import captures
import h5py
import jsonschema
import numpy as np
import runs

SCHEMAS = os.path.join(runs.SOURCE, "docs", "schemas")
where = runs.folder("schemas")
validators = {}
for name in sorted(os.listdir(SCHEMAS)):
    with open(os.path.join(SCHEMAS, name)) as f:
        schema = json.load(f)
    jsonschema.Draft202012Validator.check_schema(schema)
    validators[name[:-5]] = jsonschema.Draft202012Validator(schema)
unused, offered = set(validators), set()


def check(schema, *arguments, code=0, text=None):
    """Runs a command with --json and returns what it prints."""
    if text is None:
        r = subprocess.run([os.environ["ATTNMETER"], *map(str, arguments), "--json"], stdin=subprocess.DEVNULL, capture_output=True,
                           text=True)
        assert r.returncode == code, (arguments, r.returncode, r.stderr)
        text = r.stdout
    value = json.loads(text, parse_constant=lambda word: 1 / 0)  # JSON has no NaN
    problems = [f"{e.json_path}: {e.message[:300]}" for e in validators[schema].iter_errors(value)]
    assert not problems, (schema, arguments, problems[:5])
    unused.discard(schema)
    offered.add(arguments[0])
    return value


def path(name):
    return os.path.join(where, name)


# Runs: plain, sparse, shadowed and with tasks, short and long enough for intervals.
text = ["-f", runs.BOOK, "-c", 70, "--split", "--limit", 6]
a, b, shadowed, tasks = (path(f"{name}.h5") for name in ("a", "b", "shadowed", "tasks"))
check("run-dry-run", "run", *text, "--dry-run", "-o", path("none.h5"))
check("run", "run", *text, "--output-error", "-o", a)
check("run", "run", *text, "--output-error", "--attention", "topk:8", "-o", b)
check("run", "run", *text, "--rows", "every:5", "--dist", "full", "--shadow", "exact-sum", "--shadow", "random,store=index", "-o", shadowed)
check("run", "run", *text, "--pair", runs.BASE, "--pair-attention", "topk:8", "-k", "4,16", "-o", path("pair.h5"))
lines = path("tasks.jsonl")
runs.attnmeter("tasks", "niah_single", "--length", 256, "-n", 6, "-o", lines)
check("run", "run", "--tasks", lines, "-o", tasks)
run = {"a": a, "shadowed": shadowed, "tasks": tasks, "pair": path("pair.h5")}
for name in run.values():
    check("show", "show", name)
    check("show-check", "show", name, "--check")
shutil.copy(a, path("wrong.h5"))
with h5py.File(path("wrong.h5"), "r+") as f:
    f["stat/entropy"][0, 0, 0] = -1
assert check("show-check", "show", path("wrong.h5"), "--check", code=3)["problems"]
rng = np.random.default_rng(2)
tensors = {"q": rng.normal(size=(9, 4, 16)), "k": rng.normal(size=(9, 2, 16)), "v": rng.normal(size=(9, 2, 16))}
captures.write(path("capture.h5"), {3: {"scale": 0.25}}, [{"length": 9, "row_position": range(9), 3: tensors}])
check("run", "replay", path("capture.h5"), "-o", path("replayed.h5"))

# Tables, also of too few sequences.
few = path("few.h5")
check("run", "run", "-f", runs.BOOK, "-c", 40, "-o", few)
for name in (*run.values(), few):
    for options in ([], ["--by", "overall"], ["--by", "position", "--bins", 3]):
        check("entropy", "entropy", name, *options, "--resamples", 100)
        check("coverage", "coverage", name, *options, "--resamples", 100)
for options in ([], ["--by", "layer"], ["--by", "position", "--bins", 3], ["--selector", "s1"], ["--reference", "group", "--min-ratio", 2]):
    check("recall", "recall", shadowed, *options, "--resamples", 100)
for options in ([], ["--by", "head"], ["--by", "task"], ["--by", "position"], ["--unpaired"], ["--margin", "2%", "--pratt"],
                ["--control", a, "--interval", "percentile"], ["--metric", "nll,mass@16,mass@5%,keys@0.9,error@16"]):
    check("compare", "compare", a, b, *options, "--resamples", 100)
check("compare", "compare", few, few)
assert check("compare", "compare", path("pair.h5"), b, "--resamples", 100)["pair"]["table"]
check("compare", "compare", tasks, tasks, "--by", "task", "--resamples", 100)

# Tasks, dumps of indices, the machine.
check("eval", "eval", "--tasks", lines, "--limit", 4, "--max-new-tokens", 2, "-q")
check("eval", "eval", "--tasks", lines, "--limit", 4, "--max-new-tokens", 2, "-q", "--attention", "dense", "--attention", "topk:4",
      "--sweep", "precision=0.5,1")
check("bench", "bench", "--only", "write", "--seconds", 0.01, "--scratch", where)
check("bench", "bench", "--only", "attention", "-c", 256, "--seconds", 0.01)
check("info", "info")
check("doctor", "doctor")
check("plot", "plot", "--list")
for name in ("one", "other"):
    np.save(path(f"{name}.npy"), np.array([[rng.permutation(t + 1)[:4]] if t > 3 else [[0, -1, -1, -1]] for t in range(20)], np.int32))
check("overlap", "overlap", path("one.npy"), path("other.npy"))
check("export", "export", text=runs.attnmeter("export", shadowed, "--format", "json"))

assert not unused, f"schemas that no output was held against: {sorted(unused)}"
tour = runs.attnmeter()
commands = re.findall(r"^  (\w+) +\S", tour.split("Commands:")[1].split("\n\n")[0], re.M)
assert len(commands) > 10, tour
missing = [c for c in commands if re.search(r"^ .*--json\b", runs.attnmeter(c, "--help"), re.M) and c not in offered]
assert not missing, f"no schema in docs/schemas was held against the --json of {missing}"
print(f"{len(validators)} schemas")
