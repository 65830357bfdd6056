#!/usr/bin/env python3
"""Draws the charts of docs/charts from the figures of `./dev bench ring --json FILE`.

charts.py FILE [FOLDER]. Reads the entries `lookup/METHOD/MEMBERS`, `balance/RULE/max_mean`,
`balance/RULE/sigma_mean` and `movement/EVENT/WHAT` out of the figures' `beside`; a chart for which
there are none is left as it was. Each SVG stands alone: no script, no font, light and dark.
"""

import json
import math
import pathlib
import sys
from xml.sax.saxutils import escape

DOCS = pathlib.Path(__file__).resolve().parent.parent.parent / "docs" / "charts"

# Distinct for the colour-blind too (after Okabe and Ito), each for a light and a dark background.
COLOURS = [("#0072b2", "#56b4e9"), ("#d55e00", "#ff8c42"), ("#009e73", "#2fd3a5"),
           ("#aa4499", "#e39bd3"), ("#8a6d00", "#f0e442"), ("#555555", "#b0b0b0"),
           ("#882255", "#f78fb3"), ("#117733", "#8fd694"), ("#332288", "#a79bf0"),
           ("#b03a2e", "#ff7f7f"), ("#1f6f78", "#7fd8e0")]
OURS = "ring"
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


def draw_lookup(series):
    """series: {method: {members: nanoseconds}}."""
    drawing = Drawing(860, 520, "One lookup, by the number of members (128 points each)",
                      "Nanoseconds a lookup of independent keys, both axes logarithmic.")
    left, right, top, bottom = 70, 640, 50, 460
    sizes = [size for points in series.values() for size in points]
    times = [time for points in series.values() for time in points.values()]
    across, up = LogScale(sizes, left, right), LogScale(times, bottom, top)
    for tick in across.ticks():
        drawing.line(across.at(tick), top, across.at(tick), bottom)
        drawing.text(across.at(tick), bottom + 18, f"{round(tick):,}", "soft", "middle")
    for tick in up.ticks():
        drawing.line(left, up.at(tick), right, up.at(tick))
        drawing.text(left - 8, up.at(tick) + 4, number(tick), "soft", "end")
    drawing.line(left, bottom, right, bottom, "axis")
    drawing.line(left, top, left, bottom, "axis")
    drawing.text((left + right) / 2, bottom + 42, "members", "text", "middle")
    drawing.text(24, (top + bottom) / 2, "nanoseconds a lookup", "text", "middle", turn=True)
    # Ours last, so that it lies above the others.
    names = sorted(series, key=lambda name: (name.startswith(OURS), name))
    ends = spread([up.at(series[name][max(series[name])]) for name in names], 15)
    for colour, (name, label) in enumerate(zip(names, ends)):
        points = [(across.at(size), up.at(time)) for size, time in sorted(series[name].items())]
        kind = f"line s{colour % len(COLOURS)}" + (" ours" if name.startswith(OURS) else "")
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


def draw_balance(rules):
    """rules: {rule: {"max_mean": value, "sigma_mean": value}}."""
    panels = [(heading, {rule: found[key] for rule, found in rules.items() if key in found})
              for heading, key in (("busiest member / mean load", "max_mean"),
                                   ("standard deviation / mean load", "sigma_mean"))]
    return draw_panels("How even a million packets lie on a thousand members",
                       "By the rule that chooses the owner; logarithmic axes, less is better.", panels)


def nice_step(most):
    """A step of an axis from 0, so that four to ten of them reach the most."""
    size = 10 ** math.floor(math.log10(most))
    return next(size * step for step in (0.1, 0.2, 0.5, 1) if most <= 8 * size * step
                or step == 1)


def draw_movement(events):
    """events: {event: {what: packets}}; the same whats for each event."""
    whats = list(dict.fromkeys(what for found in events.values() for what in found))
    most = max([value for found in events.values() for value in found.values()] + [1])
    row = 14 * len(whats) + 18
    width, label, top = 860, 24 + 7 * max(len(event) for event in events), 76
    bottom, right = top + row * len(events), 860 - 70
    drawing = Drawing(width, bottom + 62, "Packets that one event moves",
                      "Mean number of packets that get another owner, beside the least possible.")
    step = nice_step(most)
    steps = math.ceil(most / step)
    for i in range(steps + 1):
        x = label + (right - label) * i / steps
        drawing.line(x, top - 6, x, bottom)
        drawing.text(x, bottom + 18, number(i * step) if i else "0", "soft", "middle")
    drawing.text((label + right) / 2, bottom + 42, "packets", "text", "middle")
    for i, what in enumerate(whats):
        drawing.dot(label + 170 * i + 5, 50, i, 5.0)
        drawing.text(label + 170 * i + 16, 54, what)
    for at, (event, found) in enumerate(events.items()):
        y = top + row * at
        drawing.text(label - 10, y + 7 * len(whats) + 4, event, "text", "end")
        for i, what in enumerate(whats):
            if what not in found:
                continue
            x = label + (right - label) * found[what] / (step * steps)
            drawing.path([(label, y + 14 * i + 7), (x, y + 14 * i + 7)], f"bar s{i}")
            drawing.text(x + 6, y + 14 * i + 11, number(found[what]) if found[what] else "0")
    return drawing.svg()


def read(path):
    """The entries of all figures that are for charts, as {kind: {name: {last: value}}}."""
    found = {}
    for figure in json.loads(pathlib.Path(path).read_text("utf-8")):
        for key, value in figure["beside"].items():
            parts = key.split("/")
            if len(parts) == 3 and parts[0] in DRAWERS and value is not None:
                found.setdefault(parts[0], {}).setdefault(parts[1], {})[parts[2]] = value
    if "lookup" in found:
        found["lookup"] = {name: {int(members): ns for members, ns in points.items()}
                           for name, points in found["lookup"].items() if name != "bare loop"}
    return found


DRAWERS = {"lookup": draw_lookup, "balance": draw_balance, "movement": draw_movement}


def main():
    if len(sys.argv) not in (2, 3):
        print(__doc__, file=sys.stderr)
        return 2
    folder = pathlib.Path(sys.argv[2]) if len(sys.argv) == 3 else DOCS
    folder.mkdir(parents=True, exist_ok=True)
    for kind, series in read(sys.argv[1]).items():
        (folder / f"{kind}.svg").write_text(DRAWERS[kind](series), "utf-8")
        print(f"{folder / kind}.svg")
    return 0


if __name__ == "__main__":
    sys.exit(main())
