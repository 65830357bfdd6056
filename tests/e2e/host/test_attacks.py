"""Attacks on signed handoffs and results at a running host: each kind is refused again and again, with
its own reason code, moves nothing, and none of the honest handoffs beside them is."""

import concurrent.futures
import os
import unittest

from harness.signing import Signing

from phoenix_sign import Key, json_text

TIMES = int(os.environ.get("PHOENIX_ATTACKS", "30"))


class Party:
    """A member with a key, and what it needs to speak."""

    def __init__(self, test, **fields):
        self.key = Key.new()
        self.id, self.session = test.enter(self.key, **fields)
        self.token = self.session["token"]


class Attacks(Signing):
    def setUp(self):
        super().setUp()
        self.giver = Party(self, maxLoad=10_000)

    def packet(self):
        """A fresh packet in the giver's hands, at epoch 1; others that could do it are passed over."""
        while True:
            packet = self.submit(self.cap)
            if packet["owner"] == self.giver.id:
                return packet["id"]
            self.ok("POST", f"/v1/packets/{packet['id']}/cancel", {})

    def offer(self, packet, epoch, to, giver=None, by=None, context=b"1", **fields):
        giver = giver or self.giver
        session = {**giver.session, **fields.pop("session", {})}
        return (by or giver.key).offer(session, giver.id, packet, epoch, to=to, context=context,
                                       **fields)

    def hand(self, packet, epoch, to, signature, giver=None, context=1):
        body = {"epoch": epoch, "to": to, "context": context, "reason": "test"}
        if signature:
            body["signature"] = signature
        return self.call("POST", f"/v1/packets/{packet}/handoff", data=json_text(body),
                         token=(giver or self.giver).token)

    def asked(self, receiver, packet, after=""):
        """The question about that packet, as it comes to the receiver."""
        while True:
            answer = self.ok("GET", f"/v1/members/{receiver.id}/deliveries?max=1000&waitMs=5000"
                             + (f"&after={after}" if after else ""), token=receiver.token).json
            after = answer["next"]
            for offer in answer.get("offers", []):
                if offer["packet"] == packet:
                    return offer

    def accept(self, receiver, asked, context=None, key=None, offer=None, who=None):
        held = asked if offer is None else {**asked, "offer": offer}
        signature = (key or receiver.key).accept(
            receiver.session, receiver.id, held,
            json_text(asked["context"]) if context is None else context)
        return self.call("POST", f"/v1/packets/{asked['packet']}/accept",
                         {"epoch": asked["epoch"], "signature": signature},
                         token=(who or receiver).token)

    def pass_on(self, packet, epoch, giver, receiver, beside=None):
        """One honest handoff; `beside` is tried while it waits for its receiver."""
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            given = pool.submit(self.hand, packet, epoch, receiver.id,
                                self.offer(packet, epoch, receiver.id, giver), giver)
            asked = self.asked(receiver, packet)
            if beside:
                beside(asked)
            answer = self.accept(receiver, asked)
            self.assertEqual(answer.status, 200, answer)
            self.assertEqual(given.result().status, 200, given.result())
        self.assertEqual(answer.json["epoch"], epoch + 1)

    def holds(self, packet, owner, epoch):
        shown = self.ok("GET", f"/v1/packets/{packet}").json
        self.assertEqual((shown["owner"], shown["epoch"]), (owner.id, epoch))

    def refused_each_time(self, code, attack):
        """The attack on a fresh packet, again and again: always that code, never a change."""
        packet = self.packet()
        for _ in range(TIMES):
            answer = attack(packet)
            self.assertEqual(self.code(answer), code, answer)
        self.holds(packet, self.giver, 1)

    def test_offers_that_say_something_else(self):
        to = Party(self)
        other = Party(self, capabilities=["another"])
        key = Key.new()
        elsewhere = {"session": {"namespace": "elsewhere"}}
        kinds = {
            "signature-required": lambda p: self.hand(p, 1, to.id, None),
            "unknown-key": lambda p: self.hand(p, 1, to.id, self.offer(p, 1, to.id, by=key)),
            "wrong-giver": lambda p: self.hand(p, 1, to.id, self.offer(
                p, 1, to.id, session={"incarnation": 77})),
            "wrong-receiver": lambda p: self.hand(p, 1, to.id, self.offer(p, 1, other.id)),
            "wrong-packet": lambda p: self.hand(p, 1, to.id, self.offer(p, 1, to.id, **elsewhere)),
            "altered-context": lambda p: self.hand(p, 1, to.id, self.offer(p, 1, to.id), context=2),
            "stale-offer": lambda p: self.hand(p, 1, to.id, self.offer(p, 2, to.id)),
            "stale-epoch": lambda p: self.hand(p, 7, to.id, self.offer(p, 7, to.id)),
            "offer-expired": lambda p: self.hand(p, 1, to.id, self.offer(p, 1, to.id, life=-1)),
            "not-eligible": lambda p: self.hand(p, 1, other.id, self.offer(p, 1, other.id)),
            "not-owner": lambda p: self.hand(p, 1, to.id, self.offer(p, 1, to.id, to), to),
        }
        for code, attack in kinds.items():
            with self.subTest(code):
                self.refused_each_time(code, attack)

    def test_an_offer_that_is_played_again(self):
        to = Party(self)
        packet = self.packet()
        first = self.offer(packet, 1, to.id)
        self.pass_on(packet, 1, self.giver, to)
        self.pass_on(packet, 2, to, self.giver)
        for _ in range(TIMES):
            self.assertEqual(self.code(self.hand(packet, 3, to.id, first)), "stale-offer")
        self.holds(packet, self.giver, 3)

    def test_acceptances_of_something_else(self):
        to, third = Party(self, maxLoad=1000), Party(self)
        for n in range(max(1, TIMES // 20)):
            packet = self.packet()

            def attacks(asked):
                for _ in range(min(TIMES, 20)):
                    for code, answer in (
                            ("altered-context", self.accept(to, asked, context=b"2")),
                            ("unknown-key", self.accept(to, asked, key=third.key)),
                            ("no-offer", self.accept(to, asked, who=third)),
                            ("wrong-offer", self.accept(to, asked, offer=self.offer(
                                packet, 1, to.id, life=61)))):
                        self.assertEqual(self.code(answer), code, answer)
            self.pass_on(packet, 1, self.giver, to, attacks)
            self.holds(packet, to, 2)

    def test_a_key_that_was_revoked(self):
        to = Party(self)
        packet = self.packet()
        offer = self.offer(packet, 1, to.id)
        result = self.giver.key.complete(self.giver.session, self.giver.id, packet, 1, b"1")
        self.phoenix("member", "rotate-key", self.giver.id, "--revoke")
        for _ in range(TIMES):
            self.assertEqual(self.code(self.hand(packet, 1, to.id, offer)), "revoked-key")
            self.assertEqual(self.code(self.complete(self.giver.session, packet, 1, 1, result)),
                             "revoked-key")
        self.holds(packet, self.giver, 1)

    def test_results_that_somebody_else_signed(self):
        packet = self.packet()
        giver = self.giver
        forged = Key.new().complete(giver.session, giver.id, packet, 1, b"1")
        other = giver.key.complete(giver.session, giver.id, packet, 1, b"2")
        for _ in range(TIMES):
            for signature, code in ((forged, "unknown-key"), (other, "wrong-statement"),
                                    (None, "signature-required")):
                answer = self.complete(giver.session, packet, 1, 1, signature)
                self.assertEqual(self.code(answer), code, answer)
        self.holds(packet, giver, 1)

    def test_honest_ones_are_all_taken(self):
        to = Party(self, maxLoad=10_000)
        parties = [self.giver, to]
        packet = self.packet()
        for n in range(TIMES):
            self.pass_on(packet, 1 + n, parties[n % 2], parties[1 - n % 2])
        report = self.verified()
        self.assertGreaterEqual(report["handoffsSigned"], TIMES)
        self.assertEqual(report["handoffsUnsigned"], 0)


if __name__ == "__main__":
    unittest.main()
