"""A real `phoenix serve` in a pool: its list of hosts, its events, its counters."""

import base64
import http.client
import json
import re
import socket

from foreign import address
from foreign.agent import Lines, Lister
from harness.cli import run
from harness.host import PATIENCE, Folder, Host, until

FAILED = r"io\.phoenixflight\.host\.failed.*\b{}\b"
JOINED = r"io\.phoenixflight\.host\.joined.*\b{}\b"
LEFT = r"io\.phoenixflight\.host\.left.*\b{}\b"
# A suspicion is no verdict yet: Serf's list does not tell of it either.
STATUS = {"ALIVE": "alive", "SUSPECT": "alive", "FAILED": "failed", "LEFT": "left",
          "LEAVING": "leaving"}
METRIC = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$", re.M)


def key_file(folder, name, *keys):
    """As `serf keygen` writes them, one a line, the primary first."""
    path = folder / f"{name}.keys"
    path.write_text("".join(base64.b64encode(key).decode() + "\n" for key in keys))
    return path


class PoolHost(Lister, Host):
    """`join`: addresses; `pool`: a folder that hosts of one pool share."""

    def __init__(self, test, name, *flags, at=None, join=(), key=None, pool=None, **more):
        self.test, self.name = test, name
        self.at = at or address.fresh()
        folder = more.pop("folder", None) or Folder(test).path
        words = ["--name", name, "--gossip", str(self.at)]
        for seed in join:
            words += ["--join", str(seed)]
        if key:
            self.keys = key_file(folder, name, key)
            words += ["--gossip-key-file", str(self.keys)]
        if pool:
            words += ["--pool", str(pool)]
        super().__init__(test, *words, *flags, folder=folder, **more)
        self.at = address.Address.of(self.address["gossip"])

    def connect(self, timeout=PATIENCE):
        return socket.create_connection(("127.0.0.1", self.port), timeout)

    def get(self, target):
        """(status, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port)
        try:
            connection.sock = self.connect()
            connection.request("GET", target)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def hosts(self):
        """{name: row} of its list, all pages of it."""
        rows, target = {}, "/v1/hosts?limit=1000"
        while target:
            status, body = self.get(target)
            if status != 200:
                raise AssertionError(f"{target}: {status} {body}")
            page = json.loads(body)
            rows.update((row["name"], row) for row in page["items"])
            cursor = page.get("nextCursor")
            target = cursor and f"/v1/hosts?limit=1000&cursor={cursor}"
        return rows

    def members(self):
        """The same in the form of a Serf agent's list."""
        return {name: {**row, "status": STATUS[row["status"]]}
                for name, row in self.hosts().items()}

    def awaits_view(self, name, standing, patience=PATIENCE):
        until(self.test, lambda: (self.hosts().get(name) or {}).get("view") == standing,
              f"{self.name} has {name} as {standing}", patience)

    def verb(self, *words, code=0):
        """What `phoenix WORD…` prints against this host."""
        done = run(*words, PHOENIX_URL=self.url)
        if done.code != code:
            raise AssertionError(f"{done}")
        return done

    def leave(self):
        """Awaits that it has left and ended."""
        code = self.end()
        if code != 0:
            raise AssertionError(f"{self.name} ended with {code}: {self.log()}")

    def remove(self, name, prune=False):
        self.verb("host", "remove", name, *(["--prune"] if prune else []))

    def metrics(self):
        """{name: {labels: value}}"""
        found = {}
        for name, labels, value in METRIC.findall(self.get("/metrics")[1].decode()):
            found.setdefault(name, {})[labels] = float(value)
        return found

    def counted(self, name, labels=""):
        """The sum of the series of a metric whose labels hold that text."""
        series = self.metrics().get(name)
        if series is None:
            raise AssertionError(f"no metric {name}")
        return sum(value for key, value in series.items() if labels in key)

    def events(self):
        """Its events as lines, each with the moment at which it came; live from now on."""
        wire = self.connect()
        # HTTP/1.0: the body comes as it is, without chunks.
        wire.sendall(b"GET /v1/events HTTP/1.0\r\nHost: localhost\r\n\r\n")
        stream = wire.makefile("rb")
        if b" 200 " not in stream.readline():
            raise AssertionError("no stream of events")
        while stream.readline().strip():
            pass
        wire.settimeout(None)
        wire.close()  # the file has it now, and ends with the host
        return Lines(stream)

    def memory(self):
        """Bytes that are its own and resident."""
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            private = re.findall(r"^Private_\w+: +(\d+) kB", file.read(), re.M)
        return 1024 * sum(map(int, private))

    def joined(self, *others):
        """Awaits that all of them see each other."""
        for one in (self, *others):
            one.sees(**{other.name.replace("-", "_"): "alive" for other in (self, *others)})
        return self
