"""Real `phoenix worker start` processes whose CMD is a puppet in the test's hand."""

import base64
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import sys
import threading

from harness.host import PATIENCE, PROGRAM, Folder, clean_environment

PUPPET = [sys.executable, "-B", str(pathlib.Path(__file__).with_name("puppet.py"))]


class Run:
    """One run of CMD, as the worker started it."""

    def __init__(self, wire):
        wire.settimeout(PATIENCE)
        self.wire = wire
        self.lines = wire.makefile("rb")
        hello = self.heard()
        self.pid = hello["pid"]
        self.argv = hello["argv"]
        self.env = hello["env"]
        self.stdin = base64.b64decode(hello["stdin"])
        self.files = {name: base64.b64decode(data) for name, data in hello["files"].items()}
        self.packet = self.env["PHOENIX_PACKET_ID"]
        self.epoch = int(self.env["PHOENIX_EPOCH"])

    def heard(self):
        """What CMD says next; None when it and all its children have ended."""
        try:
            line = self.lines.readline()
        except ConnectionResetError:
            return None
        return json.loads(line) if line else None

    def order(self, what, **more):
        step = dict(more, do=what)
        if isinstance(step.get("data"), bytes):
            step["data"] = base64.b64encode(step["data"]).decode()
        self.wire.sendall(json.dumps(step).encode() + b"\n")

    def do(self, what, **more):
        """Orders it and awaits that it is done."""
        self.order(what, **more)
        answer = self.heard()
        if answer != {"done": what}:
            raise AssertionError(f"{what}: CMD said {answer}")

    def write(self, data, descriptor=1):
        self.do("write", fd=descriptor, data=data)

    def save(self, data):
        self.do("file", name="PHOENIX_CHECKPOINT_OUT", data=data)

    def end(self, code=0, stdout=None):
        if stdout is not None:
            self.write(stdout)
        self.order("exit", code=code)

    def gone(self, patience=PATIENCE):
        """Awaits the end of the whole tree; what CMD still said on the way."""
        self.wire.settimeout(patience)
        said = []
        while (word := self.heard()) is not None:
            said.append(word)
        self.close()
        return said

    def alive(self):
        return os.path.exists(f"/proc/{self.pid}")

    def close(self):
        self.lines.close()
        self.wire.close()


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


class Worker:
    """Ended by the cleanup of its test if it has not ended before."""

    def __init__(self, test, host, capability, *flags, id=None, command=None, env=None,
                 before=()):
        self.test = test
        self.folder = Folder(test).path
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.folder / "puppets"))
        self.listener.listen(64)
        self.listener.settimeout(PATIENCE)
        test.addCleanup(self.listener.close)
        self.id = id or test.fresh("w")
        self.lines = []
        self.news = threading.Condition()
        self.process = subprocess.Popen(
            [*before, PROGRAM, "worker", "start", "--url", host.url, "--id", self.id,
             "--capability", capability, *flags, "-v", "--", *(command or PUPPET)],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=clean_environment(PUPPET_SOCKET=str(self.folder / "puppets"),
                                  TMPDIR=str(self.folder), **(env or {})))
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()
        test.addCleanup(self.remove)

    def read(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line.decode("utf-8", "replace").rstrip())
                self.news.notify_all()
        with self.news:
            self.lines.append(None)
            self.news.notify_all()

    def said(self, pattern, patience=PATIENCE):
        """Awaits a line on stderr that matches."""
        def look():
            lines = [line for line in self.lines if line is not None]
            return next((m for line in lines if (m := re.search(pattern, line))), None) or (
                None in self.lines)
        with self.news:
            self.news.wait_for(look, patience)
            match = look()
        if not isinstance(match, re.Match):
            self.test.fail(f"{self.id} did not say {pattern}: {self.lines}")
        return match

    def registered(self):
        self.said("^registered as ")
        return self

    def run(self):
        """The next run of CMD, awaited."""
        wire, _ = self.listener.accept()
        run = Run(wire)
        self.test.addCleanup(run.close)
        return run

    def guardian(self):
        """The process that stands between the worker and all runs of CMD."""
        (pid,) = children_of(self.process.pid)
        return pid

    def signal(self, number):
        self.process.send_signal(number)

    def ended(self, patience=2 * PATIENCE):
        """Its exit status, awaited."""
        code = self.process.wait(timeout=patience)
        self.reader.join(PATIENCE)
        return code

    def remove(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.send_signal(signal.SIGCONT)
        self.process.wait()
        self.reader.join(PATIENCE)
        self.process.stderr.close()
