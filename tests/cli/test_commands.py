"""Exact standard output, standard error and exit code of commands.

Cases lie in cases/*.txt, in this form, separated by blank lines:

    $ attnmeter show missing.h5          the command, given to sh
    > a line of standard output
    ! a line of standard error
    = 1                                  the exit code, 0 when left out
    + out.h5                             a file out.* that it left; removed again

Lines that begin with # are comments. Commands run in a fresh folder that holds
the files of make_run.c. Times and sizes of files are masked, as TIME and SIZE.
`test_commands.py --update` writes what the commands gave into the cases.
"""
import glob
import os
import re
import shutil
import subprocess
import sys

import models

HERE = os.path.dirname(os.path.abspath(__file__))
BUILD = os.environ["AM_BINARY_DIR"]
WORK = os.path.join(BUILD, "tests", "tmp", "cli")
MASKS = [(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME"), (r"\d+\.\d [kM]B\b", "SIZE"), (r'"bytes": \d+', '"bytes": SIZE')]


def prepare():
    shutil.rmtree(WORK, ignore_errors=True)
    os.makedirs(os.path.join(WORK, "bin"))
    os.symlink(os.environ["ATTNMETER"], os.path.join(WORK, "bin", "attnmeter"))
    for kind in ("sound", "one", "part", "after", "token", "deep", "short"):
        subprocess.run([os.path.join(BUILD, "tests", "make_run"), kind, os.path.join(WORK, kind + ".h5")], check=True)
    with open(os.path.join(WORK, "text.h5"), "w") as f:
        f.write("This is no run file.\n")
    models.make(os.path.join(WORK, "models"))


def take_left():
    """Files out.* in the folder, which they leave."""
    names = sorted(n for n in os.listdir(WORK) if n.startswith("out."))
    for name in names:
        os.unlink(os.path.join(WORK, name))
    return names


def run(command):
    """The case's lines as the command gives them."""
    env = dict(os.environ, PATH=os.path.join(WORK, "bin") + os.pathsep + os.environ["PATH"], LC_ALL="C")
    r = subprocess.run(["sh", "-c", command], cwd=WORK, env=env, stdin=subprocess.DEVNULL, capture_output=True)
    lines = []
    for mark, raw in ((">", r.stdout), ("!", r.stderr)):
        text = raw.decode()
        for pattern, mask in MASKS:
            text = re.sub(pattern, mask, text)
        lines += [f"{mark} {line}".rstrip() if not line else f"{mark} {line}" for line in text.split("\n")[:-1]]
        if text and not text.endswith("\n"):
            lines.append(f"{mark} {text.rsplit(chr(10), 1)[-1]}(no newline)")
    return lines + ([f"= {r.returncode}"] if r.returncode else []) + [f"+ {name}" for name in take_left()]


def blocks(path):
    """Lists of lines between blank lines."""
    with open(path, encoding="utf-8") as f:
        return [b.split("\n") for b in re.split(r"\n\n+", f.read().strip("\n"))]


def check(path, update):
    problems, out, count = [], [], 0
    for block in blocks(path):
        comments = [line for line in block if line.startswith("#")]
        commands = [line for line in block if line.startswith("$ ")]
        if not commands:
            out.append("\n".join(block))
            continue
        assert len(commands) == 1, f"{path}: one command a case, found {commands}"
        want = [line for line in block if line[:1] in (">", "!", "=", "+")]
        assert len(want) + len(comments) + 1 == len(block), f"{path}: {commands[0]}: a line of no known kind"
        got = run(commands[0][2:])
        out.append("\n".join(comments + commands + got))
        count += 1
        if got != want:
            problems.append(f"{os.path.basename(path)}: {commands[0]}\n  expected\n    " + "\n    ".join(want) +
                            "\n  found\n    " + "\n    ".join(got))
    if update:
        with open(path, "w", encoding="utf-8") as f:
            f.write("\n\n".join(out) + "\n")
        return [], count
    return problems, count


prepare()
paths = sorted(glob.glob(os.path.join(HERE, "cases", "*.txt")))
results = [check(path, "--update" in sys.argv) for path in paths]
problems = [p for found, _ in results for p in found]
total = sum(n for _, n in results)
assert total >= 40, f"only {total} cases were found"
print("\n".join(problems) or f"{total} cases")
sys.exit(bool(problems))
