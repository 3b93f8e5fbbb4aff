"""A run that ends early: killed at any moment, asked to stop, or out of disk. The
part that stays opens, and each of its rows is the row of the whole run."""
import os
import random
import resource
import signal
import subprocess
import time

from runs import BOOK, attnmeter, datasets, folder, same_bytes

WORK = folder("kill")
RUN = ["-f", BOOK, "-c", 512, "--split", "--limit", 6, "--block", 48, "-k", "1,16", "--map", "8", "--dist", "topk:4"]
DENSE = ["-f", BOOK, "-c", 160, "--split", "--limit", 6, "--block", 32, "-k", "1,16", "--map", "8", "--dist", "full"]
ROW_AXIS = {"row_sequence": 0, "row_position": 0, "row_token": 0, "row_nll": 0, "row_visible": 1}


def start(path, options, **more):
    return subprocess.Popen([os.environ["ATTNMETER"], "run", *map(str, options), "-o", path, "--force"], stdin=subprocess.DEVNULL,
                            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)


def clear(path):
    for name in (path, path + ".part", path + ".part.new"):
        if os.path.exists(name):
            os.unlink(name)


def check_part(path, whole):
    """Rows in the part, each compared with the whole run's, to the byte."""
    assert not os.path.exists(path), path
    attnmeter("show", path + ".part")
    part = datasets(path + ".part")
    n = len(part["row_position"])
    for name, x in part.items():
        if name in ROW_AXIS or name.startswith(("stat/", "topk/")):
            axis = ROW_AXIS.get(name, 2)
            assert x.shape[axis] == n, (name, x.shape, n)
            assert x.tobytes() == whole[name].take(range(n), axis).tobytes(), (name, n)
        elif name.endswith("/offset"):
            assert (x == whole[name][:n + 1]).all(), name
            prob = name.replace("offset", "prob")
            assert part[prob].shape[1] >= x[-1], prob
            assert part[prob][:, :x[-1]].tobytes() == whole[prob][:, :x[-1]].tobytes(), prob
    return n


def whole_run(options):
    path = os.path.join(WORK, "whole.h5")
    begin = time.monotonic()
    attnmeter("run", *options, "-o", path, "--force")
    return datasets(path), time.monotonic() - begin


def kill_at_random(options, times):
    """Rows kept each time. A moment before the part exists leaves nothing."""
    whole, seconds = whole_run(options)
    path, rows = os.path.join(WORK, "killed.h5"), []
    draw = random.Random(20)
    while len(rows) < times:
        clear(path)
        p = start(path, options)
        time.sleep(draw.uniform(0, 0.9) * seconds)
        p.kill()
        p.communicate()
        if p.returncode == 0:  # faster than the run before
            continue
        assert p.returncode == -signal.SIGKILL, p.returncode
        rows.append(check_part(path, whole) if os.path.exists(path + ".part") else 0)
        assert not os.path.exists(path), "a final name without a whole file"
    assert 0 < max(rows) < len(whole["row"]), rows
    return whole


def wait_for_part(p, path, bytes):
    while p.poll() is None and not (os.path.exists(path + ".part") and os.path.getsize(path + ".part") > bytes):
        time.sleep(0.01)


def stop(whole, number):
    """The block at hand is finished; all rows up to there are kept."""
    path = os.path.join(WORK, "stopped.h5")
    clear(path)
    p = start(path, RUN)
    wait_for_part(p, path, 100000)
    p.send_signal(number)
    _, told = p.communicate()
    assert p.returncode == 128 + number, (number, p.returncode, told)
    assert told.startswith(b"attnmeter run: stopped after ") and told.endswith(b"stopped.h5.part keeps the rows before\n"), told
    done = int(told.split()[4])
    assert 0 < done < len(whole["row"]) and check_part(path, whole) == done, (told, done)


def ignored_stays_ignored():
    path = os.path.join(WORK, "ignored.h5")
    ignore = lambda: signal.signal(signal.SIGINT, signal.SIG_IGN)
    p = start(path, RUN, preexec_fn=ignore)
    wait_for_part(p, path, 0)
    p.send_signal(signal.SIGINT)
    assert p.wait() == 0 and os.path.exists(path)
    p.stderr.close()


def one_writer(whole):
    """A second run to the same name is refused, --force or not, and the first one ends whole."""
    path = os.path.join(WORK, "shared.h5")
    clear(path)
    first = start(path, RUN)
    wait_for_part(first, path, 0)
    second = start(path, DENSE)
    _, told = second.communicate()
    assert second.returncode == 1 and told.endswith(b"shared.h5.part: another run is writing it\n"), told
    assert first.wait() == 0 and not os.path.exists(path + ".part.new")
    first.stderr.close()
    shared = datasets(path)
    assert all(shared[name].tobytes() == whole[name].tobytes() for name in whole if name.startswith("stat/"))


def full_disk(whole):
    """A file size limit, which the writer meets as it meets a full disk."""
    path = os.path.join(WORK, "full.h5")
    size = os.path.getsize(os.path.join(WORK, "whole.h5"))
    for share in (0.3, 0.97):
        limit = int(share * size)
        p = start(path, RUN, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))
        _, told = p.communicate()
        assert p.returncode == 1 and told.count(b"\n") == 1, (share, p.returncode, told)
        assert b"full.h5.part: cannot reserve " in told and b": File too large" in told, told
        check_part(path, whole)
        clear(path)


def two_at_once(whole):
    """The second is refused and the first not disturbed."""
    path = os.path.join(WORK, "shared.h5")
    first = start(path, RUN)
    wait_for_part(first, path, 0)
    second = start(path, RUN)
    _, told = second.communicate()
    assert second.returncode == 1 and told.endswith(b"shared.h5.part: another run is writing it\n"), (second.returncode, told)
    assert not os.path.exists(path + ".part.new")
    _, told = first.communicate()
    assert first.returncode == 0, told
    same_bytes(datasets(path), whole, "beside another run")
    attnmeter("run", *RUN, "-o", path, "--force")  # which is over


kill_at_random(DENSE, 6)
whole = kill_at_random(RUN, 14)
stop(whole, signal.SIGINT)
stop(whole, signal.SIGTERM)
ignored_stays_ignored()
one_writer(whole)
full_disk(whole)
two_at_once(whole)
