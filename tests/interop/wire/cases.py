"""What the cases over the wire have in common: one target for a class of them, a phoenix host or,
so that the cases themselves are proven, a real Serf agent."""

import unittest

from foreign import address
from foreign.agent import SERF, Agent
from foreign.messages import ALIVE, DEAD, alive, message
from foreign.peer import Peer
from harness.host import SLOWNESS, until
from pool_host import PoolHost


class OfHost:
    """We are held to more than a Serf agent is: `ours` guards what it would not do."""
    ours = True

    @staticmethod
    def make_host(test, name, **more):
        return PoolHost(test, name, **more)


@unittest.skipUnless(SERF, "no serf on this machine")
@unittest.skipIf(SLOWNESS > 1, "a sanitizer of ours finds nothing in an agent")
class OfAgent:
    ours = False

    @staticmethod
    def make_host(test, name, **more):
        return Agent(test, name, "-tag=kind=host", **more)


class OfFreshAgent(OfAgent):
    def tearDown(self):
        """The next test has another one: an agent tells each thing only so many times, and much of it
        to those who died lately, so that what a test leaves behind would cost the next one."""
        super().tearDown()
        self.target.kill()
        type(self).target = self.make_target()
        type(self).to = self.target.at


class TargetCase(unittest.TestCase):
    numbers = iter(range(1, 1_000_000))

    @classmethod
    def fresh(cls, prefix):
        return f"{prefix}-{next(cls.numbers)}"

    @classmethod
    def make_target(cls):
        return cls.make_host(cls, cls.fresh("target"))

    @classmethod
    def setUpClass(cls):
        cls.target = cls.make_target()
        cls.to = cls.target.at

    def tearDown(self):
        """Whatever it was told, the target lives on and knows who it is."""
        self.assertIsNone(self.target.process.poll(), "the target has ended")
        self.assertEqual(self.target.members()[self.target.name]["status"], "alive")

    def make_peer(self, prefix="py", joins=True, **more):
        """One that the target knows, and that leaves when its test ends."""
        peer = Peer(self, self.fresh(prefix), **more)
        if joins:
            peer.push_pull(self.to)
            # memberlist answers before it has taken in what it was told: a claim about this peer,
            # sent at once, may find that the target does not know it yet.
            self.target.sees(**{peer.name: "alive"})
            self.addCleanup(peer.leave, self.to)
        return peer

    def phantom(self, peer, incarnation=1, there=True, **more):
        """(name, address) of a member that only this claim speaks of. `there`: somebody answers
        pings under that name, and no more; else its ports refuse."""
        name = self.fresh("phantom")
        at = Peer(self, name, defends=False).at if there else address.fresh()
        peer.send(self.to, alive(name, at, incarnation, **more))
        self.target.sees(**{name: "alive"})
        # Forgotten by nobody, but out of the way of the next test.
        self.addCleanup(peer.send, self.to, message(DEAD, Node=name, From=name,
                                                    Incarnation=(1 << 24) + incarnation))
        return name, at

    def incarnation(self, peer, name=None):
        return peer.known(self.to)[name or self.target.name]["Incarnation"]

    def refuted(self, peer, since, incarnation):
        """The target says that it is alive, by that incarnation and none above."""
        peer.hears(ALIVE, since, Node=self.target.name, Incarnation=incarnation)
        self.assertEqual(self.incarnation(peer), incarnation)

    def awaits_status(self, name, *wanted):
        until(self, lambda: self.status(name) in wanted, f"{name} is one of {wanted}")

    def status(self, name):
        member = self.target.members().get(name)
        return member and member["status"]

    def grew_less(self, before, limit):
        """Its memory, in bytes; a sanitizer keeps what is freed."""
        if SLOWNESS == 1:
            self.assertLess(self.target.memory() - before, limit)

    def counts(self, what, labels, of):
        """One of our own counters goes up when `of()` is done; Serf has none of them."""
        if not self.ours:
            of()
            return
        before = self.target.counted(what, labels)
        of()
        until(self, lambda: self.target.counted(what, labels) > before, f"{what} {labels} counted")
