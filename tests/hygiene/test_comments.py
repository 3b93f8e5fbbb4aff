"""Every function of a header has a comment: above it, or above the run of
declarations without a blank line that it belongs to, or on its own line. The
opening comment of a header that holds no other speaks for all of it, and what
fini, free and close do is the same everywhere."""
import re

import tree


def uncommented(text):
    """Names of functions declared in paragraphs that hold no comment before them."""
    if text.startswith("/*") and text.count("/*") == 1:
        return
    commented = False
    in_comment = False
    for line in text.splitlines():
        if in_comment or "/*" in line:
            commented = True
            in_comment = "*/" not in line.rsplit("/*", 1)[-1]
            if line.lstrip().startswith(("/*", "*")) or in_comment:
                continue
        if not line.strip():
            commented = False
        m = re.match(r"[A-Za-z][\w *]*?\b(am_\w+)\(", line)
        if m and not line.startswith("typedef") and not commented and not m[1].endswith(("_fini", "_free", "_close")):
            yield m[1]


problems, headers = [], 0
for path in tree.files(".h"):
    if path.startswith("tests/"):
        continue
    headers += 1
    problems += [f"{path}: {name} has no comment" for name in uncommented(tree.read(path))]
tree.finish(problems, headers)
