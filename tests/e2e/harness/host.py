"""A real host: one `phoenix serve` on a data folder of its own. The program is env PHOENIX_BIN."""

import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time

PROGRAM = os.environ["PHOENIX_BIN"]
# Bounds on time are stretched where the program is slowed down by a sanitizer.
SLOWNESS = 4 if os.environ.get("PHOENIX_SANITIZED") else 1
PATIENCE = 20 * SLOWNESS


def clean_environment(**more):
    """Without what would lead the program to another host or account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PHOENIX_")}
    return {**kept, "NO_COLOR": "1", **more}


def cleanup_of(test):
    """Of a test, or of a class of them."""
    return test.addClassCleanup if isinstance(test, type) else test.addCleanup


class Folder:
    """A temporary folder that goes with its test."""

    def __init__(self, test, prefix="phoenix-e2e-"):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
        cleanup_of(test)(shutil.rmtree, self.path, ignore_errors=True)


class Host:
    """Started by the constructor, ended by end() or by the cleanup of the test that owns it."""

    def __init__(self, test, *flags, folder=None, data=None, before=(), env=None,
                 listen="127.0.0.1:0", gossip="127.0.0.1:0"):
        self.folder = pathlib.Path(folder) if folder else Folder(test).path
        self.data = pathlib.Path(data) if data else self.folder / "data"
        self.flags = flags
        self.listen = listen  # a restart comes back at the same address
        self.gossip = gossip
        self.before = before  # a command that runs the host, such as strace
        self.env = env or {}
        self.process = None
        cleanup_of(test)(self.end, signal.SIGKILL)
        self.start()

    def start(self):
        self.pid = None
        log = open(self.folder / "serve.log", "ab")
        listen = ["--listen", self.listen] if self.listen else []
        self.process = subprocess.Popen(
            [*self.before, PROGRAM, "serve", "--data", str(self.data), *listen,
             "--gossip", self.gossip, *self.flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
            env=clean_environment(**self.env))
        log.close()
        self.greeting = self.first_line()
        self.url = self.greeting.split()[-1]
        self.ip, port = self.url.removeprefix("http://").rsplit(":", 1)
        self.port = int(port)
        self.listen = f"{self.ip}:{self.port}"
        self.address = json.loads((self.data / "address.json").read_text())
        self.pid = self.address["pid"]

    def first_line(self):
        """What it prints when it takes calls; awaited, with a limit."""
        ready, _, _ = select.select([self.process.stdout], [], [], 2 * PATIENCE)
        line = self.process.stdout.readline().decode() if ready else ""
        if not line:
            self.end(signal.SIGKILL)
            raise AssertionError("the host did not start: " + self.log())
        return line.strip()

    def log(self):
        return (self.folder / "serve.log").read_text("utf-8", "replace")

    def end(self, how=signal.SIGTERM):
        """Its exit status, negative for a signal."""
        if self.process.poll() is None:
            os.kill(self.pid or self.process.pid, how)
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()

    def kill(self):
        return self.end(signal.SIGKILL)


def refused_start(test, *flags, data=None):
    """(exit status, stderr) of a host that is expected not to start."""
    data = data or Folder(test).path / "data"
    done = subprocess.run([PROGRAM, "serve", "--data", str(data), *flags],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=clean_environment(), timeout=PATIENCE, check=False)
    return done.returncode, done.stderr


def until(test, look, what, patience=PATIENCE):
    """Asks until `look` gives something true, for states that no call waits for. `what` it is that
    did not come is a text, or gives one then."""
    deadline = time.monotonic() + patience
    pause = select.poll()
    while True:
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {patience} s: {what() if callable(what) else what}")
        pause.poll(10)
