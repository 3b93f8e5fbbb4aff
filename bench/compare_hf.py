#!/usr/bin/env python3
"""Times attnmeter beside Hugging Face transformers: same weights, tokens, threads and machine.

Run it with the Python of an environment that has torch and transformers (CPU is
enough; h5py, when there, lets it compare results too):

    python bench/compare_hf.py --model DIR --tokens 4096 --threads 2 --attnmeter build/attnmeter

Measured on the other side, each in a process of its own:
  sdpa        forward with torch's fused attention and the NLL of every token
  hook        (--hook) eager attention; a hook forms entropy and top-256 mass of every row
  hook-all    (--hook-all) the same with every statistic of a row that attnmeter captures
  attentions  (--attentions) output_attentions=True, then entropy; holds every L x L matrix

attnmeter captures all rows and statistics and writes its run file. Its time is the
whole process; for the others "seconds" leaves out imports and loading and
"process" holds all. Ratios are theirs over ours. OPENBLAS_CORETYPE stays as it is in
the environment for both sides; --clear-coretype removes it for both.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

CHUNK = 256  # rows of logits at a time
TOP = 256    # keys of the hook's top-k mass
K = (1, 4, 16, 64, 128, 256, 512, 1024)
RATIOS = (0.01, 0.05, 0.1)
MASSES = (0.5, 0.9, 0.95, 0.99)
SINK, RECENT = 4, 64


def token_ids(path):
    with open(path) as f:
        return [int(x) for x in f.read().split()]


def chunked_nll(model, hidden, ids):
    import torch
    total = 0.0
    for i in range(0, len(ids) - 1, CHUNK):
        end = min(i + CHUNK, len(ids) - 1)
        logits = model.lm_head(hidden[0, i:end]).float()
        target = torch.tensor(ids[i + 1:end + 1])
        total += torch.nn.functional.cross_entropy(logits, target, reduction="sum").item()
    return total / (len(ids) - 1)


def row_entropy(weights):
    """Sum over rows; weights [1, heads, rows, keys]."""
    import torch
    return torch.special.entr(weights).sum().item()


def row_statistics(scores, weights):
    """What attnmeter captures of every row, [heads, rows] each, of one sequence from its start."""
    import torch
    n = weights.shape[-1]
    visible = torch.arange(1, n + 1)
    distance = (visible[:, None] - visible[None, :]).clamp_(min=0).float()
    s, p = scores[0], weights[0]
    out = {"entropy": torch.special.entr(p).sum(-1), "lse": s.logsumexp(-1), "renyi2": -p.square().sum(-1).log(),
           "mean_distance": (p * distance).sum(-1), "sink_mass": p[..., :SINK].sum(-1),
           "recent_mass": (p * (distance < RECENT)).sum(-1)}
    mean = (p * s.clamp(min=-1e30)).sum(-1)
    out["score_variance"] = (p * s.clamp(min=-1e30).sub(mean[..., None]).square()).nan_to_num_(0).sum(-1)
    mass = p.sort(-1, descending=True).values
    out["max_prob"] = mass[..., 0].clone()
    mass.cumsum_(-1)
    counts = [torch.full((n,), k).minimum(visible) for k in K] + [(visible * r).ceil().clamp(min=1).long() for r in RATIOS]
    at = torch.stack(counts, -1).expand(len(p), n, len(counts)) - 1
    out["mass_at_k"] = mass.gather(-1, at)
    tau = torch.tensor(MASSES).expand(len(p), n, len(MASSES)).contiguous()
    out["k_at_mass"] = torch.searchsorted(mass, tau) + 1
    return out


class Hook:
    """Eager attention that keeps numbers of every row and drops the matrix: two, or all of row_statistics()."""

    def __init__(self, everything):
        self.everything = everything
        self.entropy = self.mass = 0.0
        self.rows = 0
        self.kept = []

    def __call__(self, module, query, key, value, attention_mask, scaling, **_):
        import torch
        groups = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(groups, 1), value.repeat_interleave(groups, 1)
        scores = query @ key.transpose(2, 3) * scaling + attention_mask
        weights = torch.softmax(scores, -1)
        self.rows += weights.shape[1] * weights.shape[2]
        if self.everything:
            self.kept.append(row_statistics(scores, weights))
            self.entropy += self.kept[-1]["entropy"].sum().item()
            self.mass += self.kept[-1]["mass_at_k"][..., K.index(TOP)].sum().item()
        else:
            self.entropy += row_entropy(weights)
            self.mass += weights.topk(min(TOP, weights.shape[-1]), -1).values.sum().item()
        return (weights @ value).transpose(1, 2).contiguous(), weights


def load(path, attention):
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging
    logging.disable_progress_bar()
    return AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation=attention).eval()


def child(args):
    """One measurement in this process; prints a line of JSON."""
    import torch
    torch.set_num_threads(args.threads)
    ids = token_ids(args.token_file)
    hook = Hook(args.child == "hook-all")
    if args.child.startswith("hook"):
        from transformers import AttentionInterface
        from transformers.masking_utils import AttentionMaskInterface, eager_mask
        AttentionInterface.register("measuring", hook)
        AttentionMaskInterface.register("measuring", eager_mask)
    model = load(args.model, {"sdpa": "sdpa", "attentions": "eager"}.get(args.child, "measuring"))
    result, start = {}, time.perf_counter()
    with torch.inference_mode():
        out = model.model(torch.tensor([ids]), use_cache=False, output_attentions=args.child == "attentions")
        result["nll"] = chunked_nll(model, out.last_hidden_state, ids)
        if args.child == "attentions":
            rows = sum(a.shape[1] * a.shape[2] for a in out.attentions)
            result["entropy"] = sum(row_entropy(a) for a in out.attentions) / rows
    result["seconds"] = time.perf_counter() - start
    if args.child.startswith("hook"):
        result["entropy"], result["top_mass"] = hook.entropy / hook.rows, hook.mass / hook.rows
    print(json.dumps(result))


def measure(command, env):
    """Runs to the end: (standard output, seconds, peak resident bytes) of that process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, env=env, text=True)
    text = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"compare_hf.py: exit code {process.returncode}: {' '.join(command)}")
    return text, seconds, usage.ru_maxrss * 1024


def measure_peer(kind, args, token_file, env):
    command = [sys.executable, os.path.abspath(__file__), "--child", kind, "--model", args.model,
               "--threads", str(args.threads), "--token-file", token_file]
    text, process, peak = measure(command, env)
    return {"name": kind, "process": process, "peak": peak, **json.loads(text.splitlines()[-1])}


def run_file_means(path):
    try:
        import h5py
    except ImportError:
        return {}
    with h5py.File(path) as f:
        at = list(f["k"][:]).index(TOP)
        return {"nll": float(f["sequence_nll"][:].mean()), "entropy": float(f["stat/entropy"][:].mean()),
                "top_mass": float(f["stat/mass_at_k"][..., at].mean())}


def measure_attnmeter(args, token_file, where, env):
    output = os.path.join(where, "run.h5")
    command = [args.attnmeter, "run", "-m", args.model, "--tokens", token_file, "-o", output, "--force",
               "-t", str(args.threads), "-k", ",".join(map(str, K))]
    _, seconds, peak = measure(command, env)
    return {"name": "attnmeter", "seconds": seconds, "process": seconds, "peak": peak,
            **run_file_means(output)}


def report(rows):
    ours = rows[-1]
    print(f"{'':<11} {'seconds':>8} {'process':>8} {'peak GB':>8} {'NLL':>9} {'entropy':>9} {'top-256':>9}   ratios: "
          f"{'seconds':>7} {'process':>7} {'peak':>7}")
    for r in rows:
        ratios = [r[k] / ours[k] for k in ("seconds", "process", "peak")]
        results = [f"{r[k]:9.5f}" if k in r else f"{'-':>9}" for k in ("nll", "entropy", "top_mass")]
        print(f"{r['name']:<11} {r['seconds']:8.2f} {r['process']:8.2f} {r['peak'] / 1e9:8.2f} "
              f"{' '.join(results)}           " + " ".join(f"{x:7.2f}" for x in ratios))


def write_tokens(path, model, n, seed):
    import random
    with open(os.path.join(model, "config.json")) as f:
        vocab = json.load(f)["vocab_size"]
    rng = random.Random(seed)
    with open(path, "w") as f:
        f.write(" ".join(str(rng.randrange(vocab)) for _ in range(n)) + "\n")


def parse():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", required=True, help="directory of a checkpoint")
    p.add_argument("--tokens", type=int, default=4096, help="length of the random sequence")
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--attnmeter", help="path of the program")
    p.add_argument("--hook", action="store_true")
    p.add_argument("--hook-all", action="store_true")
    p.add_argument("--attentions", action="store_true", help="needs about 20 GB at 4096 tokens")
    p.add_argument("--clear-coretype", action="store_true")
    p.add_argument("--json", metavar="FILE", help="the figures as JSON too")
    p.add_argument("--child", choices=("sdpa", "hook", "hook-all", "attentions"), help=argparse.SUPPRESS)
    p.add_argument("--token-file", help=argparse.SUPPRESS)
    args = p.parse_args()
    if not args.child and not args.attnmeter:
        p.error("--attnmeter is needed")
    return args


def main():
    args = parse()
    if args.child:
        return child(args)
    env = dict(os.environ)
    if args.clear_coretype:
        env.pop("OPENBLAS_CORETYPE", None)
    with tempfile.TemporaryDirectory() as where:
        token_file = os.path.join(where, "tokens.txt")
        write_tokens(token_file, args.model, args.tokens, args.seed)
        kinds = ["sdpa"] + ["hook"] * args.hook + ["hook-all"] * args.hook_all + ["attentions"] * args.attentions
        rows = [measure_peer(k, args, token_file, env) for k in kinds]
        rows.append(measure_attnmeter(args, token_file, where, env))
    report(rows)
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"tokens": args.tokens, "threads": args.threads, "rows": rows}, f, indent=1)


if __name__ == "__main__":
    main()
