#!/usr/bin/env python3
"""Attacks on signed handoffs at a running host, over REST, for row 7 of the benchmark `handoff`: one
line on stdout a kind, in words that the benchmark reads; what went wrong on stderr.

  attacks.py TIMES HONEST -> kind NAME tried N otherwise N committed N · honest tried N refused N ms MS

The program is env PHOENIX_BIN. Exit 1: it could not be measured.
"""

import concurrent.futures
import hashlib
import pathlib
import shutil
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "e2e"))
sys.path.insert(0, str(ROOT / "clients" / "python"))

from harness.host import Host  # noqa: E402
from harness.rest import exchange  # noqa: E402
from harness.scope import Scope  # noqa: E402
from phoenix_sign import Key, json_text  # noqa: E402

CHAIN = 4
GOOD = {"amount": 5, "order": 7}
LARGE = {"amount": 500, "order": 7}
MEANING = {"intent": "refund", "constraints": {"currency": "EUR"}}
CONTRACT = {"approval": {"field": "amount", "above": 100}, "context": {"require": ["order"]},
            "maxChainLength": CHAIN, "minimumTrustScore": 0.8, "scopes": ["read", "refund"]}


class Desk:
    """A host, and calls to it by tokens of its auth file or of members."""

    def __init__(self, scope):
        folder = pathlib.Path(tempfile.mkdtemp(prefix="phoenix-attacks-"))
        scope.addCleanup(shutil.rmtree, folder, ignore_errors=True)
        tokens = folder / "tokens.yaml"
        row = "  - name: {0}\n    sha256: {1}\n    roles: [{2}]\n{3}"
        tokens.write_text("tokens:\n" + "".join(
            row.format(name, hashlib.sha256(name.encode()).hexdigest(), role, more)
            for name, role, more in (("ops", "admin", ""),
                                     ("word", "approver", "    human: friend\n"))))
        self.host = Host(scope, "--auth-file", str(tokens), folder=folder)

    def call(self, method, target, body=None, token="ops"):
        headers = {"Authorization": "Bearer " + token, "Content-Type": "application/json"}
        return exchange(self.host, method, target, body and json_text(body), headers)

    def ok(self, method, target, body=None, token="ops"):
        answer = self.call(method, target, body, token)
        if answer.status >= 300:
            raise RuntimeError(f"{method} {target}: {answer}")
        return answer.json

    def packet(self, owner):
        made = self.ok("POST", "/v1/packets", {
            "requiredCapabilities": ["work"], "contract": "terms", "scopes": ["read", "refund"],
            "semantic": MEANING})
        if made["owner"] != owner.id:
            made = self.ok("POST", f"/v1/packets/{made['id']}/assign", {"to": owner.id})
        return made


def code(answer):
    return "done" if answer.status < 300 else answer.json["reasonCode"]


class Member:
    """One with a key of its own."""

    def __init__(self, desk, name, **fields):
        self.desk, self.id, self.key, self.after = desk, name, Key.new(), ""
        body = {"id": name, "capabilities": ["work"], "maxLoad": 100_000, "leaseSeconds": 3600,
                "trustScore": 0.9, "publicKey": self.key.public_base64, **fields}
        asked = desk.call("POST", "/v1/members", body)
        if code(asked) != "proof-required":
            raise RuntimeError(f"no proof was asked for: {asked}")
        made = desk.ok("POST", "/v1/members", {**body, "proof": self.key.prove(asked.json)})
        self.session = made["session"]

    def hand(self, packet, to, context=None, said=None, by=None, **body):
        """As it should be, but for `said` (what the offer says instead) and the body's fields."""
        context = GOOD if context is None else context
        body = {"epoch": packet["epoch"], "to": to, "context": context, **body}
        offer = {"epoch": body["epoch"], "to": to, "context": json_text(context),
                 "scopes": body.get("scopes", packet["scopes"]),
                 "contract": packet["contractDigest"], **(said or {})}
        body["signature"] = (by or self.key).offer(self.session, self.id, packet["id"],
                                                   offer.pop("epoch"), **offer)
        return self.desk.call("POST", f"/v1/packets/{packet['id']}/handoff", body,
                              self.session["token"])

    def accept(self, packet):
        """Waits until it is asked, and takes it."""
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            page = self.desk.ok(
                "GET", f"/v1/members/{self.id}/deliveries?max=1000&waitMs=2000"
                + (f"&after={self.after}" if self.after else ""), token=self.session["token"])
            self.after = page["next"]
            for asked in page.get("offers", []):
                if (asked["packet"], asked["epoch"]) != (packet["id"], packet["epoch"]):
                    continue
                signature = self.key.accept(self.session, self.id, asked,
                                            json_text(asked["context"]))
                return self.desk.call("POST", f"/v1/packets/{packet['id']}/accept",
                                      {"epoch": asked["epoch"], "signature": signature},
                                      self.session["token"])
        raise RuntimeError(f"{self.id} was not asked for {packet['id']}")


def pass_on(pool, giver, receiver, packet):
    """An honest handoff, signed by both: the packet as it then is, or why it was refused."""
    given = pool.submit(giver.hand, packet, receiver.id)
    taken = receiver.accept(packet)
    for answer in (given.result(), taken):
        if code(answer) != "done":
            raise RuntimeError(f"an honest handoff was refused: {answer}")
    return {**packet, "epoch": packet["epoch"] + 1}


def travelled(desk, pool, giver, other, hops):
    """One that was handed on so often, and is the giver's."""
    packet = desk.packet(giver)
    for hop in range(hops):
        pair = (giver, other) if hop % 2 == 0 else (other, giver)
        packet = pass_on(pool, *pair, packet)
    return packet


def self_approval(desk, giver, packet):
    answer = giver.hand(packet, "friend", context=LARGE)
    if code(answer) != "approval-required":
        return answer
    # The refusal does not wait until what it asks for is durable.
    asked, deadline = [], time.monotonic() + 10
    while not asked and time.monotonic() < deadline:
        asked = [item["name"] for item in desk.ok("GET", "/v1/approvals")["items"]
                 if item["spec"]["packet"].endswith("/" + packet["id"])]
    name = asked[0]
    return desk.call("POST", f"/v1/approvals/{name}/approve", {"reason": "I want it"}, "word")


def kinds(desk, giver, other, doubtful):
    """(name, its reason code, the attack on a packet that was handed on twice)."""
    forger = Member(desk, "forger")
    return (
        ("forged-owner", "not-owner", lambda p: forger.hand(p, other.id)),
        ("replayed-offer", "stale-offer",
         lambda p: giver.hand(p, other.id, said={"epoch": p["epoch"] - 2})),
        ("stale-epoch", "stale-epoch", lambda p: giver.hand(p, other.id, epoch=p["epoch"] - 1)),
        ("unknown-parent-leg", "unknown-leg",
         lambda p: giver.hand(p, other.id, epoch=p["epoch"] + 5)),
        ("widened-scope", "widened-scope",
         lambda p: giver.hand(p, other.id, scopes=["pay", "read"])),
        ("dropped-constraint", "dropped-constraint",
         lambda p: giver.hand(p, other.id, semantic={"intent": "refund"})),
        ("cross-namespace", "cross-namespace", lambda p: giver.hand(p, "elsewhere/" + other.id)),
        ("altered-context", "altered-context",
         lambda p: giver.hand(p, other.id, said={"context": json_text(LARGE)})),
        ("below-trust-floor", "below-trust-floor", lambda p: giver.hand(p, doubtful.id)),
        ("self-approval", "own-approval", lambda p: self_approval(desk, giver, p)),
    )


def attack(desk, name, wanted, times, packet, work):
    before = desk.ok("GET", f"/v1/packets/{packet['id']}")
    otherwise = 0
    for _ in range(times):
        answer = work(packet)
        if code(answer) == wanted:
            continue
        otherwise += 1
        print(f"handoff: {name}: {answer}", file=sys.stderr)
    after = desk.ok("GET", f"/v1/packets/{packet['id']}")
    moved = any(before[field] != after[field] for field in ("owner", "epoch", "revision"))
    print("kind", name, "tried", times, "otherwise", otherwise, "committed", int(moved),
          flush=True)


def honest(desk, pool, giver, other, count):
    begin = time.monotonic()
    refused = 0
    for _ in range(count // CHAIN):
        try:
            travelled(desk, pool, giver, other, CHAIN)
        except RuntimeError as why:
            refused += 1
            print(f"handoff: {why}", file=sys.stderr)
    each = (time.monotonic() - begin) * 1000 / count
    print("honest", "tried", count, "refused", refused, "ms", f"{each:.3f}", flush=True)


def run(scope, times, count):
    desk = Desk(scope)
    desk.ok("POST", "/v1/documents:apply", {"documents": [
        {"kind": "contract", "name": "terms", "spec": CONTRACT}]})
    giver, other = Member(desk, "giver"), Member(desk, "other")
    doubtful = Member(desk, "doubtful", trustScore=0.7)
    Member(desk, "friend", kind="human")
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        def fresh(hops):
            return travelled(desk, pool, giver, other, hops)

        for name, wanted, work in kinds(desk, giver, other, doubtful):
            attack(desk, name, wanted, times, fresh(2), work)
        attack(desk, "over-long-chain", "chain-too-long", times, fresh(CHAIN),
               lambda p: giver.hand(p, other.id))
        honest(desk, pool, giver, other, count)
        last = fresh(2)
        desk.ok("PATCH", "/v1/members/giver", {"publicKey": None})
        attack(desk, "revoked-key", "revoked-key", times, last, lambda p: giver.hand(p, other.id))


def main(times, count):
    scope = Scope()
    try:
        run(scope, int(times), int(count))
    except BaseException as fault:  # told to who measures, whatever it is
        print("fault", f"{type(fault).__name__} {fault}".replace("\n", " ")[:1500], flush=True)
        return 1
    finally:
        scope.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
