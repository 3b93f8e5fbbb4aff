"""docs/plots.md lists the kinds of pictures as the program does, describes each, and shows each that a run gives.

`test_plots.py --update` writes the list into the page."""
import json
import os
import re
import subprocess
import sys

import tree

PAGE = "docs/plots.md"
HEAD = "| kind | command | runs | options | what it shows |\n|---|---|---|---|---|\n"


def listed(kinds):
    cells = lambda k: (f"[{k['kind']}](#{k['kind']})" if k["runs"] else k["kind"], k["command"], str(k["runs"] or "results"),
                       f"`{k['options']}`" if k["options"] else "", k["summary"])
    return HEAD + "".join("| " + " | ".join(cells(k)) + " |\n" for k in kinds)


def shown(kind, text):
    """Whether a picture of the kind stands in its section."""
    section = re.search(rf"^## {kind}\n(.*?)(?=^#|\Z)", text, re.M | re.S)
    return section and re.search(rf"!\[[^]]+\]\(images/{kind}[a-z\d-]*\.png\)", section[1])


run = subprocess.run([os.environ["ATTNMETER"], "plot", "--list", "--json"], capture_output=True, text=True, check=True)
kinds = json.loads(run.stdout)["table"]
text = tree.read(PAGE)
found = re.search(re.escape(HEAD) + r"(\|.*\n)*", text)
if "--update" in sys.argv:
    with open(os.path.join(tree.ROOT, PAGE), "w", encoding="utf-8") as f:
        f.write(text[:found.start()] + listed(kinds) + text[found.end():])
    sys.exit()
problems = []
if not found or found[0] != listed(kinds):
    problems.append(f"{PAGE}: the list of kinds is not that of attnmeter plot --list (test_plots.py --update writes it)")
headings = {name for line in re.findall(r"^## (.*)$", text, re.M) for name in line.split(", ")}
problems += [f"{PAGE}: no section on {k['kind']}" for k in kinds if k["kind"] not in headings]
problems += [f"{PAGE}: a section on {h}, which is no kind" for h in headings if "-" in h and h not in {k["kind"] for k in kinds}]
problems += [f"{PAGE}: no picture of {k['kind']}" for k in kinds if k["runs"] and not shown(k["kind"], text)]
images = [n for n in os.listdir(os.path.join(tree.ROOT, "docs/images")) if n.endswith(".png")]
problems += [f"docs/images/{n}: no page shows it" for n in images if f"](images/{n})" not in text]
tree.finish(problems, len(kinds) + len(images))
