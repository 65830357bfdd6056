#!/usr/bin/env python3
"""What the charts of the ring say."""

import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))
from chart_case import ChartCase  # noqa: E402

FIGURES = [
    {"row": 1, "beside": {"ring, ns": 5, "lookup/ring/10": 2.5, "lookup/ring/1000000": 26.1,
                          "lookup/std::map ring/10": 74, "lookup/std::map ring/100000": 2981,
                          "lookup/Jump & <others>/10": 28, "lookup/bare loop/10": 0.8}},
    {"row": 8, "beside": {"balance/by set alone/max_mean": 111, "balance/k=16/max_mean": 1.003,
                          "balance/by set alone/sigma_mean": 4.64, "balance/k=16/sigma_mean": 0.008}},
    {"row": 9, "beside": {"movement/leave/moved": 998.3, "movement/leave/least": 998.3,
                          "movement/join, 10 % movable/moved": 0,
                          "movement/join, 10 % movable/least": 96.5}},
]


class Charts(ChartCase):
    charts = HERE / "charts.py"

    def test_each_kind_of_figures_gives_a_chart(self):
        words = self.draw(FIGURES)
        self.assertEqual(sorted(words), ["balance.svg", "lookup.svg", "movement.svg"])
        for word in ("ring", "std::map ring", "Jump & <others>", "members", "nanoseconds a lookup",
                     "1,000,000"):
            self.assertIn(word, words["lookup.svg"])
        self.assertNotIn("bare loop", words["lookup.svg"])
        for word in ("by set alone", "k=16", "111", "1.003", "0.008"):
            self.assertIn(word, words["balance.svg"])
        for word in ("leave", "join, 10 % movable", "moved", "least", "0", "998", "packets"):
            self.assertIn(word, words["movement.svg"])

    def test_a_chart_without_figures_is_left_alone(self):
        self.assertEqual(list(self.draw(FIGURES[1:2])), ["balance.svg"])


if __name__ == "__main__":
    unittest.main()
