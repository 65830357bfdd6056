"""Leases, graces, and what is delivered when: the members' protocol by the clock."""

import json
import time
import unittest

from harness.host import SLOWNESS, until
from harness.rest import RestTest
from harness.stream import EventStream

LEASE = 2 * SLOWNESS


class SessionTest(RestTest):
    def status(self, member):
        return self.ok("GET", "/v1/members/" + member).json["status"]

    def deliveries(self, member, token, **query):
        extra = "&".join(f"{name}={value}" for name, value in query.items())
        return self.ok("GET", f"/v1/members/{member}/deliveries?{extra}", token=token).json

    def ended_after(self, member, since, patience=20 * SLOWNESS):
        """Seconds from then until the session was seen to be over."""
        until(self, lambda: self.status(member) == "DETACHED", "the session ends", patience)
        return time.monotonic() - since


class Alone(SessionTest):
    def test_a_member_is_told_of_the_one_host_and_of_no_other(self):
        member = self.fresh("m")
        made = self.ok("POST", "/v1/members", {"id": member, "capabilities": []}, 201).json
        self.assertEqual(made["hosts"], [self.host.url])
        self.assertEqual(made["member"]["home"], self.ok("GET", "/v1/hosts").json["items"][0]["name"])
        token = made["session"]["token"]
        again = self.ok("POST", f"/v1/members/{member}/session", {}, token=token).json
        self.assertEqual(again["hosts"], [self.host.url])
        self.assertNotIn("moveTo", self.deliveries(member, token))
        many = {"members": [{"id": self.fresh("m"), "capabilities": []}], "leaseSeconds": 60}
        self.assertEqual(self.ok("POST", "/v1/sessions", many, 201).json["hosts"],
                         [self.host.url])


class Leases(SessionTest):
    def test_polling_alone_keeps_it_and_waits_half_of_it(self):
        member, token = self.register(self.fresh("cap"), leaseSeconds=LEASE)
        began = time.monotonic()
        after = ""
        while time.monotonic() - began < 2.2 * LEASE:
            sent = time.monotonic()
            answer = self.deliveries(member, token, waitMs=30000, **({"after": after}
                                                                     if after else {}))
            after = answer["next"]
            self.assertEqual(answer["leaseMs"], LEASE * 1000)
            self.assertAlmostEqual(time.monotonic() - sent, LEASE / 2, delta=LEASE / 4)
        self.assertEqual(self.status(member), "ACTIVE")

    def test_silence_ends_it_at_its_end(self):
        member, token = self.register(self.fresh("cap"), leaseSeconds=LEASE)
        self.ok("POST", f"/v1/members/{member}/heartbeat", {}, token=token)
        taken = self.ended_after(member, time.monotonic())
        self.assertGreater(taken, LEASE - 0.1)
        self.assertLess(taken, LEASE + 1)

    def test_open_stream_renews_nothing(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, leaseSeconds=LEASE)
        began = time.monotonic()
        stream = EventStream(self.host.port, f"/v1/members/{member}/stream", token)
        self.addCleanup(stream.close)
        packet = self.submit(cap)["id"]
        self.assertEqual(stream.next()[2]["packet"]["id"], packet)
        self.assertLess(self.ended_after(member, began), LEASE + 1)
        # What it held is parked, its end is told, and told again.
        found = self.ok("GET", "/v1/packets/" + packet).json
        self.assertEqual((found["status"], found["losses"]), ("PENDING", 1))
        for _ in range(3):
            self.refused("session-lapsed", 409, "GET", f"/v1/members/{member}/deliveries",
                         token=token)
            problem = self.refused("not-owner", 409, "POST", f"/v1/packets/{packet}/complete",
                                   {"epoch": 1}, token=token)
            self.assertEqual((problem["owner"], problem["epoch"]), (None, 1))

    def test_broken_stream_ends_it_after_twice_the_grace(self):
        grace = 250 * SLOWNESS
        cap = self.fresh("cap")
        member, token = self.register(cap, leaseSeconds=600, disconnectGraceMs=grace)
        stream = EventStream(self.host.port, f"/v1/members/{member}/stream", token)
        self.submit(cap)
        stream.next()
        stream.close()
        taken = self.ended_after(member, time.monotonic())
        self.assertGreater(taken, 1.5 * grace / 1000)
        self.assertLess(taken, 2 * grace / 1000 + 1)

    def test_new_stream_within_the_grace_goes_on(self):
        grace = 1000 * SLOWNESS
        cap = self.fresh("cap")
        member, token = self.register(cap, leaseSeconds=600, disconnectGraceMs=grace)
        target = f"/v1/members/{member}/stream"
        stream = EventStream(self.host.port, target, token)
        first = self.submit(cap)["id"]
        _, last_id, data = stream.next()
        stream.close()
        again = EventStream(self.host.port, target, token, last_id)
        self.addCleanup(again.close)
        self.ok("POST", f"/v1/packets/{first}/complete", {"epoch": data["epoch"]}, token=token)
        second = self.submit(cap)["id"]
        self.assertEqual(again.next()[2]["packet"]["id"], second)
        self.assertEqual(self.status(member), "ACTIVE")


class Delivering(SessionTest):
    def test_repeats_without_after_and_none_with_it(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, leaseSeconds=LEASE)
        packet = self.submit(cap)["id"]
        first = self.deliveries(member, token, waitMs=1000)
        self.assertEqual(first["deliveries"][0]["packet"]["id"], packet)
        self.assertRegex(first["next"], "^[A-Za-z0-9_-]+$")
        until(self, lambda: self.deliveries(member, token)["deliveries"],
              "it is delivered again without an after")
        after = first["next"]
        began = time.monotonic()
        while time.monotonic() - began < LEASE:
            answer = self.deliveries(member, token, waitMs=200, after=after)
            self.assertEqual(answer["deliveries"], [])
            after = answer["next"]

    def test_started_work_is_not_delivered_again(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, leaseSeconds=LEASE)
        packet = self.submit(cap)["id"]
        epoch = self.poll(member, token)[0]["epoch"]
        self.ok("POST", f"/v1/packets/{packet}/start", {"epoch": epoch}, token=token)
        began = time.monotonic()
        while time.monotonic() - began < LEASE:
            self.assertEqual(self.deliveries(member, token, waitMs=200)["deliveries"], [])

    def test_max_and_4_mib(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, maxLoad=10)
        made = {self.submit(cap, payload="x" * 1_000_000)["id"] for _ in range(7)}
        seen, after, polls = [], "", 0
        while len(seen) < 7 and polls < 20:
            answer = self.deliveries(member, token, max=1000, waitMs=2000,
                                     **({"after": after} if after else {}))
            self.assertLessEqual(len(answer["deliveries"]), 4)
            seen += [delivery["packet"]["id"] for delivery in answer["deliveries"]]
            after = answer["next"]
            polls += 1
        self.assertEqual((sorted(seen), polls >= 2), (sorted(made), True))

    def test_release_passes_this_member_over(self):
        cap = self.fresh("cap")
        first, token = self.register(cap)
        packet = self.submit(cap)["id"]
        epoch = self.poll(first, token)[0]["epoch"]
        second, second_token = self.register(cap)
        self.ok("POST", f"/v1/packets/{packet}/release", {"epoch": epoch}, token=token)
        self.assertEqual(self.poll(second, second_token)[0]["packet"]["id"], packet)

    def test_what_was_not_delivered_goes_elsewhere_at_a_drain(self):
        cap = self.fresh("cap")
        first, token = self.register(cap, maxLoad=2)
        packets = [self.submit(cap)["id"] for _ in range(2)]
        held = self.deliveries(first, token, max=1, waitMs=1000)["deliveries"][0]["packet"]["id"]
        second, second_token = self.register(cap, maxLoad=2)
        self.ok("POST", f"/v1/members/{first}/drain", {}, 202, token=token)
        moved = self.poll(second, second_token)[0]["packet"]["id"]
        self.assertEqual({held, moved}, set(packets))
        self.assertEqual(self.ok("GET", "/v1/packets/" + moved).json["losses"], 0)
        # Nothing new for who drains.
        third = self.submit(cap)["id"]
        self.assertEqual(self.poll(second, second_token)[0]["packet"]["id"], third)

    def test_priority_when_room_appears(self):
        cap = self.fresh("cap")
        ids = {priority: self.submit(cap, priority=priority)["id"] for priority in (-5, 7, 0)}
        member, token = self.register(cap)
        seen = []
        for _ in ids:
            delivery = self.poll(member, token)[0]
            seen.append(delivery["packet"]["id"])
            self.ok("POST", f"/v1/packets/{seen[-1]}/complete", {"epoch": delivery["epoch"]},
                    token=token)
        self.assertEqual(seen, [ids[7], ids[0], ids[-5]])

    def test_load_never_above_max_load(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, maxLoad=5)
        for _ in range(4):
            self.submit(cap, load=2)
        parked = self.submit(cap, load=9)["id"]
        self.poll(member, token, 2)
        self.assertEqual(self.ok("GET", "/v1/members/" + member).json["currentLoad"], 4)
        waiting = self.ok("GET", f"/v1/packets?requires={cap}&status=PENDING").json["items"]
        self.assertEqual(len(waiting), 3)
        reasons = {item["parked"]["reason"] for item in waiting}
        self.assertIn("all-at-capacity", reasons)
        explained = self.ok("GET", f"/v1/packets/{parked}/explain").json
        self.assertEqual(explained["candidates"][0]["eligible"], False)


class DeadTokens(SessionTest):
    def test_kept_answer_or_409_but_never_401(self):
        packet, member, token, epoch = self.taken()
        path = f"/v1/packets/{packet}/complete"
        done = self.ok("POST", path, {"epoch": epoch, "result": 1}, token=token).json
        other, _, other_token, other_epoch = self.taken()
        self.ok("DELETE", f"/v1/members/{member}", token=token)
        self.assertEqual(self.ok("POST", path, {"epoch": epoch, "result": 1}, token=token).json,
                         done)
        self.refused("wrong-state", 409, "POST", path, {"epoch": epoch, "result": 2}, token=token)
        self.refused("not-owner", 409, "POST", f"/v1/packets/{other}/complete",
                     {"epoch": other_epoch}, token=token)
        self.refused("gone", 410, "POST", f"/v1/members/{member}/heartbeat", {}, token=token)
        self.ok("POST", f"/v1/packets/{other}/complete", {"epoch": other_epoch}, token=other_token)

    def test_repeat_of_each_final_call(self):
        for verb, body in (("fail", {"error": {"message": "m"}}), ("release", {}),
                           ("complete", {"result": [1]}),
                           ("handoff", {"requiredCapabilities": [self.fresh("cap")]})):
            packet, _, token, epoch = self.taken()
            path = f"/v1/packets/{packet}/{verb}"
            body = dict(body, epoch=epoch)
            first = self.ok("POST", path, body, token=token).json
            self.assertEqual(self.ok("POST", path, body, token=token).json, first, verb)
            found = self.ok("GET", "/v1/packets/" + packet).json
            self.assertEqual(found["attempts"], 1 if verb == "fail" else 0)


class ManyMembers(SessionTest):
    def test_two_thousand_in_one_session(self):
        prefix = self.fresh("many")
        members = [{"id": f"{prefix}-{n}", "capabilities": [prefix]} for n in range(2000)]
        made = self.exchange("POST", "/v1/sessions", json.dumps(
            {"members": members, "leaseSeconds": 600}), {"Content-Type": "application/json"})
        self.assertEqual(made.status, 201)
        session, token = made.json["session"]["id"], made.json["session"]["token"]
        members += [{"id": f"{prefix}-more-{n}"} for n in range(8001)]
        self.refused("invalid-request", 400, "POST", "/v1/sessions", {"members": members},
                     pointers=["/members"])
        for _ in range(20):
            self.submit(prefix)
        path = f"/v1/sessions/{session}"
        answer = self.ok("GET", path + "/deliveries?max=100&waitMs=2000", token=token).json
        self.assertTrue(answer["deliveries"])
        self.ok("DELETE", path, token=token)
        until(self, lambda: self.status(f"{prefix}-1999") == "RETIRED", "they retire")


if __name__ == "__main__":
    unittest.main()
