"""What is wrong with a request gets its problem and changes nothing. Over raw sockets, for no
decent client sends such things."""

import http.client
import json
import socket
import unittest

from harness.host import PATIENCE
from harness.rest import JSON, REQUEST_ID, RestTest


class Raw(RestTest):
    def head(self, method="POST", target="/v1/packets", **headers):
        """A request's head; a header that is None is left out."""
        fields = {"Host": f"127.0.0.1:{self.host.port}", "Content-Type": JSON}
        fields.update({name.replace("_", "-"): value for name, value in headers.items()})
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items()
                        if value is not None)
        return f"{method} {target} HTTP/1.1\r\n{lines}".encode("latin-1")

    def sent(self, payload):
        """(status, headers, body) of the first answer to these bytes."""
        with socket.create_connection(("127.0.0.1", self.host.port), timeout=PATIENCE) as wire:
            wire.sendall(payload)
            response = http.client.HTTPResponse(wire)
            response.begin()
            headers = {name.lower(): value for name, value in response.getheaders()}
            return response.status, headers, response.read()

    def post(self, body, target="/v1/packets", **headers):
        return self.sent(self.head("POST", target, Content_Length=len(body), **headers) +
                         b"\r\n" + body)

    def assertProblem(self, answer, status, kind, pointer=None):
        self.assertEqual(answer[0], status, answer)
        self.assertEqual(answer[1]["content-type"], "application/problem+json")
        self.assertRegex(answer[1]["phoenix-request-id"], REQUEST_ID)
        problem = json.loads(answer[2])
        self.assertEqual(problem["type"], "/problems/" + kind, problem)
        self.assertTrue(problem["detail"])
        if pointer is not None:
            self.assertIn(pointer, [error["pointer"] for error in problem["errors"]], problem)
        return problem

    def count(self):
        return len(self.ok("GET", "/v1/packets?limit=1000").json["items"])


class Bodies(Raw):
    def test_each_is_400_and_makes_nothing(self):
        before = self.count()
        good = '"requiredCapabilities":[]'
        for body, pointer in (
                (b"", ""), (b"{", None), (b"nul", None), (b"[1,]", None), (b"{}{}", None),
                (b"{'a':1}", None), (b"\xef\xbb\xbf{}", None),
                (('{"payload":NaN,' + good + "}").encode(), None),
                (('{"payload":-Infinity,' + good + "}").encode(), None),
                (('{"payload":01,' + good + "}").encode(), None),
                (("{" + good + ',"priority":1e999}').encode(), "/priority"),
                (("{" + good + ',"priority":1,"priority":2}').encode(), "/priority"),
                (('{"payload":{"a":{"b":1,"b":2}},' + good + "}").encode(), None),
                (("{" + good + ',"payload":"').encode() + b'\xff"}', None),
                (("{" + good + ',"payload":"').encode() + b'\xed\xa0\x80"}', None),
                (("{" + good + ',"payload":"\\ud800"}').encode(), None),
                (("{" + good + ',"payload":"a\nb"}').encode(), None),
                (("{" + good + ',"payload":' + "[" * 65 + "]" * 65 + "}").encode(), None),
                (("{" + good + ',"payload":' + "[" * 100_000).encode(), None),
                (("{" + good + ',"colour":"red"}').encode(), "/colour"),
                (("{" + good + ',"status":"COMPLETED"}').encode(), "/status"),
                (("{" + good + ',"epoch":3}').encode(), "/epoch"),
                (("{" + good + ',"priority":1001}').encode(), "/priority"),
                (("{" + good + ',"priority":1.5}').encode(), "/priority"),
                (("{" + good + ',"priority":"1"}').encode(), "/priority"),
                (("{" + good + ',"load":0}').encode(), "/load"),
                (("{" + good + ',"load":99999999999999999999}').encode(), "/load"),
                (("{" + good + ',"maxAttempts":0}').encode(), "/maxAttempts"),
                (("{" + good + ',"id":"a b"}').encode(), "/id"),
                (("{" + good + ',"id":"' + "a" * 129 + '"}').encode(), "/id"),
                (("{" + good + ',"namespace":"other"}').encode(), "/namespace"),
                (("{" + good + ',"deadline":"2001-01-01T00:00:00Z"}').encode(), "/deadline"),
                (("{" + good + ',"deadline":"tomorrow"}').encode(), "/deadline"),
                (("{" + good + ',"deadline":"2099-02-30T00:00:00Z"}').encode(), "/deadline"),
                (("{" + good + ',"spread":"wide"}').encode(), "/spread"),
                (("{" + good + ',"spread":"none","affinityKey":"k"}').encode(), "/spread"),
                (("{" + good + ',"affinityKey":""}').encode(), "/affinityKey"),
                (("{" + good + ',"labels":{"a":"b\\u0001"}}').encode(), "/labels/a"),
                (("{" + good + ',"payload":1,"payloadBase64":"AA=="}').encode(),
                 "/payloadBase64"),
                (("{" + good + ',"payloadBase64":"A==="}').encode(), "/payloadBase64"),
                (b'{"requiredCapabilities":"ocr"}', "/requiredCapabilities"),
                (b'{"requiredCapabilities":[""]}', "/requiredCapabilities/0"),
                (json.dumps({"requiredCapabilities": [str(n) for n in range(65)]}).encode(),
                 "/requiredCapabilities"),
                (b'{"payload":1}', "/requiredCapabilities")):
            with self.subTest(body[:80]):
                self.assertProblem(self.post(body), 400, "invalid-request", pointer)
        self.assertEqual(self.count(), before)

    def test_all_faults_at_once(self):
        problem = self.refused("invalid-request", 400, "POST", "/v1/packets", {
            "requiredCapabilities": ["", 7], "prio": 1, "load": -1, "a/b~c": 2})
        self.assertEqual({error["pointer"] for error in problem["errors"]},
                         {"/requiredCapabilities/0", "/requiredCapabilities/1", "/prio", "/load",
                          "/a~1b~0c"})

    def test_very_many_faults(self):
        # Every caller waits while a body is read: hints are looked for a few times only.
        body = b"{" + b",".join(b'"k%d":1' % n for n in range(1_000_000)) + b"}"
        errors = self.assertProblem(self.post(body), 400, "invalid-request")["errors"]
        self.assertEqual(len(errors), 100)
        self.assertIn("no such field here; ", errors[9]["detail"])
        self.assertEqual(errors[10], {"pointer": "/k10", "detail": "no such field here"})

    def test_depth_of_64_is_taken(self):
        # The packet itself is one level.
        deep = "[" * 63 + "]" * 63
        body = f'{{"requiredCapabilities":[],"payload":{deep}}}'.encode()
        self.assertEqual(self.post(body)[0], 201)

    def test_payload_over_its_limit(self):
        big = json.dumps({"requiredCapabilities": [], "payload": "x" * (1 << 20)}).encode()
        answer = self.post(big)
        self.assertIn(answer[0], (400, 413), answer)
        self.assertIn("payload", json.loads(answer[2])["detail"] + answer[2].decode())
        fits = json.dumps({"requiredCapabilities": [], "payload": "x" * ((1 << 20) - 2)}).encode()
        self.assertEqual(self.post(fits)[0], 201)


class Sizes(Raw):
    def test_413_is_seen_by_a_client_that_sends_on(self):
        size = 20 << 20
        with socket.create_connection(("127.0.0.1", self.host.port), timeout=PATIENCE) as wire:
            wire.sendall(self.head(Content_Length=size) + b"\r\n")
            for _ in range(size >> 16):
                wire.sendall(b" " * 65536)
            response = http.client.HTTPResponse(wire)
            response.begin()
            self.assertEqual(response.status, 413)
            self.assertEqual(json.loads(response.read())["type"], "/problems/too-large")

    def test_413_for_chunks_without_end(self):
        with socket.create_connection(("127.0.0.1", self.host.port), timeout=PATIENCE) as wire:
            wire.sendall(self.head(Transfer_Encoding="chunked") + b"\r\n")
            for _ in range(17 * 16 + 1):
                wire.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
            response = http.client.HTTPResponse(wire)
            response.begin()
            self.assertEqual(response.status, 413)

    def test_huge_heads(self):
        for payload in (self.head(X_Long="a" * 20_000) + b"\r\n",
                        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n"):
            status, _, body = self.sent(payload)
            self.assertIn(status, (400, 413, 414, 431), body)

    def test_expect_continue(self):
        body = b'{"requiredCapabilities":[]}'
        with socket.create_connection(("127.0.0.1", self.host.port), timeout=PATIENCE) as wire:
            wire.sendall(self.head(Content_Length=len(body), Expect="100-continue") + b"\r\n")
            reader = wire.makefile("rb")
            self.assertIn(b" 100 ", reader.readline())
            self.assertEqual(reader.readline(), b"\r\n")
            wire.sendall(body)
            self.assertIn(b" 201 ", reader.readline())
            reader.close()


class Heads(Raw):
    def test_broken_requests(self):
        for payload in (b"HELLO\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" * 3,
                        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
                        b"GET /livez HTTP/1.1\r\n\r\n",  # no Host
                        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n",
                        b"GET /livez HTTP/1.1\r\nHost: localhost\r\nBad Name: x\r\n\r\n",
                        self.head(Content_Length="-1") + b"\r\n",
                        self.head(Content_Length="5", Transfer_Encoding="chunked") +
                        b"\r\n0\r\n\r\n",
                        self.head(Transfer_Encoding="chunked") + b"\r\nZZ\r\n"):
            with self.subTest(payload[:60]):
                self.assertProblem(self.sent(payload), 400, "invalid-request")

    def test_foreign_host(self):
        for name in ("evil.example", f"evil.example:{self.host.port}", "127.0.0.1.evil.example",
                     "10.0.0.1"):
            self.assertProblem(self.sent(self.head("GET", "/livez", Host=name) + b"\r\n"), 421,
                               "misdirected")
        for name in ("localhost", f"localhost:{self.host.port}", "127.0.0.1", "LOCALHOST"):
            self.assertEqual(self.sent(self.head("GET", "/livez", Host=name) + b"\r\n")[0], 200)

    def test_foreign_origin_is_refused_before_the_body_is_read(self):
        before = self.count()
        body = b'{"requiredCapabilities":[]}'
        for headers in ({"Origin": "http://evil.example"}, {"Origin": "null"},
                        {"Origin": f"http://localhost.evil.example:{self.host.port}"},
                        {"Sec-Fetch-Site": "cross-site"}):
            # Only a beginning of the body is sent: the answer cannot wait for it.
            payload = self.head(Content_Length=1000, **headers) + b"\r\n" + body
            self.assertProblem(self.sent(payload), 403, "forbidden")
        self.assertEqual(self.count(), before)
        own = f"http://127.0.0.1:{self.host.port}"
        self.assertEqual(self.post(body, Origin=own)[0], 201)
        self.assertEqual(self.post(body, **{"Sec-Fetch-Site": "same-origin"})[0], 201)

    def test_media_types(self):
        body = b'{"requiredCapabilities":[]}'
        for kind in (None, "text/plain", "application/x-www-form-urlencoded",
                     "application/merge-patch+json", "application/jsonx", "application"):
            answer = self.post(body, Content_Type=kind)
            problem = self.assertProblem(answer, 415, "unsupported-media-type")
            self.assertIn("-H 'Content-Type: application/json'", problem["detail"])
        for kind in ("application/json; charset=utf-8", "Application/JSON"):
            self.assertEqual(self.post(body, Content_Type=kind)[0], 201)

    def test_unknown_paths_methods_and_parameters(self):
        self.refused("not-found", 404, "GET", "/v2/packets")
        self.refused("not-found", 404, "GET", "/")
        self.refused("not-found", 404, "PUT", "/v1/blobs", {})
        answer = self.call("DELETE", "/v1/packets")
        self.assertEqual((answer.status, set(answer.headers["allow"].split(", "))),
                         (405, {"GET", "HEAD", "POST"}))
        for method, target in (("GET", "/v1/packets/x"), ("GET", "/livez"), ("GET", "/v1/members"),
                               ("GET", "/v1/hosts"), ("GET", "/v1/ring"), ("GET", "/v1/dma"),
                               ("POST", "/v1/packets"), ("POST", "/v1/packets/x/cancel"),
                               ("POST", "/v1/members"), ("GET", "/v1/events"),
                               ("GET", "/v1/packets/x/explain"), ("GET", "/v1/ring/owner")):
            body = {"requiredCapabilities": []} if method == "POST" else None
            problem = self.refused("invalid-request", 400, method, target + "?colour=red", body)
            self.assertIn("query:colour", [error["pointer"] for error in problem["errors"]])
        self.refused("invalid-request", 400, "GET", "/v1/packets?namespace=a%2Fb",
                     pointers=["query:namespace"])
        self.refused("invalid-request", 400, "GET", "/v1/packets?namespace=a&namespace=b",
                     pointers=["query:namespace"])

    def test_unknown_ids(self):
        for method, target, body in (
                ("GET", "/v1/packets/nope", None), ("GET", "/v1/packets/nope/result", None),
                ("GET", "/v1/packets/nope/history", None), ("GET", "/v1/packets/nope/explain", None),
                ("POST", "/v1/packets/nope/cancel", {}), ("POST", "/v1/packets/nope/retry", {}),
                ("POST", "/v1/packets/nope/evict", {}),
                ("POST", "/v1/packets/nope/assign", {"to": "x"}),
                ("GET", "/v1/members/nope", None), ("DELETE", "/v1/members/nope", None),
                ("POST", "/v1/members/nope/drain", {}), ("POST", "/v1/members/nope/resume", {}),
                ("PATCH", "/v1/members/nope", {"weight": 1}), ("GET", "/v1/hosts/nope", None)):
            with self.subTest(f"{method} {target}"):
                self.refused("not-found", 404, method, target, body)

    def test_pipelined_requests_are_answered_in_order(self):
        one = self.head("GET", "/livez") + b"\r\n"
        two = self.head("GET", "/v1/version") + b"\r\n"
        last = self.head("GET", "/nowhere", Connection="close") + b"\r\n"
        out = self.raw_socket(one + two + last)
        self.assertEqual([part[:3] for part in out.split(b"HTTP/1.1 ")[1:]],
                         [b"200", b"200", b"404"])


    def test_who_only_finished_sending_is_answered(self):
        body = b'{"requiredCapabilities":[]}'
        for payload, status in (
                (self.head(Content_Length=len(body)) + b"\r\n" + body, 201),
                (self.head("GET", "/v1/packets?limit=1") + b"\r\n", 200)):
            with socket.create_connection(("127.0.0.1", self.host.port), timeout=PATIENCE) as wire:
                wire.sendall(payload)
                wire.shutdown(socket.SHUT_WR)
                response = http.client.HTTPResponse(wire)
                response.begin()
                self.assertEqual(response.status, status, response.read())


class Allowed(Raw):
    flags = ("--allow-host", "pool.example", "--allow-origin", "https://console.example")

    def test_named_hosts_and_origins(self):
        good = self.head("GET", "/livez", Host="pool.example:80", Origin="https://console.example")
        status, headers, _ = self.sent(good + b"\r\n")
        self.assertEqual((status, headers["access-control-allow-origin"]),
                         (200, "https://console.example"))
        self.assertProblem(self.sent(self.head("GET", "/livez", Origin="https://other.example") +
                                     b"\r\n"), 403, "forbidden")
        self.assertProblem(self.sent(self.head("GET", "/livez", Host="other.example") + b"\r\n"),
                           421, "misdirected")

    def test_preflight(self):
        asked = {"Access_Control_Request_Method": "POST", "Content_Type": None}
        status, headers, _ = self.sent(self.head(
            "OPTIONS", "/v1/packets", Origin="https://console.example", **asked) + b"\r\n")
        self.assertEqual(status, 204)
        self.assertIn("POST", headers["access-control-allow-methods"])
        status, headers, _ = self.sent(self.head(
            "OPTIONS", "/v1/packets", Origin="https://other.example", **asked) + b"\r\n")
        self.assertEqual(status, 403)
        self.assertNotIn("access-control-allow-origin", headers)


if __name__ == "__main__":
    unittest.main()
