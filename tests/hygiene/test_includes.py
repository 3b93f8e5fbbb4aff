"""Who may include what: the table of docs/architecture.md as data."""
import os
import re

import tree

# layer: (layers it may include, outside libraries it may include)
TABLE = {
    "lib/base": ([], []),
    "kernels": (["lib/base"], []),
    "kernels/blas": (["lib/base", "kernels"], ["openblas"]),
    "lib/store": (["lib/base"], ["jansson"]),
    "lib/runfile": (["lib/base"], ["hdf5", "libdeflate"]),
    "lib/select": (["lib/base", "kernels", "lib/store"], ["jansson"]),
    "lib/model": (["lib/base", "kernels", "lib/store", "lib/select"], ["jansson", "pcre2", "utf8proc"]),
    "lib/task": (["lib/base", "lib/store", "lib/select", "lib/model"], ["jansson", "zlib"]),
    "probes": (["lib/base", "kernels", "lib/runfile", "lib/select", "lib/model", "lib/task"], []),
    "analysis": (["lib/base", "lib/runfile"], ["gsl"]),
    "report": (["lib/base", "lib/runfile", "analysis"], []),
    "notebooks-export": (["lib/base", "lib/runfile"], ["libdeflate"]),
    "cli": (["lib/base", "kernels", "lib/store", "lib/runfile", "lib/select", "lib/model", "lib/task", "probes", "analysis", "report", "notebooks-export"], []),
}
# The umbrella of the public headers stands above all layers; nobody includes it.
UMBRELLA = "lib/attnmeter.h"
LIBRARIES = {
    "hdf5": r"hdf5|H5\w*|hdf5_hl", "gsl": r"gsl/\w+", "openblas": r"cblas|openblas/\w+|openblas_config",
    "jansson": r"jansson", "pcre2": r"pcre2", "utf8proc": r"utf8proc", "libdeflate": r"libdeflate", "zlib": r"zlib",
}
# C11 and POSIX.1-2008; the x86 header for intrinsics is for kernels alone.
SYSTEM = set("""assert complex ctype errno fenv float inttypes iso646 limits locale math setjmp signal stdalign stdarg
    stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string tgmath time uchar wchar wctype
    dirent fcntl glob libgen poll pthread sched semaphore spawn strings sys/mman sys/resource sys/stat sys/statvfs
    sys/time sys/types sys/wait termios unistd sys/ioctl""".split())
# Types of libraries that must not show in the headers of anybody else.
TYPES = {"lib/runfile": r"\bh(?:id|err|size|ssize|bool|tri)_t\b", "analysis": r"\bgsl_\w+"}


def layer_of(path):
    folder = os.path.dirname(path)
    while folder and folder not in TABLE:
        folder = os.path.dirname(folder)
    return folder or None


def resolve(name):
    """Path of a quoted include, relative to the root; None when there is none."""
    for folder in ("lib", "."):
        path = os.path.normpath(os.path.join(folder, name))
        # Generated headers lie in the tree as .h.in.
        if os.path.exists(os.path.join(tree.ROOT, path)) or os.path.exists(os.path.join(tree.ROOT, path + ".in")):
            return path
    return None


def quoted_problem(path, layer, name):
    target = resolve(name)
    if target is None:
        return f'"{name}" is no file of lib/ or the root'
    to = layer_of(target)
    if to == layer:
        return None
    if to not in TABLE[layer][0]:
        return f'{layer} may not include {to or target} ("{name}")'
    if to == "kernels" and os.path.dirname(target) != "kernels":
        return f'"{name}" is not for other layers than kernels'
    return None


def system_problem(layer, name):
    stem = name[:-2] if name.endswith(".h") else name
    for library, pattern in LIBRARIES.items():
        if re.fullmatch(pattern, stem):
            return None if library in TABLE[layer][1] else f"{layer} may not include <{name}>"
    if stem in SYSTEM or (layer == "kernels" and stem in ("immintrin", "cpuid", "arm_neon", "sys/auxv")):
        return None
    return f"<{name}> is neither C11, POSIX nor a library of the table"


problems, sources = [], 0
for path in tree.files(".c", ".h", ".h.in"):
    layer = layer_of(path)
    if layer is None or path == UMBRELLA:
        continue
    sources += 1
    text = tree.read(path)
    for number, line in enumerate(text.splitlines(), 1):
        m = re.match(r'\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', line)
        if m:
            p = quoted_problem(path, layer, m[1]) if m[1] else system_problem(layer, m[2])
            problems += [f"{path}:{number}: {p}"] if p else []
        for owner, pattern in TYPES.items():
            if path.endswith(".h") and layer != owner and re.search(pattern, line):
                problems.append(f"{path}:{number}: a type of {owner}'s library in a header of {layer}")
tree.finish(problems, sources)
