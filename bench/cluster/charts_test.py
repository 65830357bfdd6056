#!/usr/bin/env python3
"""What the charts of several hosts say."""

import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from chart_case import ChartCase  # noqa: E402

FIGURES = [
    {"row": 1, "beside": {"p50, s": 2.2, "waits/keeper killed, a packet/2": 2.2,
                          "waits/keeper killed, a packet/1000": 2.37}},
    {"row": 2, "beside": {"waits/home killed, a worker/2": 0.03, "waits/home killed, a worker/1000": 0}},
    {"row": 4, "beside": {"throughput/over REST, 1 host/packets a second": 8918,
                          "throughput/raw loop, 1 host/packets a second": 10987}},
]


class Charts(ChartCase):
    charts = HERE / "charts.py"

    def test_each_kind_of_figures_gives_a_chart(self):
        words = self.draw(FIGURES)
        self.assertEqual(sorted(words), ["throughput.svg", "waits.svg"])
        for word in ("keeper killed, a packet", "one in so many waits at least", "1,000"):
            self.assertIn(word, words["waits.svg"])
        for word in ("over REST, 1 host", "packets a second", "8918"):
            self.assertIn(word, words["throughput.svg"])


if __name__ == "__main__":
    unittest.main()
