"""The progress bar of run: drawn and erased on a terminal, silent elsewhere."""
import os
import subprocess

import terminal

OUT = os.path.join(os.environ["AM_BINARY_DIR"], "tests", "tmp", "progress.h5")
COMMAND = [os.environ["ATTNMETER"], "run", "-p", "It was the best of times, it was the worst of times.", "-o", OUT, "--force"]


def on_terminal(command):
    """What the command writes to a terminal as its standard error."""
    said, code = terminal.on_terminal(command, os.environ | {"TERM": "xterm"}, both=False)
    assert code == 0, said
    return said


said = on_terminal(COMMAND)
assert b" tokens/s  " in said and b" left" in said and b" % " in said, said
assert said.endswith(b"\r\x1b[K"), said
assert on_terminal(COMMAND + ["--quiet"]) == b""
silent = subprocess.run(COMMAND, stdin=subprocess.DEVNULL, capture_output=True, check=True)
assert silent.stderr == b"", silent.stderr
