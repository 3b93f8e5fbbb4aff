"""run --pair against whole rows in float64: two models, and one model under two kinds of attention, each through a
forward pass written anew. No row of the other model is in the program's hands at once with a matrix; here all are."""
import json
import os
import shutil
import subprocess
import sys

import h5py
import numpy as np

import runs
from model64 import Model, chooser
from runs import BASE, BOOK, SOURCE, attnmeter, capture, datasets, folder, same_bytes
from scaled_model import scale_queries

sys.path.insert(0, os.path.join(SOURCE, "notebooks-export", "python"))
import attnmeter as reader  # noqa: E402

WORK = folder("pair")
GOLDEN = os.path.join(SOURCE, "tests", "golden", "models")
KS = (1, 4, 16, 64)
EVERY = "dense"


def path(name):
    return os.path.join(WORK, name)


def rows_of(model, ids, spec):
    """{(layer, row): (first key, scores [heads, keys], kept)}"""
    found = {}
    choose = (lambda s, p, lo, group: np.ones_like(s, bool)) if spec == EVERY else chooser(spec)
    nll, _, _ = model.forward(ids, choose, see=lambda layer, row, lo, s, kept: found.update({(layer, row): (lo, s, kept)}))
    return found, nll


def spread(lo, s, kept, n):
    """ln p over the positions before n, -inf where a key is absent."""
    s = np.where(kept, s, -np.inf)
    top = s.max()
    out = np.full(n, -np.inf)
    out[lo:] = s - top - np.log(np.exp(s - top).sum())
    return out


def best(lo, s, kept, k):
    order = np.argsort(-np.where(kept, s, -np.inf), kind="stable")[:min(k, kept.sum())]
    return set(order + lo)


def border(s, kept, k):
    """How far the score of the last of the k best is from that of the first beyond."""
    x = np.sort(s[kept])[::-1]
    return np.inf if len(x) <= k else x[k - 1] - x[k]


def distances(a, b, n):
    """By their definitions, over all keys."""
    p, q = spread(*a, n), spread(*b, n)
    with np.errstate(invalid="ignore", divide="ignore"):
        ep, eq = np.exp(p), np.exp(q)
        terms = lambda x, lx, ly: np.where(np.isneginf(lx), 0, x * (lx - ly)).sum()
        m = np.log((ep + eq) / 2)
        return {"kl": terms(ep, p, q), "kl_reverse": terms(eq, q, p), "js": (terms(ep, p, m) + terms(eq, q, m)) / 2,
                "tv": np.abs(ep - eq).sum() / 2, "lost": ep[np.isneginf(q)].sum(), "gained": eq[np.isneginf(p)].sum()}


def check_rows(got, a, b, spec_a, spec_b, what, tolerance=2e-4):
    """Every stored row of one sequence."""
    ids = got["token_id"]
    rows_a, _ = rows_of(a, ids, spec_a)
    rows_b, nll_b = rows_of(b, ids, spec_b)
    worst, infinite, overlaps, unlike = {}, 0, 0, 0
    for (layer, row), (lo_a, s_a, kept_a) in rows_a.items():
        lo_b, s_b, kept_b = rows_b[layer, row]
        for h in range(len(s_a)):
            xa, xb = (lo_a, s_a[h], kept_a[h]), (lo_b, s_b[h], kept_b[h])
            for name, want in distances(xa, xb, row + 1).items():
                x = got["pair/" + name][layer, h, row]
                if np.isinf(want):
                    assert np.isposinf(x), (what, name, layer, h, row, x)
                    infinite += 1
                    continue
                # A key whose score is next to the border may be kept in one and not in the other: none here.
                worst[name] = max(worst.get(name, 0), abs(x - want))
            for i, k in enumerate(KS):
                if min(border(s_a[h], kept_a[h], k), border(s_b[h], kept_b[h], k)) < 1e-4:
                    continue  # float32 cannot tell which key is the k-th
                ta, tb = best(*xa, k), best(*xb, k)
                overlaps += 1
                unlike += got["pair/topk_overlap"][layer, h, row, i] != np.float32(len(ta & tb) / max(len(ta), len(tb)))
    print(what, {k: f"{v:.1e}" for k, v in worst.items()}, "infinite", infinite, "overlaps", overlaps)
    assert all(v <= tolerance for v in worst.values()), (what, worst)
    assert unlike == 0 and overlaps > 1000, (what, unlike, overlaps)
    assert np.abs(got["pair/nll"][:-1] - nll_b).max() <= 2e-4 and np.isnan(got["pair/nll"][-1]), what
    return infinite


def attributes(name):
    with h5py.File(path(name)) as f:
        return dict(f.attrs)


def pair(name, *arguments):
    return capture(path(name), "-q", "-k", ",".join(map(str, KS)), *arguments)


def check_two_models():
    factor = np.random.default_rng(3).uniform(0.5, 1.8, (6, 8))
    scale_queries(BASE, path("uneven"), factor)
    text = ["-f", BOOK, "-c", 90]
    got = pair("two.h5", *text, "--pair", path("uneven"))
    assert check_rows(got, Model(BASE), Model(path("uneven")), EVERY, EVERY, "two models") == 0
    about = attributes("two.h5")
    assert about["pair_model"] == path("uneven") and about["pair_attention"] == "dense", about
    with_b = attributes_of(path("b.h5"), "-m", path("uneven"), *text)
    assert about["pair_model_digest"] == with_b["model_digest"] != about["model_digest"], about
    assert about["pair_rows"] == 6 * 8 * 90 and about["pair_kl_infinite"] == 0, about
    other = datasets(path("b.h5"))
    assert np.array_equal(got["pair/nll"], other["row_nll"], equal_nan=True), "NLL of the second model"
    assert abs(about["pair_mean_nll"] - np.nanmean(other["row_nll"].astype(float))) < 1e-6, about
    # The first model's own statistics are those of a run without a pair.
    plain = pair("plain.h5", *text)
    same_bytes({k: v for k, v in got.items() if not k.startswith("pair")}, plain, "statistics beside a pair")


def attributes_of(name, *arguments):
    pair(os.path.basename(name), *arguments)
    return attributes(os.path.basename(name))


def check_sparse():
    """Divergence towards a row that keeps fewer keys is infinite; the other way, JS and TV are not."""
    model = Model(BASE)
    got = pair("sparse.h5", "-f", BOOK, "-c", 70, "--pair-attention", "topk:12")
    infinite = check_rows(got, model, model, EVERY, "topk:12", "dense and top-k")
    assert infinite == 6 * 8 * (70 - 12) == attributes("sparse.h5")["pair_kl_infinite"], infinite
    assert attributes("sparse.h5")["pair_kl_reverse_infinite"] == 0 and not np.isinf(got["pair/kl_reverse"]).any()
    assert (got["pair/lost"][:, :, 12:] > 0).all() and (got["pair/gained"] == 0).all()
    # In the first layer both see the same scores, so what is lost is what lies beyond the 12 best.
    beyond = 1 - capture(path("mass.h5"), "-q", "-f", BOOK, "-c", 70, "-k", 12)["stat/mass_at_k"][0, :, :, 0]
    assert np.abs(got["pair/lost"][0] - beyond).max() < 1e-6
    assert np.abs(got["pair/tv"][0] - beyond).max() < 1e-6, "TV to the renormalised best keys is the mass beyond them"
    # The other way round, and both at once.
    got = pair("turned.h5", "-f", BOOK, "-c", 50, "--attention", "exact-sum,k=9", "--pair-attention", "topk:6,sink=1", "--pair", BASE)
    check_rows(got, model, model, "exact-sum,k=9", "exact,k=6,sink=1", "two selectors")
    assert np.isinf(got["pair/kl_reverse"]).any() and (got["pair/gained"] > 0).any()


def check_windows():
    """Rows of sliding windows, of two widths in one model."""
    for name in ("qwen2-windows", "mistral-window"):
        tokens = path(name + ".txt")
        with open(tokens, "w") as f:
            f.write(" ".join(map(str, np.random.default_rng(5).integers(3, 97, 60))))
        directory = os.path.join(GOLDEN, name)
        for block in (60, 17):
            got = pair(f"{name}-{block}.h5", "-m", directory, "--tokens", tokens, "--pair-attention", "recent:2+5", "--block", block)
            check_rows(got, Model(directory), Model(directory), EVERY, "recent:2+5", name)


def check_itself():
    """No distance at all to itself, bit for bit, in float32 and with weights from another folder."""
    scale_queries(BASE, path("same"), 1.0)
    for i, extra in enumerate((["--pair-attention", "dense"], ["--pair", path("same")],
                               ["--attention", "topk:8", "--pair-attention", "topk:8"], ["--pair", path("same"), "--dtype", "bf16"])):
        got = pair(f"itself-{i}.h5", "-f", BOOK, "-c", 200, *extra)
        for name in ("kl", "kl_reverse", "js", "tv", "lost", "gained"):
            assert (got["pair/" + name] == 0).all(), (extra, name, got["pair/" + name].max())
        assert (got["pair/topk_overlap"] == 1).all(), extra
        assert np.array_equal(got["pair/nll"], got["row_nll"], equal_nan=True), extra


def check_order():
    """The same bytes for any number of threads and, where products are the program's own, any blocks; parts of a
    run are the same as in the whole."""
    text = ["-f", BOOK, "-c", 150, "--split", "--limit", 2, "--pair", path("uneven"), "--pair-attention", "topk:20"]
    whole = pair("whole.h5", *text, "-t", 1)
    same_bytes(whole, pair("threads.h5", *text, "-t", 2), "threads")
    info = json.loads(attnmeter("info", "--json"))
    own = [k["name"] for k in info["kernels"] if k["usable"]][-1] != "scalar"
    for block in (1, 40, 64) if own else ():
        got = pair(f"block-{block}.h5", *text, "--block", block, "-t", 2)
        if block > 1:
            same_bytes({k: v for k, v in whole.items() if k.startswith("pair")},
                       {k: v for k, v in got.items() if k.startswith("pair")}, ("blocks", block))
        else:  # a row by itself has other roundings
            assert np.allclose(got["pair/js"], whole["pair/js"], atol=1e-5), np.abs(got["pair/js"] - whole["pair/js"]).max()
    part = pair("part.h5", *text, "--layers", "1,4", "--heads", "2,7", "--rows", "every:7")
    with h5py.File(path("part.h5")) as f:
        rows = f["row_position"][:] + 150 * f["row_sequence"][:]
    for name in [k for k in part if k.startswith("pair/")]:
        want = whole[name][rows] if name == "pair/nll" else whole[name][[1, 4]][:, [2, 7]][:, :, rows]
        assert np.array_equal(part[name], want, equal_nan=True), name


def sequence_means(x, sequence):
    return np.stack([np.nanmean(x[..., sequence == s], axis=-1) for s in range(sequence.max() + 1)], -1)


def check_tables():
    """show, compare, export and the Python reader give the same numbers as the file."""
    text = ["-f", BOOK, "-c", 100, "--split", "--limit", 6]
    got = pair("a.h5", *text, "--pair-attention", "topk:20")
    pair("topk.h5", *text, "--attention", "topk:20")
    shown = json.loads(attnmeter("show", path("a.h5"), "--json"))["pair"]
    compared = json.loads(attnmeter("compare", path("a.h5"), path("topk.h5"), "--json"))["pair"]
    assert shown == compared and shown["attention"] == "topk:20" and shown["model"] == BASE, shown["attention"]
    sequence, visible = got["row_sequence"], got["row_visible"][:, None]
    for name in ("kl", "kl_reverse", "js", "tv", "lost", "gained"):
        x = np.where(np.isinf(got["pair/" + name]), np.nan, got["pair/" + name].astype(float))
        check_family(shown["table"], name, None, sequence_means(x, sequence))
        if name.startswith("kl"):
            row = next(r for r in shown["table"] if r["layer"] is None and r["statistic"] == name)
            assert row["n_infinite"] == np.isinf(got["pair/" + name]).sum() and row["n_rows"] == np.isfinite(x).sum(), row
    for i, k in enumerate(KS):
        x = np.where(visible > k, got["pair/topk_overlap"][..., i].astype(float), np.nan)
        check_family(shown["table"], "topk_overlap", k, sequence_means(x, sequence))
        row = next(r for r in shown["table"] if r["layer"] is None and r["k"] == k)
        assert row["n_rows_trivial"] == 8 * (got["row_visible"] <= k).sum() and row["n_rows"] == np.isfinite(x).sum(), row
        chance = sequence_means(np.where(visible > k, k / visible, np.nan)[:, 0], sequence).mean()
        assert abs(row["chance"] - chance) < 1e-7, (row, chance)
    attnmeter("export", path("a.h5"), "-o", path("a.npz"))
    with np.load(path("a.npz")) as z:
        for name in [k for k in got if k.startswith("pair/")]:
            assert np.array_equal(z[name], got[name], equal_nan=True), name
    with reader.open(path("a.h5")) as tree:
        x = tree["pair/kl"]
        assert x.dims == ("layer", "head", "row") and np.array_equal(x.values, got["pair/kl"])
        assert tree.attrs["pair_attention"] == "topk:20"
    lines = attnmeter("export", path("a.h5"), "--field", "js").splitlines()
    assert len(lines) == 1 + got["pair/js"].size and all(x.startswith("js,") for x in lines[1:]), lines[:3]
    assert np.array_equal(np.float32([x.split(",")[-1] for x in lines[1:]]), got["pair/js"].ravel())


def check_family(table, name, k, means):
    """means [layer, head, sequence] against the rows of a statistic."""
    rows = [r for r in table if r["statistic"] == name and r["k"] == k]
    L, H, _ = means.shape
    assert [(r["layer"], r["head"]) for r in rows] == [(l, h) for l in range(L) for h in range(H)] + \
        [(l, None) for l in range(L)] + [(None, None)], (name, k)
    layers = means.mean(1)
    want = [*means.reshape(L * H, -1), *layers, layers.mean(0)]
    for row, x in zip(rows, want):
        assert abs(row["mean"] - x.mean()) <= 1e-7 + 1e-6 * abs(x.mean()), (name, k, row, x.mean())
        assert row["ci_low"] <= row["mean"] <= row["ci_high"], row
        assert row["n_sequences"] == len(x), row


def refused(code, *arguments):
    r = subprocess.run([os.environ["ATTNMETER"], "run", "-q", *map(str, arguments), "-o", path("refused.h5")],
                       stdin=subprocess.DEVNULL, capture_output=True)
    assert r.returncode == code and not os.path.exists(path("refused.h5")), (r.returncode, r.stderr.decode())
    assert not os.path.exists(path("refused.h5.part"))
    return r.stderr.decode()


def copy_of(source, name, config=None, tokenizer=None):
    """A model with other configuration keys, or another spelling of a token."""
    shutil.copytree(source, path(name))
    for file, change in (("config.json", config), ("tokenizer.json", tokenizer)):
        if change:
            with open(path(os.path.join(name, file)), encoding="utf-8") as f:
                x = json.load(f)
            change(x)
            os.remove(path(os.path.join(name, file)))
            with open(path(os.path.join(name, file)), "w", encoding="utf-8") as f:
                json.dump(x, f)
    return path(name)


def cut_vocabulary(name):
    """The first 90 rows of a golden model's embedding and head."""
    with open(path(os.path.join(name, "model.safetensors")), "rb") as f:
        data = f.read()
    size = int.from_bytes(data[:8], "little")
    header, values, out = json.loads(data[8:8 + size]), data[8 + size:], b""
    for entry in sorted((v for k, v in header.items() if k != "__metadata__"), key=lambda v: v["data_offsets"]):
        begin, end = entry["data_offsets"]
        if entry["shape"][0] == 97:
            end = begin + (end - begin) // 97 * 90
            entry["shape"][0] = 90
        entry["data_offsets"] = [len(out), len(out) + end - begin]
        out += values[begin:end]
    text = json.dumps(header).encode()
    with open(path(os.path.join(name, "model.safetensors")), "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + out)


def check_refusals():
    """What differs, where, what was expected and found; nothing is left behind."""
    tiny = os.path.join(GOLDEN, "llama-plain")
    tokens = ["--tokens", path("qwen2-windows.txt")]
    said = refused(1, "-f", BOOK, "-c", 50, "--pair", tiny)
    assert f"--pair: {tiny}: expected 6 layers as " in said and "has, found 2" in said, said
    heads = copy_of(tiny, "heads", lambda c: c.update(num_attention_heads=8, num_key_value_heads=8))
    said = refused(1, "-m", tiny, *tokens, "--pair", heads)
    assert "expected 4 query heads as " in said and "found 8" in said, said
    vocabulary = copy_of(tiny, "vocabulary", lambda c: c.update(vocab_size=90))
    cut_vocabulary("vocabulary")
    said = refused(1, "-m", tiny, *tokens, "--pair", vocabulary)
    assert "expected 97 tokens in the vocabulary as " in said and "found 90" in said, said

    def respell(t):
        vocab = t["model"]["vocab"]
        word = next(w for w, i in vocab.items() if i == 300)
        vocab["unheard-of"] = vocab.pop(word)
        t["model"]["merges"] = [m for m in t["model"]["merges"] if "".join(m if isinstance(m, list) else m.split(" ")) != word
                                and word not in (m if isinstance(m, list) else m.split(" "))]

    said = refused(1, "-f", BOOK, "-c", 50, "--pair", copy_of(BASE, "spelled", tokenizer=respell))
    assert "tokenizer: expected token 300 to be '" in said and "found 'unheard-of'" in said, said
    short = copy_of(BASE, "short", lambda c: c.update(max_position_embeddings=64))
    said = refused(1, "--tokens", write_ids(80), "--pair", short)
    assert "expected a context of 80 tokens, the longest sequence, found 64; -c 64 takes the first ones" in said, said
    assert "--pair-attention: topk: expected a budget" in refused(2, "-f", BOOK, "-c", 50, "--pair-attention", "topk")
    assert "no-such-model" in refused(1, "-f", BOOK, "-c", 50, "--pair", "no-such-model")
    # Key/value heads are each model's own.
    pair("kv.h5", "-m", tiny, *tokens, "--pair", os.path.join(GOLDEN, "llama-linear"))
    # An estimate counts both models.
    estimate = lambda *extra: json.loads(attnmeter("run", "-f", BOOK, "-c", 256, "--dry-run", "--json", *extra))
    one, two = estimate(), estimate("--pair-attention", "topk:16")
    assert two["memory_bytes"] > one["memory_bytes"] and two["disk_bytes"] > 1.1 * one["disk_bytes"], (one, two)


def write_ids(n):
    with open(path("ids.txt"), "w") as f:
        f.write(" ".join(str(3 + i % 900) for i in range(n)))
    return path("ids.txt")


check_two_models()
check_sparse()
check_windows()
check_itself()
check_order()
check_tables()
check_refusals()
