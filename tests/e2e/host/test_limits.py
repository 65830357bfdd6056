"""What a host holds at most, and for how long it keeps what has ended."""

import unittest

from harness.host import until
from harness.rest import RestTest


class LivePackets(RestTest):
    flags = ("--max-live-packets", "5")

    def test_more_are_refused_until_some_have_ended(self):
        cap = self.fresh("nobody")
        made = [self.submit(cap)["id"] for _ in range(4)]
        answer = self.ok("POST", "/v1/packets", [{"requiredCapabilities": [cap]}] * 3, 207).json
        statuses = [item["status"] for item in answer["items"]]
        self.assertEqual(statuses, [201, 429, 429])
        refused = self.call("POST", "/v1/packets", {"requiredCapabilities": [cap]})
        self.assertEqual((refused.status, refused.json["type"]),
                         (429, "/problems/too-many-requests"))
        self.assertIn("retry-after", refused.headers)
        self.ok("POST", f"/v1/packets/{made[0]}/cancel")
        self.submit(cap)
        # What is there already can be sent again, full or not.
        self.ok("POST", "/v1/packets", {"id": made[1], "requiredCapabilities": [cap]})


class Retention(RestTest):
    def test_what_has_ended_goes_and_leaves_a_tombstone(self):
        cap = self.fresh("nobody")
        packet = self.submit(cap, retainSeconds=1, payload="secret")["id"]
        kept = self.submit(cap, retainSeconds=3600, payload="kept")["id"]
        for id in (packet, kept):
            self.ok("POST", f"/v1/packets/{id}/cancel")
        self.ok("GET", "/v1/packets/" + packet)
        until(self, lambda: self.call("GET", "/v1/packets/" + packet).status == 410, "it goes",
              patience=60)
        gone = self.refused("gone", 410, "GET", "/v1/packets/" + packet)
        self.assertEqual((gone["id"], gone["packetStatus"]), (packet, "CANCELED"))
        self.refused("gone", 410, "GET", f"/v1/packets/{packet}/result")
        self.refused("conflict", 409, "POST", "/v1/packets",
                     {"id": packet, "requiredCapabilities": [cap], "payload": "other"})
        self.assertEqual(self.ok("GET", "/v1/packets/" + kept).json["payload"], "kept")
        listed = self.ok("GET", f"/v1/packets?requires={cap}").json["items"]
        self.assertEqual([item["id"] for item in listed], [kept])


if __name__ == "__main__":
    unittest.main()
