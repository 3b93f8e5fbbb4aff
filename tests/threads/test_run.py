"""run gives the same bytes for 1 and 2 threads. Under ThreadSanitizer this is
also where the whole chain runs on two threads."""
import json
import os
import subprocess

import h5py

WORK = os.path.join(os.environ["AM_BINARY_DIR"], "tests", "tmp", "threads")
TEXT = os.path.join(os.environ["AM_SOURCE_DIR"], "data", "time-machine.txt")


def capture(threads, name, tokens, *arguments):
    path = os.path.join(WORK, f"{name}-{threads}.h5")
    subprocess.run([os.environ["ATTNMETER"], "run", "-q", "-f", TEXT, "-c", str(tokens), "--split", "--limit", "2", "-k", "1,16", "--dist", "full",
                    "-t", str(threads), "-o", path, "--force", *arguments], check=True, stdin=subprocess.DEVNULL)
    return path


def datasets(path):
    """name: (dtype, shape, bytes) of every dataset, strings as they are."""
    found = {}
    with h5py.File(path, "r") as f:
        def add(name, item):
            if isinstance(item, h5py.Dataset):
                value = item[()]
                raw = value.tolist() if item.dtype.hasobject else value.tobytes()
                found[name] = (str(item.dtype), item.shape, raw)
        f.visititems(add)
    return found


def check(name, tokens, *arguments):
    one, two = (datasets(capture(threads, name, tokens, *arguments)) for threads in (1, 2))
    assert len(one) > 20 and one["row_position"][1] == (2 * tokens,), sorted(one)
    assert one.keys() == two.keys(), one.keys() ^ two.keys()
    different = [name for name in one if one[name] != two[name]]
    assert not different, different
    return one


os.makedirs(WORK, exist_ok=True)
check("run", 300)
assert "pair/kl" in check("pair", 100, "--pair-attention", "topk:16")
# Temperatures that are solved, to entropies a little lower.
targets = os.path.join(WORK, "targets.json")
first = os.path.join(WORK, "pair-1.h5")
subprocess.run([os.environ["ATTNMETER"], "compare", first, first, "--by", "overall", "--write-temperatures", targets, "--force", "-q"],
               check=True, stdout=subprocess.DEVNULL)
with open(targets) as f:
    changed = json.load(f)
changed["target"] = [[0.98 * x for x in line] for line in changed["target"]]
with open(targets, "w") as f:
    json.dump(changed, f)
assert "temperature/beta" in check("solved", 100, "--temperatures", targets)
