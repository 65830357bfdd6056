"""`phoenix packet …`, `assign`, `handoff`, `inspect` against a real host."""

import base64
import json
import signal
import subprocess
import unittest

from harness.cli import CliTest, run
from harness.host import PROGRAM, Folder, clean_environment, until
from harness.worker import Worker


class Submit(CliTest):
    def test_fields(self):
        cap = self.fresh("cap")
        id = self.fresh("p")
        done = self.phoenix("packet", "submit", "--requires", f"{cap},b", "--payload",
                            '{"a":[1]}', "--id", id, "--label", "k=v", "--label", "z=",
                            "--affinity", "key", "--deadline", "10m", "--priority", "3",
                            "--max-attempts", "2", "--name", "invoice")
        self.assertEqual(done.out, id + "\n")
        packet = self.packet(id)
        expected = {"requiredCapabilities": sorted([cap, "b"]), "payload": {"a": [1]},
                    "labels": {"k": "v", "z": ""}, "affinityKey": "key", "spread": "affinity",
                    "priority": 3, "maxAttempts": 2, "name": "invoice"}
        self.assertEqual({name: packet[name] for name in expected}, expected)
        self.assertTrue(packet["deadline"])

    def test_payload_from_file_stdin_and_as_bytes(self):
        folder = Folder(self).path
        (folder / "p.json").write_text('{"from": "file"}')
        (folder / "p.bin").write_bytes(b"\x00\xff")
        made = self.phoenix("packet", "submit", "--requires", "x", "--payload",
                            f"@{folder}/p.json").out.strip()
        self.assertEqual(self.packet(made)["payload"], {"from": "file"})
        made = self.phoenix("packet", "submit", "--requires", "x", "--payload", "-",
                            stdin=b"[1,2]").out.strip()
        self.assertEqual(self.packet(made)["payload"], [1, 2])
        made = self.phoenix("packet", "submit", "--requires", "x", "--payload", f"@{folder}/p.bin",
                            "--content-type", "image/png").out.strip()
        packet = self.packet(made)
        self.assertEqual((base64.b64decode(packet["payloadBase64"]), packet["contentType"]),
                         (b"\x00\xff", "image/png"))
        self.failed(2, "packet", "submit", "--requires", "x", "--payload", "{broken",
                    says="payload")
        self.failed(2, "packet", "submit", "--requires", "x", "--payload", "@/no/such/file",
                    says="/no/such/file")
        self.failed(2, "packet", "submit", "--payload", "1", says="--requires")

    def test_many_from_ndjson_and_folder(self):
        cap = self.fresh("cap")
        lines = b"\n".join(json.dumps({"payload": n}).encode() for n in range(1500))
        done = self.phoenix("packet", "submit", "--requires", cap, "--from", "-", stdin=lines)
        self.assertEqual(len(set(done.lines)), 1500)
        self.assertEqual(self.packet(done.lines[1499])["payload"], 1499)
        folder = Folder(self).path
        for n in range(3):
            (folder / f"{n}.txt").write_text(f"text {n}")
        (folder / "below").mkdir()
        (folder / "below" / "data.json").write_text('{"n": 4}')
        cap = self.fresh("cap")
        made = self.phoenix("packet", "submit", "--requires", cap, "--from-dir", str(folder))
        self.assertEqual(len(made.lines), 4)
        by_name = {self.packet(id)["name"]: self.packet(id) for id in made.lines}
        self.assertEqual(by_name["below/data.json"]["payload"], {"n": 4})
        text = by_name["0.txt"]
        self.assertEqual(base64.b64decode(text["payloadBase64"]), b"text 0")
        # One bad line does not keep the others out, but it is told.
        done = self.phoenix("packet", "submit", "--from", "-", code=2, stdin=json.dumps(
            {"requiredCapabilities": [cap]}).encode() + b'\n{"requiredCapabilities":[],"load":0}\n')
        self.assertEqual(len(done.lines), 1)
        self.assertIn("line 2", done.err)

    def test_wait_prints_the_result_alone(self):
        cap = self.fresh("cap")
        Worker(self, self.host, cap, command=["tr", "a-z", "A-Z"]).registered()
        done = self.phoenix("packet", "submit", "--requires", cap, "--payload", '"abc"', "--wait")
        self.assertEqual(done.raw, b'"ABC"')
        failing = self.fresh("cap")
        Worker(self, self.host, failing, command=["sh", "-c", "echo no ink >&2; exit 3"])
        done = self.failed(1, "packet", "submit", "--requires", failing, "--max-attempts", "1",
                           "--wait=20s", says="no ink")
        done = self.failed(7, "packet", "submit", "--requires", self.fresh("nobody"),
                           "--wait=100ms")
        self.assertIn("pkt_", done.err)

    def test_wait_goes_on_over_a_restart_of_the_host(self):
        cap = self.fresh("cap")
        member, token = self.register(cap)
        waiting = subprocess.Popen([PROGRAM, "packet", "submit", "--requires", cap, "--wait=60s",
                                    "--url", self.host.url], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=clean_environment())
        self.addCleanup(waiting.kill)
        delivery = self.poll(member, token)[0]
        self.host.kill()
        self.host.start()
        self.ok("POST", f"/v1/members/{member}/session", token=token)
        self.ok("POST", f"/v1/packets/{delivery['packet']['id']}/complete",
                {"epoch": delivery["epoch"], "result": "after all"}, token=token)
        out, err = waiting.communicate(timeout=60)
        self.assertEqual((waiting.returncode, out, err), (0, b'"after all"', b""))

    def test_interrupted(self):
        cap = self.fresh("cap")
        waiting = subprocess.Popen([PROGRAM, "packet", "submit", "--requires", cap, "--wait",
                                    "--url", self.host.url], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, env=clean_environment())
        self.addCleanup(waiting.kill)
        until(self, lambda: self.ok("GET", f"/v1/packets?requires={cap}").json["items"],
              "it is submitted")
        waiting.send_signal(signal.SIGINT)
        out, _ = waiting.communicate(timeout=60)
        self.assertEqual((waiting.returncode, out), (130, b""))

    def test_conflict_and_repeat(self):
        id = self.fresh("p")
        self.phoenix("packet", "submit", "--requires", "x", "--id", id, "--payload", "1")
        self.phoenix("packet", "submit", "--requires", "x", "--id", id, "--payload", "1")
        self.failed(4, "packet", "submit", "--requires", "x", "--id", id, "--payload", "2",
                    says=id)


class Read(CliTest):
    def test_output_forms(self):
        cap = self.fresh("cap")
        id = self.phoenix("packet", "submit", "--requires", cap, "--payload", '{"a":1}').out.strip()
        shown = self.phoenix("packet", "show", id, "-o", "json")
        self.assertEqual(shown.raw, self.ok("GET", "/v1/packets/" + id).data)
        self.assertEqual(self.phoenix("packet", "show", id, "-o", "name").out, id + "\n")
        yaml = self.phoenix("-o", "yaml", "packet", "show", id).out
        self.assertIn(f"id: {id}\n", yaml)
        self.assertIn("status: PENDING\n", yaml)
        table = self.phoenix("packet", "show", id).out
        self.assertIn(id, table)
        self.assertIn("no-capable-member", table)
        self.assertNotIn("\x1b", table)
        listed = self.phoenix("packet", "list", "--requires", cap)
        self.assertEqual(len(listed.lines), 2)
        self.assertIn("STATUS", listed.lines[0])
        wide = self.phoenix("packet", "list", "--requires", cap, "-o", "wide")
        self.assertGreater(len(wide.lines[0]), len(listed.lines[0]))
        items = self.phoenix("packet", "list", "--requires", cap, "-o", "json").json["items"]
        self.assertEqual([item["id"] for item in items], [id])
        self.assertEqual(self.phoenix("packet", "list", "--requires", cap, "-o", "name").out,
                         id + "\n")

    def test_lists(self):
        cap = self.fresh("cap")
        made = self.phoenix("packet", "submit", "--requires", cap, "--from", "-",
                            stdin=b"\n".join([b"{}"] * 1203)).lines
        newest = self.phoenix("packet", "list", "--requires", cap, "-o", "name").lines
        self.assertEqual(newest, made[-100:])
        limited = self.phoenix("packet", "list", "--requires", cap, "-o", "name", "--limit", "3")
        self.assertEqual(limited.lines, made[-3:])
        everything = self.phoenix("packet", "list", "--requires", cap, "--all", "-o", "json")
        self.assertEqual([item["id"] for item in everything.json["items"]], made)
        self.phoenix("packet", "cancel", "-", stdin="\n".join(made[:2]).encode())
        canceled = self.phoenix("packet", "list", "--requires", cap, "--status", "CANCELED", "-o",
                                "name")
        self.assertEqual(canceled.lines, made[:2])
        empty = self.phoenix("packet", "list", "--requires", self.fresh("cap"))
        self.assertEqual(empty.out, "")
        self.failed(2, "packet", "list", "--status", "DONE", says="DONE")

    def test_result_is_the_bytes_alone(self):
        packet, anna = self.held(self.fresh("cap"))
        self.failed(1, "packet", "result", packet, says="ASSIGNED")
        self.phoenix("packet", "complete", packet, "--as", anna, "--result", "-", "--raw",
                     stdin=b"\x00\x01raw\n")
        self.assertEqual(self.phoenix("packet", "result", packet).raw, b"\x00\x01raw\n")
        packet, anna = self.held(self.fresh("cap"))
        self.phoenix("packet", "complete", packet, "--as", anna, "--result", '{"n": 1.50}')
        self.assertEqual(self.phoenix("packet", "result", packet).json, {"n": 1.5})

    def test_explain_inspect_watch(self):
        cap = self.fresh("cap")
        packet, anna = self.held(cap)
        explained = self.phoenix("packet", "explain", packet).out
        self.assertIn(anna, explained)
        parked = self.phoenix("packet", "submit", "--requires", self.fresh("nobody")).out.strip()
        self.assertIn("no-capable-member", self.phoenix("packet", "explain", parked).out)
        inspected = self.phoenix("inspect", packet).out
        self.assertIn("History", inspected)
        self.assertIn("created", inspected)
        waiting = self.phoenix("packet", "watch", packet, "--timeout", "100ms", code=7)
        self.assertIn("ASSIGNED", waiting.out)
        self.phoenix("packet", "complete", packet, "--as", anna)
        watched = self.phoenix("packet", "watch", packet).out
        self.assertIn("COMPLETED", watched)
        last = self.phoenix("packet", "watch", packet, "-o", "json").json
        self.assertEqual(last["status"], "COMPLETED")
        self.phoenix("packet", "cancel", parked)
        self.assertIn("CANCELED", self.phoenix("packet", "watch", parked, code=1).out)

    def test_not_found(self):
        for words in (("packet", "show"), ("packet", "result"), ("packet", "explain"),
                      ("packet", "cancel"), ("packet", "retry"), ("inspect",), ("assign",)):
            self.failed(3, *words, "no-such-packet", says="no-such-packet")
        problem = self.failed(3, "packet", "show", "nope", "-o", "json")
        self.assertEqual(json.loads(problem.err)["type"], "/problems/not-found")
        self.failed(2, "packet", "show", "not/an/id", says="not/an/id")
        self.failed(2, "packet", "show", says="PACKET")


class Change(CliTest):
    def test_owner_calls_by_hand(self):
        packet, anna = self.held(self.fresh("cap"))
        self.assertEqual(self.packet(packet)["owner"], anna)
        self.phoenix("packet", "start", packet, "--as", anna)
        self.assertEqual(self.packet(packet)["status"], "RUNNING")
        self.phoenix("packet", "checkpoint", packet, "--as", anna, "--checkpoint", '{"page":3}')
        self.assertEqual(self.packet(packet)["checkpoint"], {"page": 3})
        self.failed(4, "packet", "complete", packet, "--as", anna, "--epoch", "9",
                    says="epoch")
        done = self.phoenix("packet", "complete", packet, "--as", anna, "--result", "42", "-o",
                            "json").json
        self.assertEqual((done["status"], done["epoch"]), ("COMPLETED", 1))
        self.assertEqual(self.packet(packet)["result"], 42)
        self.failed(2, "packet", "complete", packet, says="--as")

    def test_fail_release_retry_cancel(self):
        packet, anna = self.held(self.fresh("cap"))
        self.phoenix("packet", "fail", packet, "--as", anna, "--message", "blank", "--code", "E1",
                     "--no-retry")
        self.assertEqual(self.packet(packet)["lastError"], {"message": "blank", "code": "E1"})
        self.phoenix("packet", "retry", packet)
        until(self, lambda: self.packet(packet)["owner"] == anna, "it is placed again")
        self.phoenix("packet", "release", packet, "--as", anna, "--retry-after", "1h")
        self.assertEqual(self.packet(packet)["status"], "PENDING")
        self.phoenix("packet", "cancel", packet, "--reason", "sent twice")
        self.assertEqual(self.packet(packet)["status"], "CANCELED")
        self.phoenix("packet", "cancel", packet)
        self.failed(1, "packet", "complete", packet, "--as", anna, says="CANCELED")
        done, anna = self.held(self.fresh("cap"))
        self.phoenix("packet", "complete", done, "--as", anna)
        self.failed(1, "packet", "cancel", done, says="COMPLETED")

    def test_assign_and_handoff(self):
        cap = self.fresh("cap")
        packet, anna = self.held(cap)
        bob = self.person(cap)
        self.phoenix("assign", packet, "--to", bob)
        self.assertEqual((self.packet(packet)["owner"], self.packet(packet)["epoch"]), (bob, 2))
        self.phoenix("handoff", packet, "--from", bob, "--to", anna, "--reason", "knows it better",
                     "--context", '{"seen":true}')
        found = self.packet(packet)
        self.assertEqual((found["owner"], found["context"]), (anna, {"seen": True}))
        self.phoenix("handoff", packet, "--to", bob)
        self.assertEqual(self.packet(packet)["owner"], bob)
        self.failed(1, "handoff", packet, "--to", "nobody-there", says="you keep it")
        self.failed(2, "handoff", packet, says="--to")
        self.failed(4, "handoff", packet, "--from", anna, "--to", bob)
        # That it is owned already is told, and no failure.
        self.assertIn("epoch", self.phoenix("assign", packet).out)
        self.phoenix("packet", "release", packet, "--as", bob, "--retry-after", "1h")
        self.phoenix("assign", packet)
        self.assertIn(self.packet(packet)["owner"], (anna, bob))
        self.failed(1, "assign", packet, "--to", "nobody-there", says="nobody-there")

    def test_several_ids_and_stdin(self):
        cap = self.fresh("cap")
        made = self.phoenix("packet", "submit", "--requires", cap, "--from", "-",
                            stdin=b"{}\n{}\n{}").lines
        self.phoenix("packet", "cancel", made[0], "-", stdin="\n".join(made[1:]).encode())
        self.assertEqual({self.packet(id)["status"] for id in made}, {"CANCELED"})
        done = self.phoenix("packet", "show", made[0], "no-such", made[1], "-o", "name", code=3)
        self.assertEqual(done.lines, [made[0], made[1]])


class Namespaces(CliTest):
    def test_flag_and_environment(self):
        made = self.phoenix("packet", "submit", "--requires", "x", "-n", "blue").out.strip()
        self.failed(3, "packet", "show", made)
        self.phoenix("packet", "show", made, "-n", "blue")
        self.phoenix("packet", "show", made, PHOENIX_NAMESPACE="blue")
        listed = self.phoenix("packet", "list", "-n", "*", "-o", "json").json["items"]
        self.assertIn("blue", {item["namespace"] for item in listed})
        self.failed(2, "packet", "show", made, "-n", "not/one")

    def test_url_list_is_tried_in_order(self):
        done = run("packet", "list", "--url", f"http://127.0.0.1:1,{self.host.url}")
        self.assertEqual(done.code, 0, done)


if __name__ == "__main__":
    unittest.main()
