"""`phoenix store` beside a pool that works: what an operator sees, and a backup that was restored."""

import unittest

from harness.cli import run
from harness.host import PATIENCE, Folder, until
from harness.pool import PoolTest
from harness.rest import exchange

ADOPTED = 2 ** 20


class Store(PoolTest):
    def store(self, *words, code=0):
        done = run("store", *words, "--store", self.pool.postgres.url, "-o", "json")
        self.assertEqual(done.code, code, done)
        return done.json

    def hosts_heard(self, check):
        return {host["name"]: host for host in check["hosts"] if not host["fenced"]}

    def test_check_tells_who_holds_what(self):
        def settled():
            # Hosts are in the view, and ready, a little before they have all of their share.
            done = run("store", "check", "--store", self.pool.postgres.url, "-o", "json")
            return done.json if done.code == 0 and len(done.json["hosts"]) == 3 else None

        check = until(self, settled, "every slot has a holder")
        self.assertTrue(check["ok"])
        self.assertEqual(check["slots"], {"held": 4096, "withoutHolder": 0})
        self.assertEqual(sorted(self.hosts_heard(check)), ["a", "b", "c"])
        for host in self.hosts_heard(check).values():
            self.assertLess(host["heardMsAgo"], 5000)
        self.assertEqual(self.store("init")["pool"], check["pool"], "what stands, stays")
        self.assertEqual(self.store("migrate")["before"], check["layout"]["maximum"])

    def test_a_restored_backup_is_adopted_when_no_host_uses_it(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, leaseSeconds=5)
        packet = self.submit(cap)["id"]
        self.assertEqual(self.poll(member, token)[0]["epoch"], 1)
        refused = run("store", "adopt", "--after-restore", "--store", self.pool.postgres.url)
        self.assertEqual(refused.code, 4, refused)
        self.assertEqual(len(refused.err.splitlines()), 3, refused)
        for host in self.pool.hosts:
            host.kill()
        until(self, lambda: run("store", "adopt", "--after-restore", "--store",
                                self.pool.postgres.url).code == 0, "the hosts are silent")
        self.host = self.pool.hosts[0]
        self.host.start()
        until(self, self.host.ready, "the first host has taken all over", 2 * PATIENCE)
        found = until(self, lambda: self.live_again(packet), "a keeper has it")
        self.assertGreater(found["epoch"], ADOPTED)
        # The owner that the backup knew of, or one that was named after it was made.
        stale = self.call("POST", f"/v1/packets/{packet}/complete", {"epoch": 2, "result": 1},
                          token=token)
        self.assertIn(stale.status, (401, 409))
        # Somebody gets it; and who had it before and after can be proved.
        heir, _ = self.register(cap)
        until(self, lambda: self.ok("GET", "/v1/packets/" + packet).json["owner"] == heir,
              "the packet has another owner", 2 * PATIENCE)
        self.verify()

    def test_a_host_that_cannot_read_is_not_ready_until_it_can(self):
        self.pool.await_ready()
        with self.pool.postgres.locked("packet"):
            until(self, lambda: exchange(self.host, "GET", "/v1/packets/none").status == 503,
                  "reads fail", 2 * PATIENCE)
            told = until(self, lambda: self.unready(), "the host says so", 2 * PATIENCE)
            self.assertIn("reads", told["detail"])
            self.assertIsNotNone(told["since"])
        until(self, self.host.ready, "the host is ready again", 2 * PATIENCE)

    def unready(self):
        answer = exchange(self.host, "GET", "/readyz")
        return answer.json if answer.status == 503 else None

    def verify(self):
        folder = Folder(self).path
        export, checkpoint, keys = (str(folder / name) for name in ("all", "checkpoint", "keys"))
        at = ("--url", self.host.url, "audit")
        for words in (("export", "--out", export, "--checkpoint-out", checkpoint),
                      ("keys", "--out", keys)):
            done = run(*at, *words)
            self.assertEqual(done.code, 0, done)
        done = run("audit", "verify", export, "--keys", keys, "--checkpoint", checkpoint)
        self.assertEqual(done.code, 0, done)

    def live_again(self, packet):
        answer = self.call("GET", "/v1/packets/" + packet)
        return answer.json if answer.status == 200 else None


if __name__ == "__main__":
    unittest.main()
