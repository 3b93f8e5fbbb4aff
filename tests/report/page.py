"""A report as data: its tables, sections and text, and whether its markup is whole."""
import html.parser
import re

VOID = {"meta", "link", "br"}
SVG = {"svg", "g", "path", "rect", "circle", "line", "polygon", "polyline", "text", "tspan", "use", "defs", "filter", "clipPath",
       "feFlood", "feComposite", "pattern", "ellipse"}


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.problems, self.ids, self.tags = [], [], [], {}
        self.tables, self.cell, self.references = {}, None, []
        self.caption, self.section, self.text, self.warnings = "", "", "", []
        self.feed(text)
        self.close()
        self.problems += [f"{tag} not closed" for tag in self.open]
        self.problems += [f"id {i} twice" for i in set(self.ids) if self.ids.count(i) > 1]
        self.problems += [f"no {r}" for r in self.references if r not in self.ids]

    def handle_starttag(self, tag, attributes):
        a = dict(attributes)
        self.tags[tag] = self.tags.get(tag, 0) + 1
        if "id" in a:
            self.ids.append(a["id"])
        for value in a.values():
            self.references += re.findall(r"url\(#([^)]*)\)", value or "")
        for name in ("href", "xlink:href"):
            if a.get(name, "").startswith("#"):
                self.references.append(a[name][1:])
            elif name in a and a[name] != "data:,":
                self.problems.append(f"leads elsewhere: {a[name]}")
        if "src" in a or any(name.startswith("on") for name in a):
            self.problems.append(f"{tag} {a}")
        if tag == "div" and a.get("class") == "box":
            self.caption = a["aria-label"]
            if self.caption in self.tables:  # another run's
                self.caption = f"{self.section}: {self.caption}"
            assert self.caption not in self.tables, self.caption
            self.tables[self.caption] = []
        if tag == "tr":
            self.tables[self.caption].append([])
        if tag in ("td", "th"):
            self.cell = ""
        if tag == "li" and self.in_warnings():
            self.warnings.append("")
        if tag == "section":
            self.section = a["id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.handle_starttag(tag, attributes)
        if tag not in VOID:
            self.handle_endtag(tag)

    def in_warnings(self):
        return "section" in self.open and self.section == "warnings"

    def handle_endtag(self, tag):
        if not self.open or self.open[-1] != tag:
            self.problems.append(f"</{tag}> within {self.open[-3:]} at {self.getpos()}")
            return
        self.open.pop()
        if tag in ("td", "th"):
            self.tables[self.caption][-1].append(self.cell.strip())
            self.cell = None

    def handle_data(self, data):
        if self.open and self.open[-1] in ("style", "script"):
            return
        self.text += data
        if self.cell is not None:
            self.cell += data
        if "li" in self.open and self.in_warnings():
            self.warnings[-1] += data

    def rows(self, caption):
        """Rows of a table as dictionaries. Of tables of one name that of the first run has it; the others' begin "run-b: "."""
        head, *rows = self.tables[caption]
        return [dict(zip(head, row)) for row in rows]


def read(path):
    with open(path, encoding="utf-8") as f:
        return Page(f.read())
