#!/usr/bin/env python3
"""Runs the tests that CTest knows of, and counts single cases instead of programs.

`run_tests.py --pass release=build/release [--meanwhile asan=COMMAND --pass asan=build/asan] [-- FILTER…]`

CTest is only asked what there is (`ctest --show-only=json-v1`): command, folder, environment, time
limit, labels. Two tests run at a time, those labelled `serial` alone. Of GoogleTest and unittest
programs the cases are counted; any other program is one case, passed when it exits 0. A program of
no cases has failed, for a test that tests nothing must not look like a success. Every process that a
test leaves behind in its group is killed. One line a test; the whole output of those that failed;
`N passed, N failed` alone on the last line. Exit 1 if any failed.

The pass named `fuzz` runs only tests labelled `fuzz`, as libFuzzer programs for --fuzz-seconds; the
pass named `asan` leaves these out, for they are the same programs, and those labelled `once`.

Many tests wait for time to pass, so two things go on in the processor time that is left (SCHED_IDLE:
whatever else wants to run goes first): --meanwhile builds a pass's folder during the passes before it,
and the fuzzers run during the asan pass.
"""

import argparse
import collections
import concurrent.futures
import dataclasses
import json
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

ASAN_TIME_FACTOR = 4
# The sanitizers look for this program under its plain name, which Debian does not put into PATH.
SANITIZER_ENVIRONMENT = {
    "ASAN_SYMBOLIZER_PATH": "/usr/lib/llvm-19/bin/llvm-symbolizer",
    "UBSAN_OPTIONS": "print_stacktrace=1",
}
# Runs a command in the processor time that nothing else wants; what it starts inherits that. Where a
# sandbox forbids it, it only gives way.
IDLE = ["bash", "-c", 'chrt --idle -p 0 $$ 2>/dev/null || renice -n 19 $$ >/dev/null; exec "$@"', "idle"]
KNOWN_PROPERTIES = {"LABELS", "TIMEOUT", "ENVIRONMENT", "WORKING_DIRECTORY", "RUN_SERIAL"}


@dataclasses.dataclass
class Test:
    name: str
    command: list
    labels: set
    environment: dict
    folder: str
    timeout: float


@dataclasses.dataclass
class Outcome:
    test: Test
    passed: int
    failed: list  # names of failed cases
    skipped: list
    seconds: float
    output: str


def parse_arguments():
    parser = argparse.ArgumentParser(description="Runs CTest's tests and counts their cases.")
    parser.add_argument("--pass", dest="passes", action="append", default=[], metavar="NAME=DIR")
    parser.add_argument("--meanwhile", action="append", default=[], metavar="NAME=COMMAND",
                        help="what builds pass NAME, in bash; runs beside the passes before it")
    parser.add_argument("--failed-step", action="append", default=[], metavar="WHAT",
                        help="count this as one failed case")
    parser.add_argument("--fuzz-seconds", type=int, default=15)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("filters", nargs="*", metavar="FILTER",
                        help="regular expression on a test's name, or NAME/CASES")
    return parser.parse_args()


def read_test(entry, pass_name):
    properties = {p["name"]: p["value"] for p in entry.get("properties", [])}
    unknown = set(properties) - KNOWN_PROPERTIES
    if unknown:
        sys.exit(f"run_tests: {entry['name']}: CTest property {sorted(unknown)} is not understood;"
                 " leave it out or teach tools/run_tests.py")
    labels = set(properties.get("LABELS", []))
    if properties.get("RUN_SERIAL"):
        labels.add("serial")
    environment = dict(pair.split("=", 1) for pair in properties.get("ENVIRONMENT", []))
    if pass_name in ("asan", "fuzz"):
        environment = {**SANITIZER_ENVIRONMENT, **environment}
    if pass_name == "asan":
        # Tests may ask for less of what takes long; they must not skip.
        environment.setdefault("PHOENIX_SANITIZED", "1")
    factor = ASAN_TIME_FACTOR if pass_name == "asan" else 1
    return Test(entry["name"], entry.get("command", []), labels, environment,
                properties.get("WORKING_DIRECTORY", "."), properties.get("TIMEOUT", 300) * factor)


def list_tests(pass_name, folder):
    answer = subprocess.run(["ctest", "--test-dir", folder, "--show-only=json-v1"],
                            capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        sys.exit(f"run_tests: ctest cannot list {folder}:\n{answer.stderr}")
    tests = [read_test(entry, pass_name) for entry in json.loads(answer.stdout)["tests"]]
    if pass_name == "fuzz":
        return [test for test in tests if "fuzz" in test.labels]
    return [test for test in tests if not (pass_name == "asan" and test.labels & {"once", "fuzz"})]


def select(tests, filters):
    """FILTER is a regular expression on the name; NAME/CASES passes CASES on to the program."""
    if not filters:
        return tests
    chosen = []
    for text in filters:
        name, _, cases = text.partition("/")
        for test in tests:
            if not re.search(name, test.name):
                continue
            command = list(test.command)
            if cases and command:
                python = "python" in os.path.basename(command[0])
                command += ["-k", cases] if python else [f"--gtest_filter={cases}"]
            chosen.append(dataclasses.replace(test, command=command))
    return chosen


def as_fuzzer(test, build, seconds):
    """libFuzzer writes new inputs into its first folder: a scratch one, never the stored corpus."""
    findings = pathlib.Path(build, "findings").resolve()
    scratch = pathlib.Path(build, "grown", test.name).resolve()
    findings.mkdir(exist_ok=True)
    scratch.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", f"-artifact_prefix={findings}/{test.name}-",
               "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]
    corpus = [argument for argument in test.command[1:] if not argument.startswith("-")]
    command = [*test.command[:1], *options, str(scratch), *corpus]
    return dataclasses.replace(test, command=command if test.command else [], timeout=seconds + 120)


def run_process(test):
    """Returns (exit status or None at the time limit, output). Output goes through a file: a process
    that outlives the test would keep a pipe open for ever."""
    if not test.command:  # what CTest says of a program that is not there
        return 127, "it is not built\n"
    with tempfile.TemporaryFile() as sink:
        try:
            process = subprocess.Popen(test.command, cwd=test.folder, stdin=subprocess.DEVNULL,
                                       stdout=sink, stderr=subprocess.STDOUT,
                                       env={**os.environ, **test.environment},
                                       start_new_session=True)
        except OSError as error:
            return 127, f"{test.command[:1]} cannot be started: {error}\n"
        try:
            status = process.wait(test.timeout)
        except subprocess.TimeoutExpired:
            status = None
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            process.wait()
        sink.seek(0)
        return status, sink.read().decode("utf-8", "replace")


def count_gtest(output):
    started = re.findall(r"^\[ RUN      \] (\S+)", output, re.M)
    # A case's own output may stand before the mark, so the mark is not bound to a line's begin.
    passed = set(re.findall(r"\[       OK \] ([^\s,]+)", output))
    skipped = [name for name in started if f"[  SKIPPED ] {name}" in output]
    failed = [name for name in started if name not in passed and name not in skipped]
    return len(passed), failed, skipped


def count_unittest(output):
    ran = int(re.findall(r"^Ran (\d+) tests? in", output, re.M)[-1])
    failed = re.findall(r"^(?:FAIL|ERROR|UNEXPECTED SUCCESS): (.+)$", output, re.M)
    summary = output[output.rindex("\nRan "):]
    skipped = re.search(r"skipped=(\d+)", summary)
    skipped = [f"skipped case {i + 1}" for i in range(int(skipped[1]) if skipped else 0)]
    return max(0, ran - len(failed) - len(skipped)), failed, skipped


def run_test(test):
    start = time.monotonic()
    status, output = run_process(test)
    if "[==========] Running" in output:
        passed, failed, skipped = count_gtest(output)
    elif re.search(r"^Ran \d+ tests? in", output, re.M):
        passed, failed, skipped = count_unittest(output)
    else:
        passed, failed, skipped = (1 if status == 0 else 0), [], []
    if status is None:
        failed.append(f"time limit of {test.timeout:.0f} s")
    elif status != 0 and not failed:
        failed.append(f"killed by signal {-status}" if status < 0 else f"exit status {status}")
    elif passed + len(failed) + len(skipped) == 0:
        failed.append("no case ran")
    return Outcome(test, passed, failed, skipped, time.monotonic() - start, output)


printing = threading.Lock()


def report(outcome, pass_name):
    with printing:
        print_outcome(outcome, pass_name)


def print_outcome(outcome, pass_name):
    word = "FAILED" if outcome.failed else "ok"
    skipped = f", {len(outcome.skipped)} skipped" if outcome.skipped else ""
    print(f"{word:6} {pass_name:8} {outcome.test.name:36} {outcome.passed:5} passed, "
          f"{len(outcome.failed)} failed{skipped}  {outcome.seconds:.1f} s", flush=True)
    if outcome.failed:
        print(f"---- output of {outcome.test.name} ({' '.join(outcome.test.command)})")
        print(outcome.output.rstrip("\n"))
        for name in outcome.failed:
            print(f"---- FAILED: {pass_name}/{outcome.test.name}: {name}")
        sys.stdout.flush()


class Beside:
    """Tests that run one after the other, in the processor time that is left, while others run."""

    def __init__(self, pass_name, tests):
        self.pass_name = pass_name
        self.tests = collections.deque(tests)
        self.outcomes = []

    def run_until(self, ended):
        while self.tests and not ended.is_set():
            test = self.tests.popleft()
            idle = dataclasses.replace(test, command=IDLE + test.command if test.command else [])
            self.outcomes.append(run_test(idle))
            report(self.outcomes[-1], self.pass_name)


class Build:
    """A build that goes on meanwhile. Its output goes to a file and is shown if it fails."""

    def __init__(self, command):
        self.sink = tempfile.TemporaryFile()
        self.process = subprocess.Popen(IDLE + ["bash", "-c", command], stdin=subprocess.DEVNULL,
                                        stdout=self.sink, stderr=subprocess.STDOUT,
                                        start_new_session=True)

    def wait(self):
        status = self.process.wait()
        if status != 0:
            self.sink.seek(0)
            print(self.sink.read().decode("utf-8", "replace"), flush=True)
        return status == 0

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
        self.sink.close()


def run_group(pass_name, tests, width):
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=width) as pool:
        for future in concurrent.futures.as_completed([pool.submit(run_test, t) for t in tests]):
            outcomes.append(future.result())
            report(outcomes[-1], pass_name)
    return outcomes


def run_pass(pass_name, tests, jobs, beside):
    alone = [test for test in tests if "serial" in test.labels]
    together = [test for test in tests if "serial" not in test.labels]
    ended = threading.Event()
    thread = threading.Thread(target=beside.run_until, args=(ended,))
    thread.start()
    try:
        return run_group(pass_name, together, jobs) + run_group(pass_name, alone, 1)
    finally:
        ended.set()
        thread.join()


def run_passes(arguments, builds):
    """Returns (outcomes, steps that failed)."""
    passes = [text.partition("=")[::2] for text in arguments.passes]
    outcomes, failed, not_built = [], list(arguments.failed_step), set()
    fuzzers = {}  # of each folder
    for pass_name, folder in passes:
        if pass_name in builds and not builds[pass_name].wait():
            failed.append(f"build {pass_name}")
            not_built.add(folder)
        if folder in not_built:
            continue
        if folder not in fuzzers:
            tests = select(list_tests("fuzz", folder), arguments.filters)
            fuzzers[folder] = Beside("fuzz", [as_fuzzer(test, folder, arguments.fuzz_seconds)
                                              for test in tests if ("fuzz", folder) in passes])
        if pass_name == "fuzz":
            outcomes += fuzzers[folder].outcomes
            outcomes += run_group("fuzz", fuzzers[folder].tests, arguments.jobs)
        else:
            tests = select(list_tests(pass_name, folder), arguments.filters)
            outcomes += run_pass(pass_name, tests, arguments.jobs, fuzzers[folder])
    return outcomes, failed


def main():
    arguments = parse_arguments()
    commands = [text.partition("=")[::2] for text in arguments.meanwhile]
    builds = {pass_name: Build(command) for pass_name, command in commands}
    try:
        outcomes, failed_steps = run_passes(arguments, builds)
    finally:
        for build in builds.values():
            build.stop()
    failures = [f"{o.test.name}: {name}" for o in outcomes for name in o.failed]
    failures += failed_steps
    if not outcomes and not failures:
        failures.append(f"no test matches {arguments.filters or 'at all'}")
    if failures:
        print("\nfailed:\n" + "\n".join(f"  {line}" for line in failures))
    skipped = [f"{o.test.name}: {name}" for o in outcomes for name in o.skipped]
    if skipped:
        print("\nskipped:\n" + "\n".join(f"  {line}" for line in skipped))
    print(f"\n{sum(o.passed for o in outcomes)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
