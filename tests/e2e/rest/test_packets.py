"""Packets over REST: create in all forms, read, wait, list, owner's calls, orders, events."""

import base64
import json
import socket
import threading
import unittest

from harness.rest import JSON, RestTest

FIELDS = ["id", "name", "namespace", "labels", "requiredCapabilities", "capabilityMatch",
          "policyTags", "affinityKey", "spread", "priority", "load", "notBefore", "deadline",
          "attemptTimeoutSeconds", "maxAttempts", "maxLosses", "retainSeconds", "traceparent",
          "payload", "contentType", "status", "owner", "epoch", "revision", "attempts", "losses",
          "parked", "progress", "checkpoint", "context", "result", "lastError", "point",
          "createdAt", "updatedAt"]


class Create(RestTest):
    def test_example_of_a_packet_has_every_field(self):
        cap = self.fresh("cap")
        sent = {"id": self.fresh("p"), "name": "invoice-17", "labels": {"customer": "c9"},
                "requiredCapabilities": [cap, "a"], "capabilityMatch": "any",
                "policyTags": ["pii"], "affinityKey": "k", "spread": "affinity", "priority": -7,
                "load": 2, "notBefore": "2020-01-01T02:00:00+02:00",
                "deadline": "2099-12-31T23:59:59.5Z", "attemptTimeoutSeconds": 9,
                "maxAttempts": 4, "maxLosses": 5, "retainSeconds": 60,
                "payload": {"a": [1, 2.50, None]}}
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        made = self.ok("POST", "/v1/packets", sent, 201, headers={"traceparent": trace})
        self.assertEqual(made.headers["location"], "/v1/packets/" + sent["id"])
        self.assertEqual(made.headers["etag"], '"1"')
        self.assertNotIn("payload", made.json)
        read = self.ok("GET", "/v1/packets/" + sent["id"])
        self.assertEqual(read.headers["etag"], '"1"')
        expected = dict(sent, requiredCapabilities=sorted(sent["requiredCapabilities"]),
                        notBefore="2020-01-01T00:00:00.000Z", deadline="2099-12-31T23:59:59.500Z",
                        traceparent=trace, namespace="default", status="PENDING", epoch=0,
                        owner=None)
        for name, value in expected.items():
            self.assertEqual(read.json[name], value, name)
        self.assertEqual(read.json["parked"]["reason"], "no-capable-member")
        self.assertEqual(read.json["parked"]["missing"], expected["requiredCapabilities"])
        contents = ("payload", "checkpoint", "context", "result")
        self.assertEqual([key for key in read.json if key not in contents], list(made.json))
        self.assertEqual(list(read.json), FIELDS)

    def test_same_again_is_200_and_other_content_409(self):
        sent = {"id": self.fresh("p"), "requiredCapabilities": [], "payload": {"a": 1, "b": [2]},
                "notBefore": "2099-01-01T00:00:00Z"}
        self.ok("POST", "/v1/packets", sent, 201)
        again = b'{ "payload": {"b":[2], "a":1}, "notBefore":"2099-01-01T00:00:00.000Z",\n' \
                b'"requiredCapabilities":[], "id":"' + sent["id"].encode() + b'"}'
        self.ok("POST", "/v1/packets", data=again, status=200)
        self.refused("conflict", 409, "POST", "/v1/packets", dict(sent, payload={"a": 2}))
        self.refused("conflict", 409, "POST", "/v1/packets", dict(sent, priority=1))

    def test_generated_ids(self):
        made = self.ok("POST", "/v1/packets", {"requiredCapabilities": [self.fresh()]}, 201)
        self.assertRegex(made.json["id"], r"^pkt_[0-9A-HJKMNP-TV-Z]{26}$")

    def test_payload_of_bytes(self):
        data = bytes(range(256))
        made = self.submit(self.fresh(), payloadBase64=base64.b64encode(data).decode(),
                           contentType="image/png")
        read = self.ok("GET", "/v1/packets/" + made["id"]).json
        self.assertEqual(base64.b64decode(read["payloadBase64"]), data)
        self.assertEqual(read["contentType"], "image/png")
        self.assertNotIn("payload", read)

    def test_raw_payload_with_fields_in_the_query(self):
        name = self.fresh("p")
        made = self.ok("POST", f"/v1/packets?raw=true&id={name}&requiredCapabilities=a,b&priority=3"
                       "&label=k%3Dv&label=z%3D", data=b"\x00\xff raw", content_type="text/x",
                       status=201).json
        self.assertEqual((made["requiredCapabilities"], made["priority"], made["labels"],
                          made["contentType"]), (["a", "b"], 3, {"k": "v", "z": ""}, "text/x"))
        read = self.ok("GET", "/v1/packets/" + name).json
        self.assertEqual(base64.b64decode(read["payloadBase64"]), b"\x00\xff raw")
        self.refused("invalid-request", 400, "POST", "/v1/packets?raw=true&priority=much",
                     data=b"x", content_type="text/x",
                     pointers=["/priority", "/requiredCapabilities"])
        self.refused("invalid-request", 400, "POST", "/v1/packets?priority=1",
                     {"requiredCapabilities": []}, pointers=["query:priority"])

    def test_array_stands_or_falls_item_by_item(self):
        cap = self.fresh("cap")
        twin = self.submit(cap, payload=1)
        items = [{"requiredCapabilities": [cap]}, {"id": "!", "requiredCapabilities": [cap]},
                 {"id": twin["id"], "requiredCapabilities": [cap], "payload": 2},
                 {"id": twin["id"], "requiredCapabilities": [cap], "payload": 1}, 7]
        answer = self.ok("POST", "/v1/packets", items, 207).json["items"]
        self.assertEqual([item["status"] for item in answer], [201, 400, 409, 200, 400])
        self.assertEqual(answer[1]["problem"]["errors"][0]["pointer"], "/id")
        self.assertEqual(answer[3]["packet"]["id"], twin["id"])
        self.assertNotIn("payload", answer[0]["packet"])
        self.refused("invalid-request", 400, "POST", "/v1/packets", [])
        self.refused("invalid-request", 400, "POST", "/v1/packets",
                     [{"requiredCapabilities": []}] * 1001)

    def test_ndjson(self):
        cap = self.fresh("cap")
        lines = [json.dumps({"requiredCapabilities": [cap]}), "", "{broken",
                 json.dumps({"requiredCapabilities": [cap], "payload": 5})]
        answer = self.ok("POST", "/v1/packets", data="\n".join(lines).encode(), status=207,
                         content_type="application/x-ndjson").json["items"]
        self.assertEqual([item["status"] for item in answer], [201, 400, 201])

    def test_idempotency_key(self):
        key = {"Idempotency-Key": self.fresh("key")}
        body = {"requiredCapabilities": [self.fresh()]}
        first = self.ok("POST", "/v1/packets", body, 201, headers=key)
        self.assertNotIn("idempotent-replayed", first.headers)
        again = self.ok("POST", "/v1/packets", body, 201, headers=key)
        self.assertEqual(again.headers["idempotent-replayed"], "true")
        self.assertEqual(again.json["id"], first.json["id"])
        self.assertEqual(again.headers["location"], first.headers["location"])
        self.refused("idempotency-mismatch", 422, "POST", "/v1/packets",
                     {"requiredCapabilities": []}, headers=key)
        self.refused("invalid-request", 400, "POST", "/v1/packets", body,
                     headers={"Idempotency-Key": "k" * 256}, pointers=["header:Idempotency-Key"])

    def test_idempotency_key_of_raw_bodies(self):
        def send(kind, priority, status):
            return self.ok("POST", f"/v1/packets?raw=true&requiredCapabilities=a&priority={priority}",
                           data=b"x", content_type=kind, status=status, headers=key)

        key = {"Idempotency-Key": self.fresh("key")}
        first = send("text/x", 1, 201)
        self.assertEqual(send("text/x", 1, 201).json["id"], first.json["id"])
        # The fields are in the query, the kind of content in its header: both count.
        send("text/x", 2, 422)
        send("text/y", 1, 422)

    def test_idempotency_key_under_concurrency_makes_one_packet(self):
        key = {"Idempotency-Key": self.fresh("key")}
        cap = self.fresh("cap")
        answers = []

        def send():
            answers.append(self.call("POST", "/v1/packets", {"requiredCapabilities": [cap]},
                                     headers=key))

        threads = [threading.Thread(target=send) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        ids = {answer.json["id"] for answer in answers if answer.status == 201}
        self.assertEqual(len(ids), 1, answers)
        for answer in answers:
            self.assertIn(answer.status, (201, 409), answer)
            if answer.status == 409:
                self.assertIn("retry-after", answer.headers)
        listed = self.ok("GET", f"/v1/packets?requires={cap}").json["items"]
        self.assertEqual([item["id"] for item in listed], list(ids))


class Owner(RestTest):
    def test_plain_life(self):
        packet, member, token, epoch = self.taken(payload={"x": 1})
        path = "/v1/packets/" + packet
        started = self.ok("POST", path + "/start", {"epoch": epoch}, token=token)
        self.assertEqual(started.json["status"], "RUNNING")
        self.assertEqual(self.ok("GET", path).json["status"], "RUNNING")
        saved = self.ok("POST", path + "/checkpoint",
                        {"epoch": epoch, "checkpoint": {"page": 3}, "seq": 1}, token=token)
        self.assertEqual(saved.json["revision"], 2)
        same = self.ok("POST", path + "/checkpoint",
                       {"epoch": epoch, "checkpoint": {"page": 4}, "seq": 1}, token=token)
        self.assertEqual(same.json["revision"], 2)
        self.assertEqual(self.ok("GET", path).json["checkpoint"], {"page": 3})
        body = {"epoch": epoch, "result": {"ok": [True]}}
        done = self.ok("POST", path + "/complete", body, token=token)
        self.assertEqual(done.json, {"id": packet, "status": "COMPLETED", "epoch": epoch,
                                     "revision": 3})
        self.assertEqual(self.ok("POST", path + "/complete", body, token=token).json, done.json)
        problem = self.refused("wrong-state", 409, "POST", path + "/complete",
                               {"epoch": epoch, "result": 2}, token=token)
        self.assertEqual(problem["packetStatus"], "COMPLETED")
        result = self.ok("GET", path + "/result")
        self.assertEqual((result.headers["content-type"], json.loads(result.data)),
                         (JSON, {"ok": [True]}))
        events = [row["event"] for row in self.ok("GET", path + "/history").json["items"]]
        self.assertEqual(events[0], "created")
        self.assertEqual(events[-1], "completed")
        self.assertEqual(self.ok("GET", f"/v1/members/{member}").json["currentLoad"], 0)

    def test_fence(self):
        packet, _, token, epoch = self.taken()
        path = f"/v1/packets/{packet}"
        problem = self.refused("stale-epoch", 409, "POST", path + "/complete",
                               {"epoch": epoch + 1, "result": 1}, token=token)
        self.assertEqual((problem["epoch"], problem["packetStatus"]), (epoch, "ASSIGNED"))
        self.refused("stale-epoch", 409, "POST", path + "/complete", {"epoch": 0}, token=token)
        _, stranger = self.register("none")
        problem = self.refused("not-owner", 409, "POST", path + "/complete",
                               {"epoch": epoch, "result": 1}, token=stranger)
        self.assertTrue(problem["owner"])
        self.refused("unauthenticated", 401, "POST", path + "/complete", {"epoch": epoch})
        self.refused("unauthenticated", 401, "POST", path + "/complete", {"epoch": epoch},
                     token="pst.forged")
        self.refused("not-found", 404, "POST", "/v1/packets/no-such/complete", {"epoch": 1},
                     token=token)
        self.refused("invalid-request", 400, "POST", path + "/complete", {"epoch": "1"},
                     pointers=["/epoch"])

    def test_bytes_and_raw_results(self):
        packet, _, token, epoch = self.taken()
        self.ok("POST", f"/v1/packets/{packet}/checkpoint?raw=true&epoch={epoch}&seq=1",
                data=b"\x01\x02", content_type="application/x-thing", token=token)
        self.assertEqual(self.ok("GET", f"/v1/packets/{packet}").json["checkpointBase64"], "AQI=")
        self.ok("POST", f"/v1/packets/{packet}/complete?raw=true&epoch={epoch}",
                data=b"<b>\xff", content_type="text/html", token=token)
        result = self.ok("GET", f"/v1/packets/{packet}/result")
        self.assertEqual((result.headers["content-type"], result.data), ("text/html", b"<b>\xff"))
        self.assertEqual(result.headers["x-content-type-options"], "nosniff")

    def test_fail_release_and_attempts(self):
        packet, _, token, epoch = self.taken(maxAttempts=1)
        path = "/v1/packets/" + packet
        failed = self.ok("POST", path + "/fail",
                         {"epoch": epoch, "error": {"message": "no ink", "code": "E7"}},
                         token=token)
        self.assertEqual(failed.json["status"], "FAILED")
        problem = self.refused("wrong-state", 409, "GET", path + "/result")
        self.assertEqual((problem["packetStatus"], problem["lastError"]),
                         ("FAILED", {"message": "no ink", "code": "E7"}))
        back = self.ok("POST", path + "/retry").json
        self.assertEqual((back["attempts"], back["losses"]), (0, 0))
        self.refused("wrong-state", 409, "POST", path + "/retry")
        packet, member, token, epoch = self.taken()
        given = self.ok("POST", f"/v1/packets/{packet}/release", {"epoch": epoch}, token=token)
        self.assertEqual(given.json["status"], "PENDING")
        delivery = self.poll(member, token)[0]
        self.assertEqual((delivery["epoch"], delivery["packet"]["attempts"]), (epoch + 1, 0))

    def test_handoff_carries_context(self):
        first, second = self.fresh("cap"), self.fresh("cap")
        packet, _, token, epoch = self.taken(first, payload="work")
        other, other_token = self.register(second)
        path = f"/v1/packets/{packet}"
        self.ok("POST", path + "/checkpoint", {"epoch": epoch, "checkpoint": 5}, token=token)
        self.refused("not-eligible", 409, "POST", path + "/handoff",
                     {"epoch": epoch, "to": other}, token=token)
        self.refused("invalid-request", 400, "POST", path + "/handoff", {"epoch": epoch},
                     token=token, pointers=["/to"])
        self.ok("POST", path + "/handoff",
                {"epoch": epoch, "requiredCapabilities": [second], "context": {"half": "done"},
                 "reason": "next step"}, token=token)
        delivery = self.poll(other, other_token)[0]
        self.assertEqual((delivery["epoch"], delivery["packet"]["context"],
                          delivery["packet"]["checkpoint"], delivery["packet"]["payload"]),
                         (epoch + 1, {"half": "done"}, 5, "work"))
        self.refused("stale-epoch", 409, "POST", path + "/complete", {"epoch": epoch},
                     token=token)
        explained = self.ok("GET", path + "/explain").json
        self.assertEqual(explained["choice"], other)
        self.assertIn(other, explained["summary"])
        self.assertEqual(len(explained["earlierOwners"]), 1)

    def test_complete_many(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, maxLoad=3)
        for _ in range(3):
            self.submit(cap)
        held = self.poll(member, token, 3)
        items = [{"id": d["packet"]["id"], "epoch": d["epoch"], "result": i}
                 for i, d in enumerate(held)]
        items[1]["epoch"] += 1
        items += [{"id": "nowhere", "epoch": 1}, {"id": "x", "epoch": 1, "resutl": 2}]
        answer = self.ok("POST", "/v1/packets:complete", {"items": items}, 207, token=token).json
        self.assertEqual([(item["id"], item["status"]) for item in answer["items"]],
                         [(items[0]["id"], 200), (items[1]["id"], 409), (items[2]["id"], 200),
                          ("nowhere", 404), ("x", 400)])
        self.assertEqual(answer["items"][4]["problem"]["errors"][0]["pointer"], "/resutl")
        self.refused("invalid-request", 400, "POST", "/v1/packets:complete", {"items": []},
                     token=token, pointers=["/items"])

    def test_manual_member_by_as(self):
        cap = self.fresh("cap")
        human, token = self.register(cap, kind="human", liveness="manual")
        self.assertIsNone(token)
        packet = self.submit(cap)["id"]
        path = f"/v1/packets/{packet}"
        self.refused("unauthenticated", 401, "POST", path + "/complete", {"epoch": 1})
        self.ok("POST", path + "/complete", {"epoch": 1, "result": "signed", "as": human})
        self.assertEqual(self.ok("GET", path + "/result").data, b'"signed"')


class Orders(RestTest):
    def test_cancel(self):
        packet, member, token, epoch = self.taken()
        path = f"/v1/packets/{packet}"
        self.assertEqual(self.ok("POST", path + "/cancel", {"reason": "why not"}).json["status"],
                         "CANCELED")
        self.ok("POST", path + "/cancel")
        answer = self.ok("GET", f"/v1/members/{member}/deliveries?waitMs=2000", token=token).json
        self.assertIn({"id": packet, "epoch": epoch, "reason": "canceled"}, answer["revoked"])
        problem = self.refused("not-owner", 409, "POST", path + "/complete", {"epoch": epoch},
                               token=token)
        self.assertEqual((problem["owner"], problem["packetStatus"]), (None, "CANCELED"))
        packet, _, token, epoch = self.taken()
        self.ok("POST", f"/v1/packets/{packet}/complete", {"epoch": epoch}, token=token)
        self.refused("wrong-state", 409, "POST", f"/v1/packets/{packet}/cancel")

    def test_assign_and_evict(self):
        cap = self.fresh("cap")
        packet, member, _, epoch = self.taken(cap)
        other, _ = self.register(cap)
        path = f"/v1/packets/{packet}"
        moved = self.ok("POST", path + "/assign", {"to": other}).json
        self.assertEqual((moved["owner"], moved["epoch"]), (other, epoch + 1))
        self.refused("not-eligible", 409, "POST", path + "/assign", {"to": "nobody"})
        self.ok("POST", path + "/evict")
        self.assertEqual(self.ok("GET", path).json["losses"], 0)
        self.assertGreater(self.ok("GET", path).json["epoch"], epoch)
        self.refused("invalid-request", 400, "POST", path + "/evict", {"to": member},
                     pointers=["/to"])

    def test_if_match(self):
        packet = self.submit(self.fresh())["id"]
        path = f"/v1/packets/{packet}/cancel"
        self.refused("precondition-failed", 412, "POST", path, headers={"If-Match": '"7"'})
        self.refused("invalid-request", 400, "POST", path, headers={"If-Match": "soon"},
                     pointers=["header:If-Match"])
        self.ok("POST", path, headers={"If-Match": '"1"'})


class Reads(RestTest):
    def test_wait_for_the_end(self):
        packet, _, token, epoch = self.taken()
        waited = self.ok("GET", f"/v1/packets/{packet}?waitMs=50")
        self.assertIn(waited.json["status"], ("ASSIGNED", "RUNNING"))
        seen = []
        waiter = threading.Thread(target=lambda: seen.append(
            self.ok("GET", f"/v1/packets/{packet}/result?waitMs=20000").data))
        waiter.start()
        self.ok("POST", f"/v1/packets/{packet}/complete", {"epoch": epoch, "result": [7]},
                token=token)
        waiter.join(10)
        self.assertEqual(seen, [b"[7]"])

    def test_pages_see_each_row_once(self):
        cap = self.fresh("cap")
        made = [item["packet"]["id"] for item in self.ok(
            "POST", "/v1/packets", [{"requiredCapabilities": [cap], "payload": n}
                                    for n in range(25)], 207).json["items"]]
        for order in ("asc", "desc"):
            seen = []
            target = f"/v1/packets?requires={cap}&order={order}&limit=10"
            cursor = ""
            while True:
                page = self.ok("GET", target + cursor).json
                self.assertNotIn("payload", page["items"][0])
                seen += [item["id"] for item in page["items"]]
                if "nextCursor" not in page:
                    break
                cursor = "&cursor=" + page["nextCursor"]
            self.assertEqual(sorted(seen), sorted(made))
            self.assertEqual(len(seen), 25)
        page = self.ok("GET", f"/v1/packets?requires={cap}&content=true&limit=3").json
        self.assertEqual(len([item["payload"] for item in page["items"]]), 3)

    def test_cursor_stays_valid_while_things_change(self):
        cap = self.fresh("cap")
        made = [self.submit(cap)["id"] for _ in range(30)]
        for order in ("asc", "desc"):
            seen, cursor, page_number = [], "", 0
            while True:
                page = self.ok("GET", f"/v1/packets?requires={cap}&order={order}&limit=7" +
                               cursor).json
                seen += [item["id"] for item in page["items"]]
                if "nextCursor" not in page:
                    break
                cursor = "&cursor=" + page["nextCursor"]
                self.ok("POST", f"/v1/packets/{seen[-1]}/cancel")  # the very row it stands on
                self.submit(cap)
                page_number += 1
            self.assertEqual(len(seen), len(set(seen)))
            self.assertLessEqual(set(made), set(seen))

    def test_filters(self):
        cap = self.fresh("cap")
        packet, member, token, epoch = self.taken(cap, labels={"team": cap, "x": "y"})
        waiting = self.submit(self.fresh(), labels={"team": cap})["id"]

        def ids(query):
            return [item["id"] for item in self.ok("GET", "/v1/packets?" + query).json["items"]]

        self.assertEqual(ids(f"label=team%3D{cap}"), [packet, waiting])
        self.assertEqual(ids(f"label=team%3D{cap}&label=x%3Dy"), [packet])
        self.assertEqual(ids(f"owner={member}"), [packet])
        self.assertEqual(ids(f"label=team%3D{cap}&status=PENDING"), [waiting])
        self.assertEqual(ids(f"requires={cap}&status=ASSIGNED"), [packet])
        self.assertEqual(ids(f"requires={cap}&status=RUNNING"), [])
        self.ok("POST", f"/v1/packets/{packet}/start", {"epoch": epoch}, token=token)
        self.assertEqual(ids(f"requires={cap}&status=ASSIGNED"), [])
        self.assertEqual(ids(f"requires={cap}&status=RUNNING,FAILED"), [packet])

    def test_bad_lists(self):
        for query, pointer in (("limit=0", "query:limit"), ("limit=1001", "query:limit"),
                               ("limit=x", "query:limit"), ("status=DONE", "query:status"),
                               ("order=up", "query:order"), ("cursor=!!", "query:cursor"),
                               ("cursor=AAAA", "query:cursor"), ("label=k", "query:label"),
                               ("colour=red", "query:colour"), ("owner=%21", "query:owner"),
                               ("owner=a&owner=b", "query:owner"), ("content=1", "query:content"),
                               ("owner=%zz", "query"), ("owner=%ff", "query")):
            self.refused("invalid-request", 400, "GET", "/v1/packets?" + query,
                         pointers=[pointer])

    def test_explain_parked(self):
        cap = self.fresh("cap")
        packet = self.submit(cap)["id"]
        explained = self.ok("GET", f"/v1/packets/{packet}/explain").json
        self.assertEqual(explained["parked"]["reason"], "no-capable-member")
        self.assertIn(cap, explained["parked"]["wouldUnpark"])
        self.assertEqual(explained["missing"], [cap])

    def test_events_resume_where_they_ended(self):
        start = self.ok("GET", "/v1/packets?limit=1").json["asOf"]
        packet, _, token, epoch = self.taken()
        self.ok("POST", f"/v1/packets/{packet}/complete", {"epoch": epoch}, token=token)

        def read(target, headers, want):
            """The first `want` events of the stream as (id, event)."""
            lines = "".join(f"{k}: {v}\r\n" for k, v in headers.items())
            with socket.create_connection(("127.0.0.1", self.host.port), timeout=20) as stream:
                stream.sendall(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n{lines}\r\n".encode())
                text, events = b"", []
                while len(events) < want:
                    chunk = stream.recv(65536)
                    self.assertTrue(chunk, text)
                    text += chunk
                    events = [line[6:] for line in text.split(b"\n") if line.startswith(b"data: ")]
            self.assertIn(b"text/event-stream", text)
            return [json.loads(event) for event in events]

        events = read(f"/v1/events?from={start}&packet={packet}", {}, 2)
        self.assertEqual(events[0]["specversion"], "1.0")
        self.assertEqual([event["type"] for event in events],
                         ["io.phoenixflight.packet.created.v1",
                          "io.phoenixflight.packet.completed.v1"])
        rest = read(f"/v1/events?packet={packet}", {"Last-Event-ID": events[0]["id"]}, 1)
        self.assertEqual(rest, events[1:])
        typed = read(f"/v1/events?from={start}&type=completed", {}, 1)
        self.assertEqual(typed[0]["subject"], "packets/" + packet)
        gap = read("/v1/events?from=999999999", {}, 1)
        self.assertIn("resumesAfter", gap[0])


if __name__ == "__main__":
    unittest.main()
