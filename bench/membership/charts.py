#!/usr/bin/env python3
"""Draws the charts of docs/charts from the figures of `./dev bench membership --json FILE`.

charts.py FILE [FOLDER]. Reads the entries `convergence/WHAT/HOSTS`, `mistakes/SYSTEM/BLOCKED` and
`detection/WHAT/HOSTS` out of the figures' `beside`; a chart for which there are none is left as it
was.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from drawing import draw_all, draw_lines  # noqa: E402

OURS = "phoenix"


def by_number(series):
    return {name: {int(at): value for at, value in points.items()}
            for name, points in series.items()}


def draw_convergence(series):
    short = {name.split(", once")[0]: points for name, points in series.items()}
    return draw_lines("How soon all hosts know",
                      "Seconds in simulation, a crash from when the first knows, beside Serf's formula.",
                      "hosts", "seconds", by_number(short), OURS)


def draw_mistakes(series):
    return draw_lines("Healthy hosts taken for dead, by how many of 128 stand still",
                      "Sum over the durations and intervals of the Lifeguard paper.",
                      "hosts that stand still at a time", "declared dead, at each host that said so",
                      by_number(series), OURS)


def draw_detection(series):
    return draw_lines("How soon all hosts notice one that is gone",
                      "Seconds with real processes on one machine, median of ten.",
                      "hosts", "seconds", by_number(series), OURS)


DRAWERS = {"convergence": draw_convergence, "mistakes": draw_mistakes, "detection": draw_detection}

if __name__ == "__main__":
    sys.exit(draw_all(__doc__, DRAWERS))
