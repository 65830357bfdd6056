"""What `phoenix worker start -- CMD` promises to CMD: stdin, stdout, environment, files, exit
statuses, limits."""

import json
import signal
import time
import unittest

from harness.host import SLOWNESS, Folder, until
from harness.rest import RestTest
from harness.worker import Worker


class WorkerTest(RestTest):
    def worker(self, *flags, capability=None, **more):
        """(a registered worker, its capability)"""
        capability = capability or self.fresh("cap")
        return Worker(self, self.host, capability, *flags, **more).registered(), capability

    def ended(self, packet, status="COMPLETED"):
        """The packet, once it has ended."""
        found = self.ok("GET", f"/v1/packets/{packet}?waitMs=20000").json
        self.assertEqual(found["status"], status, found)
        return found

    def failed(self, packet):
        return self.ended(packet, "FAILED")["lastError"]


class Content(WorkerTest):
    def test_payload_and_result_as_text_json_and_bytes(self):
        worker, cap = self.worker()
        for sent, stdin, stdout, result in (
                ({"payload": "plain\ntext €"}, "plain\ntext €".encode(), b"out\n", {"result": "out\n"}),
                ({"payload": {"a": [1, 2.50]}}, b'{"a":[1,2.5]}', b'{"b":1}', {"result": '{"b":1}'}),
                ({"payloadBase64": "AP8="}, b"\x00\xff", b"\xff\x00", {"resultBase64": "/wA="}),
                ({"payload": None}, b"null", "ü".encode(), {"result": "ü"}),
                ({"payload": ""}, b"", b"", {"result": ""})):
            packet = self.submit(cap, **sent)["id"]
            run = worker.run()
            self.assertEqual(run.packet, packet)
            if stdin.startswith(b"{"):
                self.assertEqual(json.loads(run.stdin), sent["payload"])
            else:
                self.assertEqual(run.stdin, stdin)
            run.end(0, stdout)
            found = self.ended(packet)
            self.assertEqual({name: found.get(name) for name in result}, result)

    def test_codec_json(self):
        worker, cap = self.worker("--codec", "json")
        packet = self.submit(cap, payload="text")["id"]
        run = worker.run()
        self.assertEqual(run.stdin, b'"text"')
        run.end(0, b' {"n": 1.50}\n')
        self.assertEqual(self.ended(packet)["result"], {"n": 1.5})
        packet = self.submit(cap, maxAttempts=1)["id"]
        worker.run().end(0, b"{} {}")
        self.assertIn("JSON", self.failed(packet)["message"])

    def test_environment(self):
        worker, cap = self.worker()
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
        packet = self.ok("POST", "/v1/packets", {
            "requiredCapabilities": [cap], "deadline": "2099-12-31T23:59:59.500Z"}, 201,
                         headers={"traceparent": trace, "tracestate": "a=1"}).json["id"]
        run = worker.run()
        expected = {"PHOENIX_PACKET_ID": packet, "PHOENIX_EPOCH": "1", "PHOENIX_ATTEMPT": "1",
                    "PHOENIX_NAMESPACE": "default",
                    "PHOENIX_DEADLINE": "2099-12-31T23:59:59.500Z", "TRACEPARENT": trace,
                    "TRACESTATE": "a=1"}
        self.assertEqual({name: run.env.get(name) for name in expected}, expected)
        self.assertNotIn("PHOENIX_CHECKPOINT_IN", run.env)
        self.assertNotIn("PHOENIX_CONTEXT_IN", run.env)
        run.end(0)
        self.ended(packet)
        self.assertFalse([line for line in worker.lines if line and "pst." in line],
                         "a session token stands in the log")

    def test_namespace(self):
        cap = self.fresh("cap")
        worker = Worker(self, self.host, cap, "-n", "blue").registered()
        self.submit(cap)
        packet = self.ok("POST", "/v1/packets?namespace=blue", {"requiredCapabilities": [cap]},
                         201).json["id"]
        run = worker.run()
        self.assertEqual((run.packet, run.env["PHOENIX_NAMESPACE"]), (packet, "blue"))
        run.end(0)
        self.ok("GET", f"/v1/packets/{packet}?namespace=blue&waitMs=20000")

    def test_arguments_of_cmd(self):
        worker, cap = self.worker(command=["sh", "-c", "printf '<%s>' \"$@\"; cat", "sh", "-o",
                                           "a b", "--", "$x"])
        packet = self.submit(cap, payload="!")["id"]
        self.assertEqual(self.ended(packet)["result"], "<-o><a b><--><$x>!")
        self.assertEqual(worker.process.poll(), None)

    def test_checkpoint_goes_to_the_next_attempt(self):
        worker, cap = self.worker()
        packet = self.submit(cap)["id"]
        run = worker.run()
        run.save(b"page 1")
        run.save(b"page 3")
        until(self, lambda: self.ok("GET", "/v1/packets/" + packet).json["checkpoint"] == "page 3",
              "the checkpoint is saved")
        run.end(9)
        again = worker.run()
        self.assertEqual((again.packet, again.epoch, again.env["PHOENIX_ATTEMPT"]),
                         (packet, 2, "2"))
        self.assertEqual(again.files["PHOENIX_CHECKPOINT_IN"], b"page 3")
        # What is renamed into place right before the end still counts.
        again.save(b"\xfe\xff")
        again.end(1)
        third = worker.run()
        self.assertEqual(third.files["PHOENIX_CHECKPOINT_IN"], b"\xfe\xff")
        third.end(0, b"done")
        self.assertEqual(self.ended(packet)["attempts"], 2)

    def test_max_load_runs_side_by_side(self):
        worker, cap = self.worker("--max-load", "2")
        packets = {self.submit(cap)["id"] for _ in range(3)}
        first, second = worker.run(), worker.run()
        self.assertEqual(self.ok("GET", "/v1/members/" + worker.id).json["currentLoad"], 2)
        self.assertTrue(first.alive() and second.alive())
        first.end(0)
        third = worker.run()
        self.assertEqual({first.packet, second.packet, third.packet}, packets)
        second.end(0)
        third.end(0)
        for packet in packets:
            self.ended(packet)


class Ends(WorkerTest):
    def test_75_gives_back_uncharged(self):
        worker, cap = self.worker()
        packet = self.submit(cap)["id"]
        worker.run().end(75, b"half")
        again = worker.run()
        self.assertEqual((again.epoch, again.env["PHOENIX_ATTEMPT"]), (2, "1"))
        again.end(0, b"whole")
        found = self.ended(packet)
        self.assertEqual((found["attempts"], found["losses"], found["result"]), (0, 0, "whole"))

    def test_other_statuses_fail_with_the_end_of_stderr(self):
        worker, cap = self.worker()
        packet = self.submit(cap, maxAttempts=1)["id"]
        run = worker.run()
        run.write(b"a" * 9000 + "€".encode() + b"b" * 4095, 2)
        run.end(3, b"dropped")
        found = self.ended(packet, "FAILED")
        self.assertEqual((found["lastError"]["message"], found["attempts"], found["result"]),
                         ("b" * 4095, 1, None))
        packet = self.submit(cap, maxAttempts=1)["id"]
        worker.run().end(3)
        self.assertIn("3", self.failed(packet)["message"])

    def test_killed_by_a_signal(self):
        worker, _ = self.worker(command=["sh", "-c", "kill -9 $$"], capability="self-killer")
        packet = self.submit("self-killer", maxAttempts=1)["id"]
        self.assertIn("signal 9", self.failed(packet)["message"])
        self.assertIsNone(worker.process.poll())

    def test_timeout(self):
        worker, cap = self.worker("--timeout", f"{2 * SLOWNESS}s", "--kill-after", "1s")
        packet = self.submit(cap, maxAttempts=1)["id"]
        run = worker.run()
        run.do("catch")
        self.assertEqual(run.gone(), [{"signal": signal.SIGTERM}])
        self.assertEqual(self.failed(packet)["code"], "timeout")

    def test_too_large_a_result(self):
        worker, cap = self.worker("--max-result", "1KiB")
        packet = self.submit(cap, maxAttempts=1)["id"]
        run = worker.run()
        run.write(b"x" * 1024)
        run.end(0)
        self.assertEqual(len(self.ended(packet)["result"]), 1024)
        packet = self.submit(cap, maxAttempts=1)["id"]
        run = worker.run()
        run.order("write", fd=1, data=b"x" * 1025)
        run.gone()
        self.assertEqual(self.failed(packet)["code"], "result-too-large")

    def test_what_cmd_leaves_behind_ends_with_it(self):
        worker, cap = self.worker()
        packet = self.submit(cap)["id"]
        run = worker.run()
        run.do("spawn", argv=["sleep", "1000"])
        run.do("spawn", argv=["sh", "-c", "sleep 1000 | sleep 1000"], away=True)
        run.end(0, b"ok")
        self.assertEqual(self.ended(packet)["result"], "ok")
        run.gone()

    def test_cmd_that_cannot_be_executed(self):
        plain = Folder(self).path / "plain.txt"
        plain.write_text("no program")
        for command in ("/no/such/program", str(plain)):
            cap = self.fresh("cap")
            packet = self.submit(cap)["id"]
            worker = Worker(self, self.host, cap, command=[command])
            self.assertEqual(worker.ended(), 1)
            worker.said("cannot be executed")
            found = self.ok("GET", "/v1/packets/" + packet).json
            self.assertEqual((found["status"], found["attempts"], found["losses"]),
                             ("PENDING", 0, 0))

    def test_canceled_work_is_stopped(self):
        worker, cap = self.worker("--kill-after", "1s")
        packet = self.submit(cap)["id"]
        run = worker.run()
        run.do("catch")
        run.write(b"unwanted")
        self.ok("POST", f"/v1/packets/{packet}/cancel")
        self.assertEqual(run.gone(), [{"signal": signal.SIGTERM}])
        self.assertEqual(self.ended(packet, "CANCELED")["result"], None)
        # It is ready for more.
        packet = self.submit(cap)["id"]
        worker.run().end(0)
        self.ended(packet)


class Revoked(WorkerTest):
    def stopped(self, run, worker):
        """CMD is told, and then ended; the worker says why."""
        self.assertIn({"signal": signal.SIGTERM}, run.gone())
        return worker.said(f"{run.packet} epoch {run.epoch} is revoked: (.*)")[1]

    def test_deadline(self):
        worker, cap = self.worker("--kill-after", "1s")
        packet = self.submit(cap, deadline=time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2 + 3 * SLOWNESS)))["id"]
        run = worker.run()
        run.do("catch")
        self.assertEqual(self.stopped(run, worker), "expired")
        self.ended(packet, "EXPIRED")

    def test_attempt_timeout(self):
        worker, cap = self.worker("--kill-after", "1s")
        packet = self.submit(cap, attemptTimeoutSeconds=2 * SLOWNESS)["id"]
        run = worker.run()
        run.do("catch")
        self.assertEqual(self.stopped(run, worker), "timeout")
        again = worker.run()
        self.assertEqual((again.epoch, again.env["PHOENIX_ATTEMPT"]), (2, "2"))
        again.end(0, b"in time")
        self.assertEqual(self.ended(packet)["attempts"], 1)

    def test_given_to_another_by_an_operator(self):
        worker, cap = self.worker("--kill-after", "1s")
        packet = self.submit(cap)["id"]
        run = worker.run()
        run.do("catch")
        other, _ = self.worker(capability=cap)
        self.ok("POST", f"/v1/packets/{packet}/assign", {"to": other.id})
        self.assertIn(self.stopped(run, worker), ("reassigned", "evicted"))
        run = other.run()
        self.assertEqual((run.packet, run.epoch), (packet, 2))
        run.end(0, b"by the other")
        found = self.ended(packet)
        self.assertEqual((found["result"], found["losses"]), ("by the other", 0))


class Handoff(WorkerTest):
    def hand(self, run, **how):
        run.do("file", name="PHOENIX_HANDOFF_OUT", data=json.dumps(how).encode())

    def test_by_capabilities_and_by_name(self):
        first, cap = self.worker()
        second, other = self.worker()
        packet = self.submit(cap, payload="work")["id"]
        run = first.run()
        run.save(b"saved")
        self.hand(run, requiredCapabilities=[other], context={"half": [1]}, reason="needs more")
        run.end(0, b"dropped")
        run = second.run()
        self.assertEqual((run.packet, run.epoch, run.stdin), (packet, 2, b"work"))
        self.assertEqual(json.loads(run.files["PHOENIX_CONTEXT_IN"]), {"half": [1]})
        self.assertEqual(run.files["PHOENIX_CHECKPOINT_IN"], b"saved")
        third, _ = self.worker(capability=other)
        self.hand(run, to=third.id, context="as text")
        run.end(0)
        run = third.run()
        self.assertEqual((run.epoch, run.files["PHOENIX_CONTEXT_IN"]), (3, b"as text"))
        run.end(0, b"final")
        found = self.ended(packet)
        self.assertEqual((found["result"], found["losses"], found["attempts"]), ("final", 0, 0))
        history = self.ok("GET", f"/v1/packets/{packet}/history").json["items"]
        owners = [row["to"] for row in history if row["to"]]
        self.assertEqual(owners, [first.id, second.id, third.id])

    def test_a_status_other_than_0_hands_nothing_on(self):
        worker, cap = self.worker()
        packet = self.submit(cap, maxAttempts=1)["id"]
        run = worker.run()
        self.hand(run, requiredCapabilities=[self.fresh("cap")])
        run.end(4)
        self.failed(packet)

    def test_refused_handoff_is_a_failure(self):
        worker, cap = self.worker()
        for content, code in ((b'{"to":"nobody"}', "not-eligible"), (b"{", "invalid-handoff"),
                              (b'{"too":"x"}', "invalid-request")):
            packet = self.submit(cap, maxAttempts=1)["id"]
            run = worker.run()
            run.do("file", name="PHOENIX_HANDOFF_OUT", data=content)
            run.end(0)
            self.assertEqual(self.failed(packet)["code"], code, content)


if __name__ == "__main__":
    unittest.main()
