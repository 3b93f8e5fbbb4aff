"""Manual pages and completion say what the help pages say, for every command."""
import os
import re
import shutil
import subprocess

PROGRAM = os.environ["ATTNMETER"]


def run(*arguments):
    r = subprocess.run([PROGRAM, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert r.returncode == 0 and not r.stderr, (arguments, r.returncode, r.stderr)
    return r.stdout


def complete(*words):
    """Candidates, and whether files are wanted."""
    lines = run("--help=complete", *words).splitlines()
    return [line.split("\t")[0] for line in lines if line != ":files"], ":files" in lines


def rendered(page):
    """The page as groff shows it, without a complaint."""
    r = subprocess.run(["groff", "-man", "-Tutf8", "-ww", "-P-cbou"], input=page, capture_output=True, text=True)
    assert r.returncode == 0 and not r.stderr, r.stderr
    return r.stdout


commands, files = complete("")
assert commands and not files
tour = run()
assert [c for c in commands if not re.search(rf"^  {c} +\S", tour, re.M)] == []
assert complete("e")[0] == [c for c in commands if c.startswith("e")]
assert complete("nonsense", "--") == ([], False)
assert len(rendered(run("--help=man")).splitlines()) > 30
for command in commands:
    page = run(command, "--help")
    options = sorted(set(re.findall(r"^  (?:-\w, |    )(--[a-z0-9-]+)", page, re.M)))
    assert sorted(complete(command, "--")[0]) == options, (command, options)
    manual = " ".join(rendered(run(command, "--help=man")).replace("\u2010", "-").replace("\u2212", "-").split())
    for option in options:
        assert option in manual, (command, option)
    for first in options[:1]:
        assert first in complete(command, first[:-1])[0]
    takes = "[OPTIONS] " in page.splitlines()[0]
    assert complete(command, "")[1] == takes, command
assert complete("run", "-q", "--dtype", "")[0] == ["f32", "bf16"]
assert complete("run", "--dtype", "b")[0] == ["bf16"]
assert complete("run", "-f", "") == ([], True)

# The bash function, where there is a bash: the commands, and the values of an option.
script = os.path.join(os.environ["AM_SOURCE_DIR"], "cli", "completion", "attnmeter.bash")
if shutil.which("bash"):
    for words, want in ((["ent"], ["entropy"]), (["run", "--dty"], ["--dtype"]), (["run", "--dtype", ""], ["f32", "bf16"])):
        r = subprocess.run(["bash", "-c", f'. {script}; COMP_WORDS=("{PROGRAM}" "$@"); COMP_CWORD=$#; _attnmeter; '
                            'printf "%s\\n" "${COMPREPLY[@]}"', "bash", *words], capture_output=True, text=True)
        assert r.stdout.split() == want, (words, r.stdout, r.stderr)
