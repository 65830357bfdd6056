"""What the tests of all charts.py have in common: they are run, and what they drew is looked at."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree


class ChartCase(unittest.TestCase):
    """`charts`: the script. Each chart has to be well-formed, alone, and within its page."""

    charts = None

    def draw(self, figures):
        """The words of each chart that it draws from these figures: {name: [text, ...]}."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            (folder / "figures.json").write_text(json.dumps(figures), "utf-8")
            done = subprocess.run([sys.executable, self.charts, folder / "figures.json",
                                   folder / "all"], capture_output=True, text=True, timeout=60,
                                  check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            return {path.name: self.words_of(path) for path in sorted((folder / "all").iterdir())}

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
