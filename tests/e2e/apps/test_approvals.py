"""The template approval-flow with a person who decides, and with nobody."""

import hashlib
import subprocess
import unittest

from harness.cli import run
from harness.host import PATIENCE, PROGRAM, Folder, Host, clean_environment, until


def row(name, *lines):
    digest = hashlib.sha256(f"secret of {name}".encode()).hexdigest()
    return f"  - name: {name}\n    sha256: {digest}\n" + "".join(f"    {line}\n" for line in lines)


class Approvals(unittest.TestCase):
    def setUp(self):
        self.folder = Folder(self).path
        tokens = self.folder / "tokens.yaml"
        tokens.write_text("tokens:\n" + row("ops", "roles: [admin]") +
                          row("controller", "roles: [approver, reader]", "human: controller"))
        self.host = Host(self, "--auth-file", str(tokens))
        self.assertEqual(self.phoenix("ops", "new", "refunds", "--template", "approval-flow").code, 0)
        self.app = self.folder / "refunds"
        rule = self.app / "policies/can-assign.yaml"
        rule.write_text(rule.read_text().replace("expiresAfter: 4s, onExpiry: allow",
                                                 "expiresAfter: 1h, onExpiry: deny"))

    def phoenix(self, name, *words):
        return run(*words, folder=self.folder, PHOENIX_URL=self.host.url,
                   PHOENIX_TOKEN=f"secret of {name}")

    def start(self):
        process = subprocess.Popen([PROGRAM, "run", "-o", "json"], cwd=self.app,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=clean_environment(PHOENIX_URL=self.host.url,
                                                         PHOENIX_TOKEN="secret of ops"))
        self.addCleanup(process.kill)
        return process

    def asked(self):
        """The name of the one approval, once it is asked for."""
        listed = until(self, lambda: self.phoenix("controller", "approval", "list", "-o",
                                                  "name").lines, "an approval")
        self.assertEqual(len(listed), 1)
        return listed[0]

    def status_of(self, packet):
        return self.phoenix("ops", "packet", "show", packet, "-o", "json").json["status"]

    def test_what_is_approved_is_paid(self):
        process = self.start()
        name = self.asked()
        self.assertNotEqual(self.phoenix("ops", "approval", "approve", name).code, 0)
        self.assertEqual(self.status_of("refund-large"), "PENDING")
        done = self.phoenix("controller", "approval", "approve", name, "--reason", "called her")
        self.assertEqual(done.code, 0, done)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 0, out + err)
        for packet in ("refund-small", "refund-large"):
            self.assertEqual(self.status_of(packet), "COMPLETED")

    def test_what_is_rejected_is_not(self):
        process = self.start()
        name = self.asked()
        until(self, lambda: self.status_of("refund-small") == "COMPLETED", "the small refund")
        self.assertEqual(self.phoenix("controller", "approval", "reject", name).code, 0)
        out, err = process.communicate(timeout=PATIENCE)
        self.assertEqual(process.returncode, 1, out + err)
        self.assertEqual(self.status_of("refund-large"), "REJECTED")


if __name__ == "__main__":
    unittest.main()
