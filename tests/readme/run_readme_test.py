#!/usr/bin/env python3
"""Tests of run_readme.py: that it runs what is written, and that it notices what is not true."""

import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run_readme  # noqa: E402  (beside this file, wherever the test is started from)


def page(*blocks):
    return "\n".join(f"```{kind}\n{text}\n```\n" for kind, text in blocks)


def complaints(*blocks):
    return run_readme.check(page(*blocks), None)


class Commands(unittest.TestCase):
    def test_blocks_share_one_shell(self):
        self.assertEqual(complaints(("sh", "a=1; cd /"), ("sh", 'echo "$a $PWD"'), ("text", "1 /")), [])

    def test_the_copy_of_the_page_is_there(self):
        self.assertEqual(complaints(("sh", "grep -q grep README.md")), [])

    def test_a_failing_command_is_named_by_its_block(self):
        found = complaints(("sh", "true"), ("sh", "echo before\nfalse\necho after"))
        self.assertEqual(len(found), 1)
        self.assertTrue(found[0].startswith("README.md:5: a command"), found[0])
        self.assertIn("before", found[0])
        self.assertNotIn("after", found[0])

    def test_a_failure_inside_a_pipe_counts(self):
        self.assertEqual(len(complaints(("sh", "false | cat"))), 1)

    def test_an_unknown_variable_counts(self):
        self.assertEqual(len(complaints(("sh", 'echo "$nowhere"'))), 1)

    def test_what_was_started_is_gone_afterwards(self):
        run_readme.check(page(("sh", "sleep 98765 & sleep 98765 &")), None)
        # Killed, they may take a moment to be gone.
        deadline = time.monotonic() + 10
        while b"sleep\x0098765\x00" in (running := command_lines()) and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertNotIn(b"sleep\x0098765\x00", running)


class Skipping(unittest.TestCase):
    def test_only_the_named_commands_are_left_out(self):
        self.assertEqual(complaints(("sh", "./dev demo --seed 7\n./dev test\n./dev build")), [])
        self.assertEqual(len(complaints(("sh", "./dev demolish"))), 1)
        self.assertEqual(len(complaints(("sh", "true; ./dev demo"))), 1)


class Output(unittest.TestCase):
    def test_other_output_is_noticed(self):
        self.assertEqual(len(complaints(("sh", "echo two"), ("text", "one"))), 1)
        self.assertEqual(len(complaints(("sh", "echo one; echo two"), ("text", "one"))), 1)

    def test_dots_stand_for_any_lines(self):
        self.assertEqual(complaints(("sh", "seq 5"), ("text", "1\n…\n5")), [])
        self.assertEqual(complaints(("sh", "seq 2"), ("text", "1\n…\n2")), [])
        self.assertEqual(len(complaints(("sh", "seq 5"), ("text", "1\n…\n6"))), 1)

    def test_ids_times_and_ports_are_masked(self):
        said = "pkt_01M8G3WARBSRN1CZF8891SFJY8 at 2026-11-28T03:41:14.855Z from 127.0.0.1:7400"
        other = "pkt_01M8G3X5ST2Z3Y37AD01PHJC5S at   2027-01-01T00:00:00.000Z from 127.0.0.1:41"
        self.assertEqual(complaints(("sh", f"echo {said}"), ("text", other)), [])
        self.assertEqual(len(complaints(("sh", f"echo {said}"), ("text", other + "2 too"))), 1)

    def test_stderr_is_not_compared(self):
        self.assertEqual(complaints(("sh", "echo noise >&2; echo one"), ("text", "one")), [])


class Marks(unittest.TestCase):
    def test_a_text_block_belongs_to_the_block_before(self):
        for text in (page(("text", "one")), page(("sh", "true")) + "\nwords\n" + page(("text", ""))):
            with self.assertRaises(ValueError):
                run_readme.check(text, None)

    def test_a_sample_belongs_to_commands_that_are_not_run(self):
        self.assertEqual(complaints(("sh", "./dev demo"), ("sample", "anything")), [])
        for text in (page(("sh", "./dev demo\ntrue"), ("sample", "")), page(("sample", ""))):
            with self.assertRaises(ValueError):
                run_readme.check(text, None)

    def test_no_block_is_passed_over(self):
        for text in (page(("bash", "true")), page(("", "true")), "no block at all"):
            with self.assertRaises(ValueError):
                run_readme.check(text, None)


def command_lines():
    return [p.read_bytes() for p in pathlib.Path("/proc").glob("[0-9]*/cmdline") if readable(p)]


def readable(path):
    try:
        path.read_bytes()
        return True
    except OSError:
        return False


if __name__ == "__main__":
    unittest.main()
