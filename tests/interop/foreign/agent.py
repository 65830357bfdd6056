"""Debian's `serf agent` as a process, driven by the verbs that its users type."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from foreign import address
from harness.host import PATIENCE, Folder, cleanup_of, until

SERF = shutil.which("serf")
RPC_PORT = 7373
MEMBER_FAILED = r"EventMemberFailed: {} "


class Lines:
    """What a process says, each line with the moment at which it came."""

    def __init__(self, stream):
        self.lines, self.news, self.stream = [], threading.Condition(), stream
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.stream:
            with self.news:
                self.lines.append((time.monotonic(), line.decode("utf-8", "replace").rstrip()))
                self.news.notify_all()
        self.stream.close()

    def mark(self):
        with self.news:
            return len(self.lines)

    def await_line(self, pattern, since=0, patience=PATIENCE):
        """(when, match) of the first that matches; None if none comes."""
        seen = since
        deadline = time.monotonic() + patience
        with self.news:
            while True:
                for when, line in self.lines[seen:]:
                    match = re.search(pattern, line)
                    if match:
                        return when, match
                seen = len(self.lines)
                left = deadline - time.monotonic()
                if left <= 0 or not self.news.wait_for(lambda: len(self.lines) > seen, left):
                    return None

    def text(self):
        with self.news:
            return "\n".join(line for _, line in self.lines)


class Lister:
    """Who lists its pool: members() gives {name: {status, …}}, in the form of a Serf agent's."""

    def sees(self, patience=PATIENCE, **wanted):
        """Awaits that its list says so: sees(b="alive", c="failed")."""
        wanted = {name.replace("_", "-"): status for name, status in wanted.items()}

        def look():
            members = self.members()
            return all((members.get(name) or {}).get("status") == status
                       for name, status in wanted.items()) and members
        return until(self.test, look, f"{self.name} sees {wanted}; it sees {self.members()}", patience)


class Agent(Lister):
    """`key`: raw bytes; then it has a keyring file, so that rotation works. `join`: addresses."""

    def __init__(self, test, name, *flags, at=None, join=(), key=None, before=()):
        self.test, self.name = test, name
        self.at = at or address.fresh()
        over_ipv4 = self.at if len(self.at.ip) == 4 else address.fresh(RPC_PORT)
        self.rpc = f"{over_ipv4.host}:{RPC_PORT}"
        self.before = list(before)  # a command that runs the agent, such as `ip netns exec`
        self.flags = [*flags, *(f"-join={seed}" for seed in join)]
        if key:
            ring = Folder(test).path / f"{name}.keyring"
            ring.write_text(json.dumps([base64.b64encode(key).decode()]))
            self.flags.append(f"-keyring-file={ring}")
        cleanup_of(test)(self.kill)
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            [*self.before, SERF, "agent", f"-node={self.name}", f"-bind={self.at}",
             f"-advertise={self.at}", f"-rpc-addr={self.rpc}", "-log-level=debug", *self.flags],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            env={**os.environ, "GOMAXPROCS": "2"})
        self.lines = Lines(self.process.stdout)
        if not self.lines.await_line("Agent IPC: Listening|Listening on|agent: Serf agent starting"):
            raise AssertionError(f"the agent did not start: {self.lines.text()}")
        until(self.test, lambda: self.try_verb("info")[0] == 0, f"{self.name} answers")

    def kill(self):
        self.end(signal.SIGKILL)

    def end(self, how):
        if self.process and self.process.poll() is None:
            self.process.send_signal(how)
        if self.process:
            self.process.wait(PATIENCE)

    def leave(self):
        """Awaits that it has left and ended."""
        self.end(signal.SIGINT)

    def remove(self, name, prune=False):
        self.verb("force-leave", *(["-prune"] if prune else []), name)

    def try_verb(self, *words):
        """(exit status, what it said) of `serf WORD…`."""
        done = subprocess.run([*self.before, SERF, words[0], f"-rpc-addr={self.rpc}", *words[1:]],
                              capture_output=True, text=True, timeout=2 * PATIENCE, check=False)
        return done.returncode, done.stdout + done.stderr

    def verb(self, *words):
        code, said = self.try_verb(*words)
        if code != 0:
            raise AssertionError(f"serf {words}: {code} {said}\n{self.lines.text()[-3000:]}")
        return said

    def members(self):
        """{name: {addr, port, tags, status, …}}"""
        listed = json.loads(self.verb("members", "-format=json"))["members"]
        return {member["name"]: member for member in listed or []}
