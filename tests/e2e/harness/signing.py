"""For tests of members that sign: registering with a key, signed calls, and the verifier's word on all
that was recorded."""

import json
import pathlib
import sys

from harness.cli import run
from harness.host import Folder
from harness.rest import RestTest

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "clients" / "python"))
from phoenix_sign import json_text  # noqa: E402


class Signing(RestTest):
    """Helpers for members that sign."""

    def enter(self, key, code=201, **fields):
        """Registers with a key; the member's id and its session."""
        body = {"id": self.fresh("k"), "capabilities": [self.cap], "leaseSeconds": 60,
                "maxLoad": 100, "publicKey": key.public_base64, **fields}
        headers = {"Idempotency-Key": self.fresh("key")}
        asked = self.refused("unauthenticated", 401, "POST", "/v1/members", body, headers=headers)
        self.assertEqual(asked["reasonCode"], "proof-required")
        body["proof"] = key.prove(asked)
        answer = self.call("POST", "/v1/members", body,
                           headers={"Idempotency-Key": self.fresh("key")})
        self.assertEqual(answer.status, code, answer)
        if code != 201:
            return answer.json
        return body["id"], answer.json["session"]

    def setUp(self):
        self.cap = self.fresh("cap")

    def take(self, member, session, count=1):
        """(packet, epoch) of as many new packets."""
        for n in range(count):
            self.submit(self.cap, payload=n)
        got = self.poll(member, session["token"], count)
        return [(delivery["packet"]["id"], delivery["epoch"]) for delivery in got]

    def complete(self, session, packet, epoch, result, signature=None):
        data = b'{"epoch":%d,"result":%s' % (epoch, json_text(result))
        data += b',"signature":"%s"}' % signature.encode() if signature else b"}"
        return self.call("POST", f"/v1/packets/{packet}/complete", data=data,
                         token=session["token"])

    def phoenix(self, *words, code=0):
        done = run("--url", self.host.url, *words)
        self.assertEqual(done.code, code, done)
        return done

    def verified(self):
        folder = Folder(self).path
        self.phoenix("audit", "export", "--out", str(folder / "all"),
                     "--checkpoint-out", str(folder / "now"))
        self.phoenix("audit", "keys", "--out", str(folder / "keys"))
        done = run("audit", "verify", str(folder / "all"), "--keys", str(folder / "keys"),
                   "--checkpoint", str(folder / "now"), "-o", "json")
        self.assertEqual(done.code, 0, done)
        return json.loads(done.out)

    def code(self, answer):
        return answer.json["reasonCode"] if answer.status >= 400 else "done"
