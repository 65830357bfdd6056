"""One round of work on a pool while something happens to it: workers that write through a ledger,
packets submitted anywhere, and what must hold of all that at the end."""

import json
import signal
import time
import types
import uuid

from harness.host import PATIENCE, SLOWNESS, Folder, until
from harness.ledger import Ledger
from harness.rest import exchange
from harness.worker import Worker

LEASE = 3 * SLOWNESS
TERMINAL = {"COMPLETED", "FAILED", "CANCELED", "EXPIRED", "REJECTED"}


class Round:
    def __init__(self, test, workers=6, load=2):
        self.test = test
        self.pool = test.pool
        self.cap = test.fresh("cap")
        self.ledger = Ledger(test, Folder(test).path)
        self.acknowledged = []
        hosts = self.pool.hosts
        self.workers = []
        for i in range(workers):
            where = types.SimpleNamespace(url=self.pool.urls(hosts[i % len(hosts)]))
            self.workers.append(Worker(test, where, self.cap, "--lease", f"{LEASE}s", "--max-load",
                                       str(load), command=self.ledger.command()))
        for worker in self.workers:
            worker.registered()

    def end(self):
        """Its workers leave in good order."""
        for worker in self.workers:
            worker.signal(signal.SIGTERM)
        for worker in self.workers:
            self.test.assertEqual(worker.ended(), 0, worker.lines)
        self.ledger.end()

    def ask(self, method, target, body=None, key=None, patience=4 * PATIENCE, ok=(200, 201, 207)):
        """Of any host, until one answers so."""
        deadline = time.monotonic() + patience
        headers = {"Content-Type": "application/json"}
        if key:
            headers["Idempotency-Key"] = key
        data = json.dumps(body).encode() if body is not None else None
        last = None
        for host in self.every_host():
            try:
                answer = exchange(host, method, target, data, headers, timeout=5)
                if answer.status in ok:
                    return answer.json
                last = answer
                if answer.status not in (404, 409, 503, 504):
                    break
            except OSError as why:
                last = why
            if time.monotonic() > deadline:
                break
        raise AssertionError(f"{method} {target}: {last}")

    def every_host(self):
        while True:
            hosts = self.pool.live()
            for host in hosts[len(self.acknowledged) % len(hosts):] + hosts:
                yield host

    def submit(self, count, ms=200):
        """One after the other, each at another host; kept are those that were acknowledged."""
        for _ in range(count):
            packet = {"id": self.test.fresh("p"), "requiredCapabilities": [self.cap],
                      "labels": {"round": self.cap}, "payload": {"ms": ms}}
            self.ask("POST", "/v1/packets", packet, uuid.uuid4().hex)
            self.acknowledged.append(packet["id"])

    def packets(self):
        found, cursor = {}, ""
        while cursor is not None:
            page = self.ask("GET", f"/v1/packets?label=round={self.cap}&limit=1000{cursor}")
            found.update((packet["id"], packet) for packet in page["items"])
            cursor = f"&cursor={page['nextCursor']}" if "nextCursor" in page else None
        return found

    def begun(self):
        """How many runs of CMD have begun."""
        return len(self.ledger.dump()["begun"])

    def await_begun(self, count, patience=2 * PATIENCE):
        until(self.test, lambda: self.begun() >= count, f"{count} runs have begun", patience)

    def stuck(self):
        return [(packet["id"], packet["status"], packet["owner"], packet["epoch"],
                 packet["parked"]) for packet in self.packets().values()
                if packet["status"] not in TERMINAL][:10]

    def finish(self, patience=4 * PATIENCE):
        """Awaits the end of every packet, and gives the number of runs that were in vain."""
        self.await_ended(patience)
        return self.verify()

    def await_ended(self, patience=4 * PATIENCE):
        def ended():
            found = self.packets()
            return all(found.get(id, {}).get("status") in TERMINAL for id in self.acknowledged)
        try:
            until(self.test, ended, "all packets have ended", patience)
        except AssertionError as why:
            logs = "\n".join(host.name + ": " + host.log()[-1500:] for host in self.pool.hosts)
            raise AssertionError(f"{why}: {self.stuck()}\n{logs}") from None

    def verify(self):
        test = self.test
        books = self.ledger.dump()
        self.pool.await_ready(self.pool.live())
        for host in self.pool.live():
            listed = {packet["id"]: packet["status"] for packet in test.on(host).ok(
                "GET", f"/v1/packets?label=round={self.cap}&limit=1000").json["items"]}
            test.assertEqual(listed, dict.fromkeys(self.acknowledged, "COMPLETED"), host.name)
        epochs = {}
        for packet, epoch, _ in books["entries"]:
            test.assertGreater(epoch, epochs.get(packet, 0), f"{packet}: {books}")
            epochs[packet] = epoch
        for packet in self.acknowledged:
            history = self.ask("GET", f"/v1/packets/{packet}/history")["items"]
            ends = [row for row in history if row["event"] == "completed"]
            test.assertEqual(len(ends), 1, history)
            test.assertEqual(history[-1]["event"], "completed", history)
            revisions = [row["revision"] for row in history]
            test.assertEqual(revisions, sorted(set(revisions)), history)
            test.assertEqual([row["epoch"] for row in history],
                             sorted(row["epoch"] for row in history), history)
            # The outside has the effect of the very epoch whose result was taken.
            result = self.ask("GET", f"/v1/packets/{packet}")["result"]
            test.assertEqual(json.loads(result), {"packet": packet, "epoch": ends[0]["epoch"]})
            test.assertEqual(epochs[packet], ends[0]["epoch"], history)
        return len(books["begun"]) - len(self.acknowledged)
