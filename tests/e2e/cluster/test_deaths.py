"""Hosts that are killed, frozen, sent away; PostgreSQL that dies: nothing acknowledged is lost, and
nothing has its effect twice in one epoch."""

import socket
import time
import unittest

from harness.host import SLOWNESS, until
from harness.pool import PoolTest
from harness.round import LEASE, Round


class Deaths(PoolTest):
    def homes(self, round_):
        """host name -> its members, as a living host tells."""
        homes = {}
        for member in round_.ask("GET", f"/v1/members?capability={round_.cap}")["items"]:
            homes.setdefault(member["home"], []).append(member["id"])
        return homes

    def mid_work(self, count=120, ms=300):
        round_ = Round(self)
        round_.submit(count, ms)
        round_.await_begun(12)
        return round_

    def test_a_host_is_killed_and_its_workers_lose_nothing(self):
        round_ = self.mid_work()
        self.assertIn("b", self.homes(round_))
        self.pool.host("b").kill()
        in_vain = round_.finish()
        self.assertNotIn("b", self.homes(round_))
        # Its own workers attached elsewhere with what they had in hand.
        self.assertEqual(in_vain, 0)

    def test_workers_that_do_not_come_back_are_replaced(self):
        round_ = self.mid_work()
        # Two of six are at b; they go with it, as a machine's do.
        gone = [worker for worker in round_.workers if worker.id in self.homes(round_)["b"]]
        for worker in gone:
            worker.process.kill()
        self.pool.host("b").kill()
        in_vain = round_.finish()
        self.assertLessEqual(in_vain, 2 * len(gone))

    def test_a_killed_host_comes_back(self):
        round_ = self.mid_work()
        host = self.pool.host("c")
        host.kill()
        host.start()
        round_.submit(30)
        self.pool.await_ready()
        self.assertEqual(round_.finish(), 0)

    def test_all_are_killed_and_come_back_at_other_addresses(self):
        round_ = self.mid_work()
        for host in self.pool.hosts:
            host.kill()
        was = {host.address["gossip"] for host in self.pool.hosts}
        for address in was:
            self.hold_port(address)
        for host in self.pool.hosts:
            host.start()
        self.assertTrue(was.isdisjoint(host.address["gossip"] for host in self.pool.hosts))
        # Nobody is where --join says: they find each other by what the store knows.
        self.pool.await_ready()
        round_.finish()

    def hold_port(self, address):
        """So that the kernel does not give it to a host again that asks for any."""
        ip, port = address.rsplit(":", 1)
        for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
            holder = socket.socket(socket.AF_INET, kind)
            self.addCleanup(holder.close)
            holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            holder.bind((ip, int(port)))

    def test_postgresql_is_killed_and_started_again(self):
        round_ = self.mid_work()
        self.pool.postgres.restart()
        round_.submit(30)
        self.assertLessEqual(round_.finish(), 12)
        self.pool.await_ready()

    def test_postgresql_and_a_host_are_killed_together(self):
        round_ = self.mid_work()
        self.pool.host("a").kill()
        self.pool.postgres.restart()
        round_.submit(30)
        self.assertLessEqual(round_.finish(), 12)

    def test_a_host_frozen_for_three_leases_wakes_up_deposed(self):
        round_ = self.mid_work()
        host = self.pool.host("b")
        host.freeze()
        others = self.pool.others("b")
        until(self, lambda: "b" not in self.pool.in_view(others[0]), "b is out of the view",
              20 * SLOWNESS)
        # Three leases: whoever wakes up after that knows of nothing that happened.
        end = time.monotonic() + 3 * LEASE
        while time.monotonic() < end:
            round_.submit(10, 100)
        host.thaw()
        self.pool.await_ready()
        self.assertEqual(round_.finish(), 0)

    def test_all_hosts_are_killed_one_after_the_other(self):
        round_ = self.mid_work()
        for host in self.pool.hosts:
            host.kill()
            host.start()
            self.pool.await_ready()
            round_.submit(20)
        self.assertEqual(round_.finish(), 0)


class Leaving(PoolTest):
    def test_a_host_that_leaves_hands_over_and_nobody_notices(self):
        round_ = Round(self)
        round_.submit(120, 300)
        round_.await_begun(12)
        host = self.pool.host("b")
        self.phoenix("host", "leave", host=host)
        round_.submit(60)
        self.assertEqual(host.process.wait(60), 0, host.log()[-3000:])
        self.assertEqual(round_.finish(), 0)
        homes = {member["home"] for member in
                 self.on("a").ok("GET", f"/v1/members?capability={round_.cap}").json["items"]}
        self.assertEqual(homes, {"a", "c"})
        rows = {row["host"]: row["slots"] for row in
                self.on("a").ok("GET", "/v1/ring").json["keepers"]}
        self.assertEqual(set(rows), {"a", "c"})
        self.assertEqual(sum(rows.values()), 4096)

    def test_one_that_joins_takes_its_share(self):
        round_ = Round(self)
        round_.submit(60, 300)
        self.pool.add("d")
        self.pool.await_ready()
        round_.submit(60)
        self.assertEqual(round_.finish(), 0)
        rows = {row["host"]: row["slots"] for row in self.ok("GET", "/v1/ring").json["keepers"]}
        self.assertAlmostEqual(rows["d"], 1024, delta=1024 * 0.12)


if __name__ == "__main__":
    unittest.main()
