"""Runs of every kind of content open in programs that are not ours."""
import os
import subprocess

import open_with_peers

WORK = os.path.join(os.environ["AM_BINARY_DIR"], "tests", "tmp", "peers")
TEXT = "The Time Traveller (for so it will be convenient to speak of him) was expounding a recondite matter to us."
KINDS = {
    "plain": [],
    "topk": ["--dist", "topk:16", "--output-error"],
    "full": ["--dist", "full", "--layers", "1,3", "--rows", "every:2"],
    "shadow": ["--shadow", "exact", "--shadow", "exact-sum", "--shadow", "exact-group,store=index", "--shadow", "recent:4+8",
               "--shadow-sample", "4", "-k", "1,4,9"],
    "half": ["--dist", "full", "--float16", "--heads", "0,2"],
}

os.makedirs(WORK, exist_ok=True)
for kind, options in KINDS.items():
    path = os.path.join(WORK, kind + ".h5")
    subprocess.run([os.environ["ATTNMETER"], "run", "-q", "--force", "-o", path, "-p", TEXT, "-p", TEXT[:40], *options],
                   check=True, stdin=subprocess.DEVNULL)
    open_with_peers.main(path)
