"""`phoenix apply`, `diff` and `delete` against a host."""

import unittest

from harness.cli import CliTest
from harness.host import Folder

HEAD = "apiVersion: phoenixflight.io/v1\n"


def app(name, agents, packets):
    """One file that declares all: agents as {name: spec}, packets likewise."""
    text = f"{HEAD}kind: PhoenixApp\nmetadata: {{name: {name}}}\n"
    for kind, things in (("Agent", agents), ("FlightPacket", packets)):
        for thing, spec in things.items():
            text += f"---\n{HEAD}kind: {kind}\nmetadata: {{name: {thing}}}\nspec: {{{spec}}}\n"
    return text


class Apply(CliTest):
    def setUp(self):
        self.file = Folder(self).path / "PhoenixFile"
        self.name = self.fresh("app")
        self.agent = self.fresh("a")
        self.packet = self.fresh("p")
        self.cap = self.fresh("cap")  # of this test alone
        self.write()

    def write(self, agents=None, packets=None):
        """In what is given, CAP stands for a capability that only this test knows."""
        agents = {self.agent: "capabilities: [CAP]"} if agents is None else agents
        packets = {self.packet: "requiredCapabilities: [CAP], payload: {n: 1}"} \
            if packets is None else packets
        self.file.write_text(app(self.name, agents, packets).replace("CAP", self.cap))

    def changes(self, *words, code=0):
        """(change, id) of each, without what is only noted."""
        done = self.phoenix(*words, "-f", str(self.file), "-o", "json", code=code)
        return [(item["change"], item["id"]) for item in done.json["items"]
                if item["change"] != "leave"]

    def member(self, id):
        return self.phoenix("member", "show", id, "-o", "json").json

    def test_once_makes_it_and_twice_changes_nothing(self):
        made = [("create", self.agent), ("create", self.packet)]
        self.assertEqual(self.changes("diff", code=1), made)
        self.assertEqual(self.changes("apply", "--dry-run"), made)
        self.assertEqual(self.changes("apply"), made)
        self.assertEqual(self.changes("diff"), [])
        self.assertEqual(self.changes("apply"), [])
        member = self.member(self.agent)
        self.assertEqual((member["liveness"], member["capabilities"]), ("manual", [self.cap]))
        packet = self.phoenix("packet", "show", self.packet, "-o", "json").json
        self.assertEqual((packet["owner"], packet["payload"]), (self.agent, {"n": 1}))

    def test_changed_members_are_patched_and_packets_are_not(self):
        self.changes("apply")
        self.write(agents={self.agent: "capabilities: [CAP, y], maxLoad: 7"})
        self.assertEqual(self.changes("apply"), [("update", self.agent)])
        member = self.member(self.agent)
        self.assertEqual((member["capabilities"], member["maxLoad"]), ([self.cap, "y"], 7))
        self.write(packets={self.packet: "requiredCapabilities: [CAP], priority: 3, payload: {n: 1}"})
        done = self.phoenix("apply", "-f", str(self.file), code=1)
        self.assertIn("priority", done.err)
        self.assertIn("give it another name", done.err)

    def test_prune_retires_and_cancels_what_is_not_declared_any_more(self):
        self.changes("apply")
        other = self.fresh("b")
        self.write(agents={other: "capabilities: [CAP]"}, packets={})
        self.assertEqual(self.changes("apply"), [("create", other)])
        self.assertEqual(self.changes("apply", "--prune", "--dry-run"),
                         [("retire", self.agent), ("cancel", self.packet)])
        self.changes("apply", "--prune")
        self.assertEqual(self.changes("diff", "--prune"), [])
        packet = self.phoenix("packet", "show", self.packet, "-o", "json").json
        self.assertEqual(packet["status"], "CANCELED")

    def test_delete_leaves_what_is_not_the_apps(self):
        stranger = self.fresh("s")
        self.phoenix("packet", "submit", "--requires", "nobody", "--id", stranger)
        self.changes("apply")
        self.changes("delete")
        self.assertEqual(self.changes("delete"), [])
        self.assertEqual(self.phoenix("packet", "show", stranger, "-o", "json").json["status"],
                         "PENDING")

    def test_what_is_broken_off_is_gone_on_with(self):
        packets = {f"{self.packet}-{n}": "requiredCapabilities: [CAP]" for n in range(5)}
        self.write(packets=dict(list(packets.items())[:2]))
        self.changes("apply")
        self.write(packets=packets)
        self.assertEqual([id for _, id in self.changes("apply")],
                         [f"{self.packet}-{n}" for n in range(2, 5)])

    def test_faults_change_nothing(self):
        self.write(agents={self.agent: "capabilities: [CAP], maxLoad: many"})
        done = self.phoenix("apply", "-f", str(self.file), code=1)
        self.assertIn("maxLoad", done.err)
        self.failed(3, "member", "show", self.agent)

    def test_many_at_once(self):
        agents = {f"{self.agent}-{n}": "capabilities: [CAP], maxLoad: 20" for n in range(50)}
        packets = {self.packet: "requiredCapabilities: [CAP], replicas: 2500"}
        self.write(agents=agents, packets=packets)
        self.assertEqual(len(self.changes("apply")), 2550)
        self.assertEqual(self.changes("apply"), [])


if __name__ == "__main__":
    unittest.main()
