"""`phoenix demo` as a user runs it: a small one, one with host kills, and what is left behind when
it is interrupted or killed. The program is env PHOENIX_BIN."""

import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

KEYS = {"seed", "submitted", "completed", "failed", "lost", "completedTwice", "mismatched",
        "ownerChanges", "staleRefusals", "selfStopped", "reexecutions", "wastedWork", "hostKills",
        "load", "rebalancing", "handoffMs", "ownershipGapMs", "recoveryMs", "packetsPerSecond",
        "seconds", "audit"}


def processes_with(text):
    """Pids whose command line or environment names the text."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if text.encode() in told:
            found.append(int(folder.name))
    return found


def await_true(what, limit=20.0):
    deadline = time.monotonic() + limit
    while not what():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


class DemoTest(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="phoenix-demo-test-")
        os.chmod(self.folder, 0o711)  # for the user that PostgreSQL runs as, where this one is root
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.environment = dict(os.environ, TMPDIR=self.folder)

    def command(self, *flags):
        return [os.environ["PHOENIX_BIN"], "demo", "--packets", "200", "--churn", "200ms", *flags]

    def run_demo(self, *flags):
        done = subprocess.run(self.command(*flags), env=self.environment, capture_output=True,
                              text=True, timeout=150, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done

    def begin(self, *flags):
        """A demo that is in the middle of its work: it has workers with packets in hand."""
        process = subprocess.Popen(self.command("--packets", "1000000", *flags),
                                   env=self.environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)

        def working():
            return any("PHOENIX_PACKET_ID" in pathlib.Path(f"/proc/{pid}/environ").read_text(
                errors="replace") for pid in processes_with(self.folder)
                if pathlib.Path(f"/proc/{pid}").exists())

        def safely_working():
            try:
                return working()
            except OSError:
                return False

        self.assertTrue(await_true(safely_working, 60), "no worker began to work")
        return process

    def nothing_left(self):
        def gone():
            return not processes_with(self.folder) and not os.listdir(self.folder)
        if not await_true(gone):
            self.fail(f"left: {processes_with(self.folder)} {os.listdir(self.folder)}")

    def check_figures(self, figures, packets, more=frozenset()):
        self.assertEqual(set(figures), KEYS | more)
        self.assertGreaterEqual(figures["submitted"], packets)
        self.assertEqual(figures["completed"], figures["submitted"])
        for name in ("failed", "lost", "completedTwice", "mismatched"):
            self.assertEqual(figures[name], 0, name)
        self.assertGreater(figures["staleRefusals"], 0)
        self.assertGreater(figures["audit"]["entries"], packets)
        self.assertEqual(figures["audit"]["resultsSigned"], figures["completed"])
        self.assertGreater(figures["audit"]["handoffsSigned"], 0)
        self.assertGreater(figures["audit"]["drainCertificates"], 0)
        self.assertGreater(figures["selfStopped"], 0)
        for cause in ("death", "freeze", "handoff"):
            self.assertGreater(figures["ownerChanges"][cause], 0, cause)
        self.assertLessEqual(figures["rebalancing"]["ratio"], 1.05)
        self.assertGreater(figures["rebalancing"]["moved"], 0)
        self.assertGreater(figures["reexecutions"], 0)
        self.assertTrue(0 < figures["wastedWork"] < 1)
        self.assertGreater(figures["load"]["maxOverMean"], 1)
        for name in ("handoffMs", "ownershipGapMs", "recoveryMs"):
            times = figures[name]
            self.assertTrue(0 < times["p50"] <= times["p99"] <= times["max"], name)
            # No packet can have waited for longer than the run.
            self.assertLess(times["max"], 1000 * figures["seconds"] + 1000, name)
        self.assertIn("commit", figures["handoffMs"]["phases"])

    def test_small(self):
        done = self.run_demo("--seed", "3", "-o", "json")
        self.assertEqual(done.stderr, "")
        figures = json.loads(done.stdout)
        self.assertEqual(figures["seed"], 3)
        self.assertEqual(figures["hostKills"], 0)
        self.check_figures(figures, 200)
        self.nothing_left()

    def test_three_hosts_that_are_killed_frozen_and_sent_away(self):
        if not list(pathlib.Path("/usr/lib/postgresql").glob("*/bin/initdb")):
            self.skipTest("PostgreSQL's programs are not installed")
        done = self.run_demo("--hosts", "3", "--kill-host", "1", "--seed", "5", "-o", "json")
        figures = json.loads(done.stdout)
        self.assertEqual([figures[name] for name in
                          ("hosts", "hostKills", "hostFreezes", "hostLeaves")], [3, 1, 1, 1])
        self.check_figures(figures, 200, {"hosts", "hostFreezes", "hostLeaves", "turnedAway",
                                          "placements"})
        self.nothing_left()

    def test_host_kills_and_three_workers_on_a_folder_of_ours(self):
        files = pathlib.Path(self.folder) / "files"
        files.mkdir()
        (files / "text").write_text("one two two three three three\n" * 2000)
        (files / "bytes").write_bytes(bytes(range(256)) * 400)
        (files / "empty").write_bytes(b"")
        data = pathlib.Path(self.folder) / "data"
        done = self.run_demo("--kill-host", "2", "--workers", "3", "--files", str(files), "--data",
                             str(data), "--audit-out", f"{self.folder}/audit", "-o", "json")
        figures = json.loads(done.stdout)
        self.assertEqual(figures["hostKills"], 2)
        self.check_figures(figures, 200)
        self.assertTrue((data / "phoenix.db").exists())
        self.assertEqual(sorted(os.listdir(self.folder)), ["audit", "data", "files"])
        self.assertEqual(processes_with(self.folder), [])
        shutil.rmtree(data)
        kept = pathlib.Path(self.folder) / "audit"
        subprocess.run([os.environ["PHOENIX_BIN"], "audit", "verify", kept / "all.audit", "--keys",
                        kept / "keys", "--checkpoint", kept / "now.checkpoint"],
                       env=self.environment, check=True, capture_output=True, timeout=60)

    def test_the_report_for_people(self):
        done = self.run_demo("--keep", "--workers", "4")
        self.assertIn("Nothing was lost, nothing was accepted twice.", done.stdout)
        host = int(done.stdout.split("End it with: kill ")[1].split()[0])
        tries = [line.strip() for line in done.stdout.splitlines()
                 if line.startswith("  phoenix --url")]
        self.assertEqual(len(tries), 3)
        try:
            for line in tries[:2]:
                words = [os.environ["PHOENIX_BIN"], *line.split()[1:]]
                subprocess.run(words, env=self.environment, check=True, capture_output=True,
                               timeout=30)
        finally:
            os.kill(host, signal.SIGTERM)
        self.assertTrue(await_true(lambda: not processes_with(self.folder)))

    def test_interrupted(self):
        process = self.begin()
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(timeout=30), 130)
        self.nothing_left()

    def test_killed(self):
        process = self.begin()
        process.kill()
        process.wait(timeout=30)
        self.nothing_left()

    def test_no_files(self):
        empty = pathlib.Path(self.folder) / "nothing"
        empty.mkdir()
        done = subprocess.run(self.command("--files", str(empty)), env=self.environment,
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertEqual(len(done.stderr.splitlines()), 3)
        empty.rmdir()
        self.nothing_left()


if __name__ == "__main__":
    unittest.main()
