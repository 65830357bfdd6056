"""Names and addresses over the lives of a host: killed and back, moved, twice at once, in the wrong
pool, and alone among dead seeds."""

import os
import signal
import socket
import time
import unittest

from foreign import address
from foreign.agent import SERF, Agent
from harness.host import Folder, refused_start, until
from pool_host import PoolHost

PEERS_PATIENCE = 90  # what Serf's peers may take to believe in another address


class Restart(unittest.TestCase):
    def setUp(self):
        self.pool = Folder(self).path
        self.anchor = PoolHost(self, "anchor", pool=self.pool)

    def host(self, name="mover", **more):
        more.setdefault("join", [self.anchor.at])
        return PoolHost(self, name, pool=self.pool, **more)

    def address_of(self, one, name):
        row = one.members()[name]
        return row.get("gossip") or row["addr"]

    def test_killed_and_back_it_is_another_life(self):
        host = self.host()
        self.anchor.joined(host)
        before = self.anchor.hosts()["mover"]["incarnation"]
        host.kill()
        self.anchor.sees(mover="failed")
        host.start()
        self.anchor.joined(host)
        self.assertGreater(self.anchor.hosts()["mover"]["incarnation"], before)

    def test_back_before_anybody_missed_it(self):
        host = self.host()
        self.anchor.joined(host)
        before = self.anchor.hosts()["mover"]["incarnation"]
        host.kill()
        host.start()
        until(self, lambda: self.anchor.hosts()["mover"]["incarnation"] > before, "the new life")
        self.anchor.joined(host)

    def test_it_finds_the_others_again_without_being_told_where(self):
        host = self.host()
        self.anchor.joined(host)
        until(self, lambda: "anchor" in (host.data / "hosts.json").read_text(), "it is written down")
        host.kill()
        self.anchor.sees(mover="failed")
        again = PoolHost(self, "mover", pool=self.pool, data=host.data, at=host.at)
        self.anchor.joined(again)

    def test_at_another_address_it_is_taken_once_the_old_one_is_silent(self):
        third = self.host("third")
        host = self.host()
        self.anchor.joined(host, third)
        host.kill()
        moved = self.host(data=host.data)
        self.assertNotEqual(moved.at, host.at)
        for one in (self.anchor, third, moved):
            one.sees(mover="alive")
            until(self, lambda one=one: self.address_of(one, "mover") == str(moved.at),
                  f"{one.name} has the new address")

    @unittest.skipUnless(SERF, "no serf on this machine")
    def test_serfs_agents_take_it_too(self):
        agent = Agent(self, "agent", join=[self.anchor.at])
        host = self.host()
        agent.sees(mover="alive")
        host.kill()
        moved = self.host(data=host.data)
        until(self, lambda: self.address_of(agent, "mover") == str(moved.at)
              and agent.members()["mover"]["status"] == "alive", "the agent has the new address",
              PEERS_PATIENCE)

    def test_a_second_of_the_same_name_is_refused(self):
        host = self.host()
        self.anchor.joined(host)
        newcomer = address.fresh()
        code, said = refused_start(self, "--name", "mover", "--gossip", str(newcomer), "--join",
                                   str(self.anchor.at), "--pool", str(self.pool),
                                   "--listen", "127.0.0.1:0")
        self.assertEqual(code, 1, said)
        self.assertIn("mover", said)
        self.assertIn(str(host.at), said)
        for one in (self.anchor, host):
            self.assertEqual(self.address_of(one, "mover"), str(host.at))
            self.assertEqual(one.members()["mover"]["status"], "alive")

    def test_one_that_sleeps_is_missed_and_accuses_nobody_when_it_wakes(self):
        third = self.host("third")
        host = self.host()
        self.anchor.joined(host, third)
        heard = host.events()
        os.kill(host.pid, signal.SIGSTOP)
        try:
            for one in (self.anchor, third):
                one.sees(mover="failed")
        finally:
            os.kill(host.pid, signal.SIGCONT)
        self.anchor.joined(host, third)
        self.assertNotRegex(heard.text(), r"host\.failed")

    def test_another_pool_is_named_on_both_sides(self):
        stranger = PoolHost(self, "stranger", join=[self.anchor.at])  # a pool of its own
        self.anchor.awaits_view("stranger", "incompatible")
        stranger.awaits_view("anchor", "incompatible")
        for one, other in ((self.anchor, "stranger"), (stranger, "anchor")):
            row = one.hosts()[other]
            self.assertTrue(row["viewWhy"])
            self.assertIn("incompatible", one.verb("host", "list").out)


class Seeds(unittest.TestCase):
    def test_among_fifty_dead_seeds_it_serves_and_goes_on_trying(self):
        seeds = [address.fresh() for _ in range(50)]
        host = PoolHost(self, "alone", join=seeds)
        self.assertEqual(host.get("/readyz")[0], 200)
        until(self, lambda: "join" in host.log() or "seed" in host.log(), "a line says so")
        late = PoolHost(self, "late", at=seeds[30])
        host.joined(late)

    def test_a_port_that_is_taken_is_an_error(self):
        at = address.fresh()
        with socket.socket(type=socket.SOCK_DGRAM) as holder:
            holder.bind(at.pair)
            code, said = refused_start(self, "--gossip", str(at), "--listen", "127.0.0.1:0")
        self.assertEqual(code, 1, said)
        self.assertIn(str(at), said)

    def test_a_key_file_that_is_none_is_an_error(self):
        path = Folder(self).path / "keys"
        for text in ("", "short\n", "AAAA\n", "\x00\x01\n"):
            path.write_text(text)
            code, said = refused_start(self, "--gossip", str(address.fresh()), "--listen",
                                       "127.0.0.1:0", "--gossip-key-file", str(path))
            self.assertNotEqual(code, 0, text)
            self.assertIn(str(path), said)

    def test_the_end_comes_in_time_though_nobody_listens(self):
        host = PoolHost(self, "a", join=[address.fresh()])
        started = time.monotonic()
        host.leave()
        self.assertLess(time.monotonic() - started, 10)


if __name__ == "__main__":
    unittest.main()
