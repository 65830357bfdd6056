"""Draws charts as SVG that stand alone: no script, no font, light and dark. For the charts.py of the
benchmarks."""

import json
import math
import pathlib
import sys
from xml.sax.saxutils import escape

DOCS = pathlib.Path(__file__).resolve().parent.parent / "docs" / "charts"

# Distinct for the colour-blind too (after Okabe and Ito), each for a light and a dark background.
COLOURS = [("#0072b2", "#56b4e9"), ("#d55e00", "#ff8c42"), ("#009e73", "#2fd3a5"),
           ("#aa4499", "#e39bd3"), ("#8a6d00", "#f0e442"), ("#555555", "#b0b0b0"),
           ("#882255", "#f78fb3"), ("#117733", "#8fd694"), ("#332288", "#a79bf0"),
           ("#b03a2e", "#ff7f7f"), ("#1f6f78", "#7fd8e0")]
STYLE = """
  .page { fill: #ffffff } .text { fill: #1f2328 } .soft { fill: #59636e }
  .grid { stroke: #d1d9e0; stroke-width: 1 } .axis { stroke: #59636e; stroke-width: 1 }
  text { font: 12px system-ui, sans-serif } .title { font-size: 15px; font-weight: 600 }
  .line { fill: none; stroke-width: 1.8 } .ours { stroke-width: 3.5 }
  .bar { fill: none; stroke-width: 10 }
  .lead { stroke-width: 0.8; stroke-dasharray: 2 3 }
"""


def style():
    light, dark = [STYLE], [".page { fill: #0d1117 } .text { fill: #f0f6fc } .soft { fill: #9198a1 } "
                            ".grid { stroke: #3d444d } .axis { stroke: #9198a1 }"]
    for number, colours in enumerate(COLOURS):
        for rules, colour in zip((light, dark), colours):
            rules.append(f"  .s{number} {{ stroke: {colour} }} .f{number} {{ fill: {colour} }}")
    return ("<style>" + "\n".join(light) + "\n@media (prefers-color-scheme: dark) {\n"
            + "\n".join(dark) + "\n}</style>")


def number(value):
    """Four digits at most, so that 1.003 is not 1: 0.0832, 1.003, 111, 35k."""
    if value >= 1e6:
        return f"{value / 1e6:.4g}M"
    if value >= 1e4:
        return f"{value / 1e3:.4g}k"
    return f"{value:.0f}" if value >= 100 else f"{value:.4g}"


class LogScale:
    def __init__(self, values, start, end):
        self.low = 10 ** math.floor(math.log10(min(values)) + 1e-9)
        self.high = 10 ** math.ceil(math.log10(max(values)) - 1e-9)
        if self.high <= self.low:
            self.high = self.low * 10
        self.start, self.end = start, end

    def at(self, value):
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self):
        steps = round(math.log10(self.high / self.low))
        return [self.low * 10 ** i for i in range(steps + 1)]


class Drawing:
    def __init__(self, width, height, title, description):
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
                      f'width="{width}" height="{height}" role="img">',
                      f"<title>{escape(title)}</title><desc>{escape(description)}</desc>", style(),
                      f'<rect class="page" width="{width}" height="{height}"/>']
        self.text(20, 28, title, "text title")

    def text(self, x, y, words, kind="text", anchor="start", turn=False):
        turned = f' transform="rotate(-90 {x:.1f} {y:.1f})"' if turn else ""
        self.parts.append(f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
                          f"{turned}>{escape(words)}</text>")

    def line(self, x1, y1, x2, y2, kind="grid"):
        self.parts.append(f'<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" '
                          f'y2="{y2:.1f}"/>')

    def dot(self, x, y, colour, radius=3.0):
        self.parts.append(f'<circle class="f{colour}" cx="{x:.1f}" cy="{y:.1f}" r="{radius}"/>')

    def path(self, points, kind):
        joined = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline class="{kind}" points="{joined}"/>')

    def svg(self):
        return "\n".join([*self.parts, "</svg>", ""])


def spread(heights, least):
    """Moves labels apart that would lie on each other; their order stays."""
    order = sorted(range(len(heights)), key=lambda i: heights[i])
    placed = list(heights)
    for before, after in zip(order, order[1:]):
        placed[after] = max(placed[after], placed[before] + least)
    return placed


def draw_lines(title, description, across_name, up_name, series, ours):
    """series: {name: {across: up}}, both axes logarithmic; names that start with `ours`
    (or one of several) stand out. What is 0 lies on the axis."""
    drawing = Drawing(860, 520, title, description)
    left, right, top, bottom = 70, 640, 50, 460
    across = LogScale([x for points in series.values() for x in points], left, right)
    up = LogScale([y for points in series.values() for y in points.values() if y > 0], bottom, top)
    for tick in across.ticks():
        drawing.line(across.at(tick), top, across.at(tick), bottom)
        drawing.text(across.at(tick), bottom + 18, f"{round(tick):,}", "soft", "middle")
    for tick in up.ticks():
        drawing.line(left, up.at(tick), right, up.at(tick))
        drawing.text(left - 8, up.at(tick) + 4, number(tick), "soft", "end")
    drawing.line(left, bottom, right, bottom, "axis")
    drawing.line(left, top, left, bottom, "axis")
    drawing.text((left + right) / 2, bottom + 42, across_name, "text", "middle")
    drawing.text(24, (top + bottom) / 2, up_name, "text", "middle", turn=True)
    # Ours last, so that it lies above the others.
    names = sorted(series, key=lambda name: (name.startswith(ours), name))
    heights = {name: {x: up.at(max(y, up.low)) for x, y in series[name].items()} for name in names}
    ends = spread([heights[name][max(heights[name])] for name in names], 15)
    for colour, (name, label) in enumerate(zip(names, ends)):
        points = [(across.at(x), y) for x, y in sorted(heights[name].items())]
        kind = f"line s{colour % len(COLOURS)}" + (" ours" if name.startswith(ours) else "")
        drawing.path(points, kind)
        for x, y in points:
            drawing.dot(x, y, colour % len(COLOURS))
        # A line that ends early is led to its label.
        drawing.path([points[-1], (right + 10, label)], f"line s{colour % len(COLOURS)} lead")
        drawing.text(right + 16, label + 4, name, f"f{colour % len(COLOURS)}")
    return drawing.svg()


def draw_panels(title, description, panels):
    """panels: [(heading, {row: value})], one beside the other, all above 0, rows in order."""
    rows = list(panels[0][1])
    width, label = 860, 24 + 7 * max(len(row) for row in rows)
    panel = (width - label - 20) / len(panels)
    height = 110 + 30 * len(rows)
    drawing = Drawing(width, height, title, description)
    bottom = height - 38
    for i, row in enumerate(rows):
        drawing.text(label - 10, 84 + 30 * i, row, "text", "end")
    for which, (heading, values) in enumerate(panels):
        left = label + which * panel + 10
        right = label + (which + 1) * panel - 50
        scale = LogScale(list(values.values()), left, right)
        drawing.text(left, 52, heading, "text")
        for tick in scale.ticks():
            drawing.line(scale.at(tick), 62, scale.at(tick), bottom)
            drawing.text(scale.at(tick), bottom + 18, number(tick), "soft", "middle")
        for i, row in enumerate(rows):
            if row not in values:
                continue
            value, y = values[row], 80 + 30 * i
            x = scale.at(value)
            drawing.path([(left, y), (x, y)], f"line s{i % len(COLOURS)} ours")
            drawing.dot(x, y, i % len(COLOURS), 5.0)
            drawing.text(x + 10, y + 4, number(value), "text")
    return drawing.svg()


def read(path, kinds):
    """The entries `KIND/NAME/LAST` of all figures, as {kind: {name: {last: value}}}."""
    found = {}
    for figure in json.loads(pathlib.Path(path).read_text("utf-8")):
        for key, value in figure["beside"].items():
            parts = key.split("/")
            if len(parts) == 3 and parts[0] in kinds and value is not None:
                found.setdefault(parts[0], {}).setdefault(parts[1], {})[parts[2]] = value
    return found


def draw_all(doc, drawers):
    """The whole of a charts.py: its words FILE [FOLDER], and {kind: what draws its series}."""
    if len(sys.argv) not in (2, 3) or sys.argv[1].startswith("-"):
        print(doc, file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else DOCS
    folder.mkdir(parents=True, exist_ok=True)
    for kind, series in read(sys.argv[1], drawers).items():
        (folder / f"{kind}.svg").write_text(drawers[kind](series), "utf-8")
        print(f"{folder / kind}.svg")
    return 0
