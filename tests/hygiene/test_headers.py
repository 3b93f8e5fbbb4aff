"""Every header compiles alone, as C11 with -Wall -Wextra -Werror."""
import concurrent.futures
import os
import platform
import subprocess

import tree

INCLUDES = ["-I" + os.path.join(tree.ROOT, "lib"), "-I" + tree.ROOT,
            "-I" + os.path.join(os.environ["AM_BINARY_DIR"], "generated")]


def outside(package):
    """Compiler flags of an outside library that a private header may show."""
    run = subprocess.run(["pkg-config", "--cflags", package], capture_output=True, text=True, check=True)
    return run.stdout.split()


def compile_alone(path):
    command = [os.environ["CC"], "-std=c11", "-D_POSIX_C_SOURCE=200809L", "-Wall", "-Wextra", "-Werror", "-Wno-psabi",
               "-fsyntax-only", "-x", "c", *INCLUDES, *FLAGS, os.path.join(tree.ROOT, path)]
    run = subprocess.run(command, capture_output=True, text=True)
    return None if run.returncode == 0 else f"{path}:\n{run.stderr}"


FLAGS = outside("hdf5")
# Not headers but one source included once for each instruction set.
TEMPLATES = ("kernels/generic/",)
# Their intrinsics exist on their processors only.
FOREIGN = () if platform.machine() in ("x86_64", "AMD64") else ("kernels/avx2/", "kernels/avx512/")
headers = [h for h in tree.files(".h") if not h.startswith(("tests/", *TEMPLATES, *FOREIGN))]
with concurrent.futures.ThreadPoolExecutor(2) as pool:
    problems = [p for p in pool.map(compile_alone, headers) if p]
tree.finish(problems, len(headers))
