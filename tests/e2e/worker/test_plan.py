"""`phoenix ring plan` on a live host with real workers, submission stopped: exactly the packets that
it names then move, and where it says."""

import signal
import unittest

from harness.cli import CliTest
from harness.host import SLOWNESS, until
from harness.worker import Worker

LEASE = 2 * SLOWNESS


class PlanTest(CliTest):
    def worker(self, cap, load, **more):
        return Worker(self, self.host, cap, "--lease", f"{LEASE}s", "--max-load", str(load),
                      **more).registered()

    def standings(self):
        listed = self.phoenix("packet", "list", "--all", "-o", "json").json["items"]
        return {item["id"]: item["owner"] for item in listed
                if item["status"] in ("PENDING", "ASSIGNED", "RUNNING")}

    def planned(self, *change):
        """The plan, made while nothing is on its way, and who has what then."""
        def look():
            plan = self.phoenix("ring", "plan", *change, "-o", "json").json
            return plan if plan["exact"] else None
        plan = until(self, look, "no write is on its way")
        names = self.phoenix("ring", "plan", *change, "-o", "name").lines
        self.assertEqual(names, [move["id"] for move in plan["packets"]])
        return plan, self.standings()

    def comes_true(self, plan, before, done):
        until(self, done, "the change is done")
        expected = dict(before)
        for move in plan["packets"]:
            self.assertEqual(before[move["id"]], move["from"])
            expected[move["id"]] = move["to"]
        self.assertEqual(self.standings(), expected)

    def status(self, member):
        return self.ok("GET", "/v1/members/" + member).json["status"]

    def test_leave_kill_and_join(self):
        cap = self.fresh("cap")
        workers = {worker.id: worker for worker in (self.worker(cap, load) for load in (3, 3, 4))}
        for _ in range(9):
            self.submit(cap)
        for worker in workers.values():
            for _ in range(self.ok("GET", "/v1/members/" + worker.id).json["currentLoad"]):
                worker.run()
        first, second, _ = workers
        held = sorted(packet for packet, owner in self.standings().items() if owner == first)
        self.assertTrue(held)

        plan, before = self.planned("--leave", first)
        self.assertEqual(sorted(move["id"] for move in plan["packets"]), held)
        self.assertEqual((plan["placed"], plan["parked"]),
                         (min(len(held), 10 - 3 - (9 - len(held))), plan["moved"] - plan["placed"]))
        self.phoenix("retire", first)
        self.comes_true(plan, before, lambda: self.status(first) == "RETIRED")

        plan, before = self.planned("--leave", second, "--cause", "lease")
        self.assertGreater(plan["moved"], 0)
        workers[second].signal(signal.SIGKILL)
        self.comes_true(plan, before, lambda: self.status(second) == "DETACHED")

        id = self.fresh("w")
        plan, before = self.planned("--join", id, "--capability", cap, "--max-load", "2")
        self.assertEqual(plan["woken"], 2)
        self.worker(cap, 2, id=id)
        self.comes_true(plan, before, lambda: self.status(id) == "ACTIVE")


if __name__ == "__main__":
    unittest.main()
