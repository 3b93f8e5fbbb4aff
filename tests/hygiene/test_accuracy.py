"""The accuracy table of docs/numerics-bounds.md is what the kernels show here, up to the
last bits of the mathematical library that makes the scores."""
import os
import re
import subprocess

import tree

PAGE = "docs/numerics-bounds.md"
FACTOR = 2


def rows(text):
    """Cells of every line of the table, its rule left out."""
    lines = [line for line in text.splitlines() if line.startswith("|") and not line.startswith("|--")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def agree(told, found):
    """Equal text, near numbers, or counts one apart."""
    try:
        a, b = float(told), float(found)
    except ValueError:
        return told == found
    return a <= FACTOR * b and b <= FACTOR * a or told.isdigit() and found.isdigit() and abs(a - b) <= 1


def row_problems(told, found):
    # The first cells say which row it is.
    if len(told) != len(found) or told[:2] != found[:2]:
        yield f"{PAGE}: row {told} for {found}"
        return
    for a, b in zip(told[2:], found[2:]):
        if not agree(a, b):
            yield f"{PAGE}: n = {told[0]}: says {a}, measured {b}"


program = os.path.join(os.environ["AM_BINARY_DIR"], "tests", "kernels", "test_kernels")
run = subprocess.run([program, "--accuracy"], capture_output=True, text=True)
between = re.search(r"^<!-- accuracy -->\n(.*)^<!-- /accuracy -->$", tree.read(PAGE), re.M | re.S)
told, found = rows(between[1] if between else ""), rows(run.stdout)
problems = [] if run.returncode == 0 else [f"test_kernels --accuracy: exit code {run.returncode}"]
if len(told) != len(found):
    problems.append(f"{PAGE}: {len(told)} rows for {len(found)} of test_kernels --accuracy")
for a, b in zip(told, found):
    problems += row_problems(a, b)
tree.finish(problems, len(found))
