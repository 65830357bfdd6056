"""Hosts that leave on purpose, while their clients go on."""

import json
import statistics
import sys
import threading
import time
import unittest

from harness.cli import run
from harness.host import PATIENCE, SLOWNESS, Folder, until
from harness.pool import PoolTest
from harness.rest import exchange
from harness.worker import Worker

# With a CI's two cores at work for others too. What a quiet machine takes is in docs/benchmarks.md.
LONGEST_WAIT = 2.5 * SLOWNESS


class Submitter(threading.Thread):
    """Makes one packet after the other at one host, each when the last has ended, and notes what
    came of it and how long making it took."""

    def __init__(self, host, capability, name):
        super().__init__(daemon=True)
        self.host = host
        self.capability = capability
        self.name = name
        self.over = threading.Event()
        self.done = []  # (status, seconds, id)
        self.start()

    def run(self):
        number = 0
        while not self.over.is_set():
            number += 1
            packet = f"{self.capability}-{self.name}-{number}"
            body = json.dumps({"id": packet, "requiredCapabilities": [self.capability]})
            begun = time.monotonic()
            answer = exchange(self.host, "POST", "/v1/packets", body,
                              {"Content-Type": "application/json"})
            self.done.append((answer.status, time.monotonic() - begun, packet))
            if answer.status == 201:
                exchange(self.host, "GET", f"/v1/packets/{packet}?waitMs=20000", timeout=30)

    def end(self):
        self.over.set()
        self.join(2 * PATIENCE)
        return self.done


class Leaves(PoolTest):
    def test_a_host_leaves_and_no_submit_is_refused_or_waits_for_long(self):
        cap = self.fresh("cap")
        worker = Worker(self, self.pool.host("a"), cap, "--max-load", "64", command=["cat"])
        worker.registered()
        keys = str(Folder(self).path / "keys")
        self.say("audit", "keys", "--out", keys)
        submitters = [Submitter(self.pool.host(name[0]), cap, name)
                      for name in ("a1", "a2", "b1", "b2")]
        until(self, lambda: all(len(each.done) > 20 for each in submitters), "packets flow")
        leaver = self.pool.host("c")
        self.on(leaver).ok("POST", "/v1/hosts/c/leave", {}, 202)
        until(self, lambda: leaver.process.poll() is not None, "c is gone", 2 * PATIENCE)
        self.pool.hosts.remove(leaver)
        self.pool.await_ready()
        reached = [len(each.done) for each in submitters]
        until(self, lambda: all(len(each.done) > before + 20
                                for each, before in zip(submitters, reached)), "packets flow on")
        done = [item for each in submitters for item in each.end()]
        self.assertEqual({status for status, *_ in done}, {201}, self.pool.logs())
        waits = [seconds for _, seconds, _ in done]
        longest = max(waits)
        sys.stderr.write(f"{len(waits)} submits, median {1000 * statistics.median(waits):.1f} ms, "
                         f"longest {1000 * longest:.0f} ms\n")
        self.assertLess(longest, LONGEST_WAIT, self.pool.logs())
        until(self, lambda: self.ok("GET", "/v1/dma").json["packets"]["COMPLETED"] == len(done),
              "all are done", 3 * PATIENCE)
        figures = [self.on(host).ok("GET", "/v1/dma").json for host in "ab"]
        self.assertEqual([each["reexecutions"] for each in figures], [0, 0])
        self.say("member", "drain", worker.id)
        self.certified(worker.id, keys)

    def say(self, *words):
        done = run("--url", self.pool.host("a").url, *words)
        self.assertEqual(done.code, 0, done)
        return done.out

    def certified(self, member, keys):
        """Member and host have left, and who has seen neither can be sure that they own nothing."""
        url = self.pool.host("a").url
        until(self, lambda: run("--url", url, "audit", "certificate", member).code == 0,
              "the member has a certificate", PATIENCE)
        said = json.loads(self.say("audit", "certificate", "c", "--host", "-o", "json"))
        logs = self.ok("GET", "/v1/audit/logs").json["items"]
        (own,) = [log for log in logs if log["log"] == said["incarnation"]]
        self.assertEqual(own["host"], "c")
        folder = Folder(self).path
        export = [str(folder / name) for name in ("all", "checkpoint")]
        self.say("audit", "export", "--out", export[0], "--checkpoint-out", export[1])
        report = json.loads(self.say("audit", "verify", export[0], "--keys", keys, "--checkpoint",
                                     export[1], "-o", "json"))
        self.assertEqual(report["drainCertificates"], 2)
        self.assertEqual(report["drainCertificatesUnproved"], 0)


if __name__ == "__main__":
    unittest.main()
