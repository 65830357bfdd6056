"""What the original's own page tells its users to type, line by line, with our host running."""

import unittest

from harness.cli import CliTest
from harness.host import Folder, Host

# As `new APP` makes them there: an agent of the app's name, a packet of the app's name.
FILES = {
    "PhoenixFile": """apiVersion: phoenixflight.io/v1alpha1
kind: PhoenixApp
metadata: {name: my-app, namespace: default, version: 0.1.0}
runtime: {language: python, entrypoint: src/app.py}
controlPlane:
  auth: {provider: local}
  policies: [policies/can-assign.yaml]
  audit: {sink: local, format: jsonl}
  assignment: {strategy: trust-weighted-capability-routing}
dataPlane:
  agents: [agents/my-app-agent.yaml, agents/other-agent.yaml]
  packets: [packets/my-app.packet.yaml]
membership:
  discovery: {mode: capability}
  migration: {enabled: true}
  retirement: {drainTimeoutSeconds: 30}
build: {target: local, outputs: [phoenix-bundle]}
""",
    "policies/can-assign.yaml": "name: can-assign\nrules: {minimumTrustScore: 0.7}\n",
    "agents/my-app-agent.yaml": """apiVersion: phoenixflight.io/v1alpha1
kind: Agent
metadata: {name: my-app-agent, namespace: default}
spec: {type: agent, capabilities: [execute, process], trustScore: 0.9, reliability: 0.9, maxLoad: 5}
""",
    "agents/other-agent.yaml": """apiVersion: phoenixflight.io/v1alpha1
kind: Agent
metadata: {name: other-agent, namespace: default}
spec: {type: agent, capabilities: [execute], trustScore: 0.8, reliability: 0.9, maxLoad: 5}
""",
    "packets/my-app.packet.yaml": """apiVersion: phoenixflight.io/v1alpha1
kind: FlightPacket
metadata: {name: my-app, namespace: default}
spec: {requiredCapabilities: [execute], payload: {task: demo}, state: {status: PENDING}}
"""}


class QuickStart(CliTest):
    def setUp(self):
        self.host = Host(self)
        self.folder = Folder(self).path / "my-app"
        for name, text in FILES.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def lines(self, text):
        """{line: what it printed}; each ends with 0."""
        said = {}
        for line in text.split("\n"):
            if line.strip():
                words = line.split()
                said[line.strip()] = self.phoenix(*words[1:], folder=self.folder).out
        return said

    def test_line_by_line(self):
        said = self.lines("""
            phoenix init
            phoenix validate -f PhoenixFile
            phoenix member register agents/my-app-agent.yaml
            phoenix member register agents/other-agent.yaml
            phoenix member list
            phoenix packet create my-app
            phoenix packet list
            phoenix assign packet-001 --to my-app-agent
            phoenix status
            phoenix inspect packet-001
            phoenix handoff packet-001 --from my-app-agent --to other-agent
            phoenix retire my-app-agent
            phoenix audit
            phoenix build -f PhoenixFile
            phoenix bundle inspect dist/my-app-0.1.0.pflight
            phoenix bundle verify dist/my-app-0.1.0.pflight
            phoenix bundle unpack dist/my-app-0.1.0.pflight --to unpacked
            phoenix emit dockerfile -f PhoenixFile
            phoenix completion bash
            """)
        self.assertEqual(said["phoenix packet create my-app"], "packet-001\n")
        self.assertIn("PhoenixFile is valid.", said["phoenix validate -f PhoenixFile"])
        self.assertIn("my-app-agent", said["phoenix assign packet-001 --to my-app-agent"])
        self.assertIn("dist/my-app-0.1.0.pflight", said["phoenix build -f PhoenixFile"])
        self.assertIn("handed", said["phoenix audit"])
        packet = self.packet("packet-001")
        self.assertEqual((packet["owner"], packet["name"], packet["payload"]),
                         ("other-agent", "my-app", {"task": "demo"}))
        self.assertEqual(self.phoenix("member", "show", "my-app-agent", "-o", "json").json["status"],
                         "RETIRED")
        self.assertEqual((self.folder / "unpacked/PhoenixFile").read_text(), FILES["PhoenixFile"])

    def test_with_an_app_of_our_own(self):
        self.lines("phoenix new my-shop")
        self.folder = self.folder / "my-shop"
        said = self.lines("""
            phoenix init
            phoenix validate -f PhoenixFile
            phoenix member register agents/my-shop-agent.yaml
            phoenix packet create my-shop
            phoenix assign packet-001 --to my-shop-agent
            phoenix status
            phoenix build -f PhoenixFile
            """)
        self.assertIn("my-shop-agent", said["phoenix assign packet-001 --to my-shop-agent"])

    def test_each_create_is_another_packet(self):
        ids = [self.phoenix("packet", "create", "my-app", folder=self.folder).out.strip()
               for _ in range(11)]
        self.assertEqual(ids, [f"packet-{number:03}" for number in range(1, 12)])

    def test_assign_without_a_name_tells_the_owner_there_is(self):
        self.lines("""
            phoenix member register agents/my-app-agent.yaml
            phoenix packet create my-app
            """)
        for words in (("packet-001",), ("packet-001", "--to", "my-app-agent")):
            self.assertIn("my-app-agent", self.phoenix("assign", *words).out)
        self.assertEqual(self.packet("packet-001")["epoch"], 1)
        self.phoenix("packet", "complete", "packet-001", "--as", "my-app-agent", "--result", "1")
        self.failed(1, "assign", "packet-001", says="packet-001")

    def test_assign_to_nobody_there_still_fails(self):
        self.lines("""
            phoenix member register agents/my-app-agent.yaml
            phoenix packet create my-app
            """)
        self.failed(1, "assign", "packet-001", "--to", "nobody")


if __name__ == "__main__":
    unittest.main()
