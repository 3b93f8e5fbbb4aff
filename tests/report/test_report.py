"""attnmeter report: golden pages, numbers against the tables' own JSON, warnings, refusals, and
what is left where a page cannot be made.

`test_report.py --update` writes the golden pages anew."""
import json
import os
import re
import resource
import shutil
import stat
import subprocess
import sys

import h5py
import numpy as np

import page

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ["AM_BINARY_DIR"]
WORK = os.path.join(BUILD, "tests", "tmp", "report")
PROMPTS = ["The Time Traveller was expounding a recondite matter to us.", "It was the best of times, it was the worst of times.",
           "One two three four five six seven eight.", "a b c d e f g h i j k l m n o p q r s t u v w x y z",
           "Once upon a time there was a small machine in a house.", "No. Yes. Perhaps tomorrow."]


def path(name):
    return os.path.join(WORK, name)


def attnmeter(*arguments, code=0, **how):
    """Standard error and output of a command that must end with the code."""
    r = subprocess.run([os.environ["ATTNMETER"], *map(str, arguments)], cwd=WORK, stdin=subprocess.DEVNULL, capture_output=True, **how)
    assert r.returncode == code, (arguments, r.returncode, r.stderr.decode())
    return r.stderr.decode(), r.stdout.decode()


def report(name, *arguments, **how):
    """The page in folder `name`, made anew, and what was said of it."""
    shutil.rmtree(path(name), ignore_errors=True)
    said, _ = attnmeter("report", *arguments, "-o", name, **how)
    assert os.listdir(path(name)) == ["index.html"], os.listdir(path(name))
    found = page.read(path(os.path.join(name, "index.html")))
    assert not found.problems, (name, found.problems[:5])
    return found, said


def make_run(kind, name):
    subprocess.run([os.path.join(BUILD, "tests", "make_run"), kind, path(name)], check=True)


def capture(name, *arguments):
    attnmeter("run", *[a for p in PROMPTS for a in ("-p", p)], "--layers", "0,3,5", "-k", "1,4", "-q", *arguments, "-o", name)


def table(command, *arguments):
    return json.loads(attnmeter(command, *arguments, "--json")[1])


# --- golden pages ---------------------------------------------------------------

def check_golden():
    make_run("sound", "sound.h5")
    make_run("after", "after.h5")
    for name, runs in (("one", ["sound.h5"]), ("pair", ["sound.h5", "after.h5"])):
        report(name, *runs, "--no-pictures", "--resamples", "999")
        with open(path(f"{name}/index.html"), encoding="utf-8") as f:
            got = f.read()
        golden = os.path.join(HERE, "golden", name + ".html")
        if "--update" in sys.argv:
            with open(golden, "w", encoding="utf-8") as f:
                f.write(got)
        with open(golden, encoding="utf-8") as f:
            want = f.read()
        for number, (g, w) in enumerate(zip(got.split("\n"), want.split("\n")), 1):
            assert g == w, f"{golden}:{number}:\n  expected {w}\n  found    {g}"
        assert len(got) == len(want), (golden, len(got), len(want))


# --- numbers ----------------------------------------------------------------------

def shown(x, digits):
    """A number as a page shows it."""
    if x is None:
        return "\u2013"
    text = f"{x:.{-digits}g}" if digits < 0 else f"{x:.{digits}f}"
    text = re.sub(r"e([+-])0?(\d)$", r"e\g<1>0\2", text)
    return text.lstrip("-") if not text.strip("-0.") else text


def check_numbers():
    capture("dense.h5", "--shadow", "random", "--shadow", "quest:4")
    capture("sparse.h5", "--attention", "topk:4")
    found, said = report("numbers", "dense.h5", "sparse.h5", "--metric", "entropy,mass@4")
    assert said == "wrote numbers/index.html\n", said
    want = table("entropy", "dense.h5")["table"]
    heads = [r for r in want if r["head"] is not None]
    compare_rows(found.rows("Entropy by head"), heads,
                 {"layer": 0, "head": 0, "mean": 3, "ci_low": 3, "median": 3, "p95": 3, "normalised": 3, "effective_support": 1})
    pair = table("compare", "dense.h5", "sparse.h5", "--metric", "entropy,mass@4")
    digits = {"layer": 0, "mean_a": 4, "change": 4, "ci_low": 4, "ci_high": 4, "percent": 1, "hl": 4, "p_wilcoxon": -2, "q_bh": -2,
              "p_maxt": -2, "rank_biserial": 2}
    layers = [r for r in pair["table"] if r["metric"] == "entropy" and r["layer"] is not None and r["head"] is None]
    compare_rows(found.rows("Change of entropy (nat) by layer"), layers, digits)
    heads = [r for r in pair["table"] if r["metric"] == "entropy" and r["head"] is not None]
    compare_rows(found.rows("Change of entropy (nat) by head"), heads, {**digits, "head": 0, "q_by": -2, "p_permutation": -2, "d_z": 2})
    others = [r for r in pair["table"] if r["metric"] == "mass@4" and r["head"] is not None]
    compare_rows(found.rows("Change of the other metrics by head"), others, digits)
    controls = {r["metric"]: r for r in found.rows("Likelihood, and entropy as a share of ln n")}
    for name in ("nll", "normalised"):
        compare_rows([controls[name]], [pair["controls"][name]], {"mean_a": 4, "mean_b": 4, "change": 4, "ci_low": 4})
    assert found.text.count("a to b: ") == 2, "a change at a glance for entropy and likelihood"
    recall = [r for r in table("recall", "dense.h5")["table"]
              if r["reference"] == "head" and r["layer"] is None and r.get("k") and r["recall"] is not None]
    rows = [r for r in found.rows("Recall of each head's best keys, all layers") if "%" not in r["k"]]
    compare_rows(rows, recall, {"k": 0, "recall": 4, "chance": 4, "recall_corrected": 4, "retained_mass": 4})


    capture("paired.h5", "--pair-attention", "topk:4")
    found, said = report("paired", "paired.h5", "--no-pictures")
    apart = table("show", "paired.h5")["pair"]["table"]
    digits = {"k": 0, "mean": 4, "ci_low": 4, "chance": 4, "n_rows": 0, "n_infinite": 0, "n_rows_trivial": 0}
    compare_rows(found.rows("Distances by head"), [r for r in apart if r["head"] is not None], {"layer": 0, "head": 0, **digits})
    compare_rows(found.rows("Distances by layer"), [r for r in apart if r["head"] is None], digits)
    assert "topk:4" in found.text and "models/base" in found.text


def compare_rows(rows, want, digits):
    assert len(rows) == len(want) > 0, (len(rows), len(want))
    for row, w in zip(rows, want):
        for key, n in digits.items():
            assert row[key] == shown(w[key], n), (key, row, w)


# --- pictures -----------------------------------------------------------------------

def check_pictures():
    with open(path("numbers/index.html"), encoding="utf-8") as f:
        text = f.read()
    found = page.read(path("numbers/index.html"))
    figures = found.tags["figure"]
    assert figures >= 10 and found.tags["svg"] == 2 * figures, (figures, found.tags["svg"])
    assert text.count('class="picture only-light"') == text.count('class="picture only-dark"') == figures, figures
    assert re.findall(r'<svg[^>]* (?:width|height)="', text) == [], "pictures that do not scale"
    one = report("light", "dense.h5", "--theme", "light")[0]
    assert one.tags["svg"] == one.tags["figure"], one.tags
    assert "only-light" not in one.text


# --- warnings -----------------------------------------------------------------------

def says(found, *words):
    assert any(all(w in line for w in words) for line in found.warnings), (words, found.warnings)


def check_warnings():
    plain = report("plain", "sound.h5", "--no-pictures")[0]
    says(plain, "rows with n <= k", "16 (80 %)", "64 (100 %)")  # 20 tokens a sequence
    assert not any("not finish" in w for w in plain.warnings), plain.warnings
    make_run("part", "part.h5")
    part = report("part", "part.h5.part", "--no-pictures")[0]
    says(part, "part.h5.part: the run did not finish", "60 rows")
    says(part, "3 sequences: too few for intervals")
    shutil.copy(path("after.h5"), path("hole.h5"))
    with h5py.File(path("hole.h5"), "r+") as f:
        f["stat/entropy"][1, 0, 3] = np.nan
        f["stat/mass_at_k"][0, 1, 5, 2] = 7
        f.attrs["kernel"] = "avx2"
        f.attrs["dtype"] = "bf16"
    hole = report("hole", "sound.h5", "hole.h5", "--no-pictures")[0]
    says(hole, "/stat/entropy: 1 NaN row left out", "layer 1, head 0", "b:")
    says(hole, "/stat/entropy: 1 NaN value left out of both runs")
    says(hole, "hole.h5 does not keep to its format")
    says(hole, "a and b differ in kernel (scalar, avx2)")
    says(hole, "a and b differ in dtype (float32, bf16)")
    twice = report("twice", "sound.h5", "sound.h5", "--no-pictures")[0]
    says(twice, "a and b are the same file")
    assert all(r["change"] == "0.0000" for r in twice.rows("All layers and heads together")), twice.rows("All layers and heads together")
    make_run("one", "one.h5")
    single = report("single", "one.h5", "one.h5", "--no-pictures")[0]
    says(single, "1 sequence: too few for intervals")
    says(single, "no paired test can fall below p = 1")


def check_unpaired():
    """Runs that do not pair: each is reported, the comparison is refused as compare refuses it."""
    make_run("token", "token.h5")
    refusal = attnmeter("compare", "sound.h5", "token.h5", code=1)[0].split("\n")[0].removeprefix("attnmeter compare: ")
    found, said = report("refused", "sound.h5", "token.h5", "--no-pictures")
    says(found, "a and b are not compared", refusal)
    assert f"attnmeter report: note: {refusal}\n" in said, said
    assert "Not compared: " + refusal in found.text and "All layers and heads together" not in found.tables
    assert {"run-a", "run-b"} <= set(found.ids)
    loose = report("loose", "sound.h5", "token.h5", "--no-pictures", "--unpaired")[0]
    says(loose, "compared unpaired")
    assert "rank-sum test" in loose.text and loose.rows("All layers and heads together")


def check_folders():
    for name in ("deep/er/still", "deep/er/slash/"):
        attnmeter("report", "sound.h5", "-o", name, "--no-pictures", "-q")
        assert os.listdir(path(name)) == ["index.html"], name


def check_several():
    found, _ = report("three", "sound.h5", "after.h5", "token.h5", "--no-pictures")
    assert {"run-a", "run-b", "run-c", "change-b", "change-c"} <= set(found.ids), found.ids
    says(found, "a and c are not compared")
    control, _ = report("control", "sound.h5", "after.h5", "--control", "sound.h5", "--no-pictures")
    assert all(float(r["change_control"]) == 0 for r in control.rows("What the control explains"))
    odd, _ = report("odd", "sound.h5", "after.h5", "--control", "token.h5", "--no-pictures")
    says(odd, "the control run is left out", "token.h5")
    assert odd.rows("All layers and heads together")


# --- what files may hold ------------------------------------------------------------

def check_escaping():
    bad = "<script>alert(1)</script>&\"'"
    name = "<img src=x onerror=alert(2)>.h5"
    with open(path("prompt.txt"), "w") as f:
        f.write(bad)
    attnmeter("run", "-p", bad, "-q", "-k", "1,4", "--shadow", "random", "-o", name)
    with h5py.File(path(name), "r+") as f:
        f.attrs["model"] = bad
        f.attrs["odd<b>"] = bad + "\x01"
        del f["sequence_name"].attrs["units"]  # one more warning, from the checker
        f["sequence_name"][0] = bad.encode() + b"\xff"
    found, _ = report("escaped", name)
    assert found.tags["script"] == 1 and "img" not in found.tags, found.tags
    assert found.text.count(bad) >= 4, found.text.count(bad)
    assert name in found.text and "odd<b>" in found.text and "\ufffd" in found.text


# --- the same bytes -------------------------------------------------------------------

def check_bytes():
    def once(name, *arguments):
        report(name, *arguments)
        with open(path(name + "/index.html"), "rb") as f:
            return f.read().replace(b"-o " + name.encode(), b"-o X")
    assert once("first", "dense.h5", "sparse.h5") == once("second", "dense.h5", "sparse.h5")
    pages = []
    for threads in ("1", "3"):
        shutil.rmtree(path("t"), ignore_errors=True)
        os.mkdir(path("t"))
        capture("t/x.h5", "-t", threads)
        pages.append(once("threads", "t/x.h5").replace(b"-t " + threads.encode(), b"-t N"))
    assert pages[0] == pages[1]
    text = pages[0].decode()
    assert not re.search(r"20\d\d-\d\d-\d\d", text), "a date"


# --- refusals ---------------------------------------------------------------------------

def nothing_left(name):
    assert not os.path.exists(path(name)), os.listdir(path(name))


def check_refusals():
    usage = [((), "expected RUN..."), (("sound.h5",), "no folder given"), (("sound.h5", "-o", "x", "--control", "after.h5"), "--control"),
             (("sound.h5", "-o", "x", "--theme", "blue"), "--theme"), (("sound.h5", "-o", "x", "--metric", "speed"), "metric")]
    for arguments, word in usage:
        said, _ = attnmeter("report", *arguments, code=2)
        assert word in said, (arguments, said)
    with open(path("text.h5"), "w") as f:
        f.write("This is no run file.\n")
    for runs, word in ((["missing.h5"], "missing.h5"), (["text.h5"], "text.h5"), (["sound.h5", "text.h5"], "text.h5")):
        said, _ = attnmeter("report", *runs, "-o", "x", code=1)
        assert said.count("\n") == 1 and word in said, said
        nothing_left("x")
    with open(path("sound.h5"), "rb") as f, open(path("cut.h5"), "wb") as g:
        whole = f.read()
        g.write(whole[:len(whole) // 2])
    assert "cut.h5" in attnmeter("report", "cut.h5", "-o", "x", code=1)[0]
    nothing_left("x")
    said, _ = attnmeter("report", "sound.h5", "-o", "plain", "--no-pictures", code=1)
    assert "plain/index.html: exists (use --force" in said, said
    attnmeter("report", "sound.h5", "-o", "plain", "--no-pictures", "--force", "-q")
    assert "text.h5/" in attnmeter("report", "sound.h5", "-o", "text.h5/x", "--no-pictures", code=1)[0]
    assert "sound.h5" in attnmeter("report", "sound.h5", "-o", "sound.h5", "--no-pictures", code=1)[0]


def check_without_gnuplot():
    os.makedirs(path("bin"), exist_ok=True)
    said, _ = attnmeter("report", "sound.h5", "-o", "x", code=1, env={**os.environ, "PATH": path("bin"), "TMPDIR": WORK})
    assert said == ("attnmeter report: gnuplot: not found; install gnuplot-nox, or make a report without pictures: "
                    "--no-pictures\n"), said
    nothing_left("x")
    attnmeter("report", "sound.h5", "-o", "x", "--no-pictures", env={**os.environ, "PATH": path("bin")})
    shutil.rmtree(path("x"))
    # One that fails half way: the same, and no folder of its own left behind.
    with open(path("bin/gnuplot"), "w") as f:
        f.write("#!/bin/sh\necho 'warning: a wall' >&2\nexit 1\n")
    os.chmod(path("bin/gnuplot"), stat.S_IRWXU)
    said, _ = attnmeter("report", "sound.h5", "-o", "x", code=1, env={**os.environ, "PATH": path("bin") + ":/bin", "TMPDIR": WORK})
    assert "gnuplot: failed on" in said, said
    nothing_left("x")
    # A gnuplot that draws something else.
    with open(path("bin/gnuplot"), "w") as f:
        f.write("#!/bin/sh\nfor s in *.gp; do echo '<svg><script>1</script></svg>' > ${s%.gp}.svg; done\n")
    said, _ = attnmeter("report", "sound.h5", "-o", "x", code=1, env={**os.environ, "PATH": path("bin") + ":/bin", "TMPDIR": WORK})
    assert "expected a picture by gnuplot, found the element script" in said, said
    nothing_left("x")
    assert not [n for n in os.listdir(WORK) if n.startswith("attnmeter-")], os.listdir(WORK)


def check_full_disk():
    """A limit on the size of files stands for a full disk."""
    def limit():
        resource.setrlimit(resource.RLIMIT_FSIZE, (8192, 8192))
    said, _ = attnmeter("report", "sound.h5", "-o", "x", "--no-pictures", code=1, preexec_fn=limit)
    assert "x/index.html: cannot write" in said, said
    nothing_left("x")
    report("kept", "sound.h5", "--no-pictures")
    with open(path("kept/index.html"), "rb") as f:
        before = f.read()
    attnmeter("report", "after.h5", "-o", "kept", "--no-pictures", "--force", code=1, preexec_fn=limit)
    with open(path("kept/index.html"), "rb") as f:
        assert f.read() == before
    assert os.listdir(path("kept")) == ["index.html"], os.listdir(path("kept"))


shutil.rmtree(WORK, ignore_errors=True)
os.makedirs(WORK)
check_golden()
check_numbers()
check_pictures()
check_warnings()
check_unpaired()
check_several()
check_folders()
check_escaping()
check_bytes()
check_refusals()
check_without_gnuplot()
check_full_disk()
