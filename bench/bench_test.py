#!/usr/bin/env python3
"""`phoenix_bench NAME --quick --json` measures every row and says so in the agreed form.

bench_test.py PROGRAM NAME. Speed is not judged here: the machine may be busy with other tests.
"""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

PROGRAM, NAME = sys.argv.pop(1), sys.argv.pop(1)
FIGURES_OF_ROW = {
    "host": {1: 4, 2: 2, 3: 1, 4: 1, 5: 2, 6: 2},
    "ring": {1: 9, 2: 1, 3: 1, 4: 2, 5: 9, 6: 1, 7: 11, 8: 6, 9: 11, 10: 6, 11: 2},
    "membership": {1: 1, 2: 1, 3: 4, 4: 4, 5: 12, 6: 9, 7: 4, 8: 1, 9: 1, 10: 2},
    "link": {1: 1, 2: 1},
    "cluster": {1: 1, 2: 3, 3: 3, 4: 3, 5: 1, 6: 2, 7: 3, 8: 1},
    "handoff": {1: 2, 2: 1, 3: 2, 4: 1, 5: 2, 6: 1, 7: 6, 8: 2},
    "policy": {4: 3},
}[NAME]
# Thousands of simulated hosts and pools of real ones take their time, the others do not.
PATIENCE = {"host": 240, "ring": 240, "membership": 1500, "link": 240, "cluster": 900,
            "handoff": 240, "policy": 240}[NAME]


class Bench(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "figures.json"
            cls.done = subprocess.run([PROGRAM, NAME, "--quick", "--json", str(path)],
                                     capture_output=True, text=True, timeout=PATIENCE, check=False)
            cls.figures = json.loads(path.read_text("utf-8"))

    def test_everything_could_be_measured(self):
        self.assertEqual(self.done.returncode, 0, self.done.stderr)

    def test_every_row_has_its_figures(self):
        rows = [figure["row"] for figure in self.figures]
        self.assertEqual({row: rows.count(row) for row in set(rows)}, FIGURES_OF_ROW)

    def test_an_entry_has_the_agreed_fields_and_met_follows_from_them(self):
        for figure in self.figures:
            with self.subTest(figure["what"]):
                self.assertEqual(list(figure), ["bench", "row", "what", "value", "unit", "bar",
                                                "met", "beside"])
                self.assertEqual(figure["bench"], NAME)
                self.assertIsInstance(figure["value"], (int, float))
                op, bar = figure["bar"]["op"], figure["bar"]["value"]
                self.assertIn(op, ("<=", ">="))
                if abs(figure["value"] - bar) > 0.001 * bar:  # the value is told in four digits
                    wanted = figure["value"] <= bar if op == "<=" else figure["value"] >= bar
                    self.assertEqual(figure["met"], wanted)
                self.assertTrue(all(isinstance(v, (int, float))
                                    for v in figure["beside"].values()))

    def test_the_table_names_every_figure(self):
        for figure in self.figures:
            self.assertIn(figure["what"], self.done.stdout)

    def test_wrong_use_is_told(self):
        last = max(FIGURES_OF_ROW)
        for words in (["nothing"], [NAME, "--row", "0"], [NAME, "--row", "12"],
                      [NAME, "--row", f"{last}x"], [NAME, "--json"], [NAME, "--fast"]):
            with self.subTest(words):
                run = subprocess.run([PROGRAM, *words], capture_output=True, text=True, timeout=60,
                                     check=False)
                self.assertEqual(run.returncode, 2)
                self.assertIn("phoenix_bench", run.stderr)


if __name__ == "__main__":
    unittest.main()
