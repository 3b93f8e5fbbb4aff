"""Every statistic of a run against its definition (docs/numerics.md), in float64
from the full distributions that the same run stored."""
import json
import os

import numpy as np

from runs import BASE, attnmeter, capture, folder, same_bytes, tensor_span, weights

E = 2.0 ** -24  # unit roundoff of float32
# A float32 sum of a row keeps a relative error within 36 E while the scores that
# carry weight lie within 2 of the largest; |u| more for others (docs/numerics-bounds.md).
SUM = 36 * E
K, RATIO, MASS, MAP, SINK, RECENT = [1, 4, 16, 64, 256], [0.01, 0.05, 0.5], [0.5, 0.9, 0.99], 16, 4, 64
OPTIONS = ["-k", "1,4,16,64,256", "--ratio", "1%,5%,50%", "--mass", "0.5,0.9,0.99", "--map", MAP, "--output-error"]
PROMPTS = ["No.", "The Time Traveller smiled round at us. Then, still smiling faintly, and with his hands deep in his trousers "
           "pockets, he walked slowly out of the room, and we heard his slippers shuffling down the long passage to his "
           "laboratory. The Psychologist looked at us. I wonder what he has got? Some sleight-of-hand trick or other, said "
           "the Medical Man, and Filby tried to tell us about a conjurer he had seen at Burslem; but before he had finished "
           "his preface the Time Traveller came back, and Filby's anecdote collapsed. The thing the Time Traveller held in "
           "his hand was a glittering metallic framework, scarcely larger than a small clock, and very delicately made."]
TASKS = [os.path.join("data", "tasks", t) for t in ("copy/512.jsonl", "vt/512.jsonl")]


def close(got, want, bound, what):
    """|got - want| within bound, and no NaN on one side only."""
    got, want = np.asarray(got, float), np.asarray(want, float)
    off = np.abs(got - want)
    assert ((off <= bound) | (np.isnan(got) & np.isnan(want))).all(), (what, np.nanmax(off), np.broadcast_to(bound, off.shape).max())


def rows_of(run, layer, head):
    """The stored distribution of every row, as float64."""
    prob, offset = run[f"dist/{layer}/prob"][head].astype(float), run[f"dist/{layer}/offset"]
    assert (np.diff(offset) == run["row_visible"][layer]).all() and offset[-1] == len(prob)
    return [prob[a:b] for a, b in zip(offset, offset[1:])]


def budget(ratio, n):
    return max(1, int(np.ceil(ratio * n - 1e-9)))


def check_row(run, at, p, q):
    """The moments and masses of one row; p: its distribution, q: its position."""
    stat = {name[5:]: float(x[at]) for name, x in run.items() if name.startswith("stat/") and x.ndim == 3}
    n, log_p = len(p), np.log(p, where=p > 0, out=np.zeros(len(p)))
    u = np.abs(log_p - log_p.max())
    spread, square = (p * u).sum(), (p * u * u).sum()  # A and B of docs/numerics-bounds.md
    close(p.sum(), 1, SUM + E * spread, ("sum", at))
    entropy, mean = -(p * log_p).sum(), (p * log_p).sum()
    close(stat["entropy"], entropy, E * (40 + 72 * spread + spread ** 2 + square) + 2 * E * entropy, ("entropy", at))
    close(stat["renyi2"], -np.log((p * p).sum()), E * (110 + 4 * spread) + 2 * E * entropy, ("renyi2", at))
    close(stat["max_prob"], p.max(), 2 * E * p.max(), ("max_prob", at))
    variance = (p * (log_p - mean) ** 2).sum()
    close(stat["score_variance"], variance, 4 * E * (40 + 40 * spread + 40 * square + square * spread), ("score_variance", at))
    distance = q - np.arange(q + 1 - n, q + 1)
    close(stat["mean_distance"], (p * distance).sum(), 36 * E * n + 2 * SUM * n, ("mean_distance", at))
    close(stat["sink_mass"], p[:max(0, SINK - (q + 1 - n))].sum(), 2 * SUM + E * spread, ("sink_mass", at))
    close(stat["recent_mass"], p[distance < RECENT].sum(), 2 * SUM + E * spread, ("recent_mass", at))


def check_coverage(run, at, p):
    n, sorted_p = len(p), np.sort(p)[::-1]
    m = np.append(0, np.cumsum(sorted_p) / sorted_p.sum())  # m[k]: mass of the k largest
    for ks, field in ((K, "mass_at_k"), ([budget(r, n) for r in RATIO], "mass_at_ratio")):
        for k, got in zip(ks, run[f"stat/{field}"][at]):
            close(got, m[min(k, n)], 3 * E, (field, at, k))
            assert k < n or got == 1, (field, at, k, got)
    for tau, count in zip(MASS, run["stat/k_at_mass"][at]):
        # Stored weights are rounded, so their masses may lie 2 E beside the true ones.
        assert 1 <= count <= n and m[count] >= tau - 1e-12 - 2 * E and m[count - 1] < tau - 1e-12 + 2 * E, (at, tau, count)


def check_identities(run):
    h, h2 = run["stat/entropy"].astype(float), run["stat/renyi2"].astype(float)
    floor = -np.log(run["stat/max_prob"].astype(float))
    visible = run["row_visible"][:, None, :]
    assert (h <= np.log(visible) + 1e-6).all() and (h >= h2 - 1e-6).all() and (h2 >= floor - 1e-5).all()
    for i, k in enumerate(K):
        assert (1 - run["stat/mass_at_k"][..., i].astype(float) <= h / np.log(k + 1) + 1e-6).all(), k
        close(run["stat/output_error"][..., i] == 0, np.broadcast_to(k >= visible, h.shape), 0, "output_error 0 exactly for k >= n")


def check_likelihood(run):
    for s, length in enumerate(run["sequence_length"]):
        nll = run["row_nll"][run["row_sequence"] == s].astype(float)
        assert len(nll) == length and np.isnan(nll[-1]) and np.isfinite(nll[:-1]).all()
        want = nll[:-1].mean() if length > 1 else np.nan
        close(run["sequence_nll"][s], want, 2 * E * abs(want) if length > 1 else 0, "sequence_nll")


def sequence_weights(run):
    """Tasks count alike, and sequences within a task."""
    task = run["sequence_task"].tolist()
    return np.array([1 / task.count(t) / len(set(task)) for t in task])


def check_profiles(run, layer, head, rows):
    """/profile by their definition: rows to sequence, sequence to task, task to whole."""
    weight, n_bins = sequence_weights(run), len(run["distance_bin"])
    distance, total = np.zeros(n_bins), np.zeros((MAP, MAP))
    line_weight = np.zeros(MAP)
    for s, length in enumerate(run["sequence_length"]):
        mine = np.flatnonzero(run["row_sequence"] == s)
        line_of = run["row_position"][mine].astype(int) * MAP // length
        for i, line in zip(mine, line_of):
            p, q = rows[i], int(run["row_position"][i])
            keys = np.arange(q + 1 - len(p), q + 1)
            bins = np.where(q == keys, 0, np.floor(np.log2(np.maximum(q - keys, 1))).astype(int) + 1)
            distance += weight[s] / len(mine) * np.bincount(bins, p, n_bins)
            total[line] += weight[s] / (line_of == line).sum() * np.bincount(keys * MAP // length, p, MAP)
        line_weight[np.unique(line_of)] += weight[s]
    with np.errstate(invalid="ignore"):
        total /= line_weight[:, None]
    close(run["profile/distance"][layer, head], distance, 4 * SUM, "profile/distance")
    close(run["profile/map"][layer, head], total, 4 * SUM, "profile/map")


def check_output_error(run):
    """In layer 0 the values follow from the tokens alone, so the outputs do, too."""
    x = weights("model.embed_tokens.weight")[run["row_token"]]
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + 1e-5) * weights("model.layers.0.input_layernorm.weight")
    value = (x @ weights("model.layers.0.self_attn.v_proj.weight").T).reshape(len(x), 4, 32)
    start = np.flatnonzero(run["row_position"] == 0)[run["row_sequence"]]
    for head in range(8):
        for i, p in enumerate(rows_of(run, 0, head)):
            v = value[start[i]:start[i] + len(p), head // 2]
            order, o = np.argsort(-p, kind="stable"), p @ v
            for j, k in enumerate(K):
                if k < len(p) and (k == 1 or p[order[k - 1]] > p[order[k]]):
                    best = order[:k]
                    want = np.linalg.norm(p[best] @ v[best] / p[best].sum() - o) / np.linalg.norm(o)
                    close(run["stat/output_error"][0, head, i, j], want, 2e-5 * (1 + want), ("output_error", head, i, k))


def check_all(run):
    for layer in range(len(run["layer"])):
        for head in range(len(run["head"])):
            rows = rows_of(run, layer, head)
            for i, p in enumerate(rows):
                check_row(run, (layer, head, i), p, int(run["row_position"][i]))
                check_coverage(run, (layer, head, i), p)
            check_profiles(run, layer, head, rows)
    check_identities(run)
    check_likelihood(run)


def check_topk(full, best):
    """Ranks are the sorted distribution; equal weights by position, NaN and -1 past n."""
    index, prob = best["topk/index"], best["topk/prob"]
    for layer, head in np.ndindex(index.shape[:2]):
        for i, p in enumerate(rows_of(full, layer, head)):
            n, got, at = min(8, len(p)), index[layer, head, i], prob[layer, head, i]
            first = full["row_position"][i] + 1 - len(p)
            assert (got[n:] == -1).all() and np.isnan(at[n:]).all()
            # The order is that of scores, which may differ where weights round alike.
            close(at[:n], np.sort(p)[::-1][:n], 0, "topk/prob")
            assert len(set(got[:n])) == n
            close(p[got[:n] - first], at[:n], 0, "topk/index")


def check_float16(full, half):
    for name in full:
        if name.startswith("dist/") and name.endswith("prob"):
            assert half[name].dtype == np.float16 and (half[name] == full[name].astype(np.float16)).all(), name
    others = lambda run: {k: v for k, v in run.items() if not k.endswith("/prob") or k.startswith("topk")}
    same_bytes(others(full), others(half), "float16")


def check_reference(work):
    """The embedded model's own reference figures, from its token ids, with every kernel table."""
    with open(os.path.join(BASE, "reference.json")) as f:
        reference = json.load(f)
    tokens = os.path.join(work, "ids.txt")
    with open(tokens, "w") as f:
        print(*reference["ids"], file=f)
    for table in json.loads(attnmeter("info", "--json"))["kernels"]:
        name = table["name"]
        if not table["usable"]:
            print(f"skip {name}: {table['obstacle']}")
            continue
        path = os.path.join(work, f"reference-{name}.h5")
        run = capture(path, "--tokens", tokens, "--kernels", name)
        close(run["sequence_nll"][0], reference["float64"]["nll_mean"], 1e-4, (name, "mean NLL"))
        close(run["stat/entropy"].astype(float).mean(axis=2), reference["float64"]["entropy"], 1e-4, (name, "mean entropy"))
        close(run["token_id"], reference["ids"], 0, "token_id")
    told = json.loads(attnmeter("run", "--tokens", tokens, "-o", path, "--force", "--json"))
    assert told["file_bytes"] == os.path.getsize(path), told


def check_uniform(work):
    """Queries of zero give equal scores: the lower position wins, and all else is known."""
    model = os.path.join(work, "uniform")
    os.makedirs(model)
    for name in ("config.json", "tokenizer.json"):
        os.symlink(os.path.join(BASE, name), os.path.join(model, name))
    with open(os.path.join(BASE, "model.safetensors"), "rb") as f:
        data = bytearray(f.read())
    for layer in range(6):
        entry, begin, end = tensor_span(data, f"model.layers.{layer}.self_attn.q_proj.weight")
        data[begin:end] = bytes(end - begin)
    with open(os.path.join(model, "model.safetensors"), "wb") as f:
        f.write(data)
    run = capture(os.path.join(work, "uniform.h5"), "-m", model, *prompts(PROMPTS), "--dist", "topk:8", *OPTIONS)
    n = run["row_visible"][:, None, :].astype(float)
    close(run["stat/entropy"], np.broadcast_to(np.log(n), run["stat/entropy"].shape), 40 * E, "uniform entropy")
    for i, k in enumerate(K):
        close(run["stat/mass_at_k"][..., i], np.broadcast_to(np.minimum(k / n, 1), run["stat/entropy"].shape), E, "k / n")
    for i, tau in enumerate(MASS):
        want = np.ceil(tau * n - 1e-12 * n)
        close(run["stat/k_at_mass"][..., i], np.broadcast_to(want, run["stat/entropy"].shape), 0, ("count", tau))
    rank = np.arange(8)
    want = np.where(rank < n[..., None], rank, -1)
    close(run["topk/index"], np.broadcast_to(want, run["topk/index"].shape), 0, "ties")


def prompts(texts):
    return [a for t in texts for a in ("-p", t)]


def check_tasks(work):
    """Sequences of two tasks of unequal count: the weights of the profiles."""
    lines = [open(os.path.join(os.environ["AM_SOURCE_DIR"], t)).read().splitlines() for t in TASKS]
    paths = [os.path.join(work, f"{i}.jsonl") for i in range(2)]
    for path, some in zip(paths, (lines[0][:2], lines[1][:1])):
        with open(path, "w") as f:
            print(*some, sep="\n", file=f)
    run = capture(os.path.join(work, "tasks.h5"), "--tasks", paths[0], "--tasks", paths[1], "-c", "100", "--layers", "1,4",
                  "--heads", "2,7", "--dist", "full", *OPTIONS)
    assert len(set(run["sequence_task"])) == 2 and len(run["sequence_task"]) == 3, run["sequence_task"]
    run = {name.replace("dist/1/", "dist/0/").replace("dist/4/", "dist/1/"): x for name, x in run.items()}
    check_all(run)


def main():
    work = folder("capture")
    text = prompts(PROMPTS)
    full = capture(os.path.join(work, "full.h5"), *text, "--dist", "full", *OPTIONS)
    assert 100 < len(full["row_position"]) <= 300, len(full["row_position"])
    check_all(full)
    check_output_error(full)
    check_topk(full, capture(os.path.join(work, "topk.h5"), *text, "--dist", "topk:8", *OPTIONS))
    check_float16(full, capture(os.path.join(work, "half.h5"), *text, "--dist", "full", "--float16", *OPTIONS))
    check_tasks(work)
    check_uniform(work)
    check_reference(work)


main()
