"""Several hosts as one system: a PostgreSQL, hosts that share it, and what is asked of all."""

import copy
import itertools
import os
import re
import signal
import threading
import time
import unittest

from harness.cli import run
from harness.host import PATIENCE, Folder, Host, until
from harness.postgres import Postgres, programs
from harness.rest import RestTest, exchange
from harness.schema import Schemas


TRIAL = re.compile(r"comes back after (\d+) s")


class PoolHost(Host):
    """One of the hosts, by name."""

    def __init__(self, test, name, *flags, **more):
        self.name = name
        super().__init__(test, "--name", name, *flags, **more)

    def freeze(self):
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self):
        os.kill(self.pid, signal.SIGCONT)

    def ready(self):
        try:
            return exchange(self, "GET", "/readyz", timeout=5).status == 200
        except OSError:
            return False


class Pool:
    """`size` hosts named a, b, c …, all in the view and ready when the constructor returns."""

    def __init__(self, test, size=3, flags=(), network=None, settings=(), join=True):
        self.test = test
        self.join = join  # by the addresses of those before; else they have to find each other
        self.network = network
        self.flags = flags
        self.folder = Folder(test).path
        self.store_place = network.place() if network else None
        if network:
            self.postgres = Postgres(test, *settings, address=self.store_place.address,
                                     before=self.store_place.before)
        else:
            self.postgres = Postgres(test, *settings)
        self.hosts = []
        self.places = {}
        for name in itertools.islice("abcdefgh", size):
            self.add(name)
        self.await_ready()

    def add(self, name):
        seeds = [word for host in self.hosts if self.join
                 for word in ("--join", host.address["gossip"])]
        flags = ["--store", self.postgres.url, *seeds, *self.flags]
        more = {}
        at = "127.0.0.1"
        if self.network:
            place = self.places[name] = self.network.place()
            at = place.address
            flags.append("--insecure")
            more = {"before": place.before, "listen": at + ":0", "gossip": at + ":0"}
        host = PoolHost(self.test, name, "--peer", at + ":0", *flags,
                        folder=Folder(self.test).path, **more)
        self.hosts.append(host)
        return host

    def host(self, name):
        return next(host for host in self.hosts if host.name == name)

    def others(self, *names):
        return [host for host in self.hosts if host.name not in names]

    def live(self):
        return [host for host in self.hosts if host.process.poll() is None]

    def urls(self, first=None):
        """A list for --url, beginning with that host."""
        hosts = sorted(self.hosts, key=lambda host: host is not first)
        return ",".join(host.url for host in hosts)

    def await_ready(self, hosts=None):
        """Those hosts are ready, see each other in the view, and share all slots."""
        hosts = hosts or self.hosts
        names = sorted(host.name for host in hosts)
        for host in hosts:
            try:
                until(self.test, host.ready, host.name, 2 * PATIENCE)
            except AssertionError:
                # Who is removed again and again within an hour stays out for longer each time.
                until(self.test, host.ready, lambda host=host: f"{host.name} is ready{self.logs()}",
                      self.trial_of(host.name))
        for host in hosts:
            until(self.test, lambda host=host: self.in_view(host) == names,
                  lambda host=host: f"{names} in the view of {host.name}{self.logs()}",
                  2 * PATIENCE)

    def trial_of(self, name):
        """How long, in s, a host that was removed is to be reached before it may be in the view."""
        rows = [exchange(host, "GET", f"/v1/hosts/{name}").json for host in self.live()]
        found = [TRIAL.search(row.get("viewWhy") or "") for row in rows]
        return max([int(trial[1]) for trial in found if trial], default=0)

    def logs(self):
        return "".join(f"\n{host.name}: {host.log()[-3000:]}" for host in self.hosts)

    @staticmethod
    def in_view(host):
        try:
            rows = exchange(host, "GET", "/v1/hosts", timeout=5).json["items"]
        except OSError:
            return None
        return sorted(row["name"] for row in rows if row["view"] in ("in-view", "unstable"))


class PoolTest(RestTest):
    """Each test has a pool of its own, for most of them break it."""

    size = 3
    flags = ()

    @classmethod
    def setUpClass(cls):
        if programs() is None:
            raise unittest.SkipTest("PostgreSQL's programs are not installed")

    def setUp(self):
        self.pool = self.make_pool()
        self.host = self.pool.hosts[0]
        self.schemas = Schemas(exchange(self.host, "GET", "/openapi.json").json)

    def make_pool(self):
        return Pool(self, self.size, self.flags)

    def call(self, *words, **more):
        """As a client does, it comes again where a host says that its store is slow."""
        last = time.monotonic() + PATIENCE
        while True:
            answer = super().call(*words, **more)
            if answer.status != 503 or time.monotonic() > last:
                return answer
            threading.Event().wait(0.1)

    def on(self, host):
        """This test, speaking to that host."""
        other = copy.copy(self)
        other.host = self.pool.host(host) if isinstance(host, str) else host
        return other

    def keeper_of(self, packet, *capabilities):
        """The name of the host that keeps a packet of that id."""
        requires = ",".join(capabilities)
        return self.ok("GET", f"/v1/ring/owner?requires={requires}&salt={packet}").json["keeper"]

    def id_kept_by(self, host, *capabilities):
        """A fresh packet id whose keeper is that host."""
        return next(packet for packet in iter(lambda: self.fresh("p"), None)
                    if self.keeper_of(packet, *capabilities) == host)

    def phoenix(self, *words, code=0, host=None, **more):
        done = run("--url", self.pool.urls(host or self.host), *words, **more)
        self.assertEqual(done.code, code, done)
        return done
