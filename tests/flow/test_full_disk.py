"""No room left: every output of every command, at several sizes. The program says so in one line that names the file and the
reason, exits with 1, leaves nothing under the final name and keeps the rows that were flushed. A file-size limit stands for
the full disk everywhere; a small tmpfs is one, where mounting is allowed."""
import os
import re
import resource
import signal
import subprocess

from killing import check_part
from runs import BOOK, SOURCE, attnmeter, datasets, folder

import captures
import numpy as np

WORK = folder("full_disk")
TASK = os.path.join(SOURCE, "data", "tasks", "copy", "512.jsonl")
RUN = ["-f", BOOK, "-c", 96, "--split", "--limit", 4, "--block", 32, "-k", "1,16", "--map", "4", "--dist", "topk:4", "-q"]
TINY = 64  # KiB of the tmpfs
checked = 0


def path(name):
    return os.path.join(WORK, name)


def small_capture():
    rng = np.random.default_rng(5)
    layer = {"q": rng.normal(size=(40, 4, 8)), "k": rng.normal(size=(40, 2, 8)), "v": rng.normal(size=(40, 2, 8))}
    captures.write(path("capture.h5"), {0: {"scale": 0.3}}, [{"length": 40, "row_position": np.arange(40), 0: layer}] * 3)


def limited(limit):
    def set_limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_DFL)  # as from a shell
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    return set_limit


def run(arguments, **more):
    return subprocess.run([os.environ["ATTNMETER"], *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **more)


def refused(r, arguments, *names):
    """One line on what could not be written, beside notes and lists of files."""
    global checked
    told = [line for line in r.stderr.split("\n")[:-1] if not line.startswith("wrote ") and ": note: " not in line]
    assert r.returncode == 1 and len(told) == 1, (arguments, r.returncode, r.stderr)
    assert any(n in told[0] for n in names), (told, names)
    reasons = ("File too large", "No space left on device", "is the disk full?")
    assert any(why in told[0] for why in reasons), told
    checked += 1
    return told[0]


def check_run(command, whole, out, make_room, **more):
    """run and replay: the part opens and its rows are those of the whole run."""
    r = run([*command, "-o", out], **more)
    told = refused(r, command, out + ".part")
    assert not os.path.exists(out) and not os.path.exists(out + ".part.new")
    kept = re.search(r"keeps (\d+) rows?$", told)
    if kept:
        assert check_part(out, whole) == int(kept[1]) > 0, told
    elif os.path.exists(out + ".part"):
        check_part(out, whole)
    make_room()


def files_in(folder):
    return sorted(os.path.join(at, n) for at, _, names in os.walk(folder) for n in names)


def check_file(command, out, make_room, **more):
    r = run([*command, "-o", out], **more)
    refused(r, command, out)
    assert files_in(os.path.dirname(out)) in ([], [os.path.join(os.path.dirname(out), "pad")]), files_in(os.path.dirname(out))
    make_room()


def whole_picture(name):
    with open(name, "rb") as f:
        data = f.read()
    return data.rstrip().endswith(b"</svg>") if name.endswith(".svg") else data.endswith(b"IEND\xaeB`\x82")


def check_pictures(command, out, make_room, **more):
    """Pictures that are left are whole, and what is said to be written is there."""
    r = run([*command, "--plot", out], **more)
    refused(r, command, out)
    left = files_in(out)
    assert all(whole_picture(n) for n in left if n.endswith((".svg", ".png"))), left
    said = [line[6:] for line in r.stderr.split("\n") if line.startswith("wrote ")]
    assert set(said) == set(left), (said, left)
    make_room()


def remove(folder):
    for name in files_in(folder):
        os.unlink(name)


def by_limit(whole, replayed):
    os.makedirs(path("limit"))
    out = path("limit/out")
    clear = lambda: remove(path("limit"))
    for limit in (0, 1000, 20000, 100000, int(0.9 * os.path.getsize(path("whole.h5")))):
        check_run(["run", *RUN], whole, out, clear, preexec_fn=limited(limit))
    for limit in (0, 20000, int(0.9 * os.path.getsize(path("replayed.h5")))):
        check_run(["replay", path("capture.h5"), "-q"], replayed, out, clear, preexec_fn=limited(limit))
    for limit in (0, 4096, 20000):
        for form in ("csv", "json", "npz"):
            check_file(["export", path("whole.h5"), "-f", form], out, clear, preexec_fn=limited(limit))
    for limit in (0, 100):
        check_file(["export", path("whole.h5"), "-f", "ipynb"], out, clear, preexec_fn=limited(limit))
        check_file(["entropy", path("whole.h5"), "--csv"], out, clear, preexec_fn=limited(limit))
        check_file(["coverage", path("whole.h5"), "--json"], out, clear, preexec_fn=limited(limit))
        check_file(["compare", path("whole.h5"), path("whole.h5"), "--json"], out, clear, preexec_fn=limited(limit))
        check_file(["eval", "--tasks", TASK, "--limit", 1, "--max-new-tokens", 1, "--json"], out, clear, preexec_fn=limited(limit))
    for command in (["entropy", path("whole.h5")], ["compare", path("whole.h5"), path("whole.h5")]):
        for limit in (0, 2000, 5000, 10000):
            check_pictures(command, path("limit/pictures"), clear, preexec_fn=limited(limit))


def by_device():
    """Standard output that cannot be written."""
    run_file = path("whole.h5")
    for command in (["show", run_file], ["show", "--json", run_file], ["entropy", run_file], ["coverage", "--json", run_file],
                    ["export", run_file, "-f", "csv"], ["export", run_file, "-f", "json"], ["compare", run_file, run_file],
                    ["info"], ["doctor"], ["--help"], ["--version"], [], ["run", "--help"], ["run", *RUN, "--dry-run"]):
        with open("/dev/full", "w", encoding="utf-8") as full:
            r = subprocess.run([os.environ["ATTNMETER"], *map(str, command)], stdin=subprocess.DEVNULL, stdout=full,
                               stderr=subprocess.PIPE, text=True)
        refused(r, command, "standard output")


def by_mount(whole):
    """On a real file system without room, shared with a file that takes it up; not everyone may mount one."""
    disk = path("disk")
    os.makedirs(disk)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={TINY}k", "tmpfs", disk]
    if subprocess.run(mount, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        print("no tmpfs may be mounted here: the file-size limit stands for it")
        return

    def room(kib):
        remove(disk)
        with open(os.path.join(disk, "pad"), "wb") as f:
            f.write(bytes((TINY - kib) * 1024))

    try:
        for kib in (0, 8, 40, TINY):
            again = lambda k=kib: room(k)
            again()
            check_run(["run", *RUN], whole, os.path.join(disk, "out"), again)
            check_file(["export", path("whole.h5"), "-f", "npz"], os.path.join(disk, "out"), again)
            r = run(["compare", path("whole.h5"), path("whole.h5"), "--plot", os.path.join(disk, "p")])
            refused(r, ["compare"], os.path.join(disk, "p"))
            assert all(whole_picture(n) for n in files_in(disk) if n.endswith((".svg", ".png")))
    finally:
        subprocess.run(["umount", disk], check=True)


attnmeter("run", *RUN, "-o", path("whole.h5"))
small_capture()
attnmeter("replay", path("capture.h5"), "-q", "-o", path("replayed.h5"))
whole_run = datasets(path("whole.h5"))
by_limit(whole_run, datasets(path("replayed.h5")))
by_device()
by_mount(whole_run)
assert checked >= 50, checked
