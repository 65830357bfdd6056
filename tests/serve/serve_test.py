#!/usr/bin/env python3
"""`phoenix serve` as a process: `serve_test.py PROGRAM`. What it logs, and how it ends."""

import hashlib
import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import urllib.error
import urllib.request

PROGRAM = sys.argv.pop(1) if len(sys.argv) > 1 else "build/phoenix"


class Host:
    """A host on a free port in a folder of its own."""

    def __init__(self, folder, *flags):
        self.process = subprocess.Popen(
            [PROGRAM, "serve", "--listen", "127.0.0.1:0", "--gossip", "127.0.0.1:0",
             "--data", f"{folder}/data", *flags],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        said = self.process.stdout.readline()
        self.url = re.search(r"https?://\S+", said)[0]

    def call(self, method, path, body=None, token=None):
        request = urllib.request.Request(self.url + path, method=method)
        if token:
            request.add_header("Authorization", f"Bearer {token}")
        data = None if body is None else json.dumps(body).encode()
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, data, timeout=20) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.loads(refusal.read())

    def log_until(self, event):
        """The lines up to the first of this event; fails if the log ends without."""
        lines = []
        for line in self.process.stderr:
            lines.append(json.loads(line))
            if lines[-1]["event"] == event:
                return lines
        raise AssertionError(f"no {event} in {lines}")

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()


class ServeTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def host(self, *flags):
        host = Host(self.folder, *flags)
        self.addCleanup(host.end)
        return host

    def member_waiting(self, host):
        """Registers a member and leaves a poll of it waiting; its token."""
        status, made = host.call("POST", "/v1/members", {"id": "m", "capabilities": ["x"]})
        self.assertEqual(status, 201)
        token = made["session"]["token"]
        address = host.url.removeprefix("http://")
        poll = subprocess.Popen(["curl", "-sS", "-H", f"Authorization: Bearer {token}",
                                 f"http://{address}/v1/members/m/stream"],
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(poll.stdout.close)
        self.addCleanup(poll.wait)
        self.addCleanup(poll.kill)
        host.call("POST", "/v1/members/m/heartbeat", {}, token)
        return token

    def test_a_host_with_sessions_ends_with_0(self):
        host = self.host("--log-level", "warn")
        self.member_waiting(host)
        host.call("POST", "/v1/packets", {"requiredCapabilities": ["x"]})
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual(host.process.wait(10), 0)
        self.assertEqual(host.process.stderr.read(), "")
        self.assertFalse((self.folder / "data" / "address.json").exists())

    def test_the_log_tells_the_life_of_the_host_but_no_token(self):
        host = self.host("--log-format", "json", "--log-level", "debug")
        token = self.member_waiting(host)
        host.call("GET", "/v1/packets?label=secret%3Dword")
        host.process.send_signal(signal.SIGTERM)
        lines = host.log_until("stopped")
        self.assertEqual(host.process.wait(10), 0)
        events = [line["event"] for line in lines]
        self.assertEqual(events[0], "started")
        self.assertEqual(lines[0]["url"], host.url)
        self.assertIn("stopping", events)
        answered = [line for line in lines if line["event"] == "answered"]
        self.assertTrue(any(line["path"] == "/v1/packets" and line["status"] == "200"
                            and line["request"].startswith("req_") for line in answered), answered)
        text = json.dumps(lines)
        self.assertNotIn(token, text)
        self.assertNotIn("secret", text)

    def test_answers_are_not_logged_at_info(self):
        host = self.host("--log-format", "json")
        host.call("GET", "/v1/packets")
        host.process.send_signal(signal.SIGTERM)
        self.assertEqual([line["event"] for line in host.log_until("stopped")
                          if line["event"] != "view-changed"],
                         ["started", "stopping", "stopped"])

    def test_a_broken_token_file_changes_nothing(self):
        tokens = self.folder / "tokens.yaml"
        digest = hashlib.sha256(b"word").hexdigest()
        tokens.write_text(f"tokens:\n  - {{name: a, sha256: {digest}, roles: [reader]}}\n")
        host = self.host("--log-format", "json", "--auth-file", str(tokens))
        tokens.write_text("tokens: [\n")
        host.process.send_signal(signal.SIGHUP)
        self.assertIn("tokens.yaml:2", host.log_until("former-tokens-stay")[-1]["why"])
        self.assertEqual(host.call("GET", "/v1/packets", token="word")[0], 200)
        tokens.write_text("tokens: []\n")
        host.process.send_signal(signal.SIGHUP)
        host.log_until("reloaded")
        self.assertEqual(host.call("GET", "/v1/packets", token="word")[0], 401)

    def test_a_start_that_fails_says_why_and_what_to_do(self):
        host = self.host("--log-level", "warn")
        taken = host.url.removeprefix("http://")
        data = str(self.folder / "data")
        fresh = self.folder / "fresh"
        config = self.folder / "host.yaml"
        config.write_text("listen: [\n")
        for flags, why in ((["--data", data], f"pid {host.process.pid}"),
                           (["--data", data, "--listen", taken], f"pid {host.process.pid}"),
                           (["--data", str(fresh), "--listen", taken], taken),
                           (["--data", str(fresh), "--auth-file", "/nowhere"],
                            "--auth-file: /nowhere cannot be read"),
                           (["--data", str(fresh), "--tls-cert", "/nowhere", "--tls-key", "/no"],
                            "/nowhere")):
            ended = subprocess.run([PROGRAM, "serve", "--listen", "127.0.0.1:0", *flags],
                                   capture_output=True, text=True, timeout=20, check=False)
            self.assertEqual((ended.returncode, ended.stdout), (1, ""))
            lines = ended.stderr.splitlines()
            self.assertEqual(lines[0], "phoenix serve: cannot start")
            self.assertTrue(any(line.find(why) >= 0 and not line.startswith("flag:")
                                for line in lines), lines)
            self.assertFalse(fresh.exists(), flags)
        ended = subprocess.run([PROGRAM, "serve", "--data", str(fresh), "--config", str(config)],
                               capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual((ended.returncode, ended.stdout), (2, ""), ended.stderr)
        self.assertFalse(fresh.exists())


if __name__ == "__main__":
    unittest.main()
