"""Contracts of handoffs from the command line, and what becomes of a handoff that breaks one."""

import json
import unittest

from harness.cli import CliTest
from harness.host import Folder

CONTRACT = """apiVersion: phoenixflight.io/v1
kind: HandoffContract
metadata: {name: NAME}
spec:
  minimumTrustScore: 0.9
  context:
    require: [order]
"""


class Contracts(CliTest):
    def setUp(self):
        super().setUp()
        self.name = self.fresh("contract")
        self.file = Folder(self).path / "contract.yaml"
        self.file.write_text(CONTRACT.replace("NAME", self.name))

    def apply(self, *words):
        done = self.phoenix("contract", "apply", "-f", str(self.file), "-o", "json", *words)
        (item,) = json.loads(done.out)["items"]
        return item["change"]

    def listed(self):
        return self.phoenix("contract", "list", "-o", "name").out.split()

    def test_life_of_a_contract(self):
        self.assertEqual(self.apply("--dry-run"), "created")
        self.assertNotIn(self.name, self.listed())
        self.assertEqual(self.apply(), "created")
        self.assertEqual(self.apply(), "none")
        self.assertIn(self.name, self.listed())
        shown = json.loads(self.phoenix("contract", "show", self.name, "-o", "json").out)
        self.assertEqual(shown["spec"], {"minimumTrustScore": 0.9, "context": {"require": ["order"]}})
        self.file.write_text(self.file.read_text().replace("0.9", "0.8"))
        self.assertEqual(self.apply(), "changed")
        changed = json.loads(self.phoenix("contract", "show", self.name, "-o", "json").out)
        self.assertEqual(changed["revision"], 2)
        self.assertNotEqual(changed["digest"], shown["digest"])
        self.phoenix("contract", "delete", self.name)
        self.assertNotIn(self.name, self.listed())
        self.failed(3, "contract", "show", self.name, says=self.name)

    def test_faults_are_told_in_their_places(self):
        self.file.write_text(self.file.read_text().replace("require", "requir"))
        self.failed(1, "contract", "apply", "-f", str(self.file),
                    says='contract.yaml:7:5: spec.context: unknown key "requir", did you mean "require"?')
        self.failed(2, "contract", "apply", says="-f FILE")

    def test_a_handoff_that_breaks_it(self):
        cap = self.fresh("cap")
        self.apply()
        for id, trust in (("giver", "1"), ("good", "0.95"), ("poor", "0.5")):
            self.phoenix("member", "register", f"{cap}-{id}", "--kind", "human", "--capability", cap,
                         "--max-load", "10", "--trust", trust)
        packet = self.phoenix("packet", "submit", "--requires", cap, "--contract", self.name,
                              "--scopes", "read,write").out.strip()
        self.phoenix("assign", packet, "--to", f"{cap}-giver")
        hand = ("handoff", packet, "--context", '{"order":1}', "--to")
        self.failed(1, *hand, f"{cap}-poor", says="trust score 0.5, below 0.9")
        self.failed(1, *hand, f"{cap}-good", "--scopes", "pay", says="scope pay is passed on")
        self.phoenix(*hand, f"{cap}-good", "--scopes", "read")
        shown = self.ok("GET", "/v1/packets/" + packet).json
        self.assertEqual((shown["owner"], shown["scopes"]), (f"{cap}-good", ["read"]))


if __name__ == "__main__":
    unittest.main()
