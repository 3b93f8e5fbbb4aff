"""How fast tables go through a file, beside H5Dread alone, and in how much memory.

    python bench/analysis_rate.py [--values 1e8] [--rounds 3] [--threads N] --bin BUILD [FOLDER]

The file is a real run made long: the embedded model over the embedded text, 27 sequences
of 2048 tokens, whose compressed chunks are written again and again as they are, each time
as further sequences. So every chunk is compressed as well as a real one, and the numbers
are real numbers. Both sides are whole processes that read the same datasets of the same
file, in turn; the best of the rounds counts. `h5_read` reads whole chunks by H5Dread
and does nothing with them.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

import h5py
import numpy as np

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def copy_attributes(source, target):
    for name, value in source.attrs.items():
        if name not in ("CLASS", "NAME", "REFERENCE_LIST", "DIMENSION_LIST", "_Netcdf4Dimid"):
            target.attrs[name] = value


def repeat_chunks(source, target, axis, times):
    """The chunks of a dataset, as they lie in the file, `times` times along an axis."""
    shape = list(source.shape)
    if shape[axis] % source.chunks[axis]:
        raise SystemExit(f"{source.name}: {shape[axis]} rows are no whole chunks of {source.chunks[axis]}")
    step, shape[axis] = shape[axis], shape[axis] * times
    limit = [None if a == axis else n for a, n in enumerate(shape)]
    d = target.create_dataset(source.name, shape, source.dtype, maxshape=limit, chunks=source.chunks, shuffle=True,
                              compression=source.compression_opts, fillvalue=source.fillvalue)
    copy_attributes(source, d)
    for i in range(source.id.get_num_chunks()):
        at = source.id.get_chunk_info(i).chunk_offset
        mask, data = source.id.read_direct_chunk(at)
        for t in range(times):
            d.id.write_direct_chunk(tuple(p + t * step * (a == axis) for a, p in enumerate(at)), data, mask)


def lengthen(run, path, fields, times):
    """Writes at `path` what `run` holds of these fields, its rows `times` times."""
    with h5py.File(run) as f, h5py.File(path, "w") as g:
        copy_attributes(f, g)
        rows, sequences = len(f["row"]), len(f["sequence"])
        for name in ("layer", "head", "kv_head", "k", "ratio", "mass"):
            g[name] = f[name][:]
        g.create_dataset("row", data=np.arange(rows * times, dtype="i8"))
        g.create_dataset("sequence", data=np.arange(sequences * times, dtype="i4"))
        g["row_position"] = np.tile(f["row_position"][:], times)
        g["row_token"] = np.tile(f["row_token"][:], times)
        g["row_sequence"] = np.concatenate([f["row_sequence"][:] + t * sequences for t in range(times)])
        g["sequence_length"] = np.tile(f["sequence_length"][:], times)
        repeat_chunks(f["row_visible"], g, 1, times)
        for name in fields:
            repeat_chunks(f[name], g, 2, times)


def make_run(attnmeter, path, tokens=2048, more=()):
    subprocess.run([attnmeter, "run", "-f", f"{ROOT}/data/time-machine.txt", "--split", "-c", str(tokens), "-q", "-o", path, *more],
                   check=True)


def measure(command):
    """Seconds of a process, its processor seconds, and its peak memory in MB."""
    start = time.monotonic()
    with open(os.devnull, "w") as null:
        child = subprocess.Popen(command, stdout=null)
        _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{command}: exit code {child.returncode}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def compare(o, title, path, fields, table):
    alone = [os.path.join(o.bin, "bench/h5_read"), path, *fields]
    ours = [os.path.join(o.bin, "attnmeter"), *table, "-q", "--threads", str(o.threads)]
    best = {}
    for _ in range(o.rounds):
        for name, command in (("alone", alone), ("ours", ours)):
            result = measure(command)
            best[name] = min(best.get(name, result), result)
    values = json.loads(subprocess.run(alone, check=True, capture_output=True).stdout)["values"]
    read = values * (2 if table[0] == "compare" else 1)  # the other run's too: here the same file again
    rate = {"alone": values / best["alone"][0] / 1e6, "ours": read / best["ours"][0] / 1e6}
    print(f"| `{title}` | {read / 1e6:.0f} | {os.path.getsize(path) / 1e6:.0f} MB | {rate['alone']:.1f} | {rate['ours']:.1f} | "
          f"{rate['ours'] / rate['alone']:.2f} | {best['alone'][1]:.1f} / {best['ours'][1]:.1f} s | {best['ours'][2]:.0f} MB |")
    sys.stdout.flush()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--values", type=float, default=1e8, help="of each field, at least")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    p.add_argument("--bin", required=True, help="build tree")
    p.add_argument("--run", help="a run of whole chunks of rows to lengthen [made]")
    p.add_argument("folder", nargs="?", help="where files go [a temporary folder]")
    o = p.parse_args()
    with tempfile.TemporaryDirectory(dir=o.folder) as folder:
        run = o.run or os.path.join(folder, "run.h5")
        if not o.run:
            make_run(os.path.join(o.bin, "attnmeter"), run)
        print("| command | million values | file | H5Dread alone, million values/s | attnmeter | ratio | processor time | peak memory |")
        print("|---|---|---|---|---|---|---|---|")
        for field, tables in (("stat/entropy", ("entropy", "compare")), ("stat/mass_at_k", ("coverage", "compare"))):
            with h5py.File(run) as f:
                times = int(-(-o.values // f[field].size))
            path = os.path.join(folder, "long.h5")
            lengthen(run, path, [field], times)
            for table in tables:
                words = [table, path] if table != "compare" else [table, path, path]
                if table == "compare" and field == "stat/mass_at_k":
                    words += ["--metric", "mass@16,mass@64"]
                fields = [field, "row_visible"] if field == "stat/entropy" else [field]
                title = " ".join(w for w in words if w != path)
                compare(o, title, path, fields, words)


if __name__ == "__main__":
    main()
