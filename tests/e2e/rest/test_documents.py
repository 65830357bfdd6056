"""Policies and approvals over REST: laid down, in force at their points, kept over a kill."""

import hashlib
import json
import unittest

from harness.host import Folder, Host, until
from harness.rest import RestTest
from harness.stream import EventStream

NO_PII = {"target": "can-handoff", "defaultDecision": "allow", "rules": [
    {"name": "pii", "decision": "deny", "reason": "personal data", "at": "policies/pii.yaml:7:3",
     "condition": "'PII' in packet.policyTags && !('PII' in target.compliance)"}]}
TRUSTED = {"target": "can-assign", "minimumTrustScore": 0.9}
ASKS = {"target": "can-assign", "defaultDecision": "allow", "rules": [
    {"name": "large", "decision": "require-approval", "reason": "large amounts",
     "condition": "has(packet.payload.amount) && packet.payload.amount > 10",
     "approval": {"role": "controller", "expiresSeconds": 3600}}]}


class DocumentsTest(RestTest):
    def waiting(self, target, **more):
        """The approvals that are listed there, once there are any."""
        return until(self, lambda: self.ok("GET", target, **more).json["items"],
                     "an approval is asked for")


class Documents(DocumentsTest):
    """Each test has a namespace of its own."""

    def setUp(self):
        self.ns = self.fresh("ns")

    def at(self, path):
        return f"{path}{'&' if '?' in path else '?'}namespace={self.ns}"

    def apply(self, *documents, status=200, **more):
        body = {"documents": [{"kind": "policy", "name": name, "spec": spec}
                              for name, spec in documents], **more}
        return self.ok("POST", self.at("/v1/documents:apply"), body, status).json

    def member(self, **fields):
        member = {"id": self.fresh("m"), "capabilities": ["a"], "maxLoad": 10, **fields}
        answer = self.ok("POST", self.at("/v1/members"), member, 201)
        return member["id"], answer.json["session"]["token"]

    def packet(self, **fields):
        body = {"id": self.fresh("p"), "requiredCapabilities": ["a"], **fields}
        return self.ok("POST", self.at("/v1/packets"), body, 201).json

    def history(self, packet):
        return self.ok("GET", self.at(f"/v1/packets/{packet}/history")).json["items"]

    def test_what_is_laid_down_is_shown_and_the_same_again_changes_nothing(self):
        first = self.apply(("one", TRUSTED), app="shop")["items"][0]
        self.assertEqual((first["change"], first["revision"], first["app"]), ("created", 1, "shop"))
        self.assertEqual(self.apply(("one", TRUSTED), app="shop")["items"][0]["change"], "none")
        dry = self.apply(("two", NO_PII), app="shop", dryRun=True, prune=True)
        self.assertEqual([item["change"] for item in dry["items"]], ["created", "deleted"])
        listed = self.ok("GET", self.at("/v1/policies")).json["items"]
        self.assertEqual([item["name"] for item in listed], ["one"])
        shown = self.ok("GET", self.at("/v1/policies/one"))
        self.assertEqual(shown.json["spec"], TRUSTED)
        self.assertEqual(shown.headers["etag"], '"1"')
        text = json.dumps(TRUSTED, sort_keys=True, separators=(",", ":"))
        self.assertEqual(shown.json["digest"],
                         "sha256:" + hashlib.sha256(text.encode()).hexdigest())
        self.refused("precondition-failed", 412, "DELETE", self.at("/v1/policies/one"),
                     headers={"If-Match": '"7"'})
        self.ok("DELETE", self.at("/v1/policies/one"))
        self.refused("not-found", 404, "GET", self.at("/v1/policies/one"))

    def test_each_change_is_an_event_of_its_namespace(self):
        self.apply(("one", TRUSTED))
        events = EventStream(self.host.port, self.at("/v1/events?from=0&type=policy.applied"))
        self.addCleanup(events.close)
        _, _, event = events.next()
        self.assertEqual((event["subject"], event["namespace"], event["data"]["id"]),
                         ("policies/one", self.ns, "one"))

    def test_all_faults_are_told_and_nothing_is_laid_down(self):
        self.refused("invalid-request", 400, "POST", self.at("/v1/documents:apply"),
                     {"documents": [{"kind": "rule", "name": "../x"}, {"name": "y", "specs": {}}]},
                     ["/documents/0/kind", "/documents/0/name", "/documents/1/specs",
                      "/documents/1"])
        self.refused("invalid-request", 400, "POST", self.at("/v1/documents:apply"),
                     {"documents": [{"kind": "policy", "name": "a", "spec": TRUSTED},
                                    {"kind": "policy", "name": "b", "spec":
                                     {"target": "can-fly", "rules": [{"condition": 1}]}}]},
                     ["/documents/1/spec/target", "/documents/1/spec/rules/0/condition"])
        self.refused("invalid-request", 400, "POST", self.at("/v1/documents:apply"),
                     {"documents": [{"kind": "policy", "name": "c", "spec": {
                         "target": "can-assign", "rules": [{"condition": "no.such"}]}}]},
                     ["/documents/0/spec"])
        self.assertEqual(self.ok("GET", self.at("/v1/policies")).json["items"], [])

    def test_nobody_gets_what_a_policy_denies_and_explain_says_by_which_rule(self):
        self.apply(("trust", {**TRUSTED, "at": "policies/trust.yaml:1:1"}))
        self.member(trustScore=0.5)
        packet = self.packet()
        self.assertEqual((packet["status"], packet["parked"]["reason"]),
                         ("PENDING", "policy-denied"))
        told = self.ok("GET", self.at(f"/v1/packets/{packet['id']}/explain")).data.decode()
        self.assertIn("minimumTrustScore, policies/trust.yaml:1:1", told)
        high, _ = self.member(trustScore=0.95)
        until(self, lambda: self.ok("GET", self.at("/v1/packets/" + packet["id"]))
              .json["owner"] == high, "it goes to whom may have it")

    def test_a_forbidden_handoff_is_refused_and_the_owner_keeps_it(self):
        self.apply(("pii", NO_PII))
        giver, token = self.member(compliance=["PII"])
        packet = self.packet(policyTags=["PII"])["id"]
        outside, _ = self.member()
        problem = self.refused("policy-denied", 403, "POST",
                               self.at(f"/v1/packets/{packet}/handoff"),
                               {"epoch": 1, "to": outside}, token=token)
        self.assertEqual(problem["reasonCode"], "denied-by-rule")
        self.assertIn("personal data (policy pii, rule pii, policies/pii.yaml:7:3)",
                      problem["detail"])
        self.assertEqual(self.ok("GET", self.at("/v1/packets/" + packet)).json["owner"], giver)
        # A refusal changes nothing, so it is told at once and written down with the next batch.
        until(self, lambda: self.history(packet)[-1]["event"] == "policy-refused",
              "the refusal is in the history")

    def test_who_may_not_register_is_refused(self):
        self.apply(("door", {"target": "can-register", "minimumTrustScore": 0.8}))
        self.refused("policy-denied", 403, "POST", self.at("/v1/members"),
                     {"id": "low", "capabilities": ["a"], "trustScore": 0.5})

    def test_approvals_need_a_person(self):
        self.apply(("large", ASKS))
        self.member()
        packet = self.packet(payload={"amount": 50})
        self.assertEqual(packet["parked"]["reason"], "approval-required")
        (waiting,) = self.waiting(self.at("/v1/approvals?state=pending"))
        self.assertEqual((waiting["spec"]["packet"], waiting["spec"]["role"]),
                         (f"{self.ns}/{packet['id']}", "controller"))
        self.ok("GET", self.at("/v1/approvals/" + waiting["name"]))
        # Whoever is no person approves nothing, not even where everybody is admin.
        problem = self.refused("forbidden", 403, "POST",
                               self.at(f"/v1/approvals/{waiting['name']}/approve"), {})
        self.assertEqual(problem["reasonCode"], "not-an-approver")


TOKENS = {"operator": "roles: [operator, member]", "ada": "roles: [approver], human: ada",
          "bob": "roles: [approver], human: bob"}


def digest(token):
    return hashlib.sha256(token.encode()).hexdigest()


class People(DocumentsTest):
    @classmethod
    def make_host(cls):
        file = Folder(cls).path / "auth.yaml"
        file.write_text("tokens:\n" + "".join(
            f"  - {{name: {name}, sha256: {digest(name)}, {rest}}}\n"
            for name, rest in TOKENS.items()))
        return Host(cls, "--auth-file", str(file))

    def test_one_with_the_role_decides_and_the_packet_goes_on_or_ends(self):
        self.ok("POST", "/v1/documents:apply", {"documents": [
            {"kind": "policy", "name": "large", "spec": ASKS}]}, token="operator")
        for name, capabilities in (("ada", ["controller"]), ("bob", [])):
            self.ok("POST", "/v1/members", {"id": name, "kind": "human", "liveness": "manual",
                                            "capabilities": capabilities}, 201, token="operator")
        self.ok("POST", "/v1/members", {"id": "w", "capabilities": ["a"], "maxLoad": 9}, 201,
                token="operator")
        for verb, status in (("approve", "ASSIGNED"), ("reject", "REJECTED")):
            packet = self.ok("POST", "/v1/packets", {
                "requiredCapabilities": ["a"], "payload": {"amount": 50}}, 201,
                token="operator").json["id"]
            (waiting,) = self.waiting("/v1/approvals?state=pending", token="ada")
            path = f"/v1/approvals/{waiting['name']}/{verb}"
            self.refused("forbidden", 403, "POST", path, {}, token="operator")
            problem = self.refused("forbidden", 403, "POST", path, {}, token="bob")
            self.assertEqual(problem["reasonCode"], "wrong-role")
            said = self.ok("POST", path, {"reason": "seen"}, token="ada").json["spec"]
            self.assertEqual((said["decidedBy"], said["word"]), ("ada", "seen"))
            until(self, lambda packet=packet, status=status:
                  self.ok("GET", "/v1/packets/" + packet, token="operator").json["status"]
                  == status, f"the packet is {status}")


class Killed(RestTest):
    def test_policies_are_in_force_after_a_kill(self):
        host = Host(self)
        self.host = host
        self.ok("POST", "/v1/documents:apply", {"documents": [
            {"kind": "policy", "name": "pii", "spec": NO_PII}]})
        giver, token = self.register("a", compliance=["PII"])
        packet = self.submit("a", policyTags=["PII"])["id"]
        outside, other_token = self.register("a")
        host.kill()
        host.start()
        self.assertEqual(len(self.ok("GET", "/v1/policies").json["items"]), 1)
        for member, its in ((giver, token), (outside, other_token)):
            self.ok("POST", f"/v1/members/{member}/heartbeat", {}, token=its)
        self.refused("policy-denied", 403, "POST", f"/v1/packets/{packet}/handoff",
                     {"epoch": 1, "to": outside}, token=token)
        self.assertEqual(self.ok("GET", "/v1/packets/" + packet).json["owner"], giver)


if __name__ == "__main__":
    unittest.main()
