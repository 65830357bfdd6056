#!/usr/bin/env python3
"""Draws the charts of docs/charts from the figures of `./dev bench ring --json FILE`.

charts.py FILE [FOLDER]. Reads the entries `lookup/METHOD/MEMBERS`, `balance/RULE/max_mean`,
`balance/RULE/sigma_mean` and `movement/EVENT/WHAT` out of the figures' `beside`; a chart for which
there are none is left as it was.
"""

import math
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from drawing import Drawing, draw_all, draw_lines, draw_panels, number  # noqa: E402


def draw_lookup(series):
    """series: {method: {members: nanoseconds}}."""
    methods = {name: {int(members): ns for members, ns in points.items()}
               for name, points in series.items() if name != "bare loop"}
    return draw_lines("One lookup, by the number of members (128 points each)",
                      "Nanoseconds a lookup of independent keys, both axes logarithmic.",
                      "members", "nanoseconds a lookup", methods, "ring")


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


DRAWERS = {"lookup": draw_lookup, "balance": draw_balance, "movement": draw_movement}

if __name__ == "__main__":
    sys.exit(draw_all(__doc__, DRAWERS))
