"""The tables of docs/statistics.md are what the simulations give here, up to the last bits of
the mathematical library that a few of the thousands of data sets may hang on."""
import os
import re
import subprocess

import tree

PAGE = "docs/statistics.md"
TABLES = ("levels", "coverage", "power", "families")
TOLERANCE = 0.3  # percentage points


def tables(text):
    """{name: rows of cells}, rules left out."""
    found = {}
    for name in TABLES:
        m = re.search(rf"^<!-- {name} -->\n(.*)^<!-- /{name} -->$", text, re.M | re.S)
        lines = [line for line in (m[1] if m else "").splitlines() if line.startswith("|") and not line.startswith("|--")]
        found[name] = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return found


def agree(told, found):
    if told == found:
        return True
    a, b = re.fullmatch(r"([\d.]+) %", told), re.fullmatch(r"([\d.]+) %", found)
    return bool(a and b and abs(float(a[1]) - float(b[1])) <= TOLERANCE)


program = os.path.join(os.environ["AM_BINARY_DIR"], "tests", "test_calibration")
run = subprocess.run([program, "--tables"], capture_output=True, text=True)
told, found = tables(tree.read(PAGE)), tables(run.stdout)
problems, looked_at = [] if run.returncode == 0 else [f"test_calibration --tables: exit code {run.returncode}"], 0
for name in TABLES:
    looked_at += len(found[name])
    if not found[name] or len(told[name]) != len(found[name]):
        problems.append(f"{PAGE}: {name}: {len(told[name])} rows for {len(found[name])}")
    for a, b in zip(told[name], found[name]):
        if len(a) != len(b) or not all(agree(x, y) for x, y in zip(a, b)):
            problems.append(f"{PAGE}: {name}: says {a}, found {b}")
tree.finish(problems, looked_at)
