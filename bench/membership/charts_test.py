#!/usr/bin/env python3
"""What the charts of hosts say, also where something was counted as none."""

import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from chart_case import ChartCase  # noqa: E402

FIGURES = [
    {"row": 4, "beside": {"mistakes/phoenix/1": 0, "mistakes/phoenix/32": 12,
                          "mistakes/plain SWIM/1": 90, "mistakes/plain SWIM/32": 12345}},
    {"row": 6, "beside": {"Serf's formula, s": 0.6, "convergence/phoenix, a join/100": 0.5,
                          "convergence/phoenix, a join/1000": 0.8,
                          "convergence/Serf's formula/100": 0.61}},
    {"row": 3, "beside": {"detection/phoenix, kill -9/3": 1.9, "detection/serf, kill -9/3": 6.5}},
]


class Charts(ChartCase):
    charts = HERE / "charts.py"

    def test_each_kind_of_figures_gives_a_chart(self):
        words = self.draw(FIGURES)
        self.assertEqual(sorted(words), ["convergence.svg", "detection.svg", "mistakes.svg"])
        for word in ("phoenix", "plain SWIM", "hosts that stand still at a time"):
            self.assertIn(word, words["mistakes.svg"])
        for word in ("phoenix, a join", "Serf's formula", "1,000"):
            self.assertIn(word, words["convergence.svg"])
        self.assertIn("serf, kill -9", words["detection.svg"])


if __name__ == "__main__":
    unittest.main()
