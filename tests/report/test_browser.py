"""A report in a real browser: headless Chromium, driven through its DevTools protocol.

Leaves screenshots of the whole page, report-1280.png, report-390.png and report-390-dark.png, in
tests/tmp/browser of the build folder. Skipped (77), and shown so, where there is no Chromium."""
import os
import shutil
import subprocess
import sys

import browser

BUILD = os.environ["AM_BINARY_DIR"]
WORK = os.path.join(BUILD, "tests", "tmp", "browser")
PROMPTS = ["The Time Traveller was expounding a recondite matter to us.", "It was the best of times, it was the worst of times.",
           "One two three four five six seven eight.", "a b c d e f g h i j k l m n o p q r s t u v w x y z",
           "Once upon a time there was a small machine in a house.", "No. Yes.", "<script>console.log('prompt')</script>"]
WIDTHS = (1280, 390)

# Rows of the table whose box has this label, each the text of its cells; the first is the head.
TABLE = """(() => [...document.querySelector('[aria-label="%s"] table').rows].map(r => [...r.cells].map(c => c.textContent)))()"""
HEAD = """document.querySelector('[aria-label="%s"] table').tHead.rows[0].cells[%d]"""


def path(name):
    return os.path.join(WORK, name)


def attnmeter(*arguments):
    r = subprocess.run([os.environ["ATTNMETER"], *arguments], cwd=WORK, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert r.returncode == 0, (arguments, r.stderr)


def make_report():
    texts = [a for p in PROMPTS for a in ("-p", p)]
    attnmeter("run", *texts, "-k", "1,4,16", "--shadow", "random", "--shadow", "quest:4", "-q", "-o", "<b>dense.h5")
    attnmeter("run", *texts, "-k", "1,4,16", "--attention", "topk:4", "-q", "-o", "sparse.h5")
    attnmeter("report", "<b>dense.h5", "sparse.h5", "-o", "out", "-q")
    return "file://" + path("out/index.html")


def check_quiet(b, url):
    """Nothing on the console, nothing fetched, nothing run that a file brought in."""
    assert b.complaints() == [], b.complaints()
    assert b.requests() == [url], b.requests()
    assert b.value("document.querySelectorAll('script').length") == 1


def overflow(b):
    """What sticks out of the page to the right, but for what scrolls in a box of its own."""
    return b.value("""(() => {
        const wide = document.documentElement.scrollWidth, room = document.documentElement.clientWidth;
        if (wide <= room)
            return [];
        return [wide, room, ...[...document.querySelectorAll('body *')].filter(e => !e.closest('.box') &&
            e.getBoundingClientRect().right > room + 0.5).map(e => e.tagName + ' ' + e.className).slice(0, 5)];
    })()""")


def check_width(b, url, width):
    b.size(width, mobile=width < 600)
    b.open(url)
    check_quiet(b, url)
    assert overflow(b) == [], (width, overflow(b))
    b.value("document.querySelectorAll('details').forEach(d => { d.open = true; })")
    assert overflow(b) == [], (width, "unfolded", overflow(b))
    b.value("document.querySelectorAll('details').forEach(d => { d.open = false; })")
    # Pictures: one of each two is seen, as wide as its place and no wider.
    seen = b.value("""[...document.querySelectorAll('.picture')].filter(p => p.offsetParent).map(p =>
        [p.className, p.firstChild.getBoundingClientRect().width, p.clientWidth])""")
    figures = b.value("document.querySelectorAll('figure').length")
    assert len(seen) == figures >= 10, (len(seen), figures)
    assert all("only-light" in name and abs(wide - room) < 1 and wide > 0.3 * min(width, 1200) for name, wide, room in seen), seen
    b.screenshot(path(f"report-{width}.png"))


def numbers(b, label, column):
    return [row[column] for row in b.value(TABLE % label)[1:]]


def check_sorting(b, url):
    """By click, by keyboard; both ways; what is no number last; rows stay whole."""
    label = "Entropy by layer"
    b.size(1280)
    b.open(url)
    head = b.value(TABLE % label)[0]
    before = b.value(TABLE % label)[1:]
    mean, layer = head.index("mean"), head.index("layer")
    assert before[-1][layer] == "all" and len(before) == 7, before
    click = f"({HEAD % (label, mean)}).querySelector('button').click()"
    state = f"({HEAD % (label, mean)}).getAttribute('aria-sort')"
    assert b.value(state) is None
    for way, reverse in (("ascending", False), ("descending", True), ("ascending", False)):
        b.value(click)
        after = b.value(TABLE % label)[1:]
        values = [float(row[mean]) for row in after]
        assert values == sorted(values, reverse=reverse), (way, values)
        assert sorted(after) == sorted(before), "rows that fell apart"
        assert b.value(state) == way
    # A real press of a key on the focused head.
    b.value(f"({HEAD % (label, layer)}).querySelector('button').focus()")
    for kind in ("keyDown", "keyUp"):
        b.call("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter", windowsVirtualKeyCode=13, text="\r")
    assert numbers(b, label, layer) == ["0", "1", "2", "3", "4", "5", "all"], numbers(b, label, layer)
    assert b.value(f"document.querySelectorAll('[aria-label=\"{label}\"] th[aria-sort]').length") == 1
    # And a real click, of the pointer.
    x, y = b.value(f"""(() => {{ const e = ({HEAD % (label, layer)}).querySelector('button'); e.scrollIntoView({{block: 'center'}});
                       const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; }})()""")
    for kind in ("mousePressed", "mouseReleased"):
        b.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
    assert numbers(b, label, layer) == ["5", "4", "3", "2", "1", "0", "all"], numbers(b, label, layer)
    # Numbers of different length, which text would put in another order.
    tokens = b.value(TABLE % "Sequences of a")[0].index("tokens")
    b.value(f"({HEAD % ('Sequences of a', tokens)}).querySelector('button').click()")
    values = numbers(b, "Sequences of a", tokens)
    assert values == sorted(values, key=int) != sorted(values), values
    # Words.
    column = b.value(TABLE % "All layers and heads together")[0].index("metric")
    b.value(f"({HEAD % ('All layers and heads together', column)}).querySelector('button').click()")
    words = numbers(b, "All layers and heads together", column)
    assert words == sorted(words) and len(words) >= 4, words
    check_quiet(b, url)


def check_themes(b, url):
    b.size(390, mobile=True)
    b.media(prefers_color_scheme="dark")
    b.open(url)
    page, ink = b.value("[getComputedStyle(document.body).backgroundColor, getComputedStyle(document.body).color]")
    assert page == "rgb(22, 24, 29)" and ink == "rgb(240, 240, 240)", (page, ink)
    seen = b.value("[...document.querySelectorAll('.picture')].filter(p => p.offsetParent).map(p => p.className)")
    assert seen and all("only-dark" in s for s in seen), seen
    b.screenshot(path("report-390-dark.png"))
    # On paper light, with no buttons, nothing cut off.
    b.media("print", prefers_color_scheme="dark")
    seen = b.value("[...document.querySelectorAll('.picture')].filter(p => p.offsetParent).map(p => p.className)")
    assert seen and all("only-light" in s for s in seen), seen
    assert b.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    b.media()


def check_enlarging(b, url):
    b.size(390, mobile=True)
    b.open(url)
    b.value("document.querySelector('figure button').click()")
    wide, room = b.value("""(() => { const p = [...document.querySelectorAll('figure.large .picture')].find(p => p.offsetParent);
                            return [p.firstChild.getBoundingClientRect().width, p.clientWidth]; })()""")
    assert wide == 900 and room < 390, (wide, room)
    assert overflow(b) == [], overflow(b)


program = browser.find()
if not program:
    print("skipped: none of", ", ".join(browser.NAMES), "is installed")
    sys.exit(77)
shutil.rmtree(WORK, ignore_errors=True)
os.makedirs(WORK)
url = make_report()
b = browser.Browser(program, path("profile"))
try:
    for width in WIDTHS:
        check_width(b, url, width)
    check_sorting(b, url)
    check_enlarging(b, url)
    check_themes(b, url)
finally:
    b.close()
shutil.rmtree(path("profile"), ignore_errors=True)
print("screenshots:", *(path(f"report-{name}.png") for name in (*WIDTHS, "390-dark")))
