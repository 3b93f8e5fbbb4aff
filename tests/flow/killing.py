"""Runs that end before their time, and what must be true of what they leave."""
import os
import subprocess

from runs import attnmeter, datasets

SUFFIXES = ("", ".part", ".part.new")


def start(path, options, **more):
    return subprocess.Popen([os.environ["ATTNMETER"], "run", *map(str, options), "-o", path, "--force"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)


def clear(path):
    for suffix in SUFFIXES:
        if os.path.exists(path + suffix):
            os.unlink(path + suffix)


def row_axis(name, x, whole):
    """Which axis of a dataset holds the rows; None where none does. Axes before it are layers and heads, which are fewer."""
    if name.startswith(("topk/", "stat/", "row", "selector/", "reference/")) and name != "row_edge" and not name.endswith("/head"):
        rows = [a for a, n in enumerate(whole[name].shape) if n == len(whole["row"])]
        assert len(rows) == 1, (name, whole[name].shape)
        return rows[0]
    return None


def check_part(path, whole):
    """Rows in the part, each compared with the whole run's, to the byte."""
    attnmeter("show", path + ".part")
    part = datasets(path + ".part")
    n, compared = len(part["row_position"]), 0
    for name, x in part.items():
        axis = row_axis(name, x, whole)
        if axis is not None:
            assert x.shape[axis] == n, (name, x.shape, n)
            assert x.tobytes() == whole[name].take(range(n), axis).tobytes(), (name, n)
            compared += 1
        elif name.endswith("/offset"):
            assert (x == whole[name][:n + 1]).all(), name
            prob = name.replace("offset", "prob")
            assert part[prob].shape[1] >= x[-1], prob
            assert part[prob][:, :x[-1]].tobytes() == whole[prob][:, :x[-1]].tobytes(), prob
            compared += 1
    assert compared >= 10, compared
    return n


def check_left(path, whole, old=None):
    """After a kill: rows kept. The final name holds nothing, or the old file where there was one, or the whole new run."""
    if os.path.exists(path):
        with open(path, "rb") as f:
            if f.read() != old:
                assert not os.path.exists(path + ".part")
                os.rename(path, path + ".part")
                assert check_part(path, whole) == len(whole["row"])
                return len(whole["row"])
    else:
        assert old is None, path
    return check_part(path, whole) if os.path.exists(path + ".part") else 0
