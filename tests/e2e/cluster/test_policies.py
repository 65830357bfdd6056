"""A policy that is laid down at one host is in force at all, and at those that come later; and one
that reads payloads decides by those that PostgreSQL has, after the hosts were killed too."""

import unittest

from harness.host import PATIENCE, until
from harness.pool import PoolTest

TRUSTED = {"target": "can-assign", "minimumTrustScore": 0.9}


class Policies(PoolTest):
    def apply(self, host, name, spec):
        self.on(host).ok("POST", "/v1/documents:apply", {"documents": [
            {"kind": "policy", "name": name, "spec": spec}]})

    def test_laid_down_at_one_it_is_in_force_at_all(self):
        cap = self.fresh("cap")
        self.on("a").register(cap, trustScore=0.5)
        self.apply("a", "trust", TRUSTED)
        for host in "abc":
            at = self.on(host)
            until(self, lambda at=at: [one["name"] for one in
                                       at.ok("GET", "/v1/policies").json["items"]] == ["trust"],
                  f"{host} knows the policy")
            packet = at.submit(cap, id=self.id_kept_by(host, cap))
            self.assertEqual((packet["owner"], packet["parked"]["reason"]),
                             (None, "policy-denied"), host)
        # Taken away at another one, it holds nothing back any more.
        self.on("b").ok("DELETE", "/v1/policies/trust")
        for host in "abc":
            packet = self.on(host).submit(cap, id=self.id_kept_by(host, cap))["id"]
            until(self, lambda host=host, packet=packet:
                  self.on(host).ok("GET", "/v1/packets/" + packet).json["parked"] is None
                  or self.on(host).ok("GET", "/v1/packets/" + packet).json["parked"]["reason"]
                  == "all-at-capacity", f"{host} forgets the policy")

    def test_a_host_that_comes_later_knows_it_before_it_is_ready(self):
        self.apply("a", "later", {"target": "can-register", "minimumTrustScore": 0.99,
                                  "defaultDecision": "allow"})
        self.pool.add("d")
        self.pool.await_ready()
        names = [one["name"] for one in self.on("d").ok("GET", "/v1/policies").json["items"]]
        self.assertIn("later", names)
        self.on("d").ok("DELETE", "/v1/policies/later")


class Payloads(PoolTest):
    size = 1

    def test_payloads_are_read_from_the_database_by_a_host_that_was_killed(self):
        self.ok("POST", "/v1/documents:apply", {"documents": [
            {"kind": "policy", "name": "amounts", "spec": {"target": "can-assign", "rules": [
                {"name": "small", "decision": "allow",
                 "condition": "packet.payload.amount <= 100"}]}}]})
        small, large = (self.submit("pay", payload={"amount": amount, "why": "x" * 1000})["id"]
                        for amount in (5, 500))
        self.host.kill()
        self.host.start()
        until(self, self.host.ready, "the host is back", 2 * PATIENCE)
        member, token = self.register("pay", maxLoad=9)
        self.assertEqual([one["packet"]["id"] for one in self.poll(member, token)], [small])

        def why():
            told = self.ok("GET", f"/v1/packets/{large}/explain").json
            return [one["why"] for one in told["candidates"]]

        until(self, lambda: why() == [
            "policy-denied: no rule of can-assign holds, and its default is deny"],
              lambda: f"the large one is denied for what it says: {why()}")


if __name__ == "__main__":
    unittest.main()
