"""Several hosts, nothing broken: every call may be made at any of them, with the same outcome."""

import json
import os
import threading
import unittest
import uuid

from harness.cli import run
from harness.host import PATIENCE, Folder, refused_start, until
from harness.pool import Pool, PoolTest
from harness.stream import EventStream
from harness.worker import Worker


class AnyHost(PoolTest):
    def hosts(self):
        return [(host.name, self.on(host)) for host in self.pool.hosts]

    def member_at(self, host, capability, **fields):
        return self.on(host).register(capability, **fields)

    def test_submitted_kept_and_worked_on_at_three_hosts(self):
        cap = self.fresh("cap")
        member, token = self.member_at("b", cap)
        packet = self.id_kept_by("c", cap)
        self.on("a").submit(cap, id=packet)
        delivery = self.on("b").poll(member, token)[0]
        self.assertEqual((delivery["packet"]["id"], delivery["epoch"]), (packet, 1))
        for name, at in self.hosts():
            found = at.ok("GET", "/v1/packets/" + packet).json
            self.assertEqual((found["owner"], found["epoch"]), (member, 1), name)
            shown = at.ok("GET", "/v1/members/" + member).json
            self.assertEqual((shown["home"], shown["currentLoad"]), ("b", 1), name)
        self.on("a").ok("POST", f"/v1/packets/{packet}/complete", {"epoch": 1, "result": [7]},
                        token=token)
        for name, at in self.hosts():
            self.assertEqual(json.loads(at.ok("GET", f"/v1/packets/{packet}/result").data), [7],
                             name)
            until(self, lambda at=at: at.ok("GET", "/v1/members/" + member).json["currentLoad"]
                  == 0, f"{name} knows that it is free")

    def test_the_lineage_of_all_logs_verifies_by_the_word_of_any_host(self):
        folder = Folder(self).path
        cap = self.fresh("cap")
        member, token = self.member_at("a", cap, maxLoad=10)
        for host in "abc":
            packet = self.on(host).submit(cap, id=self.id_kept_by(host, cap))["id"]
            (delivery,) = self.on("a").poll(member, token)
            self.on("b").ok("POST", f"/v1/packets/{packet}/complete",
                            {"epoch": delivery["epoch"], "result": 1}, token=token)
        for host, at in self.hosts():
            export, checkpoint, keys = (str(folder / f"{host}.{what}")
                                        for what in ("audit", "checkpoint", "keys"))
            for words in (("export", "--out", export, "--checkpoint-out", checkpoint),
                          ("keys", "--out", keys)):
                done = run("--url", at.host.url, "audit", *words)
                self.assertEqual(done.code, 0, done)
            self.assertEqual(sorted(os.listdir(keys)), ["a.pub", "b.pub", "c.pub"])
            done = run("audit", "verify", export, "--keys", keys, "--checkpoint", checkpoint)
            self.assertEqual(done.code, 0, done)
            self.assertRegex(done.out, r"of [1-9] logs")

    def test_a_member_may_call_any_host(self):
        cap = self.fresh("cap")
        member, token = self.member_at("a", cap)
        packet = self.on("b").submit(cap, id=self.id_kept_by("b", cap))["id"]
        delivery = self.on("c").poll(member, token)[0]
        self.assertEqual(delivery["packet"]["id"], packet)
        beat = self.on("b").ok("POST", f"/v1/members/{member}/heartbeat", {}, token=token).json
        self.assertGreater(beat["leaseMs"], 0)
        done = [self.on(host).ok("POST", f"/v1/packets/{packet}/complete",
                                 {"epoch": 1, "result": 1}, token=token).json for host in "cba"]
        self.assertEqual(done[0], done[1], "a repeat elsewhere gets the kept answer")
        self.assertEqual(done[0], done[2])
        problem = self.on("b").refused("wrong-state", 409, "POST",
                                       f"/v1/packets/{packet}/complete",
                                       {"epoch": 1, "result": 2}, token=token)
        self.assertEqual(problem["packetStatus"], "COMPLETED")

    def test_attached_again_elsewhere_it_keeps_all_it_has(self):
        cap = self.fresh("cap")
        member, token = self.member_at("a", cap, maxLoad=3)
        held = [self.on(host).submit(cap, id=self.id_kept_by(host, cap))["id"] for host in "abc"]
        self.on("a").poll(member, token, want=3)
        self.on("a").ok("POST", f"/v1/packets/{held[2]}/checkpoint",
                        {"epoch": 1, "checkpoint": "half", "seq": 1}, token=token)
        before = self.ok("GET", "/v1/members/" + member).json
        answer = self.on("b").ok("POST", f"/v1/members/{member}/session", {}, token=token).json
        self.assertEqual(answer["session"]["token"], token)
        self.assertEqual(sorted(item["id"] for item in answer["held"]), sorted(held))
        self.assertEqual(sorted(answer["hosts"]), sorted(host.url for host in self.pool.hosts))
        again = self.on("b").poll(member, token, want=3)
        self.assertEqual({(item["packet"]["id"], item["epoch"]) for item in again},
                         {(packet, 1) for packet in held})
        self.assertEqual({item["packet"]["checkpoint"] for item in again}, {"half", None})
        for name, at in self.hosts():
            until(self, lambda at=at: at.ok("GET", "/v1/members/" + member).json["home"] == "b",
                  f"{name} knows the new home")
        after = self.ok("GET", "/v1/members/" + member).json
        self.assertEqual(after["incarnation"], before["incarnation"])
        for packet in held:
            self.on("c").ok("POST", f"/v1/packets/{packet}/complete", {"epoch": 1}, token=token)

    def test_one_id_is_granted_once(self):
        member, _ = self.member_at("a", self.fresh("cap"))
        for name, at in self.hosts():
            at.refused("member-exists", 409, "POST", "/v1/members",
                       {"id": member, "capabilities": []})
            self.assertEqual(at.ok("GET", "/v1/members/" + member).json["status"], "ACTIVE", name)

    def test_one_key_makes_one_packet_wherever_it_is_sent(self):
        key = {"Idempotency-Key": uuid.uuid4().hex}
        body = {"requiredCapabilities": [self.fresh("cap")], "payload": 1}
        made = [self.on(host).ok("POST", "/v1/packets", body, 201, headers=key).json
                for host in "abca"]
        self.assertEqual(len({packet["id"] for packet in made}), 1)
        self.on("b").refused("idempotency-mismatch", 422, "POST", "/v1/packets",
                             dict(body, payload=2), headers=key)

    def test_one_key_stands_for_one_list_of_packets_of_several_keepers(self):
        key = {"Idempotency-Key": uuid.uuid4().hex}
        cap = self.fresh("cap")
        items = [{"id": self.id_kept_by(host, cap), "requiredCapabilities": [cap]}
                 for host in "abc"]
        made = self.on("a").ok("POST", "/v1/packets", items, 207, headers=key)
        def told(answer):
            return [(item["status"], item["packet"]["id"]) for item in answer.json["items"]]

        self.assertEqual(told(made), [(201, item["id"]) for item in items])
        for name, at in self.hosts():
            again = at.ok("POST", "/v1/packets", items, 207, headers=key)
            self.assertEqual((told(again), again.headers["idempotent-replayed"]),
                             (told(made), "true"), name)
            at.refused("idempotency-mismatch", 422, "POST", "/v1/packets", items[:2], headers=key)

    def test_every_host_counts_the_packets_of_all(self):
        cap = self.fresh("cap")
        member, token = self.member_at("b", cap, maxLoad=6)
        for host in "abc":
            self.on("a").submit(cap, id=self.id_kept_by(host, cap))
            self.on("a").submit("nobody-has-it", id=self.id_kept_by(host, "nobody-has-it"))
        for delivery in self.on("b").poll(member, token, want=3)[:2]:
            packet = delivery["packet"]["id"]
            self.on("c").ok("POST", f"/v1/packets/{packet}/complete", {"epoch": 1}, token=token)
        for name, at in self.hosts():
            def counted(at=at):
                packets = at.ok("GET", "/v1/dma").json["packets"]
                return [packets[state] for state in ("PENDING", "ASSIGNED", "COMPLETED")]
            until(self, lambda counted=counted: counted() == [3, 1, 2],
                  lambda name=name, counted=counted: f"{name} counts {counted()}")

    def test_a_member_driven_by_hand_needs_no_home(self):
        cap = self.fresh("cap")
        anna = self.fresh("anna")
        self.on("a").ok("POST", "/v1/members", {"id": anna, "kind": "human", "liveness": "manual",
                                                "capabilities": [cap]}, 201)
        packet = self.on("b").submit(cap, id=self.id_kept_by("c", cap))["id"]
        until(self, lambda: self.ok("GET", "/v1/packets/" + packet).json["owner"] == anna,
              "anna has it")
        self.on("a").ok("POST", f"/v1/packets/{packet}/complete",
                        {"epoch": 1, "result": "by hand", "as": anna})

    def test_all_say_the_same(self):
        cap = self.fresh("cap")
        stream = EventStream(self.pool.host("c").port, "/v1/events")
        self.addCleanup(stream.close)
        members = [self.member_at(host, cap)[0] for host in "abc"]
        packets = [self.on(host).submit(cap, id=self.id_kept_by(host, cap))["id"] for host in "bca"]
        parked = self.on("a").submit(cap)["id"]
        for packet in packets:
            until(self, lambda packet=packet: self.ok("GET", "/v1/packets/" + packet)
                  .json["status"] == "ASSIGNED", packet)
        told = set()
        while told < {*packets, parked}:
            _, _, event = stream.next()
            told.add(event["subject"].partition("/")[2])

        def views(at):
            listed = at.ok("GET", f"/v1/packets?requires={cap}").json["items"]
            shown = at.ok("GET", f"/v1/members?capability={cap}").json["items"]
            return {"packets": [(p["id"], p["status"], p["owner"], p["revision"]) for p in listed],
                    "members": [(m["id"], m["home"], m["currentLoad"]) for m in shown],
                    "hosts": [(h["name"], h["status"], h["view"])
                              for h in at.ok("GET", "/v1/hosts").json["items"]],
                    "keepers": at.ok("GET", "/v1/ring").json["keepers"],
                    "explained": [at.ok("GET", f"/v1/packets/{p}/explain").json["candidates"]
                                  for p in packets]}
        first = self.on("a")
        self.assertEqual({m for m, *_ in views(first)["members"]}, set(members))
        for name, at in self.hosts():
            until(self, lambda at=at: views(at) == views(first), f"{name} says what a says")

    def test_whoever_hears_of_a_result_can_fetch_it_there(self):
        cap = self.fresh("cap")
        Worker(self, self.pool.host("b"), cap, "--max-load", "8",
               command=["tr", "a-z", "A-Z"]).registered()
        ids = [self.fresh("p") for _ in range(120)]
        found = {}

        def follow(name, at, stream):
            wanted = set(ids)
            while wanted:
                _, _, event = stream.next()
                packet = event["data"]["id"]
                if event["type"].endswith("packet.completed.v1") and packet in wanted:
                    wanted.remove(packet)
                    found[name, packet] = at.call("GET", f"/v1/packets/{packet}/result").status

        readers = []
        for name, at in self.hosts():
            stream = EventStream(at.host.port, "/v1/events")
            self.addCleanup(stream.close)
            readers.append(threading.Thread(target=follow, args=(name, at, stream), daemon=True))
            readers[-1].start()
        for packet in ids:
            self.submit(cap, id=packet, payload="x")
        for reader in readers:
            reader.join(2 * PATIENCE)
        self.assertEqual(found, dict.fromkeys(((n, p) for n, _ in self.hosts() for p in ids), 200))

    def test_commands_go_to_the_first_host_that_answers(self):
        cap = self.fresh("cap")
        Worker(self, self.pool.host("b"), cap, command=["tr", "a-z", "A-Z"]).registered()
        urls = "http://127.0.0.1:9," + self.pool.urls(self.pool.host("c"))
        done = run("--url", urls, "packet", "submit", "--requires", cap, "--payload", '"hello"',
                   "--wait=20s")
        self.assertEqual((done.code, done.out), (0, "\"HELLO\""), done)


class Strangers(PoolTest):
    """Nobody was told of anybody: the hosts have nothing in common but their PostgreSQL."""

    def make_pool(self):
        return Pool(self, self.size, self.flags, join=False)

    def test_hosts_find_each_other_by_their_store(self):
        cap = self.fresh("cap")
        member, token = self.on(self.pool.host("b")).register(cap)
        packet = self.on(self.pool.host("c")).submit(cap)["id"]
        self.assertEqual(self.on(self.pool.host("b")).poll(member, token)[0]["packet"]["id"],
                         packet)

    def test_a_second_host_of_one_name_ends_and_says_where_the_first_is(self):
        b = self.pool.host("b")
        status, told = refused_start(self, "--name", "b", "--store", self.pool.postgres.url,
                                     *(word for flag in ("--listen", "--peer", "--gossip")
                                       for word in (flag, "127.0.0.1:0")))
        self.assertEqual(status, 1, told)
        self.assertIn(b.address["gossip"], told)
        self.pool.await_ready()
        self.assertIsNone(b.process.poll(), b.log())


if __name__ == "__main__":
    unittest.main()
