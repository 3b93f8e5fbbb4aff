#!/usr/bin/env python3
"""What `attnmeter run --dry-run` promises beside what the run then takes.

    python bench/dry_run.py --attnmeter build/attnmeter --text data/time-machine.txt

Prints estimate over truth of peak memory, file size, wall-clock time and, for a
machine that others use too, the user CPU time of the run on one thread. Any Python 3.
"""
import argparse
import json
import os
import subprocess
import tempfile
import time

CASES = {
    "all rows": ["-c", "4096"],
    "windows": ["-c", "512", "--split", "--limit", "8"],
    "every 64th": ["-c", "4096", "--rows", "every:64"],
    "top 32": ["-c", "4096", "--dist", "topk:32"],
    "full": ["-c", "512", "--dist", "full"],
    "one head": ["-c", "4096", "--layers", "0", "--heads", "0"],
    "short": ["-c", "40"],
}


# Replays of a capture with two sequences of random queries and keys: rows recorded of them, 0 for all; options.
REPLAYS = {
    "replay": (0, []),
    "replay, every 64th": (0, ["--rows", "every:64"]),
    "replay, last": (256, ["--output-error"]),
    "replay, shadow": (300, ["--shadow", "snapkv:32", "--shadow", "exact-sum", "-k", "16,64"]),
}


def write_capture(path, rows):
    """In a process of its own: what numpy and h5py take would count as the memory of every child."""
    if os.fork():
        if os.wait()[1]:
            raise SystemExit(f"{path}: could not be written")
        return
    import sys
    sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "flow"))
    import numpy as np
    import captures
    draw, sequences = np.random.default_rng(1), []
    for length in 2048, 1500:
        at = np.arange(length - rows if rows else 0, length)
        sequences.append({"length": length, "row_position": at} | {layer: {
            "q": draw.standard_normal((len(at), 8, 32)), "k": draw.standard_normal((length, 4, 32)),
            "v": draw.standard_normal((length, 4, 32))} for layer in range(4)})
    captures.write(path, {layer: {"scale": 32 ** -0.5} for layer in range(4)}, sequences)
    os._exit(0)


def measure(command):
    """Peak bytes, seconds and user CPU seconds of a command that must succeed."""
    begin = time.monotonic()
    p = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, use = os.wait4(p.pid, 0)
    p.returncode = os.waitstatus_to_exitcode(status)
    if p.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {p.returncode}")
    return use.ru_maxrss * 1024, time.monotonic() - begin, use.ru_utime + use.ru_stime


def estimate(command, times):
    """The estimate of a run, its time the least of several: other work only adds to it."""
    dry = [*command, "--dry-run", "--json"]
    told = [json.loads(subprocess.run(dry, check=True, stdin=subprocess.DEVNULL, capture_output=True).stdout) for _ in range(times)]
    return {**told[0], "seconds": min(e["seconds"] for e in told)}


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--attnmeter", default="build/attnmeter")
    ap.add_argument("--text", required=True)
    ap.add_argument("--model", help="model directory [the embedded model]")
    ap.add_argument("--repeat", type=int, default=3, help="estimates of which the least time is taken [3]")
    a = ap.parse_args()
    print(f"{'case':<12}{'memory':>22}{'disk':>22}{'time, wall':>20}{'cpu':>10}")
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "run.h5")
        for name, options in CASES.items():
            command = [a.attnmeter, "run", "-f", a.text, "-o", out, "--force", "-t", "1", *options]
            command += ["-m", a.model] if a.model else []
            e = estimate(command, a.repeat)
            peak, wall, cpu = measure(command)
            size = os.path.getsize(out)
            print(f"{name:<12}{peak / 1e6:>9.1f} MB  x {e['memory_bytes'] / peak:<6.2f}{size / 1e6:>10.2f} MB  x {e['disk_bytes'] / size:<6.2f}"
                  f"{wall:>9.2f} s  x {e['seconds'] / wall:<5.2f}  x {e['seconds'] / cpu:<5.2f}", flush=True)


if __name__ == "__main__":
    main()
