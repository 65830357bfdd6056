#!/usr/bin/env python3
"""Draws the charts of docs/charts from the figures of `./dev bench cluster --json FILE`.

charts.py FILE [FOLDER]. Reads the entries `waits/EVENT, WHO/ONE_IN` and `throughput/WHAT/UNIT` out
of the figures' `beside` in the JSON; a chart for which there are none is left as it was.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
from drawing import draw_all, draw_lines, draw_panels  # noqa: E402


def draw_waits(series):
    points = {name: {int(one_in): seconds for one_in, seconds in line.items()}
              for name, line in series.items()}
    return draw_lines("How long work waits when a host is killed or leaves",
                      "Seconds from the kill, or of a call while a host leaves; 20 events each, real processes.",
                      "one in so many waits at least", "seconds", points, ())


def draw_throughput(series):
    return draw_panels("Packets a second on one PostgreSQL, over REST and in a loop of the same rows",
                       "Arrays of 100, medians; the raw loop has as many connections as there are hosts.",
                       [(unit, {name: values[unit] for name, values in sorted(series.items())})
                        for unit in next(iter(series.values()))])


DRAWERS = {"waits": draw_waits, "throughput": draw_throughput}

if __name__ == "__main__":
    sys.exit(draw_all(__doc__, DRAWERS))
