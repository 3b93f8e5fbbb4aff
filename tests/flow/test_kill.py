"""A run that ends early: killed at any moment, asked to stop, or out of disk. The
part that stays opens, and each of its rows is the row of the whole run."""
import os
import random
import resource
import signal
import subprocess
import time

from killing import check_left, check_part, clear, start
from runs import BOOK, attnmeter, datasets, folder, same_bytes

WORK = folder("kill")
RUN = ["-f", BOOK, "-c", 512, "--split", "--limit", 6, "--block", 48, "-k", "1,16", "--map", "8", "--dist", "topk:4"]
DENSE = ["-f", BOOK, "-c", 160, "--split", "--limit", 4, "--block", 32, "-k", "1,16", "--map", "8", "--dist", "full"]
SHADOW = ["-f", BOOK, "-c", 150, "--split", "--limit", 4, "--block", 32, "-k", "1,16", "--map", "8", "--shadow", "quest:16", "--shadow", "exact-sum"]
SMALL = ["-f", BOOK, "-c", 40, "--split", "--limit", 2, "--block", 16, "--dist", "full", "--shadow", "exact", "-k", "1,4"]


def whole_run(options):
    path = os.path.join(WORK, "whole.h5")
    begin = time.monotonic()
    attnmeter("run", *options, "-o", path, "--force")
    return datasets(path), time.monotonic() - begin


def kill_at_random(options, times, old=None):
    """Moments spread over the whole life, one in each of `times` equal parts of it. Before the part exists nothing is left."""
    whole, seconds = whole_run(options)
    path, rows = os.path.join(WORK, "killed.h5"), []
    draw = random.Random(20)
    for i in range(times):
        clear(path)
        if old is not None:
            with open(path, "wb") as f:
                f.write(old)
        p = start(path, options)
        time.sleep((i + draw.random()) / times * seconds)
        p.kill()
        p.communicate()
        if p.returncode == 0:  # faster than the run before: nothing to kill
            assert check_left(path, whole) == len(whole["row"])
            continue
        assert p.returncode == -signal.SIGKILL, p.returncode
        rows.append(check_left(path, whole, old))
    assert rows and 0 < max(rows), rows
    return whole


def kill_at_changes(old):
    """At changes that a small run makes to files: the first ten, the last ten, to the final rename, and ten between."""
    whole, _ = whole_run(SMALL)
    path, rows = os.path.join(WORK, "killed.h5"), []
    preload = lambda n: dict(os.environ, LD_PRELOAD=os.path.join(os.environ["AM_BINARY_DIR"], "tests", "libkill_at.so"), KILL_AT=str(n))
    clear(path)
    _, told = start(path, SMALL, env=preload(0)).communicate()
    changes = int(told.split(b" changes")[0].split()[-1])
    assert changes > 20, told
    between = random.Random(20).sample(range(11, changes - 9), min(10, changes - 20))
    for n in [*range(1, 11), *sorted(between), *range(changes - 9, changes + 1)]:
        clear(path)
        with open(path, "wb") as f:
            f.write(old)
        p = start(path, SMALL, env=preload(n))
        p.communicate()
        assert p.returncode == -signal.SIGKILL, (n, p.returncode)
        rows.append(check_left(path, whole, old))
    assert rows == sorted(rows) and rows[0] == 0 and rows[-1] > 0, rows


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
    assert told.startswith(b"attnmeter run: stopped after ") and told.endswith(b"rows\n"), told
    done = int(told.split()[4])
    assert f"stopped.h5.part keeps {done} rows" in told.decode(), told
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


kill_at_changes(b"an old file")
kill_at_random(DENSE, 14)
kill_at_random(SHADOW, 14)
kill_at_random(DENSE, 12, b"an old file")
whole = kill_at_random(RUN, 10)
stop(whole, signal.SIGINT)
stop(whole, signal.SIGTERM)
ignored_stays_ignored()
one_writer(whole)
full_disk(whole)
two_at_once(whole)
