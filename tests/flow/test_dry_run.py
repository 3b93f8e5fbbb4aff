"""--dry-run promises the peak memory and the file size of a run within 20 %, and
writes nothing. Times depend on who else uses the machine: bench/dry_run.py."""
import os
import shutil
import sys

# Not `runs`: what its h5py takes would count as the memory of every child.
SOURCE = os.environ["AM_SOURCE_DIR"]
sys.path.insert(0, os.path.join(SOURCE, "bench"))
from dry_run import CASES, REPLAYS, estimate, measure, write_capture

BOOK = os.path.join(SOURCE, "data", "time-machine.txt")
WORK = os.path.join(os.environ["AM_BINARY_DIR"], "tests", "tmp", "dry-run")
shutil.rmtree(WORK, ignore_errors=True)
os.makedirs(WORK)
OUT = os.path.join(WORK, "run.h5")
problems = []


def check(name, command, inputs):
    promised = estimate(command, 1)
    assert sorted(os.listdir(WORK)) == inputs, (name, os.listdir(WORK))
    peak, _, _ = measure(command)
    for what, got, want in (("memory", promised["memory_bytes"], peak), ("disk", promised["disk_bytes"], os.path.getsize(OUT))):
        print(f"{name}: {what}: {got:.0f} promised, {want} taken, {got / want:.2f}")
        if not 0.8 <= got / want <= 1.2:
            problems.append((name, what, got, want))
    os.unlink(OUT)


for name, options in CASES.items():
    check(name, [os.environ["ATTNMETER"], "run", "-f", BOOK, "-o", OUT, "-t", "1", *options], [])
for name, (rows, options) in REPLAYS.items():
    capture = os.path.join(WORK, "capture.h5")
    write_capture(capture, rows)
    check(name, [os.environ["ATTNMETER"], "replay", capture, "-o", OUT, "-t", "1", *options], ["capture.h5"])
assert not problems, problems
