"""Packets that end, mislead or shut down other programs of this protocol. A host lives on, counts
them, changes nothing, and passes none of them on to those who would fall for it."""

import unittest

from cases import OfHost, TargetCase
from foreign import address
from foreign.agent import SERF, Agent
from foreign.messages import (ALIVE, DEAD, PING, SUSPECT, VERSIONS, alive, compound, message,
                              node_state, push_pull, tags)
from harness.host import until

REFUSED = "phoenix_gossip_claims_refused_total"
NO_VERSIONS = (b"", b"\x01\x05\x02\x02", b"\x01", VERSIONS[:5], VERSIONS + b"\x05", b"\x01" * 40)
WRONG_VERSIONS = (bytes([5, 1, 2, 2, 5, 5]), bytes([0, 0, 0, 0, 0, 0]), bytes([1, 5, 7, 2, 5, 5]),
                  bytes([1, 5, 2, 5, 2, 5]), b"\xff" * 6)


NO_NAMES = (b"", b"x" * 129, b"a\x00b", b"a\nb", b"\x7f", b"\x1b[31mred", b"\xff\xfe", b"\xc0\x80",
            b"\xed\xa0\x80")


class Holes(OfHost, TargetCase):
    def setUp(self):
        self.peer = self.make_peer()

    def nobody(self, name):
        """Refused, and so not told on: not a word of it by push/pull."""
        self.assertIsNone(self.status(name))
        self.assertNotIn(name, self.peer.known(self.to))

    def test_versions_that_are_no_six_bytes(self):
        for versions in NO_VERSIONS + WRONG_VERSIONS:
            with self.subTest(versions.hex()):
                name = self.fresh("short")
                claim = alive(name, address.fresh(), 5, versions=versions)
                self.counts(REFUSED, "", lambda claim=claim: self.peer.send(self.to, claim))
                self.nobody(name)

    def test_the_same_by_push_pull(self):
        for versions in NO_VERSIONS + WRONG_VERSIONS:
            with self.subTest(versions.hex()):
                name = self.fresh("short")
                state = node_state(name, address.fresh(), 5, versions=versions)
                self.peer.asks(self.to, push_pull([state]))
                self.nobody(name)
        # And with everybody else it goes on.
        self.peer.push_pull(self.to)

    def test_addresses_that_are_none(self):
        for ip, port in ((b"", 7946), (b"\x7f", 7946), (b"\x7f\0\0\1\0", 7946),
                         (b"\0" * 17, 7946), (b"\x7f\0\0\1", 1 << 16), (None, 7946),
                         (b"\0\0\0\0", 7946), (b"\xff" * 4, 7946), (b"\xe0\0\0\1", 7946)):
            with self.subTest(f"{ip} {port}"):
                name = self.fresh("nowhere")
                self.peer.send(self.to, message(ALIVE, Node=name, Addr=ip, Port=port, Meta=b"",
                                                Incarnation=4, Vsn=VERSIONS))
                self.peer.ping(self.to, self.target.name)
                self.nobody(name)

    def test_a_stranger_under_its_own_name(self):
        """Whatever a minority says, it stays who it is: it refutes, and keeps its address."""
        own = self.peer.known(self.to)[self.target.name]
        elsewhere = address.fresh()
        for step in (1, 5):
            claimed = self.incarnation(self.peer) + step
            self.peer.send(self.to, alive(self.target.name, elsewhere, claimed,
                                          tags(role="thief")))
            until(self, lambda claimed=claimed: self.incarnation(self.peer) > claimed,
                  "it goes beyond the thief")
            known = self.peer.known(self.to)[self.target.name]
            self.assertEqual((known["Addr"], known["Meta"]), (self.to.ip, own["Meta"]))
            self.peer.hears(ALIVE, Node=self.target.name, Incarnation=known["Incarnation"])

    def test_many_parts_with_none_of_them_sound(self):
        since = self.peer.mark()
        self.peer.send(self.to, compound([b"\x63junk"] * 200),
                       compound([b""] * 255), bytes([7, 255]) + b"\0" * 500, bytes([7, 255]),
                       bytes([7, 0]), compound([message(PING, Node="x", SeqNo=3)] * 130))
        self.peer.ping(self.to, self.target.name)
        self.assertTrue(self.peer.said_nothing_of(2, since, SeqNo=3))

    def test_names_that_are_none(self):
        """They would stand in logs, on terminals and in JSON."""
        for name in NO_NAMES:
            with self.subTest(name):
                self.counts(REFUSED, "", lambda name=name: self.peer.send(
                    self.to, alive(name, address.fresh(), 4)))
                self.peer.asks(self.to, push_pull([node_state(name, address.fresh(), 4)]))
                for kind in (SUSPECT, DEAD):
                    self.peer.send(self.to, message(kind, Node=name, From=name, Incarnation=7))
                self.peer.ping(self.to, self.target.name)
                self.nobody(name.decode("utf-8", "replace"))


@unittest.skipUnless(SERF, "no serf on this machine")
class BesideAnAgent(OfHost, TargetCase):
    def test_what_ends_an_agent_does_not_reach_it_through_us(self):
        agent = Agent(self, self.fresh("agent"))
        agent.verb("join", str(self.to))
        self.target.sees(**{agent.name: "alive"})
        peer = self.make_peer()
        agent.sees(**{peer.name: "alive"})
        for versions in NO_VERSIONS + WRONG_VERSIONS:
            peer.send(self.to, alive(self.fresh("short"), address.fresh(), 5, versions=versions))
        # What is told on after them has come to it.
        last, _ = self.phantom(peer)
        members = agent.sees(**{last: "alive"})
        self.assertFalse([name for name in members if name.startswith("short")])
        self.assertIsNone(agent.process.poll())


if __name__ == "__main__":
    unittest.main()
