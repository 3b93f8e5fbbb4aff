"""Index dumps: every form that is read, their overlap against numpy sets, and malformed ones."""
import base64
import io
import json
import os
import shutil
import subprocess

import numpy as np

DIR = os.path.join(os.environ["AM_BINARY_DIR"], "tests", "tmp", "overlap")
shutil.rmtree(DIR, ignore_errors=True)
os.makedirs(DIR)
RNG = np.random.default_rng(11)
T, L, K = 40, 3, 6


def dump(tokens=T, layers=L, width=K, start=0):
    """Random sets, unordered, -1 beyond what a token sees."""
    x = np.full((tokens, layers, width), -1, np.int32)
    for t in range(tokens):
        for layer in range(layers):
            n = min(width, start + t + 1)
            x[t, layer, :n] = RNG.permutation(start + t + 1)[:n]
    return x


def npy(x):
    f = io.BytesIO()
    np.save(f, x)
    return f.getvalue()


def text(data):
    return base64.b64encode(data).decode()


def put(name, data):
    path = os.path.join(DIR, name)
    with open(path, "wb") as f:
        f.write(data if isinstance(data, bytes) else data.encode())
    return path


def overlap(*arguments):
    return subprocess.run([os.environ["ATTNMETER"], "overlap", *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True)


def table(*arguments):
    r = overlap(*arguments, "--json")
    assert r.returncode == 0, (arguments, r.stderr.decode())
    return json.loads(r.stdout)["table"]


def expected(pairs, layers, start=0):
    """The table by Python sets; pairs: (dump, reference) of each sequence."""
    rows = []
    for layer in [*range(layers), None]:
        means, pooled, trivial, different, worst = [], [], 0, 0, (2, None, None)
        for s, (a, b) in enumerate(pairs):
            recall, iou = [], []
            for one in range(layers) if layer is None else [layer]:
                for t in range(len(a)):
                    x, y = set(a[t, one].tolist()) - {-1}, set(b[t, one].tolist()) - {-1}
                    if start + t + 1 <= max(a.shape[2], b.shape[2]):
                        trivial += 1
                        continue
                    recall.append(len(x & y) / len(y))
                    iou.append(len(x & y) / len(x | y))
                    different += x != y
                    if recall[-1] < worst[0]:
                        worst = (recall[-1], s, start + t)
            means.append((np.mean(recall), np.mean(iou)))
            pooled += recall
        rows.append(dict(layer=layer, recall=np.mean([m[0] for m in means]), iou=np.mean([m[1] for m in means]),
                         p05=np.quantile(pooled, 0.05), median=np.quantile(pooled, 0.5), worst=worst[0], worst_sequence=worst[1],
                         worst_token=worst[2], n_tokens=len(pooled), n_different=different, n_tokens_trivial=trivial))
    return rows


def same(got, want):
    assert len(got) == len(want)
    for g, w in zip(got, want):
        assert g.keys() == w.keys()
        for name in w:
            assert g[name] == w[name] or abs(g[name] - w[name]) < 1e-6, (name, g, w)


a, b = dump(), dump()
want = expected([(a, b)], L)
B = put("b.npy", npy(b))
sglang = json.dumps({"text": "x", "meta_info": {"prompt_tokens": 31, "completion_tokens": 10, "indexer_topk": text(a.tobytes())}})
for name, data, options in (
    ("a.npy", npy(a), []),
    ("a.b64", text(npy(a)) + "\n", []),
    ("vllm.json", json.dumps({"choices": [{"index": 0, "indexer_topk": text(npy(a))}]}), []),
    ("sglang.json", sglang, ["--width", K]),
    ("sglang-list.json", f"[{sglang}]", ["--width", K]),
    ("bare.b64", text(a.tobytes()), ["--width", K, "--layers", L]),
):
    same(table(put(name, data), B, *options), want)
assert all(row["recall"] == 1 and row["n_different"] == 0 for row in table(B, B))
c, d = dump(23), dump(23)
two = [put(f"two{i}.json", json.dumps({"choices": [{"indexer_topk": text(npy(x))} for x in pair]})) for i, pair in enumerate(((a, c), (b, d)))]
same(table(*two), expected([(a, b), (c, d)], L))
late, later = dump(start=100), dump(start=100, width=9)
same(table(put("late.npy", npy(late)), put("later.npy", npy(later)), "--start", 100), expected([(late, later)], L, 100))
alone = table(put("short.npy", npy(dump(4))), put("short2.npy", npy(dump(4))))
assert alone[0]["recall"] is None and alone[0]["n_tokens"] == 0 and alone[0]["n_tokens_trivial"] == 4
assert overlap(B, B).stdout.count(b"\n") == L + 2 and overlap(B, B, "--csv").stdout.startswith(b"layer,recall,iou,")

beyond, twice, low = a.copy(), a.copy(), a.copy()
beyond[7, 1, 2], twice[9, 2, 3], low[0, 0, 0] = 8, twice[9, 2, 0], -2
whole = npy(a)
for name, data, code, message in (
    ("float.npy", npy(a.astype("f4")), 1, "expected values '<i4' (int32), found '<f4'"),
    ("wide.npy", npy(a.astype("i8")), 1, "expected values '<i4' (int32), found '<i8'"),
    ("big-endian.npy", npy(a.astype(">i4")), 1, "found '>i4'"),
    ("flat.npy", npy(a[:, 0]), 1, "expected shape (tokens, layers, width), found (40, 6)"),
    ("four.npy", npy(a[None]), 1, "expected shape (tokens, layers, width), found (1, 40, 3, 6)"),
    ("empty.npy", npy(a[:0]), 1, "found (0, 3, 6)"),
    ("fortran.npy", npy(np.asfortranarray(a)), 1, "expected C order, found Fortran order"),
    ("cut.npy", whole[:-5], 1, "expected 2880 bytes of values for the shape, found 2875"),
    ("long.npy", whole + b"x", 1, "expected 2880 bytes of values for the shape, found 2881"),
    ("header.npy", whole[:50], 1, ".npy header ends early"),
    ("huge.npy", whole.replace(b"(40, 3, 6), }" + b" " * 26, b"(2147483647, 2147483647, 2147483647), }"), 1, "bytes of values for the shape, found 2880"),
    ("beyond.npy", npy(beyond), 1, "token 7, layer 1: expected keys 0 to 7, or -1, found 8"),
    ("low.npy", npy(low), 1, "token 0, layer 0: expected keys 0 to 0, or -1, found -2"),
    ("twice.npy", npy(twice), 1, "token 9, layer 2: key %d twice" % twice[9, 2, 0]),
    ("broken.b64", text(whole)[:-3] + "!==", 1, "expected base64, found other text or an end within it"),
    ("odd.b64", text(whole)[:-3], 1, "expected base64, found other text or an end within it"),
    ("nothing.b64", " \n", 1, "expected an index dump, found an empty file"),
    ("shapeless.npy", whole.replace(b"'shape'", b"'shave'"), 1, "expected shape (tokens, layers, width), found none"),
    ("bare.b64", text(a.tobytes()), 2, "expected the width (--width or width=) and the layers (--layers or layers=), found none"),
    ("tokens.json", json.dumps({"meta_info": {"indexer_topk": text(whole), "prompt_tokens": 1 << 62, "completion_tokens": 1 << 62}}), 1,
     "indexer_topk: expected prompt_tokens from 1 and completion_tokens from 0 beside it"),
    ("none.json", '{"choices": [{"index": 0}]}', 1, "expected indexer_topk in meta_info or choices, found none"),
    ("type.json", '{"meta_info": {"indexer_topk": [1, 2]}}', 1, "indexer_topk: expected base64 text"),
    ("json.json", '{"meta_info": ', 1, "json.json:1: "),
    ("few.npy", npy(a[:-1]), 1, "sequence 0: expected the same tokens and layers, found 39 x 3 and 40 x 3"),
    ("pair.json", open(two[0]).read(), 1, "expected as many sequences in both dumps, found 2 and 1"),
):
    r = overlap(put(name, data), B)
    error = r.stderr.decode()
    assert r.returncode == code and message in error and error.count("\n") == 1 and not r.stdout, (name, r, error)
for options, message in (((), b"expected the width (--width or width=), found none"), (("--width", 7), b"expected int32 values for 40 tokens")):
    r = overlap(put("sglang.json", sglang), B, *options)
    assert r.returncode == (1 if options else 2) and message in r.stderr, r
r = overlap(put("bare.b64", text(a.tobytes())), B, "--width", 6)
assert r.returncode == 2 and b"expected the layers (--layers or layers=) or the response's counts of tokens, found none" in r.stderr, r
r = overlap(put("sglang.json", sglang), B, "--width", 7)
assert r.returncode == 1 and b"expected int32 values for 40 tokens" in r.stderr, r
assert overlap(B).returncode == 2 and overlap(os.path.join(DIR, "missing"), B).returncode == 1
