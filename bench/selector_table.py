#!/usr/bin/env python3
"""Prints the table of docs/selectors.md: what every selector finds under one budget, beside what it costs.

    python bench/selectors.py [--attnmeter build/attnmeter] [--cost build/bench/select_cost] [--samples 20]

Quality is of the embedded model on generated needle prompts (seed 1), as in bench/findings.py; cost is of random
queries and keys of the same sizes, in nanoseconds of processor time. Needs nothing but the programs and Python.
"""
import argparse
import json
import os
import subprocess
import tempfile

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BUDGET, LENGTH, KEYS, ROUNDS = 64, 2048, 8, 3
SPECS = ["exact", "exact-group", "exact-sum", "exact-max", "precision:0.5", "topp:0.9", "random", "recent:4+60", "quest:16",
         "quest:16,share=layer", "blockmean:32", "loki:8", "loki:8,share=layer", "doublesparse:8", "snapkv:32"]


def run(*arguments):
    r = subprocess.run([*map(str, arguments)], capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if r.returncode:
        raise SystemExit(f"{' '.join(map(str, arguments))}: {r.stderr}")
    return r.stdout


def quality(a, work):
    """spec: recall, mass recall, retained mass and keys of the sets of the last rows, mean over layers and heads."""
    tasks, path = os.path.join(work, "niah.jsonl"), os.path.join(work, "run.h5")
    run(a.attnmeter, "tasks", "niah_multikey", "--length", LENGTH, "--answer-tokens", 20, "-n", a.samples, "--seed", 1, "--keys",
        KEYS, "-o", tasks, "-q")
    run(a.attnmeter, "run", "--tasks", tasks, "--rows", "last:8", "-k", BUDGET, *[x for s in SPECS for x in ("--shadow", s)], "-o", path, "-q")
    rows = json.loads(run(a.attnmeter, "recall", path, "--json"))["table"]
    return {r["selector"]: r for r in rows if r["layer"] is None and r["head"] is None and r.get("k") == BUDGET and
            r["reference"] == "head"}


def cost(a):
    """spec: sets a row, select, prepare; the least of some rounds, since other work only adds."""
    with open(os.path.join(HERE, "models", "base", "config.json")) as f:
        c = json.load(f)
    heads, kv = c["num_attention_heads"], c["num_key_value_heads"]
    sizes = LENGTH, heads, kv, c.get("head_dim") or c["hidden_size"] // heads, BUDGET
    least = {}
    for _ in range(ROUNDS):
        for line in run(a.cost, *sizes, *SPECS).splitlines():
            spec, sets, *times = line.split("\t")
            now = [float(t) for t in times]
            least[spec] = (int(sets), *[min(x, y) for x, y in zip(now, least[spec][1:])]) if spec in least else (int(sets), *now)
    return least


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--attnmeter", default=os.path.join(HERE, "build", "attnmeter"))
    ap.add_argument("--cost", default=os.path.join(HERE, "build", "bench", "select_cost"))
    ap.add_argument("--samples", type=int, default=20)
    a = ap.parse_args()
    with tempfile.TemporaryDirectory() as work:
        found, price = quality(a, work), cost(a)
    print("| selector | recall | mass recall | retained mass | sets a row | select | prepare |\n" + "|---" * 7 + "|")
    for s in SPECS:
        sets, select, prepare = price[s]
        q = [found[s][k] for k in ("recall", "mass_recall", "retained_mass")]
        print(f"| `{s}` | " + " | ".join(f"{x:.3f}" for x in q) + f" | {sets} | {select:.1f} | {prepare:.2f} |")


if __name__ == "__main__":
    main()
