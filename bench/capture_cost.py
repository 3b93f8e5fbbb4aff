#!/usr/bin/env python3
"""Cost of capturing against the number of captured rows, on one long sequence of random tokens.

    python bench/capture_cost.py --attnmeter build/attnmeter --model DIR --tokens 131072

Runs with --rows every:N for several N and prints, a line each, rows captured, seconds, processor
seconds, peak memory, and what a row adds over the run with the fewest rows. The last figure is
constant where the cost is linear. Any Python 3; takes a run of the forward pass a line.
"""
import argparse
import os
import random
import subprocess
import tempfile
import time


def measure(command):
    """Seconds, processor seconds and peak bytes of a command that must succeed."""
    begin = time.monotonic()
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    _, status, use = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {p.returncode}")
    return time.monotonic() - begin, use.ru_utime + use.ru_stime, use.ru_maxrss * 1024


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--attnmeter", default="build/attnmeter")
    ap.add_argument("--model", required=True)
    ap.add_argument("--tokens", type=int, default=131072)
    ap.add_argument("--every", default="4096,256,128,64,32", help="comma-separated, falling [4096,256,128,64,32]")
    ap.add_argument("--vocabulary", type=int, default=49152)
    ap.add_argument("--threads", default="2")
    a = ap.parse_args()
    rng = random.Random(1)
    print(f"{'rows':>8}{'wall':>10}{'cpu':>10}{'peak':>10}{'cpu a row':>12}")
    with tempfile.TemporaryDirectory() as folder:
        tokens, out = os.path.join(folder, "tokens.txt"), os.path.join(folder, "run.h5")
        with open(tokens, "w") as f:
            print(*(rng.randrange(a.vocabulary) for _ in range(a.tokens)), file=f)
        base = None
        for every in map(int, a.every.split(",")):
            rows = (a.tokens + every - 1) // every
            wall, cpu, peak = measure([a.attnmeter, "run", "-q", "-m", a.model, "--tokens", tokens, "-c", str(a.tokens), "-o", out,
                                       "--force", "-t", a.threads, "--rows", f"every:{every}"])
            base = base or (rows, cpu)
            each = f"{(cpu - base[1]) / (rows - base[0]) * 1e3:9.2f} ms" if rows > base[0] else ""
            print(f"{rows:>8}{wall:>8.1f} s{cpu:>8.1f} s{peak / 1e6:>7.0f} MB{each:>12}", flush=True)


if __name__ == "__main__":
    main()
