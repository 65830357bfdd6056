"""Several hosts as one pool: who is there, in whose eyes, and what a host says when it cannot be."""

import json
import pathlib
import signal
import socket
import time
import unittest

from harness.cli import run
from harness.host import PATIENCE, SLOWNESS, Folder, Host, refused_start, until
from harness.rest import RestTest, exchange
from harness.stream import EventStream


def hosts_of(host):
    """name -> row, as this host lists them."""
    done = run("--url", host.url, "host", "list", "--all", "-o", "json")
    assert done.code == 0, done
    return {row["name"]: row for row in done.json["items"]}


def columns(host):
    return {name: (row["status"], row["view"]) for name, row in hosts_of(host).items()}


class Pool(RestTest):
    """Three hosts that share the pool's folder; `self.host` is the first."""

    @classmethod
    def make_host(cls):
        cls.folder = Folder(cls).path
        cls.pool = cls.folder / "pool"
        return cls.start(cls, "a")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.others = {name: cls.start(cls, name, cls.host) for name in ("b", "c")}

    def start_here(self, name, *flags, seed=None, **more):
        return self.start(self, name, seed or self.host, *flags, **more)

    @classmethod
    def start(cls, test, name, seed=None, *flags, data=None):
        join = ["--join", seed.address["gossip"]] if seed else []
        return Host(test, "--name", name, "--pool", str(cls.pool), *join, *flags,
                    folder=Folder(test).path, data=data)

    @staticmethod
    def row(host, name):
        return exchange(host, "GET", f"/v1/hosts/{name}").json

    def all_in_view(self, *names):
        wanted = {name: ("ALIVE", "in-view") for name in names}
        for host in (self.host, *self.others.values()):
            until(self, lambda host=host: {n: c for n, c in columns(host).items() if n in wanted}
                  == wanted, f"{names} in the view of {host.flags[1]}")

    def test_all_list_the_same_from_each_side(self):
        self.all_in_view("a", "b", "c")
        rows = self.ok("GET", "/v1/hosts").json["items"]
        self.assertEqual([row["self"] for row in rows if row["name"] in "abc"],
                         [True, False, False])
        b = self.ok("GET", "/v1/hosts/b").json
        self.assertEqual(b["api"], self.others["b"].url.removeprefix("http://"))
        self.assertEqual(b["gossip"], self.others["b"].address["gossip"])
        self.assertEqual((b["weight"], b["viewWhy"]), (100, None))
        self.assertNotIn("ready", b)
        view = json.loads((self.pool / "view.json").read_text())
        self.assertLessEqual({"a", "b", "c"}, {host["name"] for host in view["hosts"]})
        self.assertEqual(self.ok("GET", "/readyz").json, {"status": "ready", "unstableHosts": []})

    def test_pages_of_hosts(self):
        self.all_in_view("a", "b", "c")
        first = self.ok("GET", "/v1/hosts?limit=2").json
        self.assertEqual([row["name"] for row in first["items"]], ["a", "b"])
        rest = self.ok("GET", "/v1/hosts?limit=2&cursor=" + first["nextCursor"]).json
        self.assertEqual(rest["items"][0]["name"], "c")

    def test_a_killed_host_is_seen_by_all_told_live_and_removed(self):
        victim = self.start_here("victim")
        self.all_in_view("a", "b", "c", "victim")
        stream = EventStream(self.host.port, "/v1/events?type=host.failed,host.left")
        self.addCleanup(stream.close)
        self.refused("wrong-state", 409, "POST", "/v1/hosts/victim/remove", {})
        self.refused("wrong-state", 409, "POST", "/v1/hosts/victim/leave", {})
        victim.kill()
        killed = time.monotonic()
        event, number, data = stream.next()
        self.assertLess(time.monotonic() - killed, 5 * SLOWNESS)
        self.assertEqual((event, number), (None, None))  # live, in no log
        self.assertEqual((data["type"], data["subject"]),
                         ("io.phoenixflight.host.failed.v1", "hosts/victim"))
        for host in (self.host, *self.others.values()):
            until(self, lambda host=host: columns(host)["victim"] == ("FAILED", "outside"),
                  "victim failed")
            self.assertEqual(self.row(host, "victim")["viewWhy"],
                             "removed; comes back after 10 s of answered pings")
        done = run("--url", self.others["b"].url, "status")
        self.assertIn("host victim is FAILED", done.out)
        done = run("--url", self.host.url, "host", "remove", "victim", "--prune", "-o", "json")
        self.assertEqual((done.code, done.json["status"]), (0, "LEFT"), done)
        for host in (self.host, *self.others.values()):
            until(self, lambda host=host: "victim" not in columns(host), "victim forgotten")
        self.refused("not-found", 404, "POST", "/v1/hosts/victim/remove", {"prune": True})
        self.refused("invalid-request", 400, "POST", "/v1/hosts/b/remove", {"prunes": True})

    def test_one_asked_to_leave_ends_and_has_left(self):
        leaver = self.start_here("leaver")
        self.all_in_view("a", "b", "c", "leaver")
        began = time.monotonic()
        done = run("--url", leaver.url, "host", "leave")
        self.assertEqual((done.code, done.out), (0, "leaver  LEAVING\n"), done)
        self.assertEqual(leaver.process.wait(PATIENCE), 0)
        self.assertLess(time.monotonic() - began, 5 * SLOWNESS)
        until(self, lambda: columns(self.host)["leaver"] == ("LEFT", "outside"), "leaver left")
        self.assertNotIn("host-failed host=leaver", self.host.log())

    def test_a_terminated_host_leaves_within_its_time(self):
        ended = self.start_here("ended")
        self.all_in_view("a", "b", "c", "ended")
        began = time.monotonic()
        self.assertEqual(ended.end(signal.SIGTERM), 0)
        self.assertLess(time.monotonic() - began, 5 * SLOWNESS)
        until(self, lambda: columns(self.host)["ended"] == ("LEFT", "outside"), "ended left")

    def refused_namesake(self, name, holder):
        """One more of that name is started, and ends."""
        twin = self.start_here(name)
        self.assertEqual(twin.process.wait(PATIENCE), 1)
        said = twin.log()
        for line in (f'phoenix serve: the name "{name}" is taken',
                     "it belongs to the live host at " + holder, "--name"):
            self.assertIn(line, said)

    def test_a_name_in_use_is_refused_with_its_holder(self):
        before = hosts_of(self.host)["b"]["gossip"]
        self.refused_namesake("b", before)
        self.assertEqual(hosts_of(self.host)["b"]["gossip"], before)
        self.all_in_view("a", "b", "c")

    def test_who_came_first_stays_however_young(self):
        for number in range(5):
            name = f"young-{number}"
            first = self.start_here(name)
            until(self, lambda name=name: name in hosts_of(self.host), f"{name} is there")
            self.refused_namesake(name, first.address["gossip"])
            self.assertIsNone(first.process.poll())
            self.assertEqual(hosts_of(self.host)[name]["gossip"], first.address["gossip"])
            self.assertEqual(first.end(signal.SIGTERM), 0)

    def test_a_host_of_another_pool_is_incompatible_on_both_sides(self):
        foreign = Host(self, "--name", "foreign", "--join", self.host.address["gossip"],
                       folder=Folder(self).path)
        until(self, lambda: columns(foreign).get("a") == ("ALIVE", "incompatible"), "from there")
        until(self, lambda: columns(self.host).get("foreign") == ("ALIVE", "incompatible"),
              "from here")
        why = self.ok("GET", "/v1/hosts/foreign").json["viewWhy"]
        for field in ("pool: ours ", "ring key: ours ", "store: ours "):
            self.assertIn(field, why)
        self.assertIn("host-incompatible host=a", foreign.log())
        self.assertEqual(columns(foreign)["foreign"], ("ALIVE", "in-view"))
        foreign.end()

    def test_metrics_have_every_series(self):
        text = self.exchange("GET", "/metrics").data.decode()
        for series in ('phoenix_gossip_hosts{status="ALIVE"}', "phoenix_gossip_probes_total",
                       'phoenix_gossip_dropped_total{reason="key"}', "phoenix_view_number",
                       'phoenix_gossip_packets_total{direction="in"}'):
            self.assertRegex(text, "(?m)^" + series.replace("{", r"\{") + " [0-9]+$")


class Alone(unittest.TestCase):
    def test_no_seed_answers_and_the_host_serves(self):
        seeds = ",".join(f"127.0.0.{number}:1" for number in range(1, 51))
        host = Host(self, "--join", seeds)
        until(self, lambda: "no-seed-answers seeds=50" in host.log(), "told")
        self.assertEqual(host.log().count("no-seed-answers"), 1)
        self.assertIn("127.0.0.1:1: nobody listens there", host.log())
        self.assertEqual(run("--url", host.url, "status").code, 0)
        self.assertEqual(host.end(), 0)

    def test_a_seed_that_comes_later_is_joined(self):
        with socket.socket() as held:
            held.bind(("127.0.0.1", 0))
            port = held.getsockname()[1]
        pool = Folder(self).path
        early = Host(self, "--name", "early", "--pool", str(pool), "--join",
                     f"no.such.name.invalid,127.0.0.1:{port}")
        until(self, lambda: "no-seed-answers" in early.log(), "told")
        self.assertIn("cannot resolve", early.log())
        Host(self, "--name", "late", "--pool", str(pool), "--gossip", f"127.0.0.1:{port}",
             folder=Folder(self).path)
        until(self, lambda: columns(early).get("late") == ("ALIVE", "in-view"), "joined")

    def test_ports_in_use(self):
        taken = Host(self)
        status, said = refused_start(self, "--listen", "127.0.0.1:0", "--gossip",
                                     taken.address["gossip"])
        self.assertEqual(status, 1)
        self.assertIn(taken.address["gossip"], said)
        self.assertIn("--gossip", said)

    def test_keys(self):
        folder = Folder(self).path
        (folder / "bad").write_text("AAECAwQFBgcICQoLDA0ODw==\nnonsense\n")
        (folder / "one").write_text("AAECAwQFBgcICQoLDA0ODw==\n")
        (folder / "two").write_text("AQECAwQFBgcICQoLDA0ODw==\n")
        for name, says in (("bad", "line 2 is no key"), ("none", "there is no file")):
            status, said = refused_start(self, "--listen", "127.0.0.1:0", "--gossip", "127.0.0.1:0",
                                         "--gossip-key-file", str(folder / name))
            self.assertEqual(status, 1)
            self.assertIn(says, said)
            self.assertNotIn("AAEC", said)
        first = Host(self, "--name", "first", "--pool", str(folder / "pool"), "--gossip-key-file",
                     str(folder / "one"))
        other = Host(self, "--name", "other", "--pool", str(folder / "pool"), "--gossip-key-file",
                     str(folder / "two"), "--join", first.address["gossip"],
                     folder=Folder(self).path)
        until(self, lambda: "no-seed-answers" in other.log(), "refused")
        self.assertIn("gossip-refused", first.log())
        self.assertIn("why=key", first.log())
        self.assertEqual(list(columns(first)), ["first"])
        same = Host(self, "--name", "same", "--pool", str(folder / "pool"), "--gossip-key-file",
                    str(folder / "one"), "--join", first.address["gossip"],
                    folder=Folder(self).path)
        until(self, lambda: columns(same).get("first") == ("ALIVE", "in-view"), "joined")

    def test_exposed_gossip_without_a_key_is_warned_of(self):
        host = Host(self, "--gossip", "0.0.0.0:0")
        self.assertIn("gossip-unprotected", host.log())
        port = host.address["gossip"].rsplit(":", 1)[1]
        row = next(iter(hosts_of(host).values()))
        self.assertTrue(row["gossip"].endswith(":" + port))
        self.assertNotIn("0.0.0.0", row["gossip"])

    def test_a_broken_view_is_told_and_mended_without_a_restart(self):
        host = Host(self, "--name", "solo")
        view = pathlib.Path(host.data) / "view.json"
        until(self, lambda: columns(host)["solo"] == ("ALIVE", "in-view"), "in its own view")
        whole = view.read_text()
        view.write_text(whole[:-20])
        until(self, lambda: "view-unreachable" in host.log(), "told")
        self.assertIn("view.json is broken", host.log())
        view.write_text(whole)
        until(self, lambda: "view-reachable" in host.log(), "found again")
        self.assertEqual(host.end(), 0)


if __name__ == "__main__":
    unittest.main()
