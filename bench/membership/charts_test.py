#!/usr/bin/env python3
"""The charts are well-formed and say what they show, also where something was counted as none."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

CHARTS = pathlib.Path(__file__).resolve().parent / "charts.py"
FIGURES = [
    {"row": 4, "beside": {"mistakes/phoenix/1": 0, "mistakes/phoenix/32": 12,
                          "mistakes/plain SWIM/1": 90, "mistakes/plain SWIM/32": 12345}},
    {"row": 6, "beside": {"Serf's formula, s": 0.6, "convergence/phoenix, a join/100": 0.5,
                          "convergence/phoenix, a join/1000": 0.8,
                          "convergence/Serf's formula/100": 0.61}},
    {"row": 3, "beside": {"detection/phoenix, kill -9/3": 1.9, "detection/serf, kill -9/3": 6.5}},
]


class Charts(unittest.TestCase):
    def test_each_kind_of_figures_gives_a_chart(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "figures.json").write_text(json.dumps(FIGURES), "utf-8")
            done = subprocess.run([sys.executable, CHARTS, folder / "figures.json", folder / "all"],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            names = sorted(p.name for p in (folder / "all").iterdir())
            self.assertEqual(names, ["convergence.svg", "detection.svg", "mistakes.svg"])
            words = {path.name: self.words_of(path) for path in (folder / "all").iterdir()}
        for word in ("phoenix", "plain SWIM", "hosts that stand still at a time"):
            self.assertIn(word, words["mistakes.svg"])
        for word in ("phoenix, a join", "Serf's formula", "1,000"):
            self.assertIn(word, words["convergence.svg"])
        self.assertIn("serf, kill -9", words["detection.svg"])

    def words_of(self, path):
        root = ElementTree.fromstring(path.read_text("utf-8"))
        return [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]


if __name__ == "__main__":
    unittest.main()
