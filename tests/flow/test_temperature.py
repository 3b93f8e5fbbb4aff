"""The temperature-matched control: a planted factor of the query weights is found again head by head and explains
everything; a forward pass written anew in float64 has the entropies asked for; what cannot be met is named."""
import json
import os
import subprocess

import h5py
import numpy as np

from model64 import Model
from runs import BASE, BOOK, SOURCE, attnmeter, datasets, folder, same_bytes
from scaled_model import scale_queries

WORK = folder("temperature")
TEXT = ["-f", BOOK, "-c", 120, "--split", "--limit", 6]
LAYERS, HEADS = 6, 8


def path(name):
    return os.path.join(WORK, name)


def capture(name, *arguments):
    """A validated run and what it said on the way."""
    r = subprocess.run([os.environ["ATTNMETER"], "run", "-q", "-k", "1,4,16", *map(str, arguments), "-o", path(name)],
                       stdin=subprocess.DEVNULL, capture_output=True)
    assert r.returncode == 0, (name, r.stderr.decode())
    attnmeter("show", "--check", path(name))
    assert not [x for x in os.listdir(WORK) if "states" in x], "hidden states stay behind"
    return datasets(path(name)), r.stderr.decode()


def refused(code, *arguments):
    r = subprocess.run([os.environ["ATTNMETER"], "run", "-q", *map(str, arguments), "-o", path("refused.h5")],
                       stdin=subprocess.DEVNULL, capture_output=True)
    assert r.returncode == code, (r.returncode, r.stderr.decode())
    assert not os.path.exists(path("refused.h5")) and not os.path.exists(path("refused.h5.part"))
    return r.stderr.decode()


def attributes(name):
    with h5py.File(path(name)) as f:
        return dict(f.attrs)


def compare(*arguments):
    return json.loads(attnmeter("compare", *arguments, "--json"))


def write(name, **changes):
    with open(path("t.json")) as f:
        t = json.load(f)
    with open(path(name), "w") as f:
        json.dump({**t, **changes}, f)
    return path(name)


def means(run, field="stat/entropy"):
    """[layer, head] over rows, then sequences."""
    sequence = run["row_sequence"]
    x = run[field].astype(float)
    return np.mean([x[:, :, sequence == s].mean(2) for s in range(sequence.max() + 1)], 0)


def check_planted():
    """Powers of 2 are exact in bfloat16, so that the copy's scores are the sharpened ones but for the last bit."""
    factor = 2.0 ** np.random.default_rng(1).integers(-1, 3, (LAYERS, HEADS))
    scale_queries(BASE, path("uneven"), factor)
    a, _ = capture("a.h5", *TEXT, "--output-error")
    b, _ = capture("b.h5", "-m", path("uneven"), *TEXT, "--output-error")
    compare(path("a.h5"), path("b.h5"), "--write-temperatures", path("t.json"))
    with open(path("t.json")) as f:
        t = json.load(f)
    assert np.abs(np.array(t["mean_a"]) - means(a)).max() < 1e-12 and np.abs(np.array(t["target"]) - means(b)).max() < 1e-12
    assert t["model_digest"] == attributes("a.h5")["model_digest"] and len(t["sequences"]) == 6, t["model_digest"]
    assert all(q["rows"] == [[0, 120, 1]] and q["tokens"] == 120 for q in t["sequences"]), t["sequences"]
    assert len({q["digest"] for q in t["sequences"]}) == 6

    c, said = capture("c.h5", *TEXT, "--output-error", "--temperatures", path("t.json"))
    off = np.abs(c["temperature/beta"] / factor - 1).max()
    print(f"planted factors found to {off:.1e}; {said.strip()}")
    assert off <= 3e-6, off  # float32 has steps of 1.2e-7; heads whose entropy hardly depends on it are told less well
    assert np.abs(c["temperature/entropy"] - t["target"]).max() <= 1.5e-6
    assert np.abs(means(c) - t["target"]).max() <= 1.5e-6
    assert (c["temperature/solved_on"] == 1).all() and "48 heads" in said, said
    about = attributes("c.h5")
    assert about["temperature_clamped"] == 0 and about["temperature_worst"] <= 1e-6 and about["temperature_sequences"] == 6, about

    # Everything that changed is explained; what remains is rounding, a millionth of the change.
    control = compare(path("a.h5"), path("b.h5"), "--control", path("c.h5"))["controls"]["control"]["table"]
    assert {r["metric"] for r in control} >= {"entropy", "normalised", "nll", "mass@1", "mass@4", "error@4"}, control
    overall = [r for r in control if r["layer"] is None]
    for r in control:
        assert abs(r["remaining"]) <= 2e-5 * abs(r["change"]) + 2e-7, r
    for r in overall:
        assert abs(r["change"]) > 1e-3 and abs(r["share"] - 1) < 1e-4, r
        print(f"{r['metric']}: change {r['change']:.4f}, remaining {r['remaining']:.1e}, q {r['q_remaining']}")
    assert all(r["q_remaining"] > 0.05 for r in overall if r["metric"] in ("entropy", "nll")), overall
    return factor, a, c


def check_oracle(c):
    """The first two sequences with the inverse temperatures of the file, in float64."""
    model = Model(BASE)
    beta = c["temperature/beta"].astype(float)
    for s in range(2):
        rows = c["row_sequence"] == s
        ids = c["token_id"][c["token_offset"][s]:c["token_offset"][s + 1]]
        nll, entropy, lse = model.forward(ids, lambda s, p, lo, group: np.ones_like(s, bool), beta=beta)
        worst = np.abs(c["stat/entropy"][:, :, rows] - entropy).max(), np.abs(c["row_nll"][rows][:-1] - nll).max()
        print("float64: entropy off by %.1e, NLL by %.1e" % worst)
        assert max(worst) <= 3e-4, worst
        assert np.abs(c["stat/lse"][:, :, rows] - lse).max() <= 1e-3


def check_rounded():
    """A factor that bfloat16 rounds weight by weight: found as near as the weights have it, and all but its noise explained."""
    scale_queries(BASE, path("quarter"), 1.25)
    capture("q.h5", "-m", path("quarter"), *TEXT, "--output-error")
    compare(path("a.h5"), path("q.h5"), "--write-temperatures", path("q.json"))
    c, _ = capture("qc.h5", *TEXT, "--output-error", "--temperatures", path("q.json"))
    off = np.abs(c["temperature/beta"] - 1.25).max()
    print(f"1.25 found to {off:.1e}")
    assert off <= 0.004, off
    found = compare(path("a.h5"), path("q.h5"), "--control", path("qc.h5"), "--by", "overall")["controls"]["control"]["table"]
    for r in found:
        assert abs(r["share"] - 1) <= 0.01, r


def check_again(c):
    """The run with solved inverse temperatures, and a file with them, apply them as they are."""
    again, said = capture("again.h5", *TEXT, "--output-error", "--temperatures", path("c.h5"))
    keep = lambda x: {k: v for k, v in x.items() if not k.startswith("temperature/")}
    same_bytes(keep(again), keep(c), "applied again")
    assert np.array_equal(again["temperature/beta"], c["temperature/beta"]) and np.isnan(again["temperature/target"]).all()
    assert said == "", said
    beta = [[float(x) for x in line] for line in c["temperature/beta"]]
    given, _ = capture("given.h5", *TEXT, "--output-error", "--temperatures", write("beta.json", beta=beta))
    same_bytes(keep(given), keep(c), "given")
    # Solved ones go with sparse attention too; 1 everywhere changes nothing.
    capture("sparse.h5", *TEXT, "--attention", "topk:8", "--temperatures", path("c.h5"))
    # Beside a second model they are the first one's: against the base, JS is that of sharpness alone.
    both, _ = capture("both.h5", *TEXT, "--temperatures", path("c.h5"), "--pair-attention", "dense")
    assert np.array_equal(both["stat/entropy"], c["stat/entropy"]) and np.array_equal(both["pair/nll"], datasets(path("a.h5"))["row_nll"],
                                                                                     equal_nan=True)
    assert both["pair/js"].mean() > 1e-3
    one, _ = capture("one.h5", *TEXT, "--output-error", "--temperatures", write("one.json", beta=[[1.0] * HEADS] * LAYERS))
    same_bytes(keep(one), datasets(path("a.h5")), "at its own temperature")
    part, _ = capture("some.h5", *TEXT, "--layers", "2", "--temperatures", path("c.h5"))
    assert np.array_equal(part["stat/entropy"][0], c["stat/entropy"][2])
    assert attributes("some.h5")["temperature_elsewhere"] > 0
    assert "expected the inverse temperatures of all heads" in refused(1, *TEXT, "--temperatures", path("some.h5"))


def check_order(c):
    """The same bytes for any number of threads, and, where products are the program's own, any blocks."""
    keep = lambda x: {k: v for k, v in x.items()}
    for extra in (["-t", 1], ["-t", 2], ["--block", 50]):
        got, _ = capture(f"order-{extra[0]}{extra[1]}.h5", *TEXT, "--output-error", "--temperatures", path("t.json"), *extra)
        if extra[0] == "-t":
            same_bytes(keep(got), keep(c), extra)
        else:
            assert np.allclose(got["temperature/beta"], c["temperature/beta"], rtol=2e-6), extra


def check_some(factor):
    """Targets of some layers, heads, rows and positions, of sequences of two tasks; other texts beside them."""
    tasks = path("tasks.jsonl")
    with open(BOOK) as f:
        words = f.read().split()
    with open(tasks, "w") as f:
        for i, name in enumerate(("x", "y", "x", "x")):
            f.write(json.dumps({"input": " ".join(words[60 * i:60 * i + 40 + 5 * i]), "outputs": ["?"], "task": name}) + "\n")
    some = ["--tasks", tasks, "--layers", "1,4", "--heads", "0,3,5", "--rows", "sample:20", "--seed", 4]
    a, _ = capture("sa.h5", *some)
    b, _ = capture("sb.h5", "-m", path("uneven"), *some)
    compare(path("sa.h5"), path("sb.h5"), "--min-position", 5, "--write-temperatures", path("s.json"))
    with open(path("s.json")) as f:
        t = json.load(f)
    assert (t["layers"], t["heads"]) == ([1, 4], [0, 3, 5]), t
    positions = [[p for first, count, step in q["rows"] for p in range(first, first + count * step, step)] for q in t["sequences"]]
    want = [[p for s, p in zip(b["row_sequence"], b["row_position"]) if s == i and p >= 5] for i in range(4)]
    assert positions == want, (positions, want)
    entropy = b["stat/entropy"].astype(float)
    each = [entropy[:, :, (b["row_sequence"] == i) & (b["row_position"] >= 5)].mean(2) for i in range(4)]
    target = (np.mean([each[0], each[2], each[3]], 0) + each[1]) / 2  # rows, sequences, tasks alike
    assert np.abs(target - t["target"]).max() < 1e-12, np.abs(target - t["target"]).max()
    c, _ = capture("sc.h5", *some, "-f", BOOK, "-c", 200, "--temperatures", path("s.json"))
    each = [c["stat/entropy"].astype(float)[:, :, (c["row_sequence"] == i) & (c["row_position"] >= 5)].mean(2) for i in range(4)]
    got = (np.mean([each[0], each[2], each[3]], 0) + each[1]) / 2
    assert np.abs(got - target).max() <= 1.5e-6, np.abs(got - target).max()
    assert list(c["temperature/solved_on"]) == [1, 1, 1, 1, 0] and c["temperature/beta"].shape == (2, 3), c["temperature/solved_on"]
    # Layer 0 and the heads between are as they were in the base, so what these heads meet is not the planted factor.
    assert np.abs(c["temperature/beta"][0] / factor[1][[0, 3, 5]] - 1).max() > 1e-4


def check_clamped():
    """More than ln n, and less than any inverse temperature gives."""
    target = [list(x) for x in means(datasets(path("a.h5")))]
    target[2][3], target[4][1] = 9.0, 0.0
    got, said = capture("clamped.h5", *TEXT, "--temperatures", write("clamped.json", target=target))
    assert got["temperature/beta"][2, 3] == np.float32(1 / 1024), got["temperature/beta"][2, 3]
    assert "layer 2, head 3: no inverse temperature from 1/1024 to 1024 gives a mean entropy of 9 nat" in said, said
    about = attributes("clamped.h5")
    sharp = got["temperature/beta"][4, 1] == 1024
    assert about["temperature_clamped"] == 1 + sharp and (not sharp or "layer 4, head 1" in said), (about, said)
    warnings = compare(path("a.h5"), path("b.h5"), "--by", "overall", "--control", path("clamped.h5"))["warnings"]
    assert any("could not be brought to" in w for w in warnings), warnings
    flat = np.log(np.arange(1, 121)).mean()
    assert 0 < flat - got["temperature/entropy"][2, 3] < 0.01, got["temperature/entropy"][2, 3]
    # The head is all but flat, so the mean of every other one after it is still what was asked for.
    rest = np.abs(got["temperature/entropy"] - target)
    rest[2, 3] = rest[4, 1] = 0
    assert rest.max() <= 1e-6, rest.max()


def check_refusals():
    said = refused(1, "-f", BOOK, "-c", 100, "--temperatures", path("t.json"))
    assert "of 120 tokens" in said and "is not among the inputs" in said, said
    said = refused(1, *TEXT, "-m", path("uneven"), "--temperatures", path("t.json"))
    assert "expected the model of digest" in said, said
    said = refused(2, *TEXT, "--attention", "topk:8", "--temperatures", path("t.json"))
    assert "expected dense attention to solve them for, found --attention topk:8" in said, said
    said = refused(1, *TEXT, "--temperatures", write("wide.json", heads=list(range(1, 9))))
    assert "expected layers to 5 and heads to 7, found 5 and 8" in said, said
    said = refused(1, *TEXT, "--temperatures", path("a.h5"))
    assert "expected a run with /temperature/beta, found none" in said, said
    said = refused(1, *TEXT, "--temperatures", BOOK)
    assert "time-machine.txt:1:" in said, said
    for a, message in (("sparse.h5", "expected a run of dense attention to sharpen, found attention topk:8"),
                       ("c.h5", "expected a run at its own temperature")):
        r = subprocess.run([os.environ["ATTNMETER"], "compare", path(a), path("b.h5"), "--write-temperatures", path("no.json")],
                           capture_output=True)
        assert r.returncode == 1 and message in r.stderr.decode() and not os.path.exists(path("no.json")), r.stderr.decode()
    r = subprocess.run([os.environ["ATTNMETER"], "compare", path("a.h5"), path("b.h5"), "--write-temperatures", path("t.json")],
                       capture_output=True)
    assert r.returncode == 1 and "exists" in r.stderr.decode(), r.stderr.decode()


def check_dry_run():
    r = subprocess.run([os.environ["ATTNMETER"], "run", *map(str, TEXT), "--dry-run", "--json", "--temperatures", path("t.json")],
                       capture_output=True, check=True)
    seconds = json.loads(r.stdout)["seconds"]
    plain = json.loads(subprocess.run([os.environ["ATTNMETER"], "run", *map(str, TEXT), "--dry-run", "--json"],
                                      capture_output=True, check=True).stdout)["seconds"]
    assert b"MB of disk beside" in r.stderr and seconds > 0 and plain > 0, (r.stderr, seconds, plain)


factor, a, c = check_planted()
check_oracle(c)
check_rounded()
check_again(c)
check_order(c)
check_some(factor)
check_clamped()
check_refusals()
check_dry_run()
