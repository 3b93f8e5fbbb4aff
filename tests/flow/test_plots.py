"""Every kind of picture in every theme from small runs: SVG and PNG as they should be, numbers those of the tables,
densities those of their definition, the same bytes for any number of threads."""
import json
import os
import re
import struct
import subprocess
import xml.etree.ElementTree as xml
import zlib

import h5py
import numpy as np

import runs

WORK = runs.folder("plots")
THEMES = {"light": 640, "dark": 640, "print": 322}  # and the width of a page
COLUMN_INCHES = 3.35
PROMPTS = ["It was the best of times, it was the worst of times, it was the age of wisdom.", "Once upon a time there was a small house.",
           "One two three four five six seven eight nine ten eleven twelve.", "The Time Traveller smiled round at us.",
           "a b c d e f g h i j k l m n o p q r s t u v w x y z", "Call me Ishmael. Some years ago, never mind how long precisely."]
GIVEN = [x for p in PROMPTS for x in ("-p", p)] + ["-k", "1,2,4,8", "--map", "16"]
SHADOWS = ["--shadow", "random", "--shadow", "exact-sum", "--shadow", "quest:4"]
WIDTH = 500


def path(name):
    return os.path.join(WORK, name)


def read(name):
    with open(path(name), "rb") as f:
        return f.read()


def tsv(name):
    """Header names without units, and rows of text cells; blank lines left out."""
    lines = [line.split("\t") for line in read(name).decode().split("\n") if line]
    names = [re.sub(r" \[.*", "", h) for h in lines[0]]
    assert all(len(row) == len(names) for row in lines[1:]), name
    return [dict(zip(names, row)) for row in lines[1:]]


def number(text):
    return float(text) if text else np.nan


def table(*arguments):
    return json.loads(runs.attnmeter(*arguments, "--json", "-q"))["table"]


def same(got, want, what):
    want = [np.nan if x is None else x for x in want]
    assert len(got) == len(want) and np.allclose([number(x) for x in got], want, rtol=1e-7, atol=1e-12, equal_nan=True), (what, got, want)


def check_svg(name, theme):
    text = read(name).decode()
    root = xml.fromstring(text)
    width, height = float(root.get("width")), float(root.get("height"))
    assert root.tag.endswith("svg") and width == THEMES[theme] and 100 < height < 1200, (name, width, height)
    assert len(re.findall(r"<text", text)) >= 4 and not re.search(r"\bnan\b|\binf\b", text.lower()), name
    if theme != "print":
        return
    sizes = [float(s) for s in re.findall(r'font-size="([\d.]+)"', text)]
    points = min(sizes) / width * COLUMN_INCHES * 72
    assert points >= 6.99, (name, points)
    colours = set(re.findall(r"#[0-9a-fA-F]{6}", text)) | {"#%02x%02x%02x" % tuple(map(int, c))
                                                          for c in re.findall(r"rgb\(\s*(\d+),\s*(\d+),\s*(\d+)\)", text)}
    coloured = [c for c in colours if len({c[1:3].lower(), c[3:5].lower(), c[5:7].lower()}) > 1]
    assert not coloured and len(colours) >= 2, (name, coloured)


def check_png(name, theme, svg):
    data = read(name)
    assert data[:8] == b"\x89PNG\r\n\x1a\n", name
    at, pixels, header = 8, b"", None
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at:at + 8])
        chunk = data[at + 8:at + 8 + size]
        assert zlib.crc32(kind + chunk) == struct.unpack(">I", data[at + 8 + size:at + 12 + size])[0], name
        header = struct.unpack(">IIBBBBB", chunk) if kind == b"IHDR" else header
        pixels += chunk if kind == b"IDAT" else b""
        at += 12 + size
    root = xml.fromstring(read(svg))
    height = round(float(root.get("height")) * WIDTH / THEMES[theme])
    assert header[0] == WIDTH and abs(header[1] - height) <= 1, (name, header, height)
    raw = zlib.decompress(pixels)
    stride = len(raw) // header[1]
    rows = {raw[i:i + stride] for i in range(0, len(raw), stride)}
    # Filtered or not, rows of a blank picture are all alike.
    assert len(raw) % header[1] == 0 and len(rows) > 0.25 * header[1], (name, len(rows), header[1])


def check_pictures(folder, theme, expected):
    stems = sorted({f.rsplit(".", 1)[0] for f in os.listdir(path(folder))})
    assert stems == sorted(expected), (folder, stems, sorted(expected))
    for stem in stems:
        check_svg(f"{folder}/{stem}.svg", theme)
        check_png(f"{folder}/{stem}.png", theme, f"{folder}/{stem}.svg")
        script = read(f"{folder}/{stem}.gp").decode()
        assert WORK not in script and f"data = '{stem}.tsv'" in script, stem


runs.attnmeter("run", *GIVEN, *SHADOWS, "-t", "1", "-o", path("dense.h5"))
runs.attnmeter("run", *GIVEN, "--attention", "topk:4", "-t", "1", "-o", path("topk.h5"))
kinds = json.loads(runs.attnmeter("plot", "--list", "--json"))["table"]
RUN_FILES = {1: [path("dense.h5")], 2: [path("dense.h5"), path("topk.h5")]}

# Every kind of run files in every theme, one by one.
drawn = [k for k in kinds if k["runs"]]
names = [n for k in drawn for n in ([f"recall-curves-s{i}" for i in range(3)] if k["kind"] == "recall-curves" else [k["kind"]])]
for theme in THEMES:
    for kind in drawn:
        runs.attnmeter("plot", kind["kind"], *RUN_FILES[kind["runs"]], "-o", path(theme), "--theme", theme, "--width", WIDTH,
                       "--resamples", "200")
    check_pictures(theme, theme, names)

# And those of task results, which eval draws.
runs.attnmeter("tasks", "niah_single", "--length", "200", "--answer-tokens", "8", "-n", "2", "-o", path("tasks.jsonl"))
SWEEPS = {"k": "k=1,8,dense", "ratio": "ratio=1%,50%,dense", "precision": "precision=0.5,1"}
assert {k["kind"] for k in kinds if not k["runs"]} == {f"accuracy-{s}" for s in (*SWEEPS, "mass")}
for theme in THEMES:
    for sweep, points in SWEEPS.items():
        extra = ["--attention", "topk:8"] if sweep == "precision" else []
        runs.attnmeter("eval", "--tasks", path("tasks.jsonl"), *extra, "--sweep", points, "--max-new-tokens", "4", "--plot",
                       path(f"eval-{theme}"), "--theme", theme, "-q")
    for sweep in (*SWEEPS, "mass"):
        check_svg(f"eval-{theme}/accuracy-{sweep}.svg", theme)

# The commands draw the same pictures through --plot, byte for byte.
for command in ("entropy", "coverage", "recall", "compare"):
    mine = [k for k in drawn if k["command"] == command]
    runs.attnmeter(command, *RUN_FILES[mine[0]["runs"]], "-q", "--plot", path("by-table"), "--theme", "dark", "--resamples", "200")
for name in names:
    assert read(f"by-table/{name}.tsv") == read(f"dark/{name}.tsv"), name
    of_table = read(f"by-table/{name}.gp").decode()
    assert re.sub(r"pixels = \d+", f"pixels = {WIDTH}", of_table) == read(f"dark/{name}.gp").decode(), name
    if name not in ("change-forest", "change-volcano"):  # a column has fewer lines, and names higher up
        assert read(f"by-table/{name}.tsv") == read(f"print/{name}.tsv"), name
assert len(tsv("print/change-forest.tsv")) == 25
apart = [[{k: v for k, v in r.items() if k != "lines_up"} for r in tsv(f"{folder}/change-volcano.tsv")] for folder in ("by-table", "print")]
assert apart[0] == apart[1] and len(apart[0]) > 0

# Numbers are those of the tables.
dense, both = RUN_FILES[1][0], RUN_FILES[2]
entropy = table("entropy", dense, "--resamples", "200")
heads = [r for r in entropy if r["head"] is not None]
got = tsv("light/entropy-heads.tsv")
assert [(int(r["layer"]), int(r["head"])) for r in got] == [(r["layer"], r["head"]) for r in heads]
same([r["entropy_normalised"] for r in got], [r["normalised"] for r in heads], "entropy-heads")
coverage = table("coverage", dense, "--resamples", "200")
lines = [r for r in coverage if r["head"] is None and "k" in r]
got = tsv("light/coverage-curves.tsv")
assert [(r["layer"], r["k"]) for r in got] == [("all" if r["layer"] is None else str(r["layer"]), str(r["k"])) for r in lines]
same([r["mass"] for r in got], [r["mass"] for r in lines], "coverage-curves")
same([r["k_median"] for r in tsv("light/k-at-mass.tsv")],
     [r["k_median"] for r in coverage if r["head"] is not None and r.get("tau") == 0.95], "k-at-mass")
recall = table("recall", dense, "--resamples", "200")
for i, (spec, reference) in enumerate((("random", "head"), ("exact-sum", "head"), ("quest:4", None))):
    got = tsv(f"light/recall-curves-s{i}.tsv")
    rows = [r for r in recall if r["selector"] == spec and r["head"] is None and "k" in r]
    found = [ref for ref in ("head", "group", "sum") if (reference in (None, ref)) and
             np.allclose([number(g["recall"]) for g in got], [np.nan if r["recall"] is None else r["recall"] for r in rows if r["reference"] == ref] or [9] * len(got), equal_nan=True)]
    assert len(found) == 1, (spec, found)
overall = [r for r in recall if r["layer"] is None and r["reference"] == "head" and "k" in r]
for row in tsv("light/recall-selectors.tsv"):
    want = [r for r in overall if r["selector"] == row["selector"] and r["k"] == int(row["k"])]
    same([row[c] for c in ("recall", "chance", "mass_recall", "retained_mass")],
         [want[0][c] for c in ("recall", "chance", "mass_recall", "retained_mass")], row)
change = [r for r in table("compare", *both, "--resamples", "200") if r["head"] is not None]
for name, columns in (("change-map", ("change", "q_bh", "p_maxt")), ("change-forest", ("change", "ci_low", "ci_high", "percent")),
                      ("change-scatter", ("mean_a", "mean_b")), ("change-volcano", ("change",))):
    got = [r for r in tsv(f"light/{name}.tsv") if r["head"]]
    assert len(got) == len(change), name
    for column in columns:
        same([r[column] for r in got], [r[column] for r in change], (name, column))
at = [r for r in table("compare", *both, "--by", "position", "--resamples", "200") if r["layer"] is None]
got = tsv("light/change-position.tsv")
for column in ("mean_a", "mean_b", "change", "ci_low", "ci_high"):
    same([r[column] for r in got], [r[column] for r in at], column)
for run, low, high in ((both[0], "a_low", "a_high"), (both[1], "b_low", "b_high")):
    bands = [r for r in table("entropy", run, "--by", "position", "--resamples", "200") if r["layer"] is None]
    same([r[low] for r in got], [r["ci_low"] for r in bands], low)
    same([r[high] for r in got], [r["ci_high"] for r in bands], high)
assert np.isfinite([number(r["a_low"]) for r in got]).any()
masses = table("compare", *both, "--metric", "mass@1,mass@2,mass@4,mass@8", "--resamples", "200")
got = tsv("light/change-coverage.tsv")
for ours, theirs in (("mass_a", "mean_a"), ("mass_b", "mean_b"), ("change", "change")):
    for layer in {r["layer"] for r in got}:
        mine = [r for r in masses if r["head"] is None and r["layer"] == (None if layer == "all" else int(layer))]
        same([r[ours] for r in got if r["layer"] == layer], [r[theirs] for r in mine], (ours, layer))
whole = [r for r in masses if r["layer"] is None]
same([r["ci_low"] for r in got if r["layer"] == "all"], [r["ci_low"] for r in whole], "ci_low")
same([r["ci_high"] for r in got if r["layer"] == "all"], [r["ci_high"] for r in whole], "ci_high")


def check_densities(name, value, column, top, heads=None):
    """Against a kernel a value, mirrored at 0 and where there is one at `top`."""
    got = tsv(name)
    for run, side in zip(both, "ab"):
        with h5py.File(run) as f:
            x = value(f)[:, slice(None) if heads is None else heads]
            layers = f["layer"][:]
        for layer, values in zip(layers, x):
            mine = [r for r in got if int(r["layer"]) == layer]
            at, density = np.array([number(r[column]) for r in mine]), np.array([number(r[f"density_{side}"]) for r in mine])
            v = values[np.isfinite(values)].astype(float).ravel()
            h, n, deviation = number(mine[0][f"bandwidth_{side}"]), len(v), v.std(ddof=1)
            assert int(mine[0][f"values_{side}"]) == n
            iqr = np.subtract(*np.quantile(v, [0.75, 0.25]))
            cell = at[1] - at[0]
            rule = max(0.9 * min(deviation, iqr / 1.34) * n ** -0.2, cell)
            # Quartiles of the counts are off by up to a cell each.
            assert abs(h - rule) <= 0.9 * 2 * cell / 1.34 * n ** -0.2 + 1e-9, (name, layer, h, rule)
            assert abs(number(mine[0][f"median_{side}"]) - np.median(v)) <= 1.5 * cell + np.ptp(np.sort(v)[n // 2 - 1:n // 2 + 1]), name
            kde = lambda to: np.exp(-0.5 * ((to[:, None] - v) / h) ** 2).sum(1) / (n * h * np.sqrt(2 * np.pi))
            mirrored = kde(at) + kde(-at) + (kde(2 * top - at) + kde(2 * top + at) if top else 0)
            assert np.abs(density - mirrored).max() <= 0.01 * mirrored.max(), (name, layer, np.abs(density - mirrored).max(), mirrored.max())
            assert abs(np.trapezoid(density, at) - 1) <= (1e-7 if top else 1e-5), (name, layer, np.trapezoid(density, at))


check_densities("light/change-densities.tsv", lambda f: f["stat/entropy"][:], "entropy", None)
runs.attnmeter("plot", "change-densities", *both, "--metric", "mass@2", "--heads", "1,3", "-o", path("mass.svg"))
check_densities("mass.tsv", lambda f: f["stat/mass_at_k"][..., 1], "mass@2", 1, heads=[1, 3])


def normalised(f):
    n = f["row_visible"][:].astype(float)
    return f["stat/entropy"][:] / np.log(np.where(n > 1, n, np.nan))[:, None, :]


runs.attnmeter("plot", "change-densities", *both, "--metric", "normalised", "-o", path("normalised.svg"))
check_densities("normalised.tsv", normalised, "normalised", 1)

# A choice of layers and heads shows only those; what is not chosen keeps its numbers.
runs.attnmeter("plot", "change-map", *both, "--layers", "1,3", "--heads", "0,2", "-o", path("few"), "--resamples", "200")
few = tsv("few/change-map.tsv")
wanted = [r for r in change if r["layer"] in (1, 3) and r["head"] in (0, 2)]
assert [(int(r["layer"]), int(r["head"])) for r in few] == [(r["layer"], r["head"]) for r in wanted]
same([r["change"] for r in few], [r["change"] for r in wanted], "few")
runs.attnmeter("plot", "coverage-curves", dense, "--layer", "2", "-o", path("few"))
few = tsv("few/coverage-curves.tsv")
assert {r["layer"] for r in few} == {"2", "all"}
same([r["mass"] for r in few if r["layer"] == "all"], [r["mass"] for r in lines if r["layer"] is None], "all layers")
runs.attnmeter("plot", "recall-position", dense, "-k", "2", "-o", path("few"))
assert "at k = 2'" in read("few/recall-position.gp").decode()

# A control is drawn beside: the run itself lies on what it is.
runs.attnmeter("plot", "change-scatter", *both, "--control", both[1], "-o", path("control"), "--resamples", "200")
assert all(r["mean_control"] == r["mean_b"] for r in tsv("control/change-scatter.tsv"))
runs.attnmeter("plot", "change-position", *both, "--control", both[1], "-o", path("control"), "--resamples", "200")
same([r["control"] for r in tsv("control/change-position.tsv")], [number(r["mean_b"]) for r in tsv("control/change-position.tsv")], "control")

# Below five sequences there are no bands, and the pictures say so.
for name, attention in (("short-a", "dense"), ("short-b", "topk:4")):
    runs.attnmeter("run", *GIVEN[:8], "-k", "1,2,4", "--attention", attention, "-o", path(name + ".h5"))
for kind in ("change-position", "change-coverage"):
    runs.attnmeter("plot", kind, path("short-a.h5"), path("short-b.h5"), "-o", path("short"))
    assert "intervals need 5 sequences" in read(f"short/{kind}.svg").decode().replace("\n", " "), kind
assert all(r["a_low"] == r["b_high"] == r["ci_low"] == "" for r in tsv("short/change-position.tsv"))

# Any number of threads gives the same runs, and the same pictures.
runs.attnmeter("run", *GIVEN, *SHADOWS, "-t", "2", "-o", path("dense2.h5"))
runs.attnmeter("run", *GIVEN, "--attention", "topk:4", "-t", "2", "-o", path("topk2.h5"))
for kind in drawn:
    given = [path("dense2.h5"), path("topk2.h5")][:kind["runs"]]
    runs.attnmeter("plot", kind["kind"], *given, "-o", path("threads"), "--theme", "light", "--width", WIDTH, "--resamples", "200")
for name in names:
    for suffix in ("tsv", "gp", "svg"):
        assert read(f"threads/{name}.{suffix}") == read(f"light/{name}.{suffix}"), (name, suffix)

# Scripts draw again where they are put.
for name in names:
    subprocess.run(["gnuplot", f"{name}.gp"], cwd=path("print"), check=True, stdin=subprocess.DEVNULL, capture_output=True)
check_pictures("print", "print", names)
print(f"{len(names)} pictures, {len(THEMES)} themes")
