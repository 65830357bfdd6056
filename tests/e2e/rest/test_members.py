"""Members and sessions over REST: register, poll, stream, heartbeat, attach, leave; hosts, ring and
figures."""

import signal
import time
import unittest

from harness.rest import RestTest
from harness.stream import EventStream


class Register(RestTest):
    def test_every_field(self):
        sent = {"id": self.fresh("m"), "kind": "agent", "capabilities": ["pdf", "ocr", "ocr"],
                "weight": 50, "maxLoad": 4, "trustScore": 0.9, "reliability": 0.9999,
                "compliance": ["pii"], "labels": {"zone": "a", "empty": ""},
                "leaseSeconds": 30, "disconnectGraceMs": 250}
        made = self.ok("POST", "/v1/members", sent, 201)
        self.assertEqual(made.headers["location"], "/v1/members/" + sent["id"])
        self.assertEqual(made.headers["cache-control"], "no-store")
        expected = dict(sent, capabilities=["ocr", "pdf"], reliability=0.999, status="ACTIVE",
                        namespace="default", incarnation=1, currentLoad=0, liveness="session")
        read = self.ok("GET", "/v1/members/" + sent["id"]).json
        for name, value in expected.items():
            self.assertEqual(read[name], value, name)
        self.assertIn(b'"trustScore":0.9,', self.ok("GET", "/v1/members/" + sent["id"]).data)
        self.assertEqual(made.json["session"]["leaseSeconds"], 30)
        self.assertEqual(made.json["session"]["incarnation"], 1)
        self.assertEqual(made.json["leaseMs"], 30000)
        self.refused("member-exists", 409, "POST", "/v1/members", sent)

    def test_replace_needs_a_key_and_replaces_once(self):
        member, token = self.register("a")
        body = {"id": member, "capabilities": ["a"], "replace": True}
        self.refused("invalid-request", 400, "POST", "/v1/members", body,
                     pointers=["header:Idempotency-Key"])
        key = {"Idempotency-Key": self.fresh("key")}
        taken = self.ok("POST", "/v1/members", body, 201, headers=key)
        again = self.ok("POST", "/v1/members", body, 201, headers=key)
        self.assertEqual(again.headers["idempotent-replayed"], "true")
        self.assertEqual(again.json["session"], taken.json["session"])
        self.assertEqual(self.ok("GET", "/v1/members/" + member).json["incarnation"], 2)
        self.refused("session-replaced", 409, "GET", f"/v1/members/{member}/deliveries",
                     token=token)

    def test_session_of_many(self):
        names = [self.fresh("m") for _ in range(3)]
        made = self.ok("POST", "/v1/sessions",
                       {"members": [{"id": name, "capabilities": [name]} for name in names],
                        "leaseSeconds": 30}, 201).json
        session, token = made["session"]["id"], made["session"]["token"]
        self.assertNotIn("incarnation", made["session"])
        self.assertEqual([member["id"] for member in made["members"]], names)
        for name in names:
            self.submit(name)
        path = f"/v1/sessions/{session}"
        got = self.ok("GET", path + "/deliveries?max=10&waitMs=1000", token=token).json
        self.assertEqual(sorted(d["member"] for d in got["deliveries"]), names)
        self.ok("POST", path + "/heartbeat", {"after": got["next"]}, token=token)
        added = self.fresh("m")
        answer = self.ok("POST", path + "/members", {"members": [
            {"id": added}, {"id": names[0]}]}, 207, token=token).json["items"]
        self.assertEqual([item["status"] for item in answer], [201, 409])
        self.assertEqual(answer[0]["member"]["status"], "ACTIVE")
        self.ok("DELETE", path + "/members", {"ids": [added]}, token=token)
        self.assertEqual(self.ok("GET", "/v1/members/" + added).json["status"], "RETIRED")
        read = self.ok("GET", path, token=token).json
        self.assertEqual([member["id"] for member in read["members"]][:3], names)
        # All or none.
        fresh = self.fresh("m")
        self.refused("member-exists", 409, "POST", "/v1/sessions",
                     {"members": [{"id": fresh}, {"id": names[0]}]})
        self.refused("not-found", 404, "GET", "/v1/members/" + fresh)
        self.refused("invalid-request", 400, "POST", "/v1/sessions", {"members": [
            {"id": fresh, "leaseSeconds": 3}, {"id": fresh, "liveness": "manual"}]},
                     pointers=["/members/0/leaseSeconds", "/members/1/liveness",
                               "/members/1/id"])

    def test_bad_members(self):
        for body, pointers in (
                ({"weight": 0, "maxLoad": 1_000_001}, ["/weight", "/maxLoad"]),
                ({"trustScore": 1.001, "reliability": -0.1}, ["/trustScore", "/reliability"]),
                ({"kind": "robot"}, ["/kind"]), ({"capabilities": ["", "ok", 3]},
                                                 ["/capabilities/0", "/capabilities/2"]),
                ({"labels": {"a": 1, "": "x"}}, ["/labels/a", "/labels/"]),
                ({"leaseSeconds": 0}, ["/leaseSeconds"]), ({"liveness": "maybe"}, ["/liveness"]),
                ({"namespace": "other"}, ["/namespace"]), ({"status": "ACTIVE"}, ["/status"]),
                ({"id": "a/b"}, ["/id"]), ([], [""]), ({"weight": 10_001}, ["/weight"]),
                ({"weight": -1}, ["/weight"]), ({"weight": 1.5}, ["/weight"]),
                ({"capabilities": [f"c{i}" for i in range(4097)]}, ["/capabilities"])):
            self.refused("invalid-request", 400, "POST", "/v1/members", body, pointers=pointers)

    def test_largest_and_smallest_members_of_the_ring(self):
        names = sorted(self.fresh("cap") + f"-{i}" for i in range(4096))
        for weight, vnodes in ((1, 1), (10_000, 12_800)):
            member, _ = self.register(names[0], capabilities=names, weight=weight)
            ring = {entry["id"]: entry for entry in self.ok("GET", "/v1/ring").json["members"]}
            self.assertEqual(ring[member]["vnodes"], vnodes)
            wanted = "&".join("requires=" + name for name in names[-64:])
            self.assertEqual(self.ok("GET", f"/v1/ring/owner?{wanted}&k=64").json["owner"], member)
            for body, pointer in (({"weight": 0}, "/weight"), ({"weight": 10_001}, "/weight"),
                                  ({"capabilities": [*names, "one-more"]}, "/capabilities")):
                self.refused("invalid-request", 400, "PATCH", f"/v1/members/{member}", body,
                             pointers=[pointer])
            self.ok("PATCH", f"/v1/members/{member}", {"capabilities": names[:1], "weight": 5_000})

    def test_list_and_patch(self):
        cap = self.fresh("cap")
        names = sorted(self.register(cap, labels={"n": str(i % 2)})[0] for i in range(5))

        def ids(query):
            page = self.ok("GET", f"/v1/members?capability={cap}&{query}").json
            return [item["id"] for item in page["items"]], page.get("nextCursor")

        listed, cursor = ids("limit=3")
        rest, end = ids(f"limit=3&cursor={cursor}")
        self.assertEqual((sorted(listed + rest), end), (names, None))
        self.assertEqual(len(ids("label=n%3D1")[0]), 2)
        self.assertEqual(ids("status=RETIRED,DETACHED")[0], [])
        path = "/v1/members/" + names[0]
        before = self.ok("GET", path)
        changed = self.ok("PATCH", path, {"weight": 7, "labels": {"n": None, "z": "1"}},
                          content_type="application/merge-patch+json",
                          headers={"If-Match": before.headers["etag"]})
        self.assertEqual((changed.json["weight"], changed.json["labels"]), (7, {"z": "1"}))
        self.refused("precondition-failed", 412, "PATCH", path, {"weight": 8},
                     headers={"If-Match": before.headers["etag"]})
        self.refused("invalid-request", 400, "PATCH", path, {"trustScore": 1, "weight": "x"},
                     pointers=["/trustScore", "/weight"])


class Sessions(RestTest):
    def test_tokens(self):
        member, token = self.register("a")
        _, other = self.register("b")
        for method, tail in (("GET", "deliveries"), ("GET", "stream"), ("POST", "heartbeat"),
                             ("POST", "session")):
            path = f"/v1/members/{member}/{tail}"
            self.refused("unauthenticated", 401, method, path)
            self.refused("unauthenticated", 401, method, path, token="wrong")
            self.refused("forbidden", 403, method, path, token=other)
        self.assertNotIn(token, (self.host.folder / "serve.log").read_text())

    def test_poll(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, maxLoad=5)
        made = [self.submit(cap, payload=n)["id"] for n in range(3)]
        target = f"/v1/members/{member}/deliveries"
        first = self.ok("GET", target + "?max=2", token=token)
        self.assertEqual(first.headers["cache-control"], "no-store")
        self.assertEqual(len(first.json["deliveries"]), 2)
        rest = self.ok("GET", target + f"?max=9&after={first.json['next']}", token=token).json
        seen = first.json["deliveries"] + rest["deliveries"]
        self.assertEqual(sorted(d["packet"]["id"] for d in seen), sorted(made))
        began = time.monotonic()
        empty = self.ok("GET", target + f"?waitMs=300&after={rest['next']}", token=token).json
        self.assertEqual(empty["deliveries"], [])
        self.assertGreater(time.monotonic() - began, 0.25)
        for query, pointer in (("max=0", "query:max"), ("max=1001", "query:max"),
                               ("waitMs=30001", "query:waitMs"), ("after=%21", "query:after")):
            self.refused("invalid-request", 400, "GET", f"{target}?{query}", token=token,
                         pointers=[pointer])

    def test_attach_again(self):
        packet, member, token, epoch = self.taken()
        attached = self.ok("POST", f"/v1/members/{member}/session", token=token).json
        self.assertEqual(attached["held"], [{"id": packet, "epoch": epoch}])
        self.assertEqual(attached["session"]["token"], token)
        self.assertEqual(attached["session"]["incarnation"], 1)
        again = self.poll(member, token)[0]
        self.assertEqual((again["packet"]["id"], again["epoch"]), (packet, epoch))
        self.refused("invalid-request", 400, "POST", f"/v1/members/{member}/session",
                     {"held": []}, token=token)

    def test_lapse(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, leaseSeconds=1)
        packet = self.submit(cap)["id"]
        epoch = self.poll(member, token)[0]["epoch"]
        waited = self.ok("GET", f"/v1/members/{member}")
        deadline = time.monotonic() + 10
        while waited.json["status"] != "DETACHED" and time.monotonic() < deadline:
            waited = self.ok("GET", f"/v1/members/{member}?waitMs=200")
        self.refused("session-lapsed", 409, "POST", f"/v1/members/{member}/heartbeat",
                     token=token)
        self.refused("not-owner", 409, "POST", f"/v1/packets/{packet}/complete",
                     {"epoch": epoch}, token=token)
        attached = self.ok("POST", f"/v1/members/{member}/session", token=token).json
        self.assertEqual((attached["held"], attached["session"]["incarnation"]), ([], 2))
        self.assertNotEqual(attached["session"]["token"], token)

    def test_drain_resume_retire(self):
        packet, member, token, epoch = self.taken()
        path = f"/v1/members/{member}"
        drained = self.ok("POST", path + "/drain", {"deadlineSeconds": 25}, 202, token=token)
        self.assertEqual((drained.json["status"], drained.json["leaseSeconds"]), ("DRAINING", 60))
        told = self.ok("GET", path + "/deliveries?waitMs=1000", token=token).json["drain"]
        self.assertEqual(told["members"][0]["id"], member)
        resumed = self.ok("POST", path + "/resume", token=token)
        self.assertEqual(resumed.json["leaseSeconds"], 60)
        self.assertEqual(self.ok("GET", path).json["status"], "ACTIVE")
        self.ok("POST", path + "/drain", status=202)
        self.ok("POST", f"/v1/packets/{packet}/complete", {"epoch": epoch}, token=token)
        self.assertEqual(self.ok("GET", path + "?waitMs=5000").json["status"], "RETIRED")
        self.refused("gone", 410, "GET", path + "/deliveries", token=token)
        other, other_token = self.register("x")
        self.ok("DELETE", f"/v1/members/{other}", token=other_token)
        self.assertEqual(self.ok("GET", f"/v1/members/{other}").json["status"], "RETIRED")

    def test_stream(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, maxLoad=3)
        target = f"/v1/members/{member}/stream"
        stream = EventStream(self.host.port, target, token)
        self.addCleanup(stream.close)
        packet = self.submit(cap, payload={"pretty": [1, 2]})["id"]
        event, next_id, data = stream.next()
        self.assertEqual((event, data["member"], data["packet"]["id"], data["epoch"]),
                         ("delivery", member, packet, 1))
        self.assertEqual(data["packet"]["payload"], {"pretty": [1, 2]})
        self.assertEqual((data["next"], data["leaseMs"]), (next_id, 60000))
        self.submit(cap)
        self.assertEqual(stream.next()[0], "delivery")
        self.ok("POST", f"/v1/packets/{packet}/cancel")
        event, last_id, data = stream.next()
        self.assertEqual((event, data["id"], data["reason"]), ("revoked", packet, "canceled"))
        self.ok("POST", f"/v1/members/{member}/drain", {"deadlineSeconds": 20}, 202, token=token)
        event, _, data = stream.next()
        self.assertEqual((event, data["members"][0]["id"]), ("drain", member))
        self.assertRegex(last_id, r"^[A-Za-z0-9_-]+$")

    def test_stream_takes_a_payload_with_line_feeds(self):
        cap = self.fresh("cap")
        member, token = self.register(cap)
        stream = EventStream(self.host.port, f"/v1/members/{member}/stream", token)
        self.addCleanup(stream.close)
        self.ok("POST", "/v1/packets", status=201, data=b'{"requiredCapabilities":["' +
                cap.encode() + b'"],\n"payload":{\r\n"a":\n1}}')
        self.assertEqual(stream.next()[2]["packet"]["payload"], {"a": 1})


class Survival(RestTest):
    def test_host_killed_and_started_again(self):
        packet, member, token, epoch = self.taken()
        before = self.ok("GET", "/v1/packets/" + packet).json
        key = {"Idempotency-Key": self.fresh("key")}
        made = self.ok("POST", "/v1/packets", {"requiredCapabilities": ["x"]}, 201, headers=key)
        self.host.end(signal.SIGKILL)
        self.host.start()
        again = self.ok("POST", "/v1/packets", {"requiredCapabilities": ["x"]}, 201, headers=key)
        self.assertEqual(again.json["id"], made.json["id"])
        attached = self.ok("POST", f"/v1/members/{member}/session", token=token).json
        self.assertEqual(attached["held"], [{"id": packet, "epoch": epoch}])
        self.assertEqual(attached["run"], 2)
        self.assertEqual(self.ok("GET", "/v1/packets/" + packet).json, before)
        self.ok("POST", f"/v1/packets/{packet}/complete", {"epoch": epoch}, token=token)

    def test_sigterm_ends_with_0_and_answers_polls(self):
        member, token = self.register("a")
        stream = EventStream(self.host.port, f"/v1/members/{member}/stream", token)
        self.addCleanup(stream.close)
        began = time.monotonic()
        self.assertEqual(self.host.end(), 0)
        self.assertLess(time.monotonic() - began, 5)
        self.assertIsNone(stream.next())
        self.host.start()


class Figures(RestTest):
    def test_hosts_and_ring(self):
        cap = self.fresh("cap")
        member, _ = self.register(cap)
        hosts = self.ok("GET", "/v1/hosts").json["items"]
        self.assertEqual(len(hosts), 1)
        self.ok("GET", "/v1/hosts/" + hosts[0]["name"])
        self.refused("not-found", 404, "GET", "/v1/hosts/nobody")
        ring = self.ok("GET", "/v1/ring?vnodes=true").json
        self.assertIn(member, [entry["id"] for entry in ring["members"]])
        self.assertEqual(len(ring["vnodes"]), ring["vnodeCount"])
        owner = self.ok("GET", f"/v1/ring/owner?requires={cap}&salt=s&k=3").json
        self.assertEqual(owner["owner"], member)
        packet = self.submit(cap)
        self.assertEqual(self.ok("GET", f"/v1/ring/owner?requires={cap}&salt={packet['id']}")
                         .json["point"], packet["point"])
        self.refused("invalid-request", 400, "GET", "/v1/ring/owner?requires=a&k=65",
                     pointers=["query:k"])

    def test_figures(self):
        packet, _, token, epoch = self.taken()
        self.refused("stale-epoch", 409, "POST", f"/v1/packets/{packet}/complete", {"epoch": 9},
                     token=token)
        figures = self.ok("GET", "/v1/dma").json
        self.assertGreaterEqual(figures["staleEpochRejections"], 1)
        text = self.ok("GET", "/metrics").data.decode()
        for series in ("phoenix_members{status=\"ACTIVE\"}", "phoenix_packets{status=\"FAILED\"}",
                       "phoenix_load_stddev", "phoenix_load_max_over_mean",
                       "phoenix_rebalance_moved_total", "phoenix_rebalance_minimum_total",
                       "phoenix_handoff_latency_seconds_count",
                       *(f"phoenix_handoff_seconds_count{{phase=\"{phase}\"}}" for phase in
                         ("policy", "sign", "serialize", "transmit", "verify", "commit")),
                       "phoenix_ownership_gap_seconds_bucket{le=\"+Inf\"}",
                       "phoenix_stale_epoch_rejections_total"):
            self.assertIn("\n" + series + " ", text)

    def test_meta(self):
        self.assertEqual(self.ok("GET", "/v1/version").json["api"], "v1")
        self.ok("GET", "/livez")
        self.ok("GET", "/readyz")
        self.ok("GET", "/v1/version?namespace=*")
        head = self.ok("HEAD", "/livez")
        self.assertEqual(head.data, b"")
        page = self.ok("GET", "/problems/stale-epoch")
        self.assertIn(b"stale-epoch", page.data)
        self.refused("not-found", 404, "GET", "/problems/bad-mood")


if __name__ == "__main__":
    unittest.main()
