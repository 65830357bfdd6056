"""Three hosts of ours and two Serf agents on one machine: each lists the same five, and when one is
killed all the others know."""

import re
import unittest

from foreign.agent import MEMBER_FAILED, SERF, Agent
from harness.host import Folder
from pool_host import FAILED, PoolHost

KNOWN = 30  # seconds within which all know; the benchmark measures how long it takes


@unittest.skipUnless(SERF, "no serf on this machine")
class FiveTogether(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.pool = pool = Folder(cls).path
        first = PoolHost(cls, "host-1", pool=pool)
        cls.agents = [Agent(cls, "agent-1", join=[first.at])]
        cls.hosts = [first, PoolHost(cls, "host-2", pool=pool, join=[cls.agents[0].at]),
                     PoolHost(cls, "host-3", pool=pool, join=[first.at, cls.agents[0].at])]
        cls.agents.append(Agent(cls, "agent-2", join=[cls.hosts[1].at, first.at]))
        cls.all = [*cls.hosts, *cls.agents]
        cls.names = sorted(one.name for one in cls.all)

    def all_alive(self):
        for one in self.all:
            one.sees(KNOWN, **{other.name: "alive" for other in self.all})

    def test_each_lists_the_same_five(self):
        self.all_alive()
        for one in self.all:
            members = one.members()
            self.assertEqual(sorted(members), self.names)
        for host in self.hosts:
            table = host.verb("host", "list").out
            alive = re.findall(r"^(\S+) +ALIVE\b", table, re.M)
            self.assertEqual(sorted(alive), self.names, table)
            self.assertEqual(host.verb("host", "list", "-o", "name").lines, self.names)
        for agent in self.agents:
            alive = re.findall(r"^(\S+) +127\.\S+ +alive\b", agent.verb("members"), re.M)
            self.assertEqual(sorted(alive), self.names)

    def test_hosts_of_ours_are_in_the_view_and_agents_are_not(self):
        self.all_alive()
        for host in self.hosts:
            for other in self.all:
                wanted = "in-view" if other in self.hosts else "foreign"
                host.awaits_view(other.name, wanted)

    def test_when_any_is_killed_all_the_others_know(self):
        self.all_alive()
        for victim in self.all:
            with self.subTest(victim.name):
                others = [one for one in self.all if one is not victim]
                events = {host: host.events() for host in self.hosts if host is not victim}
                marks = {agent: agent.lines.mark() for agent in self.agents}
                victim.kill()
                for one in others:
                    one.sees(KNOWN, **{victim.name: "failed"})
                for lines in events.values():
                    self.assertTrue(lines.await_line(FAILED.format(victim.name)))
                for agent in self.agents:
                    if agent is not victim:
                        self.assertTrue(agent.lines.await_line(
                            MEMBER_FAILED.format(victim.name), marks[agent]))
                victim.start()
                self.all_alive()

    def test_whom_the_pool_has_cannot_be_removed_and_whom_it_has_not_neither(self):
        self.all_alive()
        first = self.hosts[0]
        for name in ("agent-1", "host-2"):
            first.verb("host", "remove", name, code=1)
        first.verb("host", "remove", "nobody", code=3)
        first.verb("host", "show", "nobody", code=3)
        self.assertIn("127.", first.verb("host", "show", "agent-1").out)
        self.all_alive()


class Few(unittest.TestCase):
    @unittest.skipUnless(SERF, "no serf on this machine")
    def test_a_host_that_is_told_to_leave_has_left(self):
        pool = Folder(self).path
        stayer = PoolHost(self, "stayer", pool=pool)
        agent = Agent(self, "agent", join=[stayer.at])
        leaver = PoolHost(self, "leaver", join=[stayer.at], pool=pool)
        for one in (stayer, agent):
            one.sees(leaver="alive")
        stayer.awaits_view("leaver", "in-view")
        leaver.verb("host", "leave")
        for one in (stayer, agent):
            one.sees(leaver="left")
        self.assertEqual(leaver.process.wait(KNOWN), 0, leaver.log())
        stayer.awaits_view("leaver", "outside")

    def test_every_series_is_there_from_the_start(self):
        metrics = PoolHost(self, "alone").metrics()
        for name in ("packets", "bytes", "streams", "dropped", "claims_refused", "probes",
                     "probes_failed", "suspicions", "refutations", "user_events", "queries",
                     "queue_dropped"):
            self.assertIn(f"phoenix_gossip_{name}_total", metrics)
        self.assertGreaterEqual(len(metrics["phoenix_gossip_dropped_total"]), 11)
        self.assertEqual(metrics["phoenix_gossip_hosts"]['status="ALIVE"'], 1)


if __name__ == "__main__":
    unittest.main()
