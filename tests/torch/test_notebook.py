"""The exported notebook, executed from end to end by nbconvert: valid, no cell fails, and its
pictures are in what comes out."""
import base64
import io
import json
import os
import subprocess
import sys

SOURCE = os.environ["AM_SOURCE_DIR"]
PYTHON = os.path.join(SOURCE, "build", "venv-torch", "bin", "python")
if sys.executable != PYTHON:
    if not os.path.exists(PYTHON):
        print("skipped: there is no build/venv-torch; `./check --torch` makes it")
        sys.exit(77)
    os.execv(PYTHON, [PYTHON, *sys.argv])

sys.path.insert(0, os.path.join(SOURCE, "tests", "flow"))
import matplotlib.image  # noqa: E402
import nbformat  # noqa: E402

from runs import BOOK, attnmeter, folder  # noqa: E402

DIR = folder("notebook")
os.makedirs(os.path.join(DIR, "books"))
for name in ("JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR", "MPLCONFIGDIR"):
    os.environ[name] = os.path.join(DIR, "home", name.lower())
    os.makedirs(os.environ[name])


def execute(book):
    out = book[:-6] + ".out.ipynb"
    command = [PYTHON, "-m", "nbconvert", "--to", "notebook", "--execute", "--output", os.path.basename(out), book]
    return out, subprocess.run(command, cwd=DIR, stdin=subprocess.DEVNULL, capture_output=True, text=True)


def check(name, *options):
    """A run of its own, its notebook in another folder; returns the pictures."""
    run, book = os.path.join(DIR, f"{name}.h5"), os.path.join(DIR, "books", f"{name}.ipynb")
    attnmeter("run", "-q", "-f", BOOK, *options, "-o", run)
    attnmeter("export", run, "-o", book)
    nbformat.validate(nbformat.read(book, as_version=4))
    out, result = execute(book)
    assert result.returncode == 0, result.stderr
    done = nbformat.read(out, as_version=4)
    nbformat.validate(done)
    pictures = 0
    for cell in (c for c in done.cells if c.cell_type == "code"):
        assert cell.execution_count, cell.source
        kinds = [o.output_type for o in cell.outputs]
        assert "error" not in kinds, cell.outputs
        assert not any(o.get("name") == "stderr" for o in cell.outputs), (cell.source, cell.outputs)
        drawn = [o.data["image/png"] for o in cell.outputs if "image/png" in o.get("data", {})]
        assert len(drawn) == ("plt.show()" in cell.source), (cell.source, kinds)
        for text in drawn:
            pixels = matplotlib.image.imread(io.BytesIO(base64.b64decode(text)), format="png")
            assert min(pixels.shape[:2]) > 100 and pixels[..., :3].std() > 0.02, pixels.shape
        pictures += len(drawn)
    assert "mean NLL of the captured rows" in json.dumps(done.cells[-1].outputs)
    return pictures


assert check("plain", "-c", 200, "--split", "--limit", 5) == 4
assert check("shadowed", "-c", 64, "--split", "--limit", 2, "--layers", "1,4", "--heads", "0,3", "--rows", "every:3", "--shadow",
             "random") == 4

# Without its run it fails, and says why.
os.remove(os.path.join(DIR, "plain.h5"))
_, result = execute(os.path.join(DIR, "books", "plain.ipynb"))
assert result.returncode != 0 and "plain.h5" in result.stderr, result.stderr
print("two notebooks executed, four pictures each")
