"""Makes selectors.safetensors: which keys every selector keeps, by brute force in float64.

  make_selectors.py [OUT]     needs numpy

Two sets of queries and keys: "ties" in multiples of 1/4, so that every product is exact in float32 and equal
scores abound, and "plain", normal deviates. Layer 0 sees all keys, layer 1 a window of 24. Tensor
"DATA;PROMPT;SPEC" [layer][row][set][key] U8 has bit b set where budget b keeps the key. A border between
kept and left scores that rounding could move fails the script."""
import json
import os
import sys

import numpy as np

T, H, G, D = 70, 4, 2, 8
ROWS = [0, 1, 5, 15, 16, 33, 47, 69]
K = [1, 4, 9, 20, 40]
SCALE = 0.5
WINDOW = [0, 24]
ROPE_BASE = 100


def make_data():
    rng = np.random.default_rng(7)
    plain = [rng.standard_normal((T, H, D)) * 1.5, rng.standard_normal((G, T, D))]
    ties = [np.round(x * 2) / 4 for x in plain]
    return {name: [x.astype(np.float32).astype(np.float64) for x in xs] for name, xs in (("plain", plain), ("ties", ties))}


def best(score, n, k, sink=0, recent=0, exact=False):
    """The first k keys: forced ones, then by falling score and rising index."""
    sink = min(sink, n)
    recent = min(recent, n - sink)
    order = list(range(sink)) + [n - 1 - i for i in range(recent)]
    rest = sorted((j for j in range(n) if sink <= j < n - recent), key=lambda j: (-score[j], j))
    place = k - len(order)
    if not exact and 0 < place < len(rest):
        gap = score[rest[place - 1]] - score[rest[place]]
        same = score[rest[place - 1]] == score[rest[place]]
        assert same or gap > 2e-5 * max(1, abs(score[rest[place]])), ("border", gap)
    return (order + rest)[:k]


class Row:
    def __init__(self, data, t, window, prompt, exact):
        self.q, self.k = data
        self.t, self.prompt, self.exact = t, prompt, exact
        self.window = window
        self.first = max(0, t - window + 1) if window else 0
        self.n = t + 1 - self.first

    def logits(self, h, t=None):
        t = self.t if t is None else t
        first = max(0, t - self.window + 1) if self.window else 0
        return SCALE * self.k[h // (H // G), first:t + 1] @ self.q[t, h], first

    def prob(self, h, t=None):
        s, first = self.logits(h, t)
        e = np.exp(s - s.max())
        return e / e.sum(), first


def exact_score(row, heads, of):
    if of == "head":
        return row.logits(heads[0])[0]
    p = np.array([row.prob(h)[0] for h in heads])
    return p.max(0) if of == "max" else p.sum(0)


def page_score(row, heads, page, kind):
    out = np.zeros(row.n)
    for j in range(row.n):
        p = (row.first + j) // page
        for h in heads:
            keys = row.k[h // (H // G), p * page:min((p + 1) * page, row.t + 1)]
            q = row.q[row.t, h]
            if kind == "mean":
                out[j] += q @ keys.mean(0)
            else:
                out[j] += np.maximum(q * keys.min(0), q * keys.max(0)).sum()
    return out


def unrotated(keys):
    """The keys of positions 0, 1, ... before their rotation, halves paired."""
    frequency = np.float32(ROPE_BASE ** (-2 * np.arange(D // 2) / D)).astype(np.float64)
    turn = np.exp(-1j * np.arange(len(keys))[:, None] * frequency)
    pairs = (keys[:, :D // 2] + 1j * keys[:, D // 2:]) * turn
    return np.concatenate([pairs.real, pairs.imag], 1)


def low_rank(row, heads, rank, calibrate, centre, channels, pre):
    n = min(calibrate, row.prompt)
    out = np.zeros(row.n)
    for h in heads:
        g = h // (H // G)
        keys = row.k[g]
        if row.t < n:
            basis = np.eye(D)
        elif channels:
            share = sum(np.abs(row.q[t, g * (H // G) + i]) * np.abs(keys[s])
                        for t in range(n) for s in range(t + 1) for i in range(H // G))
            basis = np.eye(D)[sorted(range(D), key=lambda c: (-share[c], c))[:rank]]
        else:
            x = unrotated(keys[:n]) if pre else keys[:n]
            x = x - (x.mean(0) if centre else 0)
            value, vector = np.linalg.eigh(x.T @ x / n)
            basis = vector.T[np.argsort(-value)[:rank]]
        out += (keys[row.first:row.t + 1] @ basis.T) @ (basis @ row.q[row.t, h])
    return out


def snap_score(row, heads, window, pool, largest):
    after = row.prompt < T and row.t >= row.prompt
    to = row.prompt if after else (row.t + 1) // window * window
    start = max(0, to - window)
    voted = start if after else to
    votes = np.zeros(T)
    for t in range(start, to):
        for h in heads:
            p, first = row.prob(h, t)
            votes[first:t + 1] += p
    votes[voted:] = 0
    half = pool // 2
    smooth = np.zeros(T)
    for j in range(voted):
        near = votes[max(0, j - half):min(voted, j + half + 1)]
        smooth[j] = near.max() if largest else near.sum() / pool
    return smooth[row.first:row.t + 1]


def top_p(row, h, mass, sink, recent, most):
    s = row.logits(h)[0]
    p = row.prob(h)[0]
    order = sorted(range(row.n), key=lambda j: (-s[j], j))
    count = int(np.argmax(np.cumsum(p[order]) >= mass - 1e-12)) + 1
    assert abs(p[order[:count]].sum() - mass) > 1e-6 and abs(p[order[:count - 1]].sum() - mass) > 1e-6
    forced = set(range(min(sink, row.n))) | set(range(max(0, row.n - recent), row.n))
    count = len(forced | set(order[:count]))
    return best(s, row.n, min(count, most) if most else count, sink, recent, row.exact)


def heads_of(share):
    return {"head": [[h] for h in range(H)], "group": [list(range(g * 2, g * 2 + 2)) for g in range(G)],
            "layer": [list(range(H))]}[share]


def keep_of(row, name, arg):
    if name in ("quest", "blockmean"):
        return row.t % arg + 1
    if name == "snapkv":
        return row.t - row.prompt + arg + 1 if row.prompt < T and row.t >= row.prompt else arg
    return 0


def sets_of(row, spec):
    """For each set, for each budget, the keys."""
    head, *settings = spec.split(",")
    name, _, arg = head.partition(":")
    o = dict(x.split("=") for x in settings)
    sink, recent = max(0, int(o.get("sink", 0)) - row.first), int(o.get("recent", 0))
    if name == "recent":
        a, w = map(int, arg.split("+"))
        return [[[j for j in range(row.n) if row.first + j < a or j >= row.n - w]] * len(K)]
    if name == "topp":
        return [[top_p(row, h, float(arg), sink, recent, int(o.get("k", 0)))] * len(K) for h in range(H)]
    of = {"exact": "head", "exact-group": "group", "exact-sum": "sum", "exact-max": "max"}.get(name)
    share = {"head": "head", "group": "group", "sum": "layer", "max": "layer"}[of] if of else o.get("share", "head")
    out = []
    for heads in heads_of(share):
        if of:
            score = exact_score(row, heads, of)
        elif name == "quest":
            score = page_score(row, heads, int(arg), "bound")
        elif name == "blockmean":
            score = page_score(row, heads, int(arg), "mean")
        elif name in ("loki", "doublesparse"):
            score = low_rank(row, heads, int(arg), int(o.get("calibrate", 256)), o.get("centre", "yes") == "yes",
                             name == "doublesparse", o.get("rotation") == "pre")
        else:
            score = snap_score(row, heads, int(arg), int(o.get("pool", 5)), o.get("pooling") == "max")
        keep = 0 if of or o.get("current") == "rank" else keep_of(row, name, int(arg))
        out.append([best(score, row.n, min(k, row.n), sink, max(recent, keep), row.exact) for k in K])
    return out


EXACT = ["exact", "exact,sink=2,recent=3", "quest:4", "quest:16,share=group", "quest:4,current=rank,sink=3",
         "blockmean:8", "blockmean:4,share=layer,current=rank", "doublesparse:3,calibrate=20",
         "doublesparse:2,calibrate=20,share=group,recent=2"]
CASES = ([("ties", T, s) for s in EXACT] + [("plain", T, s) for s in EXACT] +
         [("plain", T, s) for s in (
             "exact-group", "exact-sum", "exact-max", "recent:3+7", "topp:0.5", "topp:0.9", "topp:0.7,sink=2,recent=3",
             "topp:0.95,k=12", "loki:3,calibrate=24", "loki:2,calibrate=24,share=group,sink=1",
             "loki:4,calibrate=24,centre=no,share=layer", "snapkv:8", "snapkv:8,pool=1,share=group",
             "snapkv:5,pool=3,pooling=max,share=layer,sink=2")] +
         [("plain", 40, s) for s in ("snapkv:8", "snapkv:16,pool=7,share=group", "loki:3", "doublesparse:3")] +
         [("plain", T, s) for s in ("loki:3,calibrate=24,rotation=pre", "loki:2,calibrate=24,rotation=pre,share=group,sink=1")] +
         [("plain", 40, "loki:4,rotation=pre,centre=no,share=layer")])


def main():
    data = make_data()
    tensors = {f"{name}.{x}": a.astype("<f4") for name, xs in data.items() for x, a in zip("qk", xs)}
    for name, prompt, spec in CASES:
        layers = []
        for window in WINDOW:
            rows = []
            for t in ROWS:
                row = Row(data[name], t, window, prompt, name == "ties")
                sets = sets_of(row, spec)
                mask = np.zeros((len(sets), T), np.uint8)
                for i, budgets in enumerate(sets):
                    for b, keys in enumerate(budgets):
                        mask[i, keys] |= 1 << b
                rows.append(mask)
            layers.append(rows)
        tensors[f"{name};{prompt};{spec}"] = np.array(layers)
    header, at = {}, 0
    for name, a in tensors.items():
        header[name] = {"dtype": "U8" if a.dtype == np.uint8 else "F32", "shape": list(a.shape), "data_offsets": [at, at + a.nbytes]}
        at += a.nbytes
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    out = sys.argv[1] if len(sys.argv) > 1 else os.path.join(os.path.dirname(__file__), "selectors.safetensors")
    with open(out, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text)
        for a in tensors.values():
            f.write(np.ascontiguousarray(a).tobytes())


main()
