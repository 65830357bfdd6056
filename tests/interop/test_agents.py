"""A pool of unmodified Serf agents and a host of ours, plain and sealed: each sees the others come,
speak, leave and fail, and so do they."""

import re
import unittest

from wire.cases import OfAgent, OfHost
from foreign.address import fresh_ipv6
from foreign.agent import MEMBER_FAILED, SERF, Agent
from foreign.messages import USER, USER_EVENT, msgpack, user
from foreign.peer import Peer
from harness.host import until
from pool_host import PoolHost

KEY = bytes(range(100, 132))
GONE = 30  # within which a failure must be known everywhere; the bars are the benchmark's matter


class Pool:
    """`a` was there first, the host joined it, and `b` joined the host."""
    key = None
    numbers = iter(range(1, 1_000_000))

    @classmethod
    def setUpClass(cls):
        cls.a = cls.make_agent(cls, "a", tags=("role=db", "zone=1"))
        cls.host = cls.make_host(cls, "host", join=[cls.a.at], key=cls.key)
        cls.b = cls.make_agent(cls, "b")
        cls.b.verb("join", str(cls.host.at))
        cls.all = (cls.a, cls.b, cls.host)

    @classmethod
    def make_agent(cls, test, name, tags=(), **more):
        return Agent(test, name, *(f"-tag={tag}" for tag in tags), key=cls.key, **more)

    def fresh(self, prefix):
        return f"{prefix}{next(self.numbers)}"

    def setUp(self):
        for one in self.all:
            one.sees(a="alive", b="alive", host="alive")

    def all_see(self, patience=GONE, **wanted):
        for one in self.all:
            one.sees(patience, **wanted)

    # ---- tags ----

    def test_agents_see_the_hosts_tags(self):
        own = self.host.members()["host"]["tags"]
        for agent in (self.a, self.b):
            self.assertEqual(agent.members()["host"]["tags"], own)

    def test_the_host_sees_the_agents_tags_and_their_changes(self):
        tags = self.host.members()["a"]["tags"]
        self.assertEqual((tags["role"], tags["zone"]), ("db", "1"))
        self.b.verb("tags", "-set", "color=red")
        until(self, lambda: self.host.members()["b"]["tags"].get("color") == "red",
              "the new tag is seen")
        self.b.verb("tags", "-delete", "color")
        until(self, lambda: "color" not in self.host.members()["b"]["tags"], "its end is seen")

    def test_addresses_are_those_that_were_given(self):
        for one in self.all:
            members = one.members()
            for other in self.all:
                member = members[other.name]
                self.assertEqual(member.get("gossip") or member["addr"], str(other.at))

    # ---- events and queries ----

    def test_an_event_goes_from_peer_to_agents_through_the_host(self):
        peer = Peer(self, self.fresh("py"), key=self.key)
        name = self.fresh("deploy")
        peer.send(self.host.at, user(USER_EVENT, LTime=200 + next(self.numbers), Name=name,
                                     Payload=b"v7", CC=False))
        for agent in (self.a, self.b):
            self.assertTrue(agent.lines.await_line(f"Received event: user-event: {name}$"))

    def test_an_event_of_an_agent_goes_through_the_host(self):
        """The peer is a member by the host's word alone, and its packets come from the host."""
        peer = Peer(self, self.fresh("py"), key=self.key)
        peer.push_pull(self.host.at)
        self.all_see(**{peer.name: "alive"})
        self.addCleanup(self.all_see, **{peer.name: "left"})
        self.addCleanup(peer.leave, self.host.at)
        # Each teller tells a few at random, some times: that the host is not the first to tell this one
        # says nothing, and that it does not tell it at all says little.
        for _ in range(20):
            name = self.fresh("build")
            self.a.verb("event", name, "v8")
            self.assertEqual(peer.hears_user(USER_EVENT, Name=name.encode())["Payload"], b"v8")
            with peer.news:
                if peer.news.wait_for(lambda: self.host.at in self.tellers(peer, name), 1):
                    return
        self.fail("the host passed none of them on")

    def tellers(self, peer, name):
        with peer.news:
            return {heard.source for heard in peer.heard if heard.kind == USER
                    and heard.message.fields[0] == USER_EVENT
                    and msgpack.decode(heard.message.fields, 1)[0]["Name"] == name.encode()}

    def test_a_query_is_acknowledged_by_all(self):
        for words in (("query", self.fresh("who")), ("query", "-node=host", self.fresh("who"))):
            self.assertIn("Ack from 'host'", self.a.verb(*words))
        self.assertNotIn("'host'", self.a.verb("query", "-node=b", self.fresh("who")))

    def test_a_query_by_tags_finds_whom_it_means(self):
        tag, value = sorted(self.host.members()["host"]["tags"].items())[0]
        for expression, meant in ((f"^{re.escape(value)}$", True), (value[:1], True),
                                  (f"^{re.escape(value)}.", False)):
            said = self.a.verb("query", f"-tag={tag}={expression}", self.fresh("who"))
            self.assertEqual("Ack from 'host'" in said, meant, said)
        self.assertNotIn("'host'", self.a.verb("query", "-tag=role=^db$", self.fresh("who")))

    def test_everybody_can_be_reached(self):
        self.assertIn("Successfully contacted all live nodes", self.a.verb("reachability"))

    def test_round_trips_are_estimated(self):
        said = self.a.verb("rtt", "host", "b")
        estimate = re.search(r"Estimated host <-> b rtt: ([\d.]+) ms", said)
        self.assertTrue(estimate, said)
        self.assertLess(float(estimate[1]), 1000)

    # ---- ends ----

    def test_an_agent_leaves(self):
        name = self.fresh("leaver")
        agent = self.make_agent(self, name, join=[self.host.at])
        self.all_see(**{name: "alive"})
        agent.leave()
        self.all_see(**{name: "left"})

    def test_a_host_leaves(self):
        name = self.fresh("leaver")
        host = self.make_host(self, name, join=[self.b.at], key=self.key)
        self.all_see(**{name: "alive"})
        host.leave()
        self.all_see(**{name: "left"})

    def test_an_agent_is_killed_and_forced_out_by_an_agent(self):
        name = self.fresh("victim")
        agent = self.make_agent(self, name, join=[self.host.at])
        self.all_see(**{name: "alive"})
        agent.kill()
        self.all_see(**{name: "failed"})
        self.b.remove(name)
        self.all_see(**{name: "left"})

    def test_a_host_is_killed_and_forced_out_by_a_host(self):
        name = self.fresh("victim")
        host = self.make_host(self, name, join=[self.a.at], key=self.key)
        self.all_see(**{name: "alive"})
        host.kill()
        self.all_see(**{name: "failed"})
        for agent in (self.a, self.b):
            self.assertTrue(agent.lines.await_line(MEMBER_FAILED.format(name)))
        self.host.remove(name)
        self.all_see(**{name: "left"})

    def test_who_failed_can_be_forgotten(self):
        for remover in (self.host, self.b):
            name = self.fresh("pruned")
            agent = self.make_agent(self, name, join=[self.host.at])
            self.all_see(**{name: "alive"})
            agent.kill()
            self.all_see(**{name: "failed"})
            remover.remove(name, prune=True)
            self.assertNotIn(name, remover.members())
            # The word goes to a few at random and may miss one, who is then told by hand.
            for one in self.all:
                if name in one.members():
                    one.remove(name, prune=True)
                self.assertNotIn(name, one.members())

    def test_killed_and_back_it_is_alive_again(self):
        name = self.fresh("phoenix")
        agent = self.make_agent(self, name, join=[self.host.at])
        self.all_see(**{name: "alive"})
        agent.kill()
        self.all_see(**{name: "failed"})
        agent.start()
        self.all_see(**{name: "alive"})


class Sealed(Pool):
    key = KEY

    def test_without_the_key_nobody_comes_in(self):
        for key in (None, bytes(32), bytes(16)):
            name = self.fresh("stranger")
            agent = Agent(self, name, key=key)
            code, said = agent.try_verb("join", str(self.host.at))
            self.assertNotEqual(code, 0, said)
            self.assertEqual(list(agent.members()), [name])
            for one in self.all:
                self.assertNotIn(name, one.members())
            agent.kill()


@unittest.skipUnless(SERF, "no serf on this machine")
class PlainPoolOfHost(OfHost, Pool, unittest.TestCase):
    def test_an_agents_event_is_counted(self):
        before = self.host.counted("phoenix_gossip_user_events_total")
        self.a.verb("event", self.fresh("deploy"), "v1")
        until(self, lambda: self.host.counted("phoenix_gossip_user_events_total") > before, "counted")


@unittest.skipUnless(SERF, "no serf on this machine")
class SealedPoolOfHost(OfHost, Sealed, unittest.TestCase):
    pass


@unittest.skipUnless(SERF and fresh_ipv6(), "no serf, or no IPv6, on this machine")
class OverIPv6(unittest.TestCase):
    def test_they_come_see_and_fail(self):
        agent = Agent(self, "agent", at=fresh_ipv6())
        first = PoolHost(self, "first", at=fresh_ipv6(), join=[agent.at])
        second = PoolHost(self, "second", at=fresh_ipv6(), join=[first.at])
        for one in (agent, first, second):
            members = one.sees(agent="alive", first="alive", second="alive")
            self.assertEqual(members["second"].get("gossip") or members["second"]["addr"],
                             str(second.at))
        second.kill()
        for one in (agent, first):
            one.sees(GONE, second="failed")
        agent.leave()
        first.sees(agent="left")


class PlainPoolOfAgent(OfAgent, Pool, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
