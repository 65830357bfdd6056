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
            "stale-epoch": lambda p: self.hand(p, 0, to.id, self.offer(p, 0, to.id)),
            "unknown-leg": lambda p: self.hand(p, 7, to.id, self.offer(p, 7, to.id)),
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
        # What a handoff was made of: nobody's host signed for a member.
        phases = self.ok("GET", "/v1/dma").json["handoffMs"]["phases"]
        self.assertLessEqual({"policy", "serialize", "transmit", "verify", "commit"}, set(phases))
        for name, times in phases.items():
            self.assertLessEqual(times["p50"], times["max"], name)


class Terms(Signing):
    """Handoffs under a contract, by a giver that signs and by one that has no key."""

    CONTRACT = {"context": {"require": ["order"], "redact": ["customer.iban"]}, "maxChainLength": 3,
                "minimumTrustScore": 0.8, "requiredCompliance": ["GDPR"],
                "scopes": ["read", "refund"]}
    SEMANTIC = {"intent": "refund", "constraints": {"currency": "EUR"}, "authority": {"amount": 50}}
    GOOD = {"order": 7}
    FIT = {"trustScore": 0.9, "compliance": ["GDPR"], "maxLoad": 10_000}

    def setUp(self):
        super().setUp()
        self.contract = self.fresh("contract")
        self.ok("POST", "/v1/documents:apply", {"documents": [
            {"kind": "contract", "name": self.contract, "spec": self.CONTRACT}]})
        self.giver = Party(self, maxLoad=10_000)
        self.plain, self.plain_token = self.register(self.cap, **self.FIT)

    def governed(self, owner):
        """A packet under the contract in that member's hands."""
        packet = self.submit(self.cap, contract=self.contract, scopes=["read", "refund"],
                             semantic=self.SEMANTIC)
        if packet["owner"] != owner:
            packet = self.ok("POST", f"/v1/packets/{packet['id']}/assign", {"to": owner}).json
        self.assertEqual((packet["owner"], packet["contract"]), (owner, self.contract))
        return packet

    def give(self, packet, to, context=None, sign=False, named=True, **body):
        """As its owner: the giver with a key, or the plain member."""
        context = self.GOOD if context is None else context
        body = {"epoch": packet["epoch"], "to": to, "context": context, **body}
        if sign:
            body["signature"] = self.giver.key.offer(
                self.giver.session, self.giver.id, packet["id"], packet["epoch"], to=to,
                context=json_text(context), scopes=body.get("scopes", packet["scopes"]),
                contract=packet["contractDigest"] if named is True else named)
        return self.call("POST", f"/v1/packets/{packet['id']}/handoff", data=json_text(body),
                         token=self.giver.token if sign else self.plain_token)

    def test_terms_that_are_broken(self):
        to, _ = self.register(self.cap, **self.FIT)
        doubtful, _ = self.register(self.cap, **{**self.FIT, "trustScore": 0.7})
        lax, _ = self.register(self.cap, **{**self.FIT, "compliance": []})
        dropped = {key: value for key, value in self.SEMANTIC.items() if key != "constraints"}
        kinds = {
            "widened-scope": {"scopes": ["pay", "read"]},
            "dropped-constraint": {"semantic": dropped},
            "widened-authority": {"semantic": {**self.SEMANTIC, "authority": {"amount": 51}}},
            "changed-protected-field": {"semantic": {**self.SEMANTIC, "intent": "keep it"}},
            "below-trust-floor": {"to": doubtful},
            "missing-compliance": {"to": lax},
            "cross-namespace": {"to": "elsewhere/" + to},
            "missing-context-key": {"context": {}},
            "unredacted-key": {"context": {"order": 7, "customer": {"iban": "DE1"}}},
        }
        for sign, owner in ((False, self.plain), (True, self.giver.id)):
            packet = self.governed(owner)
            for code, how in kinds.items():
                with self.subTest(code, sign=sign):
                    for _ in range(TIMES):
                        answer = self.give(packet, **{"to": to, "sign": sign, **how})
                        self.assertEqual(self.code(answer), code, answer)
            shown = self.ok("GET", f"/v1/packets/{packet['id']}").json
            self.assertEqual((shown["owner"], shown["epoch"], shown["revision"]),
                             (owner, packet["epoch"], packet["revision"]))
            self.assertEqual(self.code(self.give(packet, to, sign=sign, scopes=["read"])), "done")
            self.assertEqual(self.ok("GET", f"/v1/packets/{packet['id']}").json["scopes"], ["read"])
        self.verified()

    def test_offers_under_another_contract(self):
        to, _ = self.register(self.cap, **self.FIT)
        packet = self.governed(self.giver.id)
        for named in (None, "sha256:" + "00" * 32):
            for _ in range(TIMES):
                answer = self.give(packet, to, sign=True, named=named)
                self.assertEqual(self.code(answer), "unknown-contract", answer)
        self.assertEqual(self.code(self.give(packet, to, sign=True)), "done")

    def test_chains_that_are_too_long(self):
        members = [(self.plain, self.plain_token), self.register(self.cap, **self.FIT)]
        packet = self.governed(self.plain)
        for n in range(4):
            (_, token), (to, _) = members[n % 2], members[(n + 1) % 2]
            for _ in range(1 if n < 3 else TIMES):
                answer = self.call("POST", f"/v1/packets/{packet['id']}/handoff", {
                    "epoch": packet["epoch"] + n, "to": to, "context": self.GOOD}, token=token)
                self.assertEqual(self.code(answer), "done" if n < 3 else "chain-too-long", answer)
        shown = self.ok("GET", f"/v1/packets/{packet['id']}").json
        self.assertEqual((shown["owner"], shown["handoffs"]), (members[1][0], 3))

    def test_results_without_their_evidence(self):
        packet = self.submit(self.cap, semantic={"evidenceRequirements": ["receipt"]})
        packet = self.ok("POST", f"/v1/packets/{packet['id']}/assign", {"to": self.plain}).json
        path, epoch = f"/v1/packets/{packet['id']}/complete", packet["epoch"]
        for result in (None, {"paid": True}, {"evidence": {"receipt": None}}):
            answer = self.call("POST", path, {"epoch": epoch, "result": result},
                               token=self.plain_token)
            self.assertEqual(self.code(answer), "missing-evidence", answer)
        self.ok("POST", path, {"epoch": epoch, "result": {"evidence": {"receipt": 7}}},
                token=self.plain_token)

    def test_a_contract_outlives_the_process_of_its_host(self):
        packet = self.governed(self.plain)
        self.host.kill()
        self.host.start()
        self.ok("POST", f"/v1/members/{self.plain}/session", token=self.plain_token)
        to, _ = self.register(self.cap, **self.FIT)
        self.assertEqual(self.code(self.give(packet, to, {})), "missing-context-key")
        shown = self.ok("GET", f"/v1/contracts/{self.contract}").json
        self.assertEqual(shown["digest"], packet["contractDigest"])


if __name__ == "__main__":
    unittest.main()
