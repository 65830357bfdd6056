"""Workers that drain, die, freeze, are replaced, or lose their host. Times are measured from the
signal, so nothing else should run beside this."""

import os
import signal
import threading
import time
import unittest

from harness.host import PATIENCE, SLOWNESS, until
from harness.rest import RestTest
from harness.worker import Worker, children_of

LEASE = 2 * SLOWNESS


class LifeTest(RestTest):
    def worker(self, capability, *flags, **more):
        return Worker(self, self.host, capability, "--lease", f"{LEASE}s", *flags,
                      **more).registered()

    def ended(self, packet, status="COMPLETED"):
        found = self.ok("GET", f"/v1/packets/{packet}?waitMs=20000").json
        self.assertEqual(found["status"], status, found)
        return found

    def stale_writes(self):
        return self.ok("GET", "/v1/dma").json["staleEpochRejections"]


class Heir:
    """A member that polls in a thread and notes when each delivery came."""

    def __init__(self, test, capability, want=1):
        self.test = test
        self.member, self.token = test.register(capability, maxLoad=10)
        self.want = want
        self.deliveries = []
        self.times = []
        self.thread = threading.Thread(target=self.poll, daemon=True)
        self.thread.start()

    def poll(self):
        after = ""
        while len(self.deliveries) < self.want:
            answer = self.test.exchange(
                "GET", f"/v1/members/{self.member}/deliveries?max=10&waitMs=20000" +
                (f"&after={after}" if after else ""),
                headers={"Authorization": "Bearer " + self.token})
            if answer.status != 200:
                return
            after = answer.json["next"]
            for delivery in answer.json["deliveries"]:
                self.times.append(time.monotonic())
                self.deliveries.append(delivery)

    def took(self):
        """[(packet, epoch)…] and the time of the last, once all have come."""
        self.thread.join(PATIENCE)
        self.test.assertEqual(len(self.deliveries), self.want)
        return {(d["packet"]["id"], d["epoch"]) for d in self.deliveries}, self.times[-1]

    def complete(self, result):
        for delivery in self.deliveries:
            self.test.ok("POST", f"/v1/packets/{delivery['packet']['id']}/complete",
                         {"epoch": delivery["epoch"], "result": result}, token=self.token)


class Leaving(LifeTest):
    def test_sigterm_lets_the_run_finish(self):
        cap = self.fresh("cap")
        worker = self.worker(cap, "--max-load", "2")
        packet = self.submit(cap)["id"]
        run = worker.run()
        worker.signal(signal.SIGTERM)
        worker.said("^leaving: 1 in hand")
        until(self, lambda: self.ok("GET", "/v1/members/" + worker.id).json["status"] == "DRAINING",
              "the member drains")
        late = self.submit(cap)["id"]
        self.assertEqual(self.ok("GET", "/v1/packets/" + late).json["status"], "PENDING")
        run.end(0, b"finished")
        self.assertEqual(worker.ended(), 0)
        self.assertEqual(self.ended(packet)["result"], "finished")
        self.assertEqual(self.ok("GET", "/v1/members/" + worker.id).json["status"], "RETIRED")
        self.assertEqual(self.ok("GET", "/v1/packets/" + late).json["epoch"], 0)

    def test_idle_worker_leaves_at_once(self):
        worker = self.worker(self.fresh("cap"))
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.ended(), 0)
        self.assertEqual(self.ok("GET", "/v1/members/" + worker.id).json["status"], "RETIRED")

    def test_drain_timeout_gives_back(self):
        cap = self.fresh("cap")
        worker = self.worker(cap, "--drain-timeout", "4s", "--kill-after", "1s")
        packet = self.submit(cap)["id"]
        run = worker.run()
        run.do("catch")
        worker.signal(signal.SIGTERM)
        self.assertEqual(run.gone(), [{"signal": signal.SIGTERM}])
        self.assertEqual(worker.ended(), 0)
        found = self.ok("GET", "/v1/packets/" + packet).json
        self.assertEqual((found["status"], found["attempts"], found["losses"]), ("PENDING", 0, 0))

    def test_second_sigterm_ends_at_once(self):
        cap = self.fresh("cap")
        worker = self.worker(cap)
        packet = self.submit(cap)["id"]
        run = worker.run()
        run.do("catch")
        worker.signal(signal.SIGTERM)
        worker.said("^leaving")
        worker.signal(signal.SIGTERM)
        self.assertEqual(worker.ended(), 130)
        run.gone()
        self.assertEqual(self.ok("GET", "/v1/packets/" + packet).json["attempts"], 0)

    def test_drained_by_an_operator(self):
        cap = self.fresh("cap")
        worker = self.worker(cap)
        packet = self.submit(cap)["id"]
        run = worker.run()
        self.ok("POST", f"/v1/members/{worker.id}/drain", {"deadlineSeconds": 60}, 202)
        worker.said("asks this member to leave")
        run.end(0, b"x")
        self.ended(packet)
        self.assertEqual(worker.ended(), 0)


class Dying(LifeTest):
    def test_sigkill_ends_whole_trees_before_the_next_owner_starts(self):
        cap = self.fresh("cap")
        worker = self.worker(cap, "--max-load", "3")
        packets = [self.submit(cap)["id"] for _ in range(3)]
        runs = [worker.run() for _ in packets]
        for run in runs:
            run.do("spawn", argv=["sleep", "1000"])
            run.do("spawn", argv=["sh", "-c", "trap '' TERM HUP INT; sleep 1000 | sleep 1000"],
                   away=True)
        heir = Heir(self, cap, want=3)
        struck = time.monotonic()
        worker.signal(signal.SIGKILL)
        for run in runs:
            run.gone()
        buried = time.monotonic()
        took, taken = heir.took()
        self.assertEqual(took, {(packet, 2) for packet in packets})
        self.assertLess(buried, heir.times[0], "the next owner began before the old one ended")
        self.assertLess(taken - struck, 1.0 * SLOWNESS)
        self.assertEqual(self.ok("GET", "/v1/members/" + worker.id).json["status"], "DETACHED")
        heir.complete("second")
        for packet in packets:
            found = self.ended(packet)
            self.assertEqual((found["result"], found["losses"], found["attempts"]),
                             ("second", 1, 0))

    def test_sigkill_of_the_guardian_ends_the_worker_and_its_runs(self):
        cap = self.fresh("cap")
        worker = self.worker(cap)
        packet = self.submit(cap)["id"]
        run = worker.run()
        run.do("spawn", argv=["sleep", "1000"], away=True)
        heir = Heir(self, cap)
        os.kill(worker.guardian(), signal.SIGKILL)
        self.assertEqual(worker.ended(), 1)
        run.gone()
        self.assertEqual(heir.took()[0], {(packet, 2)})

    def test_back_under_the_same_id(self):
        cap = self.fresh("cap")
        worker = self.worker(cap)
        packet = self.submit(cap)["id"]
        worker.run()
        worker.signal(signal.SIGKILL)
        again = self.worker(cap, id=worker.id)
        run = again.run()
        self.assertEqual((run.packet, run.epoch), (packet, 2))
        self.assertEqual(self.ok("GET", "/v1/members/" + worker.id).json["incarnation"], 2)
        run.end(0)
        self.ended(packet)

    def test_back_with_the_saved_session(self):
        cap = self.fresh("cap")
        state = str(self.host.folder / self.fresh("state"))
        worker = self.worker(cap, "--state-file", state)
        packet = self.submit(cap)["id"]
        first = worker.run()
        self.assertEqual(os.stat(state).st_mode & 0o777, 0o600)
        worker.signal(signal.SIGKILL)
        again = Worker(self, self.host, cap, "--lease", f"{LEASE}s", "--state-file", state,
                       id=worker.id)
        run = again.run()
        first.gone()
        self.assertEqual(run.packet, packet)
        run.end(0, b"ok")
        self.assertEqual(self.ended(packet)["result"], "ok")


class Freezing(LifeTest):
    def test_frozen_worker_is_stopped_by_its_guardian(self):
        cap = self.fresh("cap")
        worker = self.worker(cap)
        packet = self.submit(cap)["id"]
        run = worker.run()
        run.do("catch")
        stale = self.stale_writes()
        heir = Heir(self, cap)
        struck = time.monotonic()
        worker.signal(signal.SIGSTOP)
        run.gone()
        stopped = time.monotonic()
        took, taken = heir.took()
        self.assertEqual(took, {(packet, 2)})
        self.assertLess(stopped, taken, "both worked at the same time")
        self.assertLess(taken - struck, LEASE + 1.0 * SLOWNESS)
        worker.signal(signal.SIGCONT)
        worker.said("attached again")
        self.assertEqual(self.stale_writes(), stale)
        heir.complete("by the heir")
        found = self.ended(packet)
        self.assertEqual((found["result"], found["losses"]), ("by the heir", 1))
        self.ok("DELETE", f"/v1/members/{heir.member}", token=heir.token)
        packet = self.submit(cap)["id"]
        worker.run().end(0, b"again")
        self.assertEqual(self.ended(packet)["result"], "again")

    def test_late_write_is_refused_and_what_still_runs_is_stopped(self):
        cap = self.fresh("cap")
        worker = self.worker(cap, "--max-load", "2", "--no-self-check", "--kill-after", "200ms")
        packets = [self.submit(cap)["id"] for _ in range(2)]
        first, second = worker.run(), worker.run()
        second.do("catch")
        stale = self.stale_writes()
        heir = Heir(self, cap, want=2)
        worker.signal(signal.SIGSTOP)
        took, _ = heir.took()
        self.assertEqual(took, {(packet, 2) for packet in packets})
        self.assertTrue(first.alive() and second.alive(), "only a self-check would have ended them")
        first.end(0, b"too late")
        first.gone()
        until(self, lambda: len(children_of(worker.guardian())) == 1, "its guardian has seen it")
        worker.signal(signal.SIGCONT)
        worker.said(f"{first.packet} epoch 1: complete is refused")
        second.gone()
        self.assertGreater(self.stale_writes(), stale)
        heir.complete("in time")
        for packet in packets:
            found = self.ended(packet)
            self.assertEqual((found["result"], found["epoch"]), ("in time", 2))
        self.assertIsNone(worker.process.poll())

    def test_short_freeze_loses_nothing(self):
        cap = self.fresh("cap")
        worker = Worker(self, self.host, cap, "--lease", "60s").registered()
        packet = self.submit(cap)["id"]
        run = worker.run()
        worker.signal(signal.SIGSTOP)
        until(self, lambda: self.state(worker) == "T", "it stands still")
        run.end(0, b"meanwhile")
        worker.signal(signal.SIGCONT)
        found = self.ended(packet)
        self.assertEqual((found["result"], found["epoch"], found["losses"]), ("meanwhile", 1, 0))

    @staticmethod
    def state(worker):
        with open(f"/proc/{worker.process.pid}/stat", encoding="ascii") as file:
            return file.read().rsplit(")", 1)[1].split()[0]


class Replacing(LifeTest):
    def test_take_over_by_id(self):
        cap = self.fresh("cap")
        worker = self.worker(cap)
        packet = self.submit(cap)["id"]
        run = worker.run()
        other = self.worker(cap, id=worker.id)
        self.assertEqual(worker.ended(), 4)
        worker.said("took over the id")
        run.gone()
        again = other.run()
        self.assertEqual((again.packet, again.epoch), (packet, 2))
        again.end(0, b"by the second")
        self.assertEqual(self.ended(packet)["result"], "by the second")


class WithoutHost(LifeTest):
    def test_host_killed_and_back_while_cmd_runs(self):
        cap = self.fresh("cap")
        worker = self.worker(cap)
        packet = self.submit(cap)["id"]
        run = worker.run()
        run.save(b"saved before")
        until(self, lambda: self.ok("GET", "/v1/packets/" + packet).json["checkpoint"],
              "the checkpoint is saved")
        self.host.kill()
        self.host.start()
        worker.said("attached again")
        self.assertTrue(run.alive())
        run.end(0, b"over the gap")
        found = self.ended(packet)
        self.assertEqual((found["result"], found["epoch"], found["losses"], found["attempts"]),
                         ("over the gap", 1, 0, 0))

    def test_result_that_was_ready_while_no_host_was_there(self):
        cap = self.fresh("cap")
        worker = Worker(self, self.host, cap, "--lease", "60s").registered()
        packet = self.submit(cap)["id"]
        run = worker.run()
        self.host.kill()
        run.end(0, b"kept")
        run.gone()
        self.host.start()
        found = self.ended(packet)
        self.assertEqual((found["result"], found["epoch"]), ("kept", 1))

    def test_no_host_until_the_lease_ends(self):
        cap = self.fresh("cap")
        worker = self.worker(cap)
        packet = self.submit(cap)["id"]
        run = worker.run()
        self.host.kill()
        run.gone()
        self.host.start()
        # It was the host that was away: nothing is charged, and the work begins again.
        run = worker.run()
        self.assertEqual((run.packet, run.epoch, run.env["PHOENIX_ATTEMPT"]), (packet, 1, "1"))
        run.end(0, b"at last")
        found = self.ended(packet)
        self.assertEqual((found["result"], found["losses"], found["attempts"]), ("at last", 0, 0))

    def test_no_host_at_the_start(self):
        self.host.end()
        try:
            worker = Worker(self, self.host, "x")
            self.assertEqual(worker.ended(), 5)
            worker.said(f"no host answers at {self.host.url}")
        finally:
            self.host.start()


if __name__ == "__main__":
    unittest.main()
