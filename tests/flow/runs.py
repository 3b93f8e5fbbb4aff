"""What the flow tests share: the program under test, its run files as arrays."""
import json
import os
import shutil
import subprocess

import h5py
import numpy as np

SOURCE = os.environ["AM_SOURCE_DIR"]
BASE = os.path.join(SOURCE, "models", "base")
BOOK = os.path.join(SOURCE, "data", "time-machine.txt")


def folder(name):
    """A fresh folder for the files of one test."""
    path = os.path.join(os.environ["AM_BINARY_DIR"], "tests", "tmp", name)
    shutil.rmtree(path, ignore_errors=True)
    os.makedirs(path)
    return path


def attnmeter(*arguments):
    """Standard output of a command that must succeed."""
    r = subprocess.run([os.environ["ATTNMETER"], *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True)
    assert r.returncode == 0, (arguments, r.returncode, r.stderr.decode())
    return r.stdout.decode()


def capture(path, *arguments):
    """Runs the model into `path`, has the result validated and returns its datasets."""
    attnmeter("run", *arguments, "-o", path)
    attnmeter("show", "--check", path)
    return datasets(path)


def datasets(path):
    """name: array, of every dataset in a run file."""
    found = {}
    with h5py.File(path, "r") as f:
        f.visititems(lambda name, item: found.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None)
    return found


def same_bytes(a, b, what):
    """Both runs hold the same datasets with the same bytes."""
    assert a.keys() == b.keys(), (what, a.keys() ^ b.keys())
    raw = lambda x: (x.dtype, x.shape, x.tolist() if x.dtype.hasobject else x.tobytes())
    different = [name for name in a if raw(a[name]) != raw(b[name])]
    assert not different, (what, different)


def tensor_span(data, name):
    """A tensor of safetensors bytes: its entry, and where its values begin and end."""
    size = int.from_bytes(data[:8], "little")
    entry = json.loads(bytes(data[8:8 + size]))[name]
    begin, end = entry["data_offsets"]
    return entry, 8 + size + begin, 8 + size + end


def weights(name):
    """A tensor of the embedded model as float64; its file is bfloat16."""
    with open(os.path.join(BASE, "model.safetensors"), "rb") as f:
        data = f.read()
    entry, begin, end = tensor_span(data, name)
    assert entry["dtype"] == "BF16", entry
    raw = np.frombuffer(data[begin:end], np.uint16)
    return (raw.astype(np.uint32) << 16).view(np.float32).astype(float).reshape(entry["shape"])
