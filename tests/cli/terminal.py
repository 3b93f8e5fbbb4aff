"""A terminal of its own for a command; where the system has none (a chroot without /dev/pts) the test is skipped."""
import os
import pty
import subprocess
import sys


def on_terminal(command, environment, both=True):
    """(What a command writes to a terminal by its standard error, with `both` also by its output, as bytes; its exit code)."""
    try:
        master, slave = pty.openpty()
    except OSError as e:
        print(f"skipped: no pseudo-terminal here: {e}")
        sys.exit(77)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=slave if both else subprocess.DEVNULL, stderr=slave,
                               env=environment)
    os.close(slave)
    said = b""
    while True:
        try:
            piece = os.read(master, 65536)
        except OSError:  # the other side has closed
            piece = b""
        if not piece:
            break
        said += piece
    os.close(master)
    return said, process.wait()
