"""`replay` against softmax in float64 over the very tensors of the capture file, and against
`run` where both see the same tensors."""
import os
import subprocess

import h5py
import numpy as np

import captures
from runs import BASE, attnmeter, capture, datasets, folder, same_bytes, weights

K, RATIO, MASS, SINK, RECENT, MAP = [1, 3, 8, 64], [0.02, 0.25], [0.5, 0.9], 3, 5, 7
OPTIONS = ["-k", "1,3,8,64", "--ratio", "2%,25%", "--mass", "0.5,0.9", "--sink", SINK, "--recent", RECENT, "--map", MAP]
DIR = folder("replay")
RNG = np.random.default_rng(5)


def replay(name, path, *options):
    out = os.path.join(DIR, name + ".run.h5")
    attnmeter("replay", path, *OPTIONS, *options, "-o", out, "--force")
    attnmeter("show", "--check", out)
    return datasets(out)


def refused(text, *arguments, code=1):
    r = subprocess.run([os.environ["ATTNMETER"], *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True)
    message = r.stderr.decode()
    assert r.returncode == code and text in message and message.count("\n") == 1, (arguments, r.returncode, message, text)
    assert not any(name.endswith(".part") or name == "no.h5" for name in os.listdir(DIR))


def softmax(s):
    w = np.exp(s - s.max())
    return w / w.sum()


def near(got, want, tolerance, what):
    off = np.abs(np.asarray(got, float) - want)
    assert np.all(off <= tolerance), (what, off.max(), tolerance)


def check_row(run, at, s, first, position, sink, v, what):
    """Every statistic of one row; s: its scores over keys first .. position."""
    p, n = softmax(s), len(s)
    stat = {name[5:]: x[at] for name, x in run.items() if name.startswith("stat/")}
    keys, log_p = np.arange(first, position + 1), np.log(softmax(s))
    lse = np.log(np.exp(s - s.max()).sum()) + s.max()
    near(stat["lse"], lse, 2e-5 * (1 + abs(lse)), (what, "lse"))
    near(stat["entropy"], -(p * log_p).sum(), 5e-5, (what, "entropy"))
    near(stat["renyi2"], -np.log((p * p).sum()), 5e-5, (what, "renyi2"))
    near(stat["max_prob"], p.max(), 1e-5, (what, "max_prob"))
    near(stat["score_variance"], (p * (s - (p * s).sum()) ** 2).sum(), 2e-4, (what, "score_variance"))
    near(stat["mean_distance"], (p * (position - keys)).sum(), 1e-5 * n, (what, "mean_distance"))
    near(stat["sink_mass"], p[keys < SINK].sum(), 1e-5, (what, "sink_mass"))
    near(stat["recent_mass"], p[keys > position - RECENT].sum(), 1e-5, (what, "recent_mass"))
    order = np.argsort(-s, kind="stable")
    mass = np.append(0, np.cumsum(p[order]))
    near(stat["mass_at_k"], [mass[min(k, n)] for k in K], 1e-5, (what, "mass_at_k"))
    near(stat["mass_at_ratio"], [mass[min(n, max(1, int(np.ceil(r * n - 1e-9))))] for r in RATIO], 1e-5, (what, "mass_at_ratio"))
    for tau, count in zip(MASS, stat["k_at_mass"]):
        assert mass[count] >= tau - 1e-5 and mass[count - 1] < tau + 1e-5, (what, tau, count)
    if sink is not None:
        near(stat["deficit"], np.exp(sink - np.logaddexp(lse, sink)), 2e-5, (what, "deficit"))
    if v is not None:
        o = p @ v[first:position + 1]
        for j, k in enumerate(K):
            best = order[:k]
            want = np.linalg.norm(p[best] @ v[first + best] / p[best].sum() - o) / np.linalg.norm(o) if k < n else 0
            near(stat["output_error"][j], want, 5e-4 * (1 + want), (what, "output_error", k))


def check_run(run, path, layers, sequences, heads, with_v=False, every=1):
    """All rows of the run, in order, with what they are."""
    at = 0
    for i, sequence in enumerate(sequences):
        positions = sequence["row_position"][::every]
        for layer_index, (layer, spec) in enumerate(sorted(layers.items())):
            x = captures.tensors(path, i, layer)
            group = x["q"].shape[1] // x["k"].shape[1]
            rows = captures.scores(x["q"][::every], x["k"], positions, spec["scale"], spec.get("soft_cap", 0), spec.get("window", 0))
            for r, (first, s) in enumerate(rows):
                assert run["row_visible"][layer_index, at + r] == s.shape[1]
                for h_index, h in enumerate(heads):
                    sink = None
                    if "stat/deficit" in run:
                        sink = float(np.float32(spec["sink_logit"][h])) if "sink_logit" in spec else -np.inf
                    check_row(run, (layer_index, h_index, at + r), s[h], first, positions[r], sink,
                              x["v"][:, h // group] if with_v else None, (path, i, layer, h, r))
        n = len(positions)
        assert (run["row_sequence"][at:at + n] == i).all() and (run["row_position"][at:at + n] == positions).all()
        at += n
    assert at == len(run["row"]) and run["layer"].tolist() == sorted(layers) and run["head"].tolist() == list(heads)


def draw(length, rows, heads, kv_heads, d, v_dim=0, spread=1.0):
    x = {"q": RNG.normal(size=(len(rows), heads, d)) * spread, "k": RNG.normal(size=(length, kv_heads, d)) * spread}
    if v_dim:
        x["v"] = RNG.normal(size=(length, kv_heads, v_dim))
    return x


def check_kinds():
    """Types, masks, soft caps, sink logits, shared and odd sizes, rows with gaps, values of another size."""
    kinds = {
        "plain": dict(dtype="float32", h=4, g=2, d=16, v=16, rows=[range(0, 70), range(0, 1), [0, 1, 2, 9, 10, 31]], layer={}),
        "odd": dict(dtype="float16", h=3, g=1, d=7, v=5, rows=[range(5, 33, 3)], layer={}),
        "wide": dict(dtype="bfloat16", h=6, g=6, d=10, v=33, rows=[range(90, 97), [3]], layer={"window": 17}),
        "capped": dict(dtype="bfloat16", h=8, g=2, d=24, v=0, rows=[range(0, 50)], layer={"soft_cap": 2.5, "window": 0}),
        "sink": dict(dtype="float32", h=4, g=4, d=8, v=8, rows=[range(0, 41)], layer={"window": 8, "sink_logit": [0.5, -3, 4, 0]}),
    }
    for name, kind in kinds.items():
        layers = {3: dict(kind["layer"], scale=0.3), 11: {"scale": 0.11}}
        lengths = [max(r) + 3 for r in kind["rows"]]
        sequences = [dict(length=n, row_position=list(r), name=f"{name} {i}") | {
            layer: draw(n, list(r), kind["h"], kind["g"], kind["d"], kind["v"], 2.0) for layer in layers}
            for i, (r, n) in enumerate(zip(kind["rows"], lengths))]
        path = os.path.join(DIR, name + ".h5")
        captures.write(path, layers, sequences, kind["dtype"])
        options = ["--output-error"] if kind["v"] else []
        run = replay(name, path, *options, "--dist", "full")
        check_run(run, path, layers, sequences, range(kind["h"]), kind["v"] > 0)
        assert ("stat/deficit" in run) == (name == "sink") and "row_token" not in run and "row_nll" not in run
        total = np.concatenate([run["dist/3/prob"][0], run["dist/11/prob"][0]]).sum()
        near(total, 2 * len(run["row"]), 1e-3, "distributions sum to 1")
        for other in (["-t", 1], ["-t", 5], ["--block", 3]):
            again = replay(name + "-again", path, *options, "--dist", "full", *other)
            if other[0] == "-t":
                same_bytes(run, again, (name, other))
            else:
                check_run(again, path, layers, sequences, range(kind["h"]), kind["v"] > 0)
    return path, layers, sequences


def check_long():
    """Rows that do not fit a tile are streamed over in chunks; a soft cap applies there too."""
    n, layers = 30000, {0: {"scale": 0.25, "soft_cap": 3.0}}
    rows = list(range(n - 30, n))
    sequences = [{"length": n, "row_position": rows, 0: draw(n, rows, 8, 1, 4)}]
    path = os.path.join(DIR, "long.h5")
    captures.write(path, layers, sequences, "float16")
    check_run(replay("long", path), path, layers, sequences, range(8))


def check_policies(path, layers, sequences):
    """--rows goes by recorded rows, --layers and --heads choose among what is there."""
    everything = replay("all", path)
    n = len(everything["row"])
    for option, index in (("last:4", range(n - 4, n)), ("every:6", range(0, n, 6))):
        some = replay("some", path, "--rows", option)
        assert (some["row_position"] == everything["row_position"][list(index)]).all(), option
        assert some["stat/entropy"].tobytes() == everything["stat/entropy"][..., list(index)].tobytes(), option
    some = replay("some", path, "--rows", "sample:9", "--seed", 3)
    assert len(some["row"]) == 9
    some = replay("some", path, "--layers", "11", "--heads", "1,3")
    assert some["stat/lse"].tobytes() == everything["stat/lse"][1:, [1, 3]].tobytes()
    check_run(some, path, {11: layers[11]}, sequences, [1, 3])


def rotate(x, theta):
    """Half-split rotation of [S][heads][D]."""
    half = x.shape[-1] // 2
    angle = np.arange(len(x))[:, None] * theta ** (-np.arange(half) / half)
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    a, b = x[..., :half], x[..., half:]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def check_same_as_run():
    """Layer 0 of the embedded model follows from the tokens alone: its queries and keys in
    float64, replayed, give what `run` does, in every row and whatever the rows' policy."""
    import json
    with open(os.path.join(BASE, "config.json")) as f:
        config = json.load(f)
    theta = config.get("rope_theta") or config["rope_parameters"]["rope_theta"]
    run_path = os.path.join(DIR, "model.run.h5")
    prompts = ["-p", "The Time Traveller smiled round at us. Then, still smiling faintly, he walked slowly out of the room.",
               "-p", "No."]
    run = capture(run_path, *prompts, *OPTIONS, "--layers", "0", "--output-error")
    sequences, offset = [], run["token_offset"]
    name = "model.layers.0.self_attn.%s_proj.weight"
    for i, length in enumerate(run["sequence_length"]):
        ids = run["token_id"][offset[i]:offset[i + 1]]
        x = weights("model.embed_tokens.weight")[ids]
        x = x / np.sqrt((x * x).mean(-1, keepdims=True) + config["rms_norm_eps"]) * weights("model.layers.0.input_layernorm.weight")
        q, k, v = ((x @ weights(name % p).T).reshape(length, -1, 32) for p in "qkv")
        sequences.append({"length": length, "row_position": range(length), "token_id": ids, "name": f"prompt {i + 1}",
                          "nll": run["row_nll"][run["row_sequence"] == i],
                          0: {"q": rotate(q, theta), "k": rotate(k, theta), "v": v}})
    path = os.path.join(DIR, "model.h5")
    captures.write(path, {0: {"scale": 32 ** -0.5}}, sequences, model="models/base", model_layers=config["num_hidden_layers"])
    again = replay("model-again", path, "--output-error")
    assert again.keys() == run.keys()
    for field, x in run.items():
        if x.dtype.kind == "f":
            near(np.nan_to_num(again[field]), np.nan_to_num(x), 1e-4 * (1 + np.abs(np.nan_to_num(x))), field)
            assert (np.isnan(again[field]) == np.isnan(x)).all(), field
        elif field == "stat/k_at_mass":
            assert (np.abs(again[field] - x) <= 1).all() and (again[field] != x).mean() < 0.01
        else:
            assert again[field].tolist() == x.tolist(), field
    for rows in ("last:5", "every:4", "sample:3"):
        a = capture(run_path + rows, *prompts, *OPTIONS, "--layers", "0", "--rows", rows)
        b = replay("model-rows", path, "--rows", rows)
        assert (a["row_position"] == b["row_position"]).all() and len(a["row"]), rows


def check_selectors():
    """Selectors beside replayed rows: sets from an index dump and from captured index tensors, both known, and
    the exact ones; also where rows have gaps, so that keys are taken in between."""
    n, width, kinds = 60, 6, {"full": list(range(60)), "gaps": [0, 7, 8, 9, 30, 31, 58]}
    for name, rows in kinds.items():
        x = draw(n, rows, 4, 2, 8)
        index = {"index_q": RNG.normal(size=(len(rows), 3, 4)), "index_k": RNG.normal(size=(n, 4)), "index_w": RNG.normal(size=(len(rows), 3))}
        path = os.path.join(DIR, name + ".h5")
        captures.write(path, {2: {"scale": 0.4}}, [{"length": n, "row_position": rows, 2: x | index}], model_layers=3)
        x = captures.tensors(path, 0, 2)
        dump = np.full((n, 1, width), -1, np.int32)
        for t in range(n):
            dump[t, 0, :min(t + 1, width)] = RNG.permutation(t + 1)[:width]
        np.save(os.path.join(DIR, "dump.npy"), dump)
        run = replay(name, path, "--shadow", f"indices:{DIR}/dump.npy,layers=2", "--shadow", "indexer", "--shadow", "exact")
        same_bytes(run, replay(name + "-again", path, "--shadow", f"indices:{DIR}/dump.npy,layers=2", "--shadow", "indexer",
                               "--shadow", "exact", "-t", 3), name)
        for r, (first, scores) in enumerate(captures.scores(x["q"], x["k"], rows, 0.4)):
            p, m = np.stack([softmax(h) for h in scores]), rows[r] + 1
            ranked = np.argsort(-(np.maximum(0, x["index_k"][:m] @ x["index_q"][r].T) @ x["index_w"][r]), kind="stable")
            for j, k in enumerate(K):
                if k >= m:
                    continue
                kept = [set(dump[rows[r], 0].tolist()) - {-1}, set(ranked[:k].tolist())]
                for s, keys in enumerate(kept):
                    near(run[f"selector/s{s}/retained_mass"][0, :, r, j], p[:, list(keys)].sum(1), 1e-5, (name, s, r, k))
                    for h in range(4):
                        best = set(np.argsort(-p[h], kind="stable")[:k].tolist())
                        near(run[f"selector/s{s}/head/recall_at_k"][0, h, r, j], len(best & keys) / k, 1e-6, (name, s, r, h, k))
                near(run["selector/s2/head/recall_at_k"][0, :, r, j], 1, 0, (name, "exact", r))


def change(path, source, edit):
    """A copy with one thing different."""
    with h5py.File(source, "r") as a, h5py.File(path, "w") as b:
        for name in a:
            a.copy(name, b)
        b.attrs.update(a.attrs)
        edit(b)


def swap(f, name, data, **attributes):
    del f[name]
    f[name] = data
    f[name].attrs.update(attributes)


def check_refusals(path):
    """Malformed captures: one message that names the dataset, and nothing written."""
    out, bad = ["-o", os.path.join(DIR, "no.h5")], os.path.join(DIR, "bad.h5")
    q, k = "sequences/0/3/q", "sequences/0/3/k"
    huge = h5py.h5s.create_simple((1 << 40, 2, 24))

    def declare(f):
        del f[k]
        dcpl = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        dcpl.set_chunk((16, 2, 24))
        h5py.h5d.create(f.id, k.encode(), h5py.h5t.IEEE_F32LE, huge, dcpl)

    def outside(f):
        del f[k]
        shape = f["sequences/0/11/k"].shape
        f.create_dataset(k, shape, "f4", external=[(os.path.join(DIR, "other"), 0, h5py.h5f.UNLIMITED)])

    for text, edit in (
        ("not a capture file", lambda f: f.attrs.update({"format": "attnmeter-run"})),
        ("format_version 2", lambda f: f.attrs.update({"format_version": 2})),
        ("the capture was not finished", lambda f: f.attrs.update({"complete": 0})),
        ("/: attribute sequences: expected a whole number, found none", lambda f: f.attrs.pop("sequences")),
        ("/sequences/1: expected a group", lambda f: f.attrs.update({"sequences": 2})),
        ("/layers/3: attribute scale: expected a number, found none", lambda f: f["layers/3"].attrs.pop("scale")),
        ("/layers/3: attribute scale: expected a finite number above 0", lambda f: f["layers/3"].attrs.update({"scale": np.nan})),
        ("/layers/3: attribute window: expected 0 to", lambda f: f["layers/3"].attrs.update({"window": -1})),
        ("/layers/3: masks that are not causal", lambda f: f["layers/3"].attrs.update({"causal": 0})),
        ("/layer: expected ascending values, found 3 after 11", lambda f: swap(f, "layer", np.array([11, 3], np.int32))),
        ("/sequences/0/row_position: expected ascending", lambda f: swap(f, "sequences/0/row_position", f["sequences/0/row_position"][()][::-1])),
        ("/sequences/0/row_position: expected 0 to", lambda f: swap(f, "sequences/0/row_position", f["sequences/0/row_position"][()] + 100)),
        ("/sequences/0/row_position: expected whole numbers", lambda f: swap(f, "sequences/0/row_position", f["sequences/0/row_position"][()].astype("f4"))),
        ("/sequences/0: attribute length: expected 1 to", lambda f: f["sequences/0"].attrs.update({"length": 0})),
        ("/sequences/0/3/q: expected a dataset, found none", lambda f: f.pop(q)),
        ("/sequences/0/3/q: expected 50 recorded rows along axis 0, found 49", lambda f: swap(f, q, f[q][1:], dtype="bfloat16")),
        ("/sequences/0/3/k: expected 52 tokens along axis 0, found 51", lambda f: swap(f, k, f[k][1:], dtype="bfloat16")),
        ("/sequences/0/3/q: expected 3 axes, found 2", lambda f: swap(f, q, f[q][:, 0], dtype="bfloat16")),
        ("/sequences/0/11/k: expected 2 along axis 1 as in the tensors before, found 1", lambda f: swap(f, "sequences/0/11/k", f["sequences/0/11/k"][:, :1], dtype="bfloat16")),
        ("/sequences/0/3/k: expected float32, float16 or uint16 with attribute dtype", lambda f: swap(f, k, f[k][()])),
        ("/sequences/0/3/k: expected float32, float16 or uint16 with attribute dtype", lambda f: swap(f, k, f[k][()].astype("f8"))),
        ("/sequences/0/3/k: expected uint16 with attribute dtype", lambda f: swap(f, k, f[k][()].astype("f4"), dtype="bfloat16")),
        ("/sequences/0/3/k: expected numbers", lambda f: swap(f, k, np.full(f[k].shape, b"x"))),
        ("/sequences/0/3/k: more values than the file can hold", declare),
        ("/sequences/0/3/k: data outside the file", outside),
        ("/sequences/0/token_id: expected 52 values, found 51", lambda f: f.create_dataset("sequences/0/token_id", data=np.zeros(51, np.int32))),
        ("/sequences/0/token_id: expected token ids from 0, found -1", lambda f: f.create_dataset("sequences/0/token_id", data=np.full(52, -1, np.int32))),
        ("/sequences/0/nll: expected numbers >= 0, found -1 at 0", lambda f: f.create_dataset("sequences/0/nll", data=np.full(52, -1, np.float32))),
        ("/layers/3/sink_logit: expected 8 values, found 7", lambda f: f.create_dataset("layers/3/sink_logit", data=np.zeros(7, np.float32))),
        ("/layers/3/sink_logit: expected finite values", lambda f: f.create_dataset("layers/3/sink_logit", data=np.full(8, np.inf, np.float32))),
        ("expected index_q, index_k and index_w together", lambda f: f.create_dataset("sequences/0/3/index_k", data=np.zeros((52, 4), np.float32))),
        ("v: expected in all layers or none, layer 3 has none", lambda f: f.create_dataset("sequences/0/11/v", data=np.zeros((52, 2, 8), np.float32))),
    ):
        change(bad, path, edit)
        refused(text, "replay", bad, *out)
    change(bad, path, lambda f: swap(f, k, np.where(np.arange(52)[:, None, None] == 7, np.uint16(0x7FC0), f[k][()]), dtype="bfloat16"))
    refused("/sequences/0/3/k: expected finite values, found nan in row 7", "replay", bad, *out)
    with open(path, "rb") as f, open(bad, "wb") as g:
        g.write(f.read()[:-500])
    refused("bad.h5: not a readable HDF5 file", "replay", bad, *out)
    with open(path, "rb") as f, open(bad, "wb") as g:
        data = bytearray(f.read())
        data[122] ^= 0xFF  # of an address in the superblock: HDF5 leaks what it opened, and must not tell at the end
        g.write(data)
    refused("bad.h5: not a readable HDF5 file", "replay", bad, *out)
    refused("--output-error needs values, and v was not captured", "replay", path, "--output-error", *out, code=2)
    refused("layer 4 was not captured", "replay", path, "--layers", "4", *out, code=2)
    refused("--heads: expected the model's heads, 0 to 7, found 8", "replay", path, "--heads", "8", *out, code=2)
    refused("is an input, expected another output", "replay", path, "--force", "-o", path, code=2)
    refused("No such file", "replay", os.path.join(DIR, "nothing.h5"), *out)


check_same_as_run()
check_kinds()
check_long()
check_selectors()
capped = os.path.join(DIR, "capped.h5")
with h5py.File(capped) as f:
    sequence = {"row_position": f["sequences/0/row_position"][()]}
check_policies(capped, {3: {"scale": 0.3, "soft_cap": 2.5}, 11: {"scale": 0.11}}, [sequence])
check_refusals(capped)
