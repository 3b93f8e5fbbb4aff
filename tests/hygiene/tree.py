"""The files of the source tree, for the checks beside this file."""
import os
import re
import sys

ROOT = os.environ["AM_SOURCE_DIR"]
SKIPPED = re.compile(r"^(\.git|\.venv.*|build.*|out|__pycache__)$")


def files(*suffixes, under="."):
    """Paths relative to ROOT, sorted; all files when no suffix is given."""
    found = []
    for folder, folders, names in os.walk(os.path.join(ROOT, under)):
        folders[:] = [f for f in folders if not SKIPPED.match(f)]
        found += [os.path.relpath(os.path.join(folder, n), ROOT) for n in names]
    return sorted(f for f in found if not suffixes or f.endswith(suffixes))


def read(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as f:
        return f.read()


def finish(problems, looked_at):
    """Ends the check; having looked at nothing is a problem too."""
    for p in problems:
        print(p)
    print(f"{looked_at} looked at, {len(problems)} problems")
    sys.exit(1 if problems or looked_at == 0 else 0)
