"""An app under its policies: what they forbid is refused, and all the same it comes to its end."""

import json
import unittest
import urllib.request

from harness.cli import run
from harness.host import Folder, Host


class Governed(unittest.TestCase):
    def setUp(self):
        self.folder = Folder(self).path
        self.host = Host(self)

    def get(self, path):
        with urllib.request.urlopen(self.host.url + path) as answer:
            return json.load(answer)

    def new(self):
        done = run("new", "shop", "--template", "customer-validation", folder=self.folder)
        self.assertEqual(done.code, 0, done)
        return self.folder / "shop"

    def run_app(self, app, *words, code=0):
        done = run(*words, folder=app, PHOENIX_URL=self.host.url)
        self.assertEqual(done.code, code, done)
        return done

    def test_the_template_runs_to_its_end_under_its_policies(self):
        app = self.new()
        done = self.run_app(app, "run", "-o", "json")
        self.assertNotIn("enforce", done.err)
        packets = done.json["packets"]
        self.assertEqual([packet["status"] for packet in packets], ["COMPLETED"] * 2)
        entries = []
        for packet in packets:
            lines = self.get(f"/v1/packets/{packet['id']}/history")["items"]
            entries += [line for line in lines if line["event"] == "policy-refused"]
            # Its owner tells it on, also where the entry is of another packet in that second.
            told = [line for line in lines if "lacks compliance PII" in (line["reason"] or "")]
            self.assertNotEqual(told, [], lines)
            for line in told:
                self.assertIn("policies/can-handoff.yaml:4", line["reason"])
            owners = {line["owner"] for line in lines}
            self.assertIn("metadata-agent", owners)
        self.assertNotEqual(entries, [], "repeats within a second are one entry, not none")
        self.assertEqual({line["to"] for line in entries}, {"archive-agent"})

    def test_apply_lays_the_rules_down_and_prune_takes_them_away(self):
        app = self.new()
        plan = self.run_app(app, "apply", "--dry-run", "-o", "json").json["items"]
        kinds = [(row["kind"], row["change"]) for row in plan]
        self.assertIn(("policy", "create"), kinds)
        self.assertEqual(self.get("/v1/policies")["items"], [])
        self.run_app(app, "apply")
        names = [one["name"] for one in self.get("/v1/policies")["items"]]
        self.assertIn("can-handoff", names)
        self.assertIn("shop-governance-can-assign", names)
        again = self.run_app(app, "apply", "-o", "json").json["items"]
        self.assertEqual([row for row in again if row["kind"] == "policy"], [])
        self.run_app(app, "delete")
        self.assertEqual(self.get("/v1/policies")["items"], [])


if __name__ == "__main__":
    unittest.main()
