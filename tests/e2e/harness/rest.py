"""Plain HTTP to a real host. Every answer is held against the OpenAPI document."""

import http.client
import json
import re
import socket
import time
import unittest

from harness.host import PATIENCE, Host
from harness.schema import Schemas

JSON = "application/json"
REQUEST_ID = re.compile(r"^req_[0-9A-HJKMNP-TV-Z]{26}$")


class Answer:
    def __init__(self, status, headers, data):
        self.status = status
        self.headers = headers
        self.data = data
        kind = headers.get("content-type", "")
        self.json = json.loads(data) if data and "json" in kind else None

    def __repr__(self):
        return f"{self.status} {self.data[:2000]!r}"


def exchange(host, method, target, body=None, headers=None, timeout=40):
    """One call on a connection of its own."""
    connection = http.client.HTTPConnection(host.ip, host.port, timeout=timeout)
    try:
        connection.request(method, target, body=body, headers=headers or {})
        response = connection.getresponse()
        lower = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, lower, response.read())
    finally:
        connection.close()


class RestTest(unittest.TestCase):
    """One host for the tests of a class; ids are made fresh by each test."""

    flags = ()
    numbers = iter(range(1, 1_000_000))

    @classmethod
    def setUpClass(cls):
        cls.host = cls.make_host()
        cls.schemas = None
        answer = cls.exchange("GET", "/openapi.json")
        cls.schemas = Schemas(answer.json)

    @classmethod
    def make_host(cls):
        return Host(cls, *cls.flags)

    def fresh(self, prefix="x"):
        return f"{prefix}-{next(self.numbers)}"

    @classmethod
    def exchange(cls, method, target, body=None, headers=None, timeout=40):
        return exchange(cls.host, method, target, body, headers, timeout)

    def call(self, method, target, body=None, token=None, headers=None, content_type=JSON,
             data=None):
        """Sends; checks what every answer must have; gives the answer."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = "Bearer " + token
        if body is not None:
            data = json.dumps(body).encode()
        if data is not None and content_type:
            sent.setdefault("Content-Type", content_type)
        answer = exchange(self.host, method, target, data, sent)
        self.check(method, target, answer)
        return answer

    def check(self, method, target, answer):
        self.assertRegex(answer.headers["phoenix-request-id"], REQUEST_ID, answer)
        body = answer.json if answer.json is not None else answer.data
        if method != "HEAD":
            faults = self.schemas.answer_faults(method, target.split("?")[0], answer.status,
                                                answer.headers["content-type"], body)
            self.assertEqual(faults, [], f"{method} {target}: {answer}")
        if answer.status >= 400 and method != "HEAD":
            self.assertEqual(answer.headers["content-type"], "application/problem+json")
            self.assertEqual(answer.json["status"], answer.status)
            self.assertEqual(answer.json["instance"], answer.headers["phoenix-request-id"])

    def ok(self, method, target, body=None, status=200, **more):
        answer = self.call(method, target, body, **more)
        self.assertEqual(answer.status, status, f"{method} {target}: {answer}")
        return answer

    def refused(self, kind, status, method, target, body=None, pointers=None, **more):
        """The call is refused with that problem; `pointers` are those of its errors, in order."""
        answer = self.call(method, target, body, **more)
        self.assertEqual((answer.status, answer.json and answer.json["type"]),
                         (status, "/problems/" + kind), f"{method} {target}: {answer}")
        if pointers is not None:
            self.assertEqual([error["pointer"] for error in answer.json["errors"]], pointers,
                             answer)
        return answer.json

    # --- what many tests need ---

    def register(self, capability, **fields):
        """(id, token) of a new member."""
        member = {"id": self.fresh("m"), "capabilities": [capability], "leaseSeconds": 60}
        member.update(fields)
        answer = self.ok("POST", "/v1/members", member, 201)
        session = answer.json["session"]
        return member["id"], session["token"] if session else None

    def submit(self, capability, **fields):
        packet = {"id": self.fresh("p"), "requiredCapabilities": [capability]}
        packet.update(fields)
        return self.ok("POST", "/v1/packets", packet, 201).json

    def poll(self, member, token, want=1, **query):
        """Polls until so many deliveries have come; gives them."""
        deliveries = []
        after = ""
        deadline = time.monotonic() + 20
        while len(deliveries) < want and time.monotonic() < deadline:
            extra = "".join(f"&{name}={value}" for name, value in query.items())
            target = f"/v1/members/{member}/deliveries?max={want}&waitMs=2000{extra}"
            answer = self.ok("GET", target + (f"&after={after}" if after else ""), token=token)
            deliveries += answer.json["deliveries"]
            after = answer.json["next"]
        self.assertEqual(len(deliveries), want)
        return deliveries

    def taken(self, capability=None, **fields):
        """A packet in the hands of a fresh member: (packet id, member id, token, epoch)."""
        capability = capability or self.fresh("cap")
        member, token = self.register(capability)
        packet = self.submit(capability, **fields)
        delivery = self.poll(member, token)[0]
        self.assertEqual(delivery["packet"]["id"], packet["id"])
        return packet["id"], member, token, delivery["epoch"]

    def raw_socket(self, payload, read=True):
        """Bytes on a connection; gives all that comes back until the host closes."""
        with socket.create_connection(("127.0.0.1", self.host.port), timeout=20) as connection:
            connection.sendall(payload)
            out = b""
            while read:
                chunk = connection.recv(65536)
                if not chunk:
                    break
                out += chunk
            return out
