"""`phoenix policy list` and `policy test`, of an app's files and of what a host has in force."""

import unittest

from harness.cli import run
from harness.host import Folder, Host

HEAD = "apiVersion: phoenixflight.io/v1\n"
POLICY = HEAD + """kind: Policy
metadata: {name: invoices}
spec:
  target: can-assign
  rules:
    - {name: large, condition: packet.payload.amount > 1000, decision: require-approval}
    - {name: small, condition: packet.payload.amount <= 1000, decision: allow}
"""
CASES = HEAD + """kind: PolicyTest
metadata: {name: amounts}
spec:
  cases:
    - name: a large one is approved first
      at: can-assign
      member: {}
      packet: {payload: {amount: 1001}}
      expect: require-approval
      rule: large
    - name: a small one goes through
      at: can-assign
      member: {}
      packet: {payload: {amount: 1000}}
      expect: allow
"""


class Policies(unittest.TestCase):
    def setUp(self):
        self.folder = Folder(self).path
        self.write("PhoenixFile", HEAD + "kind: PhoenixApp\nmetadata: {name: a}\n"
                                         "controlPlane: {policies: [rules/amounts.yaml]}\n")
        self.write("rules/amounts.yaml", POLICY)
        self.cases = self.write("rules/amounts.test.yaml", CASES)

    def write(self, name, text):
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    def done(self, *words, code=0):
        done = run(*words, folder=self.folder)
        self.assertEqual(done.code, code, done)
        return done

    def test_cases_that_are_decided_as_they_say(self):
        done = self.done("policy", "test")
        self.assertEqual([line.split()[0] for line in done.lines[:3]], ["RESULT", "ok", "ok"])
        self.assertEqual(done.lines[3:], [
            "2 of 2 cases are decided as expected",
            "2 of 3 rules decided a case; none: can-assign default"])

    def test_a_case_that_is_not_fails_and_says_how(self):
        self.cases.write_text(CASES.replace("1000}", "1500}"))
        done = self.done("policy", "test", code=1)
        self.assertIn("FAILED", done.out)
        self.assertIn("1 of 2 cases are decided otherwise\nrules/amounts.test.yaml:12:7: a small one "
                      "goes through: expected allow, got require-approval by invoices/large at "
                      "rules/amounts.yaml:7:7", done.err)
        told = self.done("policy", "test", "-o", "json", code=1).json
        self.assertEqual([case["asExpected"] for case in told["cases"]], [True, False])
        self.assertEqual((told["failed"], told["rules"]), (1, 3))

    def test_faults_of_the_cases_are_told_all_at_once_and_by_validate_too(self):
        self.cases.write_text(CASES.replace("rule: large", "rule: lage")
                              .replace("expect: allow", "expect: alow"))
        for words in (("policy", "test"), ("validate",)):
            done = self.done(*words, code=1)
            self.assertIn("rules/amounts.test.yaml:11:13: spec.cases[0].rule: \"lage\": is no rule at "
                          "can-assign, did you mean large?", done.err)
            self.assertIn("rules/amounts.test.yaml:16:15: spec.cases[1].expect", done.err)

    def test_without_cases_it_fails(self):
        self.cases.unlink()
        self.assertIn("there are no cases", self.done("policy", "test", code=1).err)

    def test_list_names_every_rule_and_the_digest(self):
        listed = self.done("policy", "list", "-f", ".", "-o", "json").json
        self.assertEqual([(item["rule"], item["decision"]) for item in listed["items"]],
                         [("large", "require-approval"), ("small", "allow"), ("default", "deny")])
        self.assertEqual((listed["items"][0]["file"], listed["items"][0]["line"]),
                         ("rules/amounts.yaml", 7))
        self.assertEqual(listed["digest"], self.done("policy", "test", "-o", "json").json["digest"])
        self.assertEqual(self.done("policy", "list", "-f", ".", "-o", "name").lines, ["invoices"])
        self.assertIn("packet.payload.amount > 1000", self.done("policy", "list", "-f", ".").out)

    def test_the_cases_of_templates_hold(self):
        for template, cases in (("customer-validation", 5), ("approval-flow", 3)):
            self.done("new", template, "--template", template)
            self.assertIn(f"{cases} of {cases} cases",
                          self.done("policy", "test", "-f", template).out)

    def test_what_a_host_has_in_force_is_listed_as_it_is_in_the_app(self):
        host = Host(self)
        where = {"PHOENIX_URL": host.url}
        empty = run("policy", "list", **where)
        self.assertIn("everything is allowed", empty.out)
        self.assertEqual(run("apply", folder=self.folder, **where).code, 0)
        there = run("policy", "list", "-o", "json", **where).json
        here = self.done("policy", "list", "-f", ".", "-o", "json").json
        self.assertEqual([(item["at"], item["rule"], item["decision"], item["condition"],
                           item["file"], item["line"]) for item in there["items"]],
                         [(item["at"], item["rule"], item["decision"], item["condition"],
                           item["file"], item["line"]) for item in here["items"]])
        self.assertEqual(run("policy", "list", "-o", "name", **where).lines, ["invoices"])

    def test_replay_names_what_would_have_been_decided_otherwise(self):
        host = Host(self)
        where = {"PHOENIX_URL": host.url}
        for name, compliance in (("anna", "GDPR"), ("bert", "other")):
            self.assertEqual(run("member", "register", name, "--capability", "x", "--max-load", "9",
                                 "--compliance", compliance, **where).code, 0)
        for id, amount in (("small", 5), ("large", 5000)):
            run("packet", "submit", "--requires", "x", "--id", id, "--payload",
                f'{{"amount":{amount}}}', **where)
            run("assign", id, "--to", "anna", **where)
        run("handoff", "large", "--from", "anna", "--to", "bert", **where)
        self.write("rules/amounts.yaml", POLICY.replace("decision: require-approval",
                                                        "decision: deny"))
        done = run("policy", "replay", "--with", str(self.folder), "-o", "json", **where)
        self.assertEqual(done.code, 1, done)
        self.assertEqual({(item["at"], item["packet"], item["recorded"], item["decision"],
                           item["rule"]) for item in done.json["items"]},
                         {("can-assign", "large", "allow", "deny", "invoices/large")})
        self.write("rules/amounts.yaml", HEAD + """kind: Policy
metadata: {name: anyone}
spec: {target: can-handoff, defaultDecision: deny, rules: [
  {name: gdpr, condition: "'GDPR' in target.compliance", decision: allow}]}
""")
        (self.folder / "rules/amounts.test.yaml").unlink()
        done = run("policy", "replay", "--with", str(self.folder), "-o", "json", **where)
        self.assertEqual([(item["at"], item["packet"], item["member"], item["decision"])
                          for item in done.json["items"]],
                         [("can-handoff", "large", "bert", "deny")])
        self.write("rules/amounts.yaml", HEAD + "kind: Policy\nmetadata: {name: all}\n"
                                                "spec: {target: can-assign, defaultDecision: allow}\n")
        done = run("policy", "replay", "--with", str(self.folder), **where)
        self.assertEqual(done.code, 0, done)
        self.assertIn("0 of", done.out)

    def test_replay_knows_who_waits_who_left_and_who_was_refused(self):
        host = Host(self)
        where = {"PHOENIX_URL": host.url}
        self.write("rules/amounts.yaml", HEAD + """kind: Policy
metadata: {name: trusted}
spec: {target: can-assign, minimumTrustScore: 0.9}
---
apiVersion: phoenixflight.io/v1
kind: Policy
metadata: {name: known}
spec: {target: can-register, defaultDecision: allow, rules: [
  {name: stranger, condition: member.id == 'carl', decision: deny}]}
""")
        self.cases.unlink()
        self.assertEqual(run("apply", folder=self.folder, **where).code, 0)
        for name, trust, code in (("anna", "0.95", 0), ("bert", "0.5", 0), ("carl", "0.5", 1)):
            self.assertEqual(run("member", "register", name, "--capability", name, "--trust", trust,
                                 **where).code, code)
        for id, requires in (("one", "anna"), ("two", "bert")):
            run("packet", "submit", "--requires", requires, "--id", id, **where)
        self.assertEqual(run("packet", "complete", "one", "--as", "anna", **where).code, 0)
        self.assertEqual(run("retire", "anna", **where).code, 0)
        self.write("rules/amounts.yaml", HEAD + """kind: Policy
metadata: {name: trusted}
spec: {target: can-assign, minimumTrustScore: 0.3}
---
apiVersion: phoenixflight.io/v1
kind: Policy
metadata: {name: stays}
spec: {target: can-retire, defaultDecision: allow, rules: [
  {name: needed, condition: member.id == 'anna', decision: deny}]}
""")
        done = run("policy", "replay", "--with", str(self.folder), "-o", "json", **where)
        self.assertEqual(done.code, 1, done)
        self.assertEqual([(item["at"], item["packet"], item["member"], item["recorded"],
                           item["decision"]) for item in done.json["items"]],
                         [("can-register", None, "carl", "deny", "allow"),
                          ("can-retire", None, "anna", "allow", "deny"),
                          ("can-assign", "two", "bert", "deny", "allow")])
        self.assertEqual((done.json["unknown"], done.json["refusalsOfMembers"]), (0, 0))
        # As it asked: this one is for whoever says less of itself.
        self.write("rules/amounts.yaml", HEAD + """kind: Policy
metadata: {name: known}
spec: {target: can-register, defaultDecision: allow, rules: [
  {name: stranger, condition: "member.trustScore < 0.6 && 'carl' in member.capabilities",
   decision: deny}]}
""")
        done = run("policy", "replay", "--with", str(self.folder), "-o", "json", **where)
        self.assertEqual([item["packet"] for item in done.json["items"]], ["two"], done)
        # And the log says who was refused, why, and by which line.
        listed = run("audit", **where)
        self.assertIn("REASON", listed.lines[0])
        carl = next(line for line in listed.lines if "default/carl" in line)
        self.assertIn("denied-by-rule", carl)
        self.assertIn("(policy known, rule stranger, rules/amounts.yaml:", carl)
        refusal = next(item["refusal"] for item in run("audit", "-o", "json", **where).json["items"]
                       if item["subject"] == "carl")
        self.assertEqual((refusal["point"], refusal["decision"], refusal["asked"]["trustScore"]),
                         ("can-register", "deny", 0.5))


if __name__ == "__main__":
    unittest.main()
