#!/usr/bin/env python3
"""Tests of run_tests.py: it must never call a failure a success, nor miscount cases."""

import argparse
import contextlib
import fcntl
import io
import os
import pathlib
import sys
import tempfile
import threading
import time
import unittest
import unittest.mock

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
import run_tests  # noqa: E402  (beside this file, wherever the test is started from)

GTEST = """[==========] Running 3 tests from 1 test suite.
[ RUN      ] Ring.IsSorted
[       OK ] Ring.IsSorted (0 ms)
[ RUN      ] Ring.Wraps
ring_test.cc:12: Failure
[  FAILED  ] Ring.Wraps, where GetParam() = 3 (1 ms)
[ RUN      ] Ring.NeedsRoot
[  SKIPPED ] Ring.NeedsRoot (0 ms)
[  FAILED  ] 1 test, listed below:
[  FAILED  ] Ring.Wraps, where GetParam() = 3
"""
UNITTEST = """test_a (x.A.test_a) ... ok
ERROR: test_b (x.A.test_b)
----------------------------------------------------------------------
Ran 3 tests in 0.1s

FAILED (errors=1, skipped=1)
"""


def shell(script, timeout=10.0, **changes):
    return run_tests.Test(changes.get("name", "t"), ["bash", "-c", script],
                          changes.get("labels", set()), {}, "/", timeout)


class Counting(unittest.TestCase):
    def test_gtest_cases(self):
        self.assertEqual(run_tests.count_gtest(GTEST), (1, ["Ring.Wraps"], ["Ring.NeedsRoot"]))

    def test_gtest_case_that_crashed_has_failed(self):
        output = "[==========] Running 2 tests\n[ RUN      ] A.B\n[       OK ] A.B\n[ RUN      ] A.C\n"
        self.assertEqual(run_tests.count_gtest(output), (1, ["A.C"], []))

    def test_unittest_cases(self):
        passed, failed, skipped = run_tests.count_unittest(UNITTEST)
        self.assertEqual((passed, failed, len(skipped)), (1, ["test_b (x.A.test_b)"], 1))


class Running(unittest.TestCase):
    def test_plain_program_is_one_case(self):
        self.assertEqual(run_tests.run_test(shell("exit 0")).passed, 1)
        self.assertEqual(run_tests.run_test(shell("exit 3")).failed, ["exit status 3"])

    def test_bad_exit_fails_even_if_every_case_passed(self):
        script = "echo '[==========] Running 1'; echo '[ RUN      ] A.B'; echo '[       OK ] A.B'; exit 1"
        outcome = run_tests.run_test(shell(script))
        self.assertEqual((outcome.passed, outcome.failed), (1, ["exit status 1"]))

    def test_program_without_a_case_fails(self):
        outcome = run_tests.run_test(shell("echo '[==========] Running 0 tests'"))
        self.assertEqual(outcome.failed, ["no case ran"])

    def test_signal_is_a_failure(self):
        self.assertEqual(run_tests.run_test(shell("kill -9 $$")).failed, ["killed by signal 9"])

    def test_program_that_does_not_exist_is_a_failure(self):
        test = run_tests.Test("t", ["/nonexistent"], set(), {}, "/", 10)
        self.assertEqual(run_tests.run_test(test).failed, ["exit status 127"])

    def test_program_that_was_not_built_is_a_failure(self):
        test = run_tests.Test("t", [], set(), {}, "/", 10)
        self.assertEqual(run_tests.run_test(test).failed, ["exit status 127"])
        self.assertEqual(run_tests.select([test], ["t/Case"])[0].command, [])

    def test_time_limit_is_a_failure_and_kills_the_whole_group(self):
        with tempfile.NamedTemporaryFile() as file:
            script = f"(flock 9; echo locked >&9; sleep 600) 9>>{file.name} & wait"
            outcome = run_tests.run_test(shell(script, timeout=0.3))
            self.assertEqual(outcome.failed, ["time limit of 0 s"])
            self.assertEqual(file.read(), b"locked\n")
            fcntl.flock(file, fcntl.LOCK_EX)  # granted when the last of the group is dead

    def test_process_left_behind_does_not_hold_up_the_run(self):
        start = time.monotonic()
        self.assertEqual(run_tests.run_test(shell("sleep 60 & echo left")).passed, 1)
        self.assertLess(time.monotonic() - start, 30)

    def test_serial_tests_run_alone_and_last(self):
        with tempfile.NamedTemporaryFile() as file:
            slow = [shell(f"sleep 0.1; echo beside >> {file.name}", name=f"b{i}") for i in range(4)]
            alone = shell(f"echo alone >> {file.name}", labels={"serial"})
            outcomes = run_tests.run_pass("release", [alone, *slow], 2, run_tests.Beside("fuzz", []))
            self.assertEqual(len(outcomes), 5)
            self.assertEqual(file.read().decode().split(), ["beside"] * 4 + ["alone"])


class Meanwhile(unittest.TestCase):
    def test_what_runs_beside_those_alone_is_counted_once(self):
        with tempfile.NamedTemporaryFile() as file:
            # The one alone ends when the first of those beside has run; the second may not have begun.
            alone = shell(f"until grep -q first {file.name}; do sleep 0.01; done", labels={"serial"})
            fuzzers = run_tests.Beside("fuzz", [shell(f"echo first >> {file.name}"), shell("exit 1")])
            outcomes = run_tests.run_pass("asan", [alone], 2, fuzzers)
            self.assertEqual([o.failed for o in outcomes], [[]])
            self.assertEqual(fuzzers.outcomes[0].passed, 1)
            self.assertEqual(len(fuzzers.outcomes) + len(fuzzers.tests), 2)

    def test_it_runs_in_what_processor_time_is_left(self):
        beside = run_tests.Beside("fuzz", [shell("chrt -p $$ | grep -q SCHED_IDLE")])
        beside.run_until(threading.Event())
        self.assertEqual(beside.outcomes[0].failed, [])

    def test_where_that_is_forbidden_it_gives_way(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "chrt").symlink_to("/bin/false")
            beside = run_tests.Beside("fuzz", [shell("test $(ps -o ni= -p $$) = 19")])
            with unittest.mock.patch.dict(os.environ, {"PATH": f"{folder}:{os.environ['PATH']}"}):
                beside.run_until(threading.Event())
        self.assertEqual(beside.outcomes[0].failed, [])

    def test_a_build_that_fails_is_shown_and_fails_its_passes(self):
        builds = {"asan": run_tests.Build("echo 'no such header'; exit 1")}
        self.addCleanup(builds["asan"].stop)
        arguments = argparse.Namespace(passes=["asan=/nowhere", "fuzz=/nowhere"], failed_step=[],
                                       filters=[], jobs=1, fuzz_seconds=1)
        with contextlib.redirect_stdout(io.StringIO()) as shown:
            self.assertEqual(run_tests.run_passes(arguments, builds), ([], ["build asan"]))
        self.assertIn("no such header", shown.getvalue())

    def test_a_build_that_is_not_awaited_ends_with_the_run(self):
        build = run_tests.Build("sleep 600")
        build.stop()
        self.assertEqual(build.process.returncode, -9)


class Selecting(unittest.TestCase):
    TESTS = [shell("", name="ring_test"), shell("", name="node_test")]

    def test_filter_is_a_regular_expression(self):
        self.assertEqual([t.name for t in run_tests.select(self.TESTS, ["ring"])], ["ring_test"])
        self.assertEqual(run_tests.select(self.TESTS, ["^test$"]), [])

    def test_cases_are_passed_on(self):
        chosen = run_tests.select(self.TESTS, ["ring_test/A.*"])
        self.assertEqual(chosen[0].command[-1], "--gtest_filter=A.*")

    def test_sanitized_pass_has_more_time(self):
        entry = {"name": "t", "command": ["x"], "properties": [{"name": "TIMEOUT", "value": 10.0}]}
        self.assertEqual(run_tests.read_test(entry, "release").timeout, 10)
        self.assertGreater(run_tests.read_test(entry, "asan").timeout, 10)

    def test_property_that_is_not_understood_is_refused(self):
        entry = {"name": "t", "properties": [{"name": "WILL_FAIL", "value": True}]}
        with self.assertRaises(SystemExit):
            run_tests.read_test(entry, "release")


if __name__ == "__main__":
    unittest.main()
