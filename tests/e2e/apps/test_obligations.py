"""What policies want done along with a permission, as the worker that gets the packet sees it; and
that a rule which reads payloads decides by them after the host was killed too."""

import base64
import json
import subprocess
import unittest

from harness.cli import run
from harness.host import PROGRAM, Folder, Host, clean_environment, until
from harness.rest import exchange

POLICIES = [
    {"kind": "policy", "name": "iban",
     "spec": {"target": "can-assign", "defaultDecision": "allow", "rules": [
         {"name": "outsiders", "condition": "!('GDPR' in member.compliance)", "decision": "allow",
          "obligations": [{"redact": ["customer.iban", "rows.secret"]},
                          {"narrowScopes": ["read"]}, {"log": True}]},
         {"name": "large", "decision": "deny", "reason": "too large for anybody",
          "condition": "has(packet.payload.amount) && packet.payload.amount > 100"}]}}]
PAYLOAD = {"customer": {"iban": "DE89", "name": "Ada"}, "rows": [{"secret": 1, "n": 2}],
           "amount": 7}
SEEN = {"customer": {"iban": "[redacted]", "name": "Ada"},
        "rows": [{"secret": "[redacted]", "n": 2}], "amount": 7}


class Obligations(unittest.TestCase):
    def setUp(self):
        self.folder = Folder(self).path
        self.host = Host(self)
        done = self.call("POST", "/v1/documents:apply", {"documents": POLICIES})
        self.assertEqual(done.status, 200, done)

    def call(self, method, path, body=None, **headers):
        data = None if body is None else json.dumps(body)
        return exchange(self.host, method, path, data,
                        {"Content-Type": "application/json", **headers})

    def worker(self, name, script, *flags):
        process = subprocess.Popen(
            [PROGRAM, "worker", "start", "--id", name, *flags, "--", "sh", "-c", script],
            cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env=clean_environment(PHOENIX_URL=self.host.url))
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        until(self, lambda: self.call("GET", f"/v1/members/{name}").status == 200, "the worker")

    def submit(self, name, payload, *flags):
        done = run("packet", "submit", "--id", name, *flags, "--payload", json.dumps(payload),
                   PHOENIX_URL=self.host.url)
        self.assertEqual(done.code, 0, done)
        return done

    def test_outsiders_get_it_redacted_and_with_fewer_scopes(self):
        self.worker("outsider", "cat > got.json", "--capability", "ocr")
        self.submit("p", PAYLOAD, "--requires", "ocr", "--wait=20s")
        self.assertEqual(json.loads((self.folder / "got.json").read_text()), SEEN)
        packet = self.call("GET", "/v1/packets/p").json
        self.assertEqual(packet["payload"], PAYLOAD, "whoever may read packets sees all")
        self.assertEqual(packet["scopes"], ["read"])
        history = self.call("GET", "/v1/packets/p/history").json["items"]
        noted = [line["reason"] for line in history if line["event"] == "policy-obliged"]
        self.assertEqual(noted, ["can-assign: rule outsiders of policy iban redacts customer.iban, "
                                 "rows.secret and narrows scopes to read and is to be told"])
        self.worker("insider", "cat > all.json", "--capability", "tax", "--compliance", "GDPR")
        self.submit("q", PAYLOAD, "--requires", "tax", "--wait=20s")
        self.assertEqual(json.loads((self.folder / "all.json").read_text()), PAYLOAD)

    def test_a_stream_shows_no_more_than_a_poll(self):
        made = self.call("POST", "/v1/members", {"id": "m", "capabilities": ["ocr"]}).json
        bearer = {"Authorization": "Bearer " + made["session"]["token"]}
        self.submit("p", PAYLOAD, "--requires", "ocr")
        polled = self.call("GET", "/v1/members/m/deliveries?waitMs=1000", **bearer).json
        self.assertEqual(polled["deliveries"][0]["packet"]["payload"], SEEN)
        stream = subprocess.run(
            ["curl", "-sN", "--max-time", "1", "-H", "Authorization: " + bearer["Authorization"],
             self.host.url + "/v1/members/m/stream"], capture_output=True, text=True, check=False)
        self.assertIn('"[redacted]"', stream.stdout)
        self.assertNotIn("DE89", stream.stdout)

    def test_bytes_go_to_nobody_from_whom_something_is_kept_back(self):
        self.worker("outsider", "cat", "--capability", "ocr")
        done = self.call("POST", "/v1/packets", {
            "id": "b", "requiredCapabilities": ["ocr"], "contentType": "image/png",
            "payloadBase64": base64.b64encode(b"png").decode()})
        self.assertEqual(done.status, 201, done)
        self.assertEqual(done.json["parked"]["reason"], "policy-denied")

    def test_payloads_are_read_again_after_the_host_was_killed(self):
        self.submit("small", {"amount": 7}, "--requires", "ocr")
        self.submit("large", {"amount": 700}, "--requires", "ocr")
        self.host.kill()
        self.host.start()
        self.worker("w", "cat", "--capability", "ocr")
        until(self, lambda: self.call("GET", "/v1/packets/small").json["status"] == "COMPLETED",
              "the small one")
        large = self.call("GET", "/v1/packets/large").json
        self.assertEqual((large["status"], large["parked"]["reason"]), ("PENDING", "policy-denied"))
        told = self.call("GET", "/v1/packets/large/explain").data.decode()
        self.assertIn("too large for anybody", told)


if __name__ == "__main__":
    unittest.main()
