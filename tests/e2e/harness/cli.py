"""The program's verbs as a person or a script types them."""

import json
import os
import pty
import subprocess

from harness.host import PATIENCE, PROGRAM, clean_environment
from harness.rest import RestTest


class Done:
    def __init__(self, words, done):
        self.words = words
        self.code = done.returncode
        self.raw = done.stdout
        self.out = done.stdout.decode("utf-8", "replace")
        self.err = done.stderr.decode("utf-8", "replace")

    def __repr__(self):
        return f"phoenix {' '.join(self.words)}: {self.code}\n{self.out}{self.err}"

    @property
    def json(self):
        return json.loads(self.out)

    @property
    def lines(self):
        return self.out.splitlines()


def run(*words, stdin=b"", folder=None, before=(), **env):
    return Done(words, subprocess.run([*before, PROGRAM, *words], input=stdin, capture_output=True,
                                      cwd=folder, env=clean_environment(**env),
                                      timeout=3 * PATIENCE, check=False))


def run_on_terminal(*words, env):
    """(exit status, what a terminal shows) with stdout and stderr on it."""
    controller, terminal = pty.openpty()
    process = subprocess.Popen([PROGRAM, *words], stdin=subprocess.DEVNULL, stdout=terminal,
                               stderr=terminal, env=env)
    os.close(terminal)
    shown = b""
    while True:
        try:
            part = os.read(controller, 65536)
        except OSError:  # the other side is closed
            break
        if not part:
            break
        shown += part
    os.close(controller)
    return process.wait(PATIENCE), shown.decode("utf-8", "replace")


class CliTest(RestTest):
    def phoenix(self, *words, code=0, stdin=b"", folder=None, **env):
        """Against the class's host; the exit status is checked, and that stderr is for people."""
        done = run(*words, stdin=stdin, folder=folder, PHOENIX_URL=self.host.url, **env)
        self.assertEqual(done.code, code, done)
        for trace in ("terminate called", "what():", "Assertion", "std::"):
            self.assertNotIn(trace, done.err)
        return done

    def failed(self, code, *words, says=(), **more):
        done = self.phoenix(*words, code=code, **more)
        self.assertEqual(done.out, "", done)
        self.assertTrue(done.err, done)
        for word in [says] if isinstance(says, str) else says:
            self.assertIn(word, done.err, done)
        return done

    def person(self, *capabilities):
        """A member driven by hand."""
        id = self.fresh("anna")
        self.phoenix("member", "register", id, "--kind", "human", "--capability",
                     ",".join(capabilities), "--max-load", "5")
        return id

    def held(self, cap, *flags):
        """(packet, the member that holds it)"""
        anna = self.person(cap)
        packet = self.phoenix("packet", "submit", "--requires", cap, *flags).out.strip()
        return packet, anna

    def packet(self, id):
        return self.ok("GET", "/v1/packets/" + id).json
