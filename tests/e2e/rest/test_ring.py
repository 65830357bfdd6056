"""The ring over REST: shares, the walk explained, and plans that then come true."""

import unittest

from harness.host import until
from harness.rest import RestTest

CIRCLE = 2 ** 32


class RingTest(RestTest):
    def standings(self):
        """{packet: owner or None} of all that live."""
        items = self.ok("GET", "/v1/packets?status=PENDING,ASSIGNED,RUNNING&limit=1000").json["items"]
        return {item["id"]: item["owner"] for item in items}

    def plan(self, query="", **change):
        return self.ok("POST", "/v1/ring/plan" + query, change).json

    def settled(self, **change):
        """A plan made while nothing is on its way."""
        return until(self, lambda: (lambda made: made if made["exact"] else None)(
            self.plan(**change)), "no write is on its way")

    def comes_true(self, plan, before):
        expected = dict(before)
        for move in plan["packets"]:
            self.assertEqual(before[move["id"]], move["from"])
            expected[move["id"]] = move["to"]
        until(self, lambda: self.standings() == expected, f"{plan['packets']}")

    def fleet(self, cap, loads, packets):
        members = [self.register(cap, maxLoad=load)[0] for load in loads]
        for _ in range(packets):
            self.submit(cap)
        return members


class Show(RingTest):
    def test_shares_are_of_the_namespaces_ring_and_whole(self):
        cap = self.fresh("cap")
        members = [self.register(cap, weight=weight)[0] for weight in (1, 100, 300)]
        ring = self.ok("GET", "/v1/ring").json
        shown = {entry["id"]: entry for entry in ring["members"]}
        self.assertEqual(sum(entry["positions"] for entry in ring["members"]), CIRCLE)
        self.assertEqual([shown[id]["vnodes"] for id in members], [1, 128, 384])
        for entry in ring["members"]:
            self.assertAlmostEqual(entry["share"], entry["positions"] / CIRCLE, places=6)
        self.assertLess(shown[members[0]]["positions"], shown[members[2]]["positions"])
        self.assertTrue({"share", "positions", "vnodes", "slots"} <= set(ring["definitions"]))

    def test_the_only_host_keeps_all_slots(self):
        host = self.ok("GET", "/v1/hosts").json["items"][0]
        keepers = self.ok("GET", "/v1/ring").json["keepers"]
        self.assertEqual(keepers, [{"host": host["name"], "slots": 4096}])
        self.assertEqual(host["slots"], 4096)
        walk = self.ok("GET", "/v1/ring/owner?id=any").json
        self.assertEqual(walk["keeper"], host["name"])


class Owner(RingTest):
    def owner(self, query):
        return self.ok("GET", "/v1/ring/owner?" + query).json

    def test_shows_the_real_choice_though_the_nearest_are_full(self):
        cap = self.fresh("cap")
        first, second = self.fleet(cap, [1, 1], 0)
        packet = self.submit(cap)
        walk = self.owner(f"requires={cap}&id=next&k=1")
        self.assertEqual(walk["owner"], second if packet["owner"] == first else first)
        self.assertEqual(walk["decidedBy"], "nearest")
        self.assertEqual(walk["candidates"][-1]["member"], walk["owner"])
        made = self.submit(cap, id=self.fresh("next"))
        self.assertIsNotNone(made["owner"])
        walk = self.owner(f"requires={cap}&id=next")
        self.assertIsNone(walk["owner"])
        self.assertEqual([c["why"] for c in walk["candidates"]], ["full", "full"])
        self.assertEqual(walk["decidedBy"], "nobody-eligible")

    def test_is_who_then_gets_it(self):
        cap = self.fresh("cap")
        self.fleet(cap, [3, 2, 4, 5, 1, 2], 4)
        for _ in range(10):
            packet = self.fresh("p")
            walk = self.owner(f"requires={cap}&id={packet}&k=8")
            made = self.submit(cap, id=packet)
            self.assertEqual((walk["owner"], walk["point"]), (made["owner"], made["point"]))
            distances = [candidate["distance"] for candidate in walk["candidates"]]
            self.assertEqual(distances, sorted(distances))
            key = self.fresh("key")
            walk = self.owner(f"requires={cap}&affinity={key}")
            made = self.submit(cap, affinityKey=key)
            self.assertEqual((walk["owner"], walk["point"]), (made["owner"], made["point"]))
            if walk["owner"]:
                self.assertEqual(walk["decidedBy"], "nearest")

    def test_matches_any(self):
        one, other = self.fresh("cap"), self.fresh("cap")
        member, _ = self.register(one)
        self.assertIsNone(self.owner(f"requires={one},{other}")["owner"])
        self.assertEqual(self.owner(f"requires={one},{other}")["missing"], [other])
        self.assertEqual(self.owner(f"requires={one},{other}&match=any")["owner"], member)

    def test_bad_input(self):
        for query, pointer in (("k=0", "query:k"), ("k=65", "query:k"), ("match=some", "query:match"),
                               ("salt=a&id=b", "query:id"), ("id=a%20b", "query:id"),
                               ("load=0", "query:load"), ("id=a&affinity=b", "query:affinity")):
            self.refused("invalid-request", 400, "GET", "/v1/ring/owner?requires=a&" + query,
                         pointers=[pointer])


class Plan(RingTest):
    def test_of_a_retirement(self):
        cap = self.fresh("cap")
        members = self.fleet(cap, [4, 4, 2], 9)
        for leaver in members[:2]:
            plan = self.settled(leave=leaver)
            before = self.standings()
            held = sorted(packet for packet, owner in before.items() if owner == leaver)
            self.assertEqual(sorted(move["id"] for move in plan["packets"]), held)
            self.assertEqual((plan["moved"], plan["minimum"]), (len(held), len(held)))
            self.assertEqual(plan["placed"] + plan["parked"], plan["moved"])
            self.assertGreater(plan["moved"], 0)
            ring = plan["ring"]
            self.assertEqual(ring["vnodesBefore"] - ring["vnodesAfter"], 128)
            lost = {share["id"]: share for share in ring["members"]}[leaver]
            self.assertEqual((lost["positionsBefore"], lost["positionsAfter"]),
                             (ring["positionsMoved"], 0))
            self.assertEqual(len(ring["slots"]), ring["slotCount"])
            self.ok("DELETE", "/v1/members/" + leaver)
            self.comes_true(plan, before)

    def test_of_a_session_that_ends(self):
        cap = self.fresh("cap")
        pair = [self.fresh("m"), self.fresh("m")]
        heir, _ = self.register(cap, maxLoad=3)
        for _ in range(3):
            self.submit(cap)
        self.ok("POST", "/v1/sessions", {"leaseSeconds": 1, "members": [
            {"id": id, "capabilities": [cap], "maxLoad": 2} for id in pair]}, 201)
        for _ in range(4):
            self.submit(cap)
        plan = self.plan(leave=pair[0], cause="lease")
        before = self.standings()
        self.assertEqual(sorted(plan["members"]), sorted(pair))
        until(self, lambda: self.ok("GET", "/v1/members/" + pair[1]).json["status"] == "DETACHED",
              "the lease ends")
        self.comes_true(plan, before)
        self.assertEqual(self.plan(leave=heir)["cause"], "retire")

    def test_of_a_join_wakes_and_draws(self):
        cap = self.fresh("cap")
        self.fleet(cap, [8], 10)
        id = self.fresh("m")
        member = {"id": id, "capabilities": [cap], "maxLoad": 8}
        plan = self.settled(join=member)
        self.assertGreaterEqual(plan["woken"], 2)
        self.assertEqual(plan["moved"], plan["minimum"])
        self.assertGreater(plan["moved"], 0)
        before = self.standings()
        self.refused("not-found", 404, "GET", "/v1/members/" + id)
        self.ok("POST", "/v1/members", member, 201)
        self.comes_true(plan, before)

    def test_of_a_drain_and_of_changes(self):
        cap = self.fresh("cap")
        first, second = self.fleet(cap, [3, 3], 8)
        plan = self.settled(change={"id": first, "maxLoad": 4, "weight": 250})
        before = self.standings()
        self.assertEqual((plan["woken"], plan["moved"]), (1, 0))
        self.assertEqual(plan["ring"]["vnodesAfter"] - plan["ring"]["vnodesBefore"], 192)
        self.ok("PATCH", "/v1/members/" + first, {"maxLoad": 4, "weight": 250})
        self.comes_true(plan, before)
        plan = self.settled(drain=second)
        before = self.standings()
        self.assertEqual((plan["moved"], plan["kept"]), (3, 0))
        self.ok("POST", f"/v1/members/{second}/drain", {"deadlineSeconds": 60}, 202)
        self.comes_true(plan, before)

    def test_lists_so_many_and_counts_all(self):
        cap = self.fresh("cap")
        member, = self.fleet(cap, [20], 12)
        plan = self.plan("?limit=5", leave=member)
        self.assertEqual((len(plan["packets"]), plan["packetsOmitted"], plan["moved"]), (5, 7, 12))
        plan = self.plan("?limit=0", leave=member)
        self.assertEqual((plan["packets"], plan["packetsOmitted"]), ([], 12))

    def test_bad_input(self):
        cap = self.fresh("cap")
        member, _ = self.register(cap)
        gone, _ = self.register(cap)
        self.ok("DELETE", "/v1/members/" + gone)
        many = [f"c{i}" for i in range(4097)]
        for body, pointer in (
                ({}, ""), ({"leave": member, "drain": member}, ""), ({"go": member}, "/go"),
                ({"leave": 7}, "/leave"), ({"leave": "a b"}, "/leave"),
                ({"leave": member, "cause": "whim"}, "/cause"),
                ({"drain": member, "cause": "lease"}, "/cause"),
                ({"join": {"capabilities": []}}, "/join/id"), ({"join": "x"}, "/join"),
                ({"join": {"id": "x", "weight": 0}}, "/join/weight"),
                ({"join": {"id": "x", "weight": 10001}}, "/join/weight"),
                ({"join": {"id": "x", "capabilities": many}}, "/join/capabilities"),
                ({"join": {"id": "x", "replace": True}}, "/join/replace"),
                ({"join": {"id": "x", "namespace": "other"}}, "/join/namespace"),
                ({"change": {"weight": 5}}, "/change/id"),
                ({"change": {"id": member, "weight": 10001}}, "/change/weight"),
                ({"change": {"id": member, "labels": {}}}, "/change/labels")):
            problem = self.refused("invalid-request", 400, "POST", "/v1/ring/plan", body)
            self.assertEqual([error["pointer"] for error in problem["errors"]], [pointer], body)
        for kind, status, body, pointer in (
                ("not-found", 404, {"leave": "nobody"}, "/leave"),
                ("not-found", 404, {"drain": "nobody"}, "/drain"),
                ("not-found", 404, {"change": {"id": "nobody"}}, "/change/id"),
                ("gone", 410, {"leave": gone}, "/leave"),
                ("gone", 410, {"change": {"id": gone, "weight": 5}}, "/change/id"),
                ("member-exists", 409, {"join": {"id": member}}, "/join/id")):
            problem = self.refused(kind, status, "POST", "/v1/ring/plan", body, pointers=[pointer])
            self.assertIn("nobody" if status == 404 else body.get("leave", ""), problem["detail"])
        self.refused("invalid-request", 400, "POST", "/v1/ring/plan?limit=100001",
                     {"leave": member}, pointers=["query:limit"])


if __name__ == "__main__":
    unittest.main()
