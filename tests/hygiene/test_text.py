"""Words and paths that do not belong in a finished tree, and overlong files."""
import re

import tree

CODE = (".c", ".h", ".in", ".py", ".sh", ".cmake", ".txt", ".json", ".gp", ".md")
# Written so that no pattern matches its own line.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
MACHINE = re.compile(r"(?<![\w.])/(work|farm|root|home/[a-z]\w*)/")
LONGEST = 600  # lines; a longer file holds two things
# Data, not code: exempt from the length.
DATA = re.compile(r"^(data/|models/base/|tests/golden/.*\.json$|tests/.*/fixtures/)")

problems, looked_at = [], 0
for path in tree.files():
    if not (path.endswith(CODE) or "." not in path.rsplit("/", 1)[-1]):
        continue
    looked_at += 1
    lines = tree.read(path).splitlines()
    if len(lines) > LONGEST and not DATA.match(path):
        problems.append(f"{path}: {len(lines)} lines")
    for number, line in enumerate(lines, 1):
        for pattern, what in ((UNFINISHED, "unfinished word"), (MACHINE, "path of one machine")):
            m = pattern.search(line)
            if m and not path.startswith("data/"):
                problems.append(f"{path}:{number}: {what} {m[0]}")
tree.finish(problems, looked_at)
