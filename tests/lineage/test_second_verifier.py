#!/usr/bin/env python3
"""The golden vectors and an export of the program's own library, judged by the second verifier:
test_second_verifier.py PROGRAM, where PROGRAM writes an export into a folder."""

import base64
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "vectors" / "lineage"))
import make_vectors  # noqa: E402
import second_verifier  # noqa: E402

PROGRAM = sys.argv.pop(1)
SIGNERS = {"key-grant": make_vectors.ROOT, "registration-proof": make_vectors.GIVER,
           "handoff-offer": make_vectors.GIVER, "approval": make_vectors.HUMAN,
           "ticket": make_vectors.HOST, "drain-certificate": make_vectors.HOST,
           "checkpoint": make_vectors.HOST, "key-request": make_vectors.HOST}


class Vectors(unittest.TestCase):
    def setUp(self):
        path = HERE.parent / "vectors" / "lineage" / "golden.json"
        self.golden = {name: bytes.fromhex(text) for name, text in json.loads(path.read_text()).items()}

    def test_the_file_is_what_the_second_encoder_writes(self):
        self.assertEqual(self.golden, make_vectors.golden())

    def test_every_form_is_read_and_every_signature_holds(self):
        for name, data in self.golden.items():
            if name.startswith("entry-"):
                self.assertEqual(len(second_verifier.whole(data)), 15)
                continue
            if name.startswith("shown-"):
                continue  # read in test_ticket_checkers.py
            key = SIGNERS.get(name, make_vectors.RECEIVER).public
            keys = {second_verifier.key_id(key): key}
            second_verifier.whole(second_verifier.open_envelope(data, name, keys))


class Export(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        subprocess.run([PROGRAM, folder.name], check=True, timeout=60)
        read = {path.name: path.read_text("ascii") for path in pathlib.Path(folder.name).iterdir()}
        self.text, self.root = read["export"], read["root.pub"]
        self.checkpoints = [read[f"checkpoint-{i}"] for i in range(3)]

    def verify(self, text, checkpoint=None):
        return second_verifier.verify(text, self.root, checkpoint or self.checkpoints[2])

    def test_it_is_accepted_under_each_checkpoint(self):
        for checkpoint in self.checkpoints:
            self.assertEqual(self.verify(self.text, checkpoint), (50, 43))

    def test_what_is_altered_is_refused(self):
        lines = self.text.splitlines(keepends=True)
        for i in range(1, len(lines)):
            data = bytearray(base64.b64decode(lines[i][2:]))
            data[len(data) // 2] ^= 1
            line = lines[i][:2] + base64.b64encode(data).decode() + "\n"
            for altered in ([line], []):
                with self.subTest(line=i + 1, dropped=not altered):
                    with self.assertRaises(Exception):
                        self.verify("".join(lines[:i] + altered + lines[i + 1:]))


if __name__ == "__main__":
    unittest.main()
