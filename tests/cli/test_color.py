"""Bold headings and coloured messages on a terminal; none with NO_COLOR, TERM=dumb or without TERM, in
pipes, in files and in machine output. The words are the same everywhere."""
import os
import re
import subprocess

import terminal

SOURCE = os.environ["AM_SOURCE_DIR"]
DIR = os.path.join(os.environ["AM_BINARY_DIR"], "tests", "tmp", "color")
os.makedirs(DIR, exist_ok=True)
RUN, OTHER = os.path.join(DIR, "run.h5"), os.path.join(DIR, "other.h5")
BASE = {k: v for k, v in os.environ.items() if k not in ("NO_COLOR", "TERM")}
for path, ctx in ((RUN, "40"), (OTHER, "50")):
    subprocess.run([os.environ["ATTNMETER"], "run", "-q", "-f", f"{SOURCE}/data/time-machine.txt", "-c", ctx, "--split", "--limit", "2",
                    "--shadow", "random", "-o", path, "--force"], check=True)


def on_terminal(*words, **environment):
    """What a command writes to a terminal, on both streams."""
    said, _ = terminal.on_terminal([os.environ["ATTNMETER"], *words], BASE | environment)
    return said.decode().replace("\r\n", "\n")


def in_pipe(*words):
    result = subprocess.run([os.environ["ATTNMETER"], *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, env=BASE | {"TERM": "xterm"}, text=True)
    return result.stdout


plain_of = lambda text: re.sub(r"\x1b\[[0-9;]*m", "", text)
TABLES = [["entropy", RUN], ["coverage", RUN], ["recall", RUN], ["show", RUN], ["compare", RUN, RUN], ["doctor"]]
MESSAGES = [["entropy", "none.h5"], ["entropy"], ["entropi"], ["coverage", RUN, "--bin"], ["compare", RUN, OTHER]]
for words in TABLES + MESSAGES:
    plain = in_pipe(*words)
    assert plain and "\x1b" not in plain, words
    said = on_terminal(*words, TERM="xterm")
    assert plain_of(said) == plain, (words, said)
    assert said.count("\x1b[0m") == len(re.findall(r"\x1b\[[1-9][0-9;]*m", said)) > 0, (words, said)
    for line in said.splitlines():
        assert not re.search(r"\x1b\[[1-9][0-9;]*m[^\x1b]*$", line), (words, line)  # off again in the same line
    for quiet in ({"TERM": "xterm", "NO_COLOR": "1"}, {"TERM": "dumb"}, {}):
        assert on_terminal(*words, **quiet) == plain, (words, quiet)
    assert on_terminal(*words, TERM="xterm", NO_COLOR="") == said, words
assert re.search(r"^\x1b\[1mlayer .*\x1b\[0m$", on_terminal("entropy", RUN, TERM="xterm"), re.M)
assert "\x1b[1;31m" in on_terminal("entropy", "none.h5", TERM="xterm")
assert "\x1b[33mnote:\x1b[0m" in on_terminal("compare", RUN, OTHER, TERM="xterm")

# Nothing of it in machine output or files.
for words in (["entropy", RUN, "--json", "-q"], ["entropy", RUN, "--csv", "-q"], ["show", RUN, "--json"], ["info"], ["--help"]):
    assert "\x1b" not in on_terminal(*words, TERM="xterm"), words
out = os.path.join(DIR, "table.txt")
assert on_terminal("entropy", RUN, "-q", "-o", out, "--force", TERM="xterm") == ""
with open(out) as f:
    assert "\x1b" not in f.read()

# The progress bar moves the cursor: not where it cannot.
run = ["run", "-p", "Of times.", "-o", os.path.join(DIR, "bar.h5"), "--force"]
assert "\x1b[K" in on_terminal(*run, TERM="xterm") and "\x1b[K" in on_terminal(*run, TERM="xterm", NO_COLOR="1")
assert "\x1b" not in on_terminal(*run, TERM="dumb")
