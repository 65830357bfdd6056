#!/usr/bin/env python3
"""The charts are well-formed, say what they show, and stay within their page."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

CHARTS = pathlib.Path(__file__).resolve().parent / "charts.py"
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


class Charts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = pathlib.Path(cls.folder.name)
        (cls.path / "figures.json").write_text(json.dumps(FIGURES), "utf-8")

    def draw(self, figures, folder):
        return subprocess.run([sys.executable, CHARTS, figures, folder], capture_output=True,
                              text=True, timeout=60, check=False)

    def test_each_kind_of_figures_gives_a_chart(self):
        done = self.draw(self.path / "figures.json", self.path / "all")
        self.assertEqual(done.returncode, 0, done.stderr)
        names = sorted(p.name for p in (self.path / "all").iterdir())
        self.assertEqual(names, ["balance.svg", "lookup.svg", "movement.svg"])
        words = {name: self.words_of(self.path / "all" / name) for name in names}
        for word in ("ring", "std::map ring", "Jump & <others>", "members", "nanoseconds a lookup",
                     "1,000,000"):
            self.assertIn(word, words["lookup.svg"])
        self.assertNotIn("bare loop", words["lookup.svg"])
        for word in ("by set alone", "k=16", "111", "1.003", "0.008"):
            self.assertIn(word, words["balance.svg"])
        for word in ("leave", "join, 10 % movable", "moved", "least", "0", "998", "packets"):
            self.assertIn(word, words["movement.svg"])

    def words_of(self, path):
        text = path.read_text("utf-8")
        self.assertNotIn("<script", text)
        self.assertIn("prefers-color-scheme: dark", text)
        root = ElementTree.fromstring(text)
        width, height = (float(root.get(side)) for side in ("width", "height"))
        words = []
        for element in root.iter("{http://www.w3.org/2000/svg}text"):
            words.append(element.text)
            x, y = float(element.get("x")), float(element.get("y"))
            # Seven pixels a letter are more than the font takes.
            long = 0 if element.get("transform") else 7 * len(element.text)
            share = {"start": 0, "middle": 0.5, "end": 1}[element.get("text-anchor")]
            self.assertGreaterEqual(x - share * long, 0, element.text)
            self.assertLessEqual(x + (1 - share) * long, width, element.text)
            self.assertTrue(0 <= y <= height, element.text)
        return words

    def test_a_chart_without_figures_is_left_alone(self):
        (self.path / "some.json").write_text(json.dumps(FIGURES[1:2]), "utf-8")
        self.assertEqual(self.draw(self.path / "some.json", self.path / "some").returncode, 0)
        self.assertEqual([p.name for p in (self.path / "some").iterdir()], ["balance.svg"])


if __name__ == "__main__":
    unittest.main()
