"""`phoenix import`: what the original left, brought to a host."""

import json
import pathlib
import shutil
import unittest

from harness.cli import CliTest
from harness.host import Folder, Host

STATE = pathlib.Path(__file__).resolve().parents[2] / "manifest" / "original-state"


class Import(CliTest):
    def setUp(self):
        """A host of its own: the ids of what is imported are given."""
        self.host = Host(self)
        self.state = Folder(self).path / ".phoenixflight"
        shutil.copytree(STATE, self.state)

    def imported(self, *words, code=0):
        """{id: (change, detail)}"""
        done = self.phoenix("import", str(self.state), "-o", "json", *words, code=code)
        return {item["id"]: (item["change"], item["detail"]) for item in done.json["items"]}

    def edit(self, file, change):
        path = self.state / file
        things = json.loads(path.read_text())
        change(things)
        path.write_text(json.dumps(things))

    def test_members_packets_owners_and_checkpoints_are_there_afterwards(self):
        self.assertEqual(self.imported("--dry-run")["packet-001"], ("create", "goes on with writer"))
        self.failed(3, "packet", "show", "packet-001")
        self.assertEqual(self.imported(), {
            "reader": ("create", "read,prüfen"), "writer": ("create", "write"),
            "gone": ("leave", "is RETIRED there"),
            "packet-001": ("create", "goes on with writer"),
            "packet-002": ("create", "goes on with reader"),
            "packet-003": ("leave", "is over: COMPLETED"),
            "packet-004": ("create", "PENDING")})
        reader = self.phoenix("member", "show", "reader", "-o", "json").json
        self.assertEqual((reader["trustScore"], reader["reliability"], reader["maxLoad"],
                          reader["compliance"], reader["liveness"]), (0.92, 0.95, 5, ["GDPR"], "manual"))
        invoice = self.packet("packet-001")
        self.assertEqual((invoice["owner"], invoice["status"], invoice["checkpoint"]),
                         ("writer", "RUNNING", {"page": 3, "größe": 1e-07}))
        self.assertEqual((invoice["name"], invoice["capabilityMatch"], invoice["policyTags"],
                          invoice["payload"]["customer"]), ("invoice", "any", ["PII"], "Zoë"))
        self.assertEqual(self.packet("packet-002")["owner"], "reader")
        self.assertEqual(self.packet("packet-004")["parked"]["reason"], "no-capable-member")
        self.failed(3, "packet", "show", "packet-003")

    def test_its_record_is_named_in_ours(self):
        head = self.phoenix("import", str(self.state), "-o", "json").json["audit"]["head"]
        last = json.loads((self.state / "audit.jsonl").read_text().splitlines()[-1])
        self.assertEqual(head, last["eventHash"])
        labels = self.packet("packet-004")["labels"]
        self.assertEqual(labels["phoenixflight.io/imported-audit"], head)

    def test_again_changes_nothing_wherever_the_host_has_gone_on(self):
        self.imported()
        self.phoenix("packet", "complete", "packet-002", "--as", "reader", "--result", "1")
        self.phoenix("handoff", "packet-001", "--to", "reader")
        before = self.packet("packet-001")["revision"]
        again = self.imported()
        self.assertEqual({change for change, _ in again.values()}, {"keep", "leave"})
        self.assertEqual(self.packet("packet-001")["revision"], before)
        self.assertEqual(self.packet("packet-002")["status"], "COMPLETED")

    def test_what_is_new_there_comes_the_next_time(self):
        self.imported()
        self.edit("packets.json", lambda packets: packets.update(
            {"packet-005": {**packets["packet-004"], "id": "packet-005"}}))
        again = self.imported()
        self.assertEqual([id for id, (change, _) in again.items() if change == "create"],
                         ["packet-005"])

    def test_a_broken_record_is_refused_by_its_entry(self):
        path = self.state / "audit.jsonl"
        lines = path.read_text().splitlines(keepends=True)
        event = json.loads(lines[7])
        lines[7] = lines[7].replace("APPROVED", "DENIED")
        path.write_text("".join(lines))
        done = self.failed(6, "import", str(self.state), says=[
            f"audit.jsonl:8: {event['eventId']} its hash is not that of what it says", "--force"])
        self.failed(3, "packet", "show", "packet-004")
        self.assertIn("nothing was imported", done.err)
        self.imported("--force")
        self.assertEqual(self.packet("packet-004")["labels"]["phoenixflight.io/imported-audit"],
                         "broken in line 8")

    def test_a_file_that_is_cut_off_is_no_empty_one(self):
        path = self.state / "packets.json"
        path.write_text(path.read_text()[:-40])
        self.failed(1, "import", str(self.state), says="packets.json")
        self.failed(3, "member", "show", "reader")

    def test_ids_of_others_are_not_taken_over(self):
        self.phoenix("member", "register", "reader", "--kind", "human", "--capability", "x")
        done = self.phoenix("import", str(self.state), "-o", "json", code=1)
        rows = {item["id"]: item["change"] for item in done.json["items"]}
        self.assertEqual((rows["reader"], rows["writer"], rows["packet-001"]),
                         ("refuse", "create", "create"))
        self.assertEqual(self.phoenix("member", "show", "reader", "-o", "json").json["kind"], "human")

    def test_a_folder_without_state(self):
        self.failed(2, "import", str(self.state.parent.parent), says="registry.json")
        self.assertIn("reader", self.phoenix("import", str(self.state.parent), "-o", "name").out)


if __name__ == "__main__":
    unittest.main()
