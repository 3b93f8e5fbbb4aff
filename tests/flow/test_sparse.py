"""run --attention against a forward pass written anew in float64: which keys are kept, what the
rows' NLL and statistics become, and that nothing changes where all keys are kept."""
import json
import os
import subprocess

import numpy as np

from runs import BASE, BOOK, SOURCE, attnmeter, capture, datasets, folder, same_bytes

WORK = folder("sparse")
GOLDEN = os.path.join(SOURCE, "tests", "golden", "models")


def tensors(directory):
    with open(os.path.join(directory, "model.safetensors"), "rb") as f:
        data = f.read()
    size = int.from_bytes(data[:8], "little")
    found = {}
    for name, entry in json.loads(data[8:8 + size]).items():
        if name == "__metadata__":
            continue
        begin, end = (8 + size + at for at in entry["data_offsets"])
        raw = data[begin:end]
        if entry["dtype"] == "BF16":
            x = (np.frombuffer(raw, np.uint16).astype(np.uint32) << 16).view(np.float32)
        else:
            x = np.frombuffer(raw, {"F32": np.float32, "F16": np.float16}[entry["dtype"]])
        found[name] = x.astype(float).reshape(entry["shape"])
    return found


class Model:
    """A Llama-like model in float64."""

    def __init__(self, directory):
        with open(os.path.join(directory, "config.json")) as f:
            self.c = json.load(f)
        self.w = tensors(directory)
        c = self.c
        self.heads, self.kv = c["num_attention_heads"], c["num_key_value_heads"]
        self.d = c.get("head_dim") or c["hidden_size"] // self.heads

    def window(self, layer):
        c = self.c
        if c["model_type"] == "qwen2":
            return c["sliding_window"] if c.get("use_sliding_window") and layer >= c["max_window_layers"] else None
        return c.get("sliding_window")

    def linear(self, x, name):
        y = x @ self.w[name + ".weight"].T
        return y + self.w[name + ".bias"] if name + ".bias" in self.w else y

    def norm(self, x, name):
        return x / np.sqrt((x * x).mean(-1, keepdims=True) + self.c["rms_norm_eps"]) * self.w[name + ".weight"]

    def rotate(self, x):
        theta = self.c.get("rope_theta") or self.c["rope_parameters"]["rope_theta"]
        half = self.d // 2
        angle = np.arange(len(x))[:, None] * theta ** (-np.arange(half) / half)
        cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
        a, b = x[..., :half], x[..., half:]
        return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)

    def forward(self, ids, choose, first_sparse=0):
        """NLL of every next token; per layer, head and row the dense row's entropy and LSE."""
        n = len(ids)
        x = self.w["model.embed_tokens.weight"][ids]
        entropy, lse = (np.zeros((self.c["num_hidden_layers"], self.heads, n)) for _ in range(2))
        for layer in range(self.c["num_hidden_layers"]):
            stem = f"model.layers.{layer}."
            y = self.norm(x, stem + "input_layernorm")
            q, k, v = (self.linear(y, stem + f"self_attn.{p}_proj").reshape(n, -1, self.d) for p in "qkv")
            q, k = self.rotate(q), self.rotate(k)
            out = np.zeros((n, self.heads, self.d))
            for row in range(n):
                lo = max(0, row + 1 - (self.window(layer) or n))
                group = self.heads // self.kv
                s = np.stack([k[lo:row + 1, h // group] @ q[row, h] for h in range(self.heads)]) / np.sqrt(self.d)
                m = s.max(1)
                lse[layer, :, row] = m + np.log(np.exp(s - m[:, None]).sum(1))
                p = np.exp(s - lse[layer, :, row, None])
                entropy[layer, :, row] = -(p * np.where(p > 0, np.log(np.maximum(p, 1e-300)), 0)).sum(1)
                keep = choose(s, p, lo, group) if row >= first_sparse else np.ones_like(s, bool)
                e = np.where(keep, np.exp(s - np.where(keep, s, -np.inf).max(1, keepdims=True)), 0)
                e /= e.sum(1, keepdims=True)
                for h in range(self.heads):
                    out[row, h] = e[h] @ v[lo:row + 1, h // group]
            x = x + self.linear(out.reshape(n, -1), stem + "self_attn.o_proj")
            y = self.norm(x, stem + "post_attention_layernorm")
            gate = self.linear(y, stem + "mlp.gate_proj")
            x = x + self.linear(gate / (1 + np.exp(-gate)) * self.linear(y, stem + "mlp.up_proj"), stem + "mlp.down_proj")
        x = self.norm(x, "model.norm")
        head = self.w.get("lm_head.weight", self.w["model.embed_tokens.weight"])
        logits = x @ head.T
        top = logits.max(1)
        total = top + np.log(np.exp(logits - top[:, None]).sum(1))
        return total[:-1] - logits[np.arange(n - 1), ids[1:]], entropy, lse


def best(score, k):
    """The k largest, lower index first among equals."""
    keep = np.zeros(len(score), bool)
    keep[np.argsort(-score, kind="stable")[:k]] = True
    return keep


def sums(p, group):
    """Probability summed over each group's heads, for every head."""
    return np.repeat(p.reshape(-1, group, p.shape[1]).sum(1), group, 0)


def chooser(spec):
    """The sets of a spec: function of a row's scores, probabilities, first key and heads a group."""
    name, *settings = spec.split(",")
    settings = dict(x.split("=") for x in settings)
    if name.startswith("topk:"):
        name, settings = "exact", {"ratio" if "%" in name else "k": name[5:]}
    if name.startswith("recent:"):
        sink, last = map(int, name[7:].split("+"))
        return lambda s, p, lo, group: np.broadcast_to(
            (np.arange(s.shape[1]) + lo < sink) | (np.arange(s.shape[1]) >= s.shape[1] - last), s.shape)

    def budget(n):
        if "k" in settings:
            return int(settings["k"])
        return max(1, int(np.ceil(float(settings["ratio"].rstrip("%")) / 100 * n - 1e-9)))

    def choose(s, p, lo, group):
        score = {"exact": s, "exact-group": sums(p, group), "exact-sum": sums(p, len(s)),
                 "exact-max": np.broadcast_to(p.max(0), p.shape)}[name].copy()
        n = s.shape[1]
        k, sink = budget(n), max(0, int(settings.get("sink", 0)) - lo)  # sinks are the sequence's first keys
        score[:, :sink] = np.inf
        if int(settings.get("recent", 0)):
            score[:, -int(settings["recent"]):] = np.inf
        return np.stack([best(x, k) for x in score])

    return choose


def compare(got, model, spec, first_sparse=0):
    nll, entropy, lse = model.forward(got["token_id"], chooser(spec), first_sparse)
    dense = model.forward(got["token_id"], lambda s, p, lo, group: np.ones_like(s, bool))[0]
    off = np.abs(got["row_nll"][:-1] - nll).max()
    print(f"{spec}: NLL off by {off:.2g} nat, from dense by {np.abs(nll - dense).max():.2g}")
    assert off <= 2e-4, (spec, off)
    assert np.abs(nll - dense).max() > 5e-3, spec
    for name, want in ("stat/entropy", entropy), ("stat/lse", lse):
        worst = np.abs(got[name] - want).max()
        assert worst <= 3e-4, (spec, name, worst)


def check_golden(name, specs):
    directory = os.path.join(GOLDEN, name)
    rng = np.random.default_rng(5)
    tokens = os.path.join(WORK, name + ".txt")
    with open(tokens, "w") as f:
        f.write(" ".join(map(str, rng.integers(3, 97, 70))))
    model = Model(directory)
    for i, spec in enumerate(specs):
        for block in (70, 33):
            got = capture(os.path.join(WORK, f"{name}-{i}-{block}.h5"), "-m", directory, "--tokens", tokens,
                          "--attention", spec, "--block", block)
            print(name, end=" ")
            compare(got, model, spec)


def check_decode():
    """Rows of the answer are sparse, those of the prompt are not."""
    tasks = os.path.join(WORK, "tasks.jsonl")
    sample = {"input": "The pass key is 71432. Remember it. What is the pass key? The pass key is", "outputs": ["71432"],
              "answer": " 71432, as I told you before the machine went away into the future."}
    with open(tasks, "w") as f:
        f.write(json.dumps(sample) + "\n")
    prompt = capture(os.path.join(WORK, "prompt.h5"), "--tasks", tasks)["sequence_length"][0]
    model = Model(BASE)
    for spec in ("topk:4", "exact-sum,k=6,sink=1,recent=2"):
        got = capture(os.path.join(WORK, f"decode-{len(spec)}.h5"), "--tasks", tasks, "--with-answer", "--attention", spec,
                      "--sparse", "decode")
        assert len(got["row"]) > prompt + 8
        compare(got, model, spec, prompt)


def check_dense_bytes():
    """A budget of all keys: the same bytes as dense, for every kernel table, blocks and threads."""
    names = [k["name"] for k in json.loads(attnmeter("info", "--json"))["kernels"] if k["usable"]]
    text = ["-f", BOOK, "-c", 90, "-p", "A shorter one.", "--output-error", "--dist", "topk:5"]
    for name in names:
        for block, threads in ((90, 1), (37, 2), (1, 2)):
            how = [*text, "--kernels", name, "--block", block, "-t", threads]
            dense = capture(os.path.join(WORK, "dense.h5"), *how, "--force")
            for spec in ("topk:90", "exact-sum,k=1000", "exact-group,ratio=100%"):
                same_bytes(capture(os.path.join(WORK, "all.h5"), *how, "--attention", spec, "--force"), dense, (name, spec))


def check_own_budgets():
    """A budget caps topp; recent has no use for one and says so."""
    text = ["-f", BOOK, "-c", 60]
    nll = {}
    for i, spec in enumerate(("exact,k=4", "topp:1,k=4", "recent:2+6", "recent:2+6,k=3")):
        path = os.path.join(WORK, f"own{i}.h5")
        r = subprocess.run([os.environ["ATTNMETER"], "run", *map(str, text), "--attention", spec, "-o", path], capture_output=True, text=True)
        assert r.returncode == 0, r.stderr
        assert ("--attention recent:2+6,k=3: the sets of recent do not depend on a budget" in r.stderr) == (i == 3), r.stderr
        nll[spec] = datasets(path)["row_nll"][:-1]
    assert np.abs(nll["exact,k=4"] - nll["topp:1,k=4"]).max() <= 2e-4
    assert np.array_equal(nll["recent:2+6"], nll["recent:2+6,k=3"])


def check_attributes():
    import h5py
    path = os.path.join(WORK, "attributes.h5")
    capture(path, "-p", "Some text.", "--attention", "random,k=3", "--seed", 9)
    with h5py.File(path) as f:
        text = lambda x: x.decode() if isinstance(x, bytes) else str(x)
        assert text(f.attrs["attention"]) == "random,k=3" and text(f.attrs["sparse"]) == "all", dict(f.attrs)
        assert f.attrs["attention_seed"] == 9


check_attributes()
check_own_budgets()
check_golden("mistral-window", ["topk:5", "exact-group,k=4", "exact-sum,ratio=30%", "recent:2+4", "exact-max,k=6,sink=1"])
check_golden("qwen2-windows", ["topk:10%", "exact-group,k=4,recent=2", "exact-sum,k=5", "recent:1+12"])
check_decode()
check_dense_bytes()
