"""Pages mention only what exists: links, files of the tree, subcommands."""
import os
import re
import subprocess

import tree

TOP = ("analysis/", "bench/", "cli/", "cmake/", "data/", "docs/", "kernels/", "lib/", "models/", "probes/",
       "scripts/", "tests/", "./")
# Sections under a heading with this word speak of what does not exist yet.
PLANNED = re.compile(r"^#+ .*\bplanned\b", re.I)


def exists(path):
    return os.path.exists(os.path.join(tree.ROOT, path))


def current_text(text):
    """The page without its planned sections."""
    kept, skipping = [], False
    for line in text.splitlines():
        if line.startswith("#"):
            skipping = bool(PLANNED.match(line))
        kept.append("" if skipping else line)
    return "\n".join(kept)


def link_problems(path, text):
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", text):
        if not re.match(r"[a-z]+:", target) and not exists(os.path.join(os.path.dirname(path), target)):
            yield f"{path}: link to {target}"


def file_problems(path, text):
    for name in re.findall(r"`([^`\s]+)`", text):
        # A word in capitals stands for a name.
        if name.startswith(TOP) and re.fullmatch(r"[a-z\d_./-]+", name) and not exists(name):
            # Relative to the page, or what ./quickstart and the builds leave.
            if not exists(os.path.join(os.path.dirname(path), name)):
                yield f"{path}: names {name}"


def command_problems(path, text, commands):
    code = re.findall(r"`([^`\n]+)`", text) + re.findall(r"^```\w*\n(.*?)^```", text, re.M | re.S)
    for command in re.findall(r"\battnmeter ([a-z][a-z-]*)\b", "\n".join(code)):
        if command not in commands:
            yield f"{path}: no command attnmeter {command}"


run = subprocess.run([os.environ["ATTNMETER"], "--help"], capture_output=True, text=True, check=True)
commands = set(re.findall(r"^\s+([a-z][a-z-]*)\s", run.stdout, re.M))
problems, pages = [], 0
for path in tree.files(".md"):
    pages += 1
    text = current_text(tree.read(path))
    problems += [*link_problems(path, text), *file_problems(path, text), *command_problems(path, text, commands)]
tree.finish(problems, pages)
