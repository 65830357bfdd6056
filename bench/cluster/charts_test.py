#!/usr/bin/env python3
"""The charts of several hosts are well-formed and say what they show."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree

CHARTS = pathlib.Path(__file__).resolve().parent / "charts.py"
FIGURES = [
    {"row": 1, "beside": {"p50, s": 2.2, "waits/keeper killed, a packet/2": 2.2,
                          "waits/keeper killed, a packet/1000": 2.37}},
    {"row": 2, "beside": {"waits/home killed, a worker/2": 0.03, "waits/home killed, a worker/1000": 0}},
    {"row": 4, "beside": {"throughput/over REST, 1 host/packets a second": 8918,
                          "throughput/raw loop, 1 host/packets a second": 10987}},
]


class Charts(unittest.TestCase):
    def test_each_kind_of_figures_gives_a_chart(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "figures.json").write_text(json.dumps(FIGURES), "utf-8")
            done = subprocess.run([sys.executable, CHARTS, folder / "figures.json", folder / "all"],
                                  capture_output=True, text=True, timeout=60, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            words = {path.name: self.words_of(path) for path in (folder / "all").iterdir()}
        self.assertEqual(sorted(words), ["throughput.svg", "waits.svg"])
        for word in ("keeper killed, a packet", "one in so many waits at least", "1,000"):
            self.assertIn(word, words["waits.svg"])
        for word in ("over REST, 1 host", "packets a second", "8918"):
            self.assertIn(word, words["throughput.svg"])

    def words_of(self, path):
        root = ElementTree.fromstring(path.read_text("utf-8"))
        return [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]


if __name__ == "__main__":
    unittest.main()
