"""The flight recorder of a host: what it signs can be verified without it, survives kills, and
whoever changes its rows is found out."""

import base64
import json
import sqlite3
import unittest

from harness.cli import run
from harness.host import PATIENCE, Folder, Host, until
from harness.rest import RestTest


class AuditTest(RestTest):
    @classmethod
    def make_host(cls):
        return Host(cls)

    def setUp(self):
        self.folder = Folder(self).path
        self.export = str(self.folder / "all.audit")
        self.checkpoint = str(self.folder / "now.checkpoint")

    def phoenix(self, *words, code=0):
        done = run("--url", self.host.url, *words)
        self.assertEqual(done.code, code, done)
        return done

    def take_export(self):
        self.phoenix("audit", "export", "--out", self.export, "--checkpoint-out", self.checkpoint)
        self.phoenix("audit", "keys", "--out", str(self.folder / "keys"))

    def verify(self, export=None, code=0):
        done = run("audit", "verify", export or self.export, "--keys", str(self.folder / "keys"),
                   "--checkpoint", self.checkpoint)
        self.assertEqual(done.code, code, done)
        return done

    def some_work(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, maxLoad=10)
        for n in range(3):
            id = self.submit(cap, payload=n)["id"]
            (delivery,) = self.poll(member, token)
            self.ok("POST", f"/v1/packets/{id}/complete",
                    {"epoch": delivery["epoch"], "result": n}, token=token)
        return id


class Audit(AuditTest):
    def test_what_happened_verifies_without_the_host(self):
        id = self.some_work()
        self.take_export()
        self.assertIn("Verified", self.verify().out)
        rows = json.loads(self.phoenix("audit", "list", "--packet", id, "-o", "json").out)["items"]
        self.assertEqual([row["event"] for row in rows], ["created", "completed"])
        self.assertEqual([row["leg"]["number"] for row in rows], [1, 2])
        self.assertEqual(rows[1]["leg"]["previous"], rows[0]["hash"])
        self.assertIn(id, self.phoenix("audit").out)
        self.phoenix("audit", "prove", "--position", str(rows[1]["position"]))
        self.phoenix("audit", "prove", "--position", "100000", code=3)
        self.assertEqual(set(rows[0]["leg"]["placement"]), {"point", "inputs"})
        views = {view: [json.loads(line) for line in self.phoenix(
            "audit", "export", "--view", view).out.splitlines()]
                 for view in ("json-lines", "cloudevents")}
        self.assertLess(set(row["hash"] for row in rows),
                        set(line["hash"] for line in views["json-lines"]))
        events = {event["data"]["hash"]: event for event in views["cloudevents"]}
        event = events[rows[1]["hash"]]
        self.assertEqual((event["specversion"], event["type"], event["subject"], event["data"]), (
            "1.0", "io.phoenixflight.audit.packet.completed.v1", f"packets/default/{id}", rows[1]))
        self.phoenix("audit", "export", "--view", "json-lines", "--checkpoint-out", "x", code=2)

    def test_a_flipped_bit_a_missing_line_and_a_cut_are_found(self):
        self.some_work()
        self.take_export()
        with open(self.export, "rb") as file:
            text = file.read()
        lines = text.splitlines(keepends=True)
        forged = str(self.folder / "forged.audit")
        for broken in (text[:-40] + bytes([text[-40] ^ 1]) + text[-39:],
                       b"".join(lines[:-2] + lines[-1:]),
                       b"".join(lines[:-1]),
                       b"".join(lines[:-2] + [lines[-1], lines[-2]])):
            with open(forged, "wb") as file:
                file.write(broken)
            self.verify(forged, code=6)

    def test_a_checkpoint_of_before_a_kill_still_holds(self):
        self.some_work()
        self.take_export()
        self.host.kill()
        self.host.start()
        self.some_work()
        self.phoenix("audit", "export", "--out", self.export)  # the checkpoint is the earlier one
        self.assertRegex(self.verify().out, r"After the checkpoint: +[1-9]")
        prove = ("audit", "prove", "--since")
        (log,) = json.loads(self.phoenix(*prove, self.checkpoint, "-o", "json").out)["logs"]
        self.assertLess(log["from"], log["size"])
        # Another root than the one that was signed then.
        with open(self.checkpoint, "rb") as file:
            said = bytearray(base64.b64decode(file.read()))
        said[-70] ^= 1  # in front of the signature
        other = self.folder / "other.checkpoint"
        other.write_bytes(base64.b64encode(said) + b"\n")
        self.assertIn("does not begin with", self.phoenix(*prove, str(other), code=6).err)
        self.phoenix(*prove, self.export, code=2)
        self.phoenix("audit", "prove", code=2)

    def test_a_drained_members_certificate_is_in_the_export(self):
        cap = self.fresh("cap")
        member, token = self.register(cap)
        self.phoenix("audit", "certificate", member, code=3)
        id = self.submit(cap)["id"]
        (delivery,) = self.poll(member, token)
        self.ok("POST", f"/v1/members/{member}/drain", {}, 202, token=token)
        self.ok("POST", f"/v1/packets/{id}/complete", {"epoch": delivery["epoch"]}, token=token)
        until(self, lambda: run("--url", self.host.url, "audit", "certificate", member).code == 0,
              "the certificate is in the log", PATIENCE)
        said = json.loads(self.phoenix("audit", "certificate", member, "-o", "json").out)
        self.assertEqual(said["id"], member)
        (log,) = self.ok("GET", "/v1/audit/logs").json["items"]
        self.assertEqual(said["heads"], [{"log": log["log"], "size": said["heads"][0]["size"]}])
        self.take_export()
        self.assertRegex(self.verify().out, r"Drain certificates: +[1-9]")


class Tampered(RestTest):
    @classmethod
    def make_host(cls):
        return Host(cls)

    def test_a_host_signs_nothing_more_over_rows_that_were_changed(self):
        member, token = self.register(self.fresh("cap"))
        self.ok("GET", "/v1/audit/checkpoint")
        self.host.end()
        path = self.host.data / "phoenix.db"
        with sqlite3.connect(path) as database:
            (entry,) = database.execute("SELECT bytes FROM entry WHERE seq = 1").fetchone()
            changed = entry[:-1] + bytes([entry[-1] ^ 1])
            database.execute("UPDATE entry SET bytes = ? WHERE seq = 1", (changed,))
        database.close()
        self.host.start()
        until(self, lambda: "flight-recorder-stopped" in self.host.log(), "it is told", PATIENCE)
        answer = self.call("GET", "/v1/audit/checkpoint")
        self.assertEqual(answer.status, 500, answer)
        self.assertIn("changed from outside", answer.json["detail"])
        self.submit(self.fresh("cap"))  # work goes on


class Retention(AuditTest):
    """--retain-record: old entries go, and what is left is proved as before."""

    def many(self, count):
        cap = self.fresh("cap")
        items = [{"id": self.fresh("p"), "requiredCapabilities": [cap]} for _ in range(count)]
        self.ok("POST", "/v1/packets", items, 207)

    def log(self):
        (log,) = self.ok("GET", "/v1/audit/logs").json["items"]
        return log

    def test_the_rest_is_proved_when_old_entries_are_gone(self):
        self.some_work()
        self.many(700)
        self.take_export()  # this checkpoint is kept elsewhere
        self.verify()
        size = self.log()["size"]
        self.assertEqual(self.ok("GET", "/v1/audit/pruned").json, {"items": []})
        self.host.end()
        self.host.flags = ("--retain-record", "1ms")
        self.host.start()
        until(self, lambda: self.log()["firstKept"] > 512, "old entries are gone", 3 * PATIENCE)
        self.many(10)
        for _ in range(2):
            self.phoenix("audit", "export", "--out", self.export)
            self.assertRegex(self.verify().out, "Verified")
            log = self.log()
            self.assertGreaterEqual(log["size"], size)
            with open(self.export, encoding="ascii") as file:
                kinds = [line[0] for line in file]
            self.assertEqual(kinds.count("p"), 2, "the header and one prefix")
            self.assertEqual(kinds.count("e"), log["size"] - log["firstKept"] + 1)
            self.phoenix("audit", "prove", "--position", str(log["firstKept"]))
            self.phoenix("audit", "prove", "--position", "1", code=3)
            # And after a restart, which knows what is gone by what is kept of it.
            self.host.kill()
            self.host.start()


class Bytes(RestTest):
    @classmethod
    def make_host(cls):
        return Host(cls)

    def test_entries_are_served_as_they_were_committed(self):
        self.register(self.fresh("cap"))
        (log,) = self.ok("GET", "/v1/audit/logs").json["items"]
        self.assertGreaterEqual(log["size"], 1)
        served = self.ok("GET", "/v1/audit/entries?limit=1").json["items"]
        with sqlite3.connect(f"file:{self.host.data / 'phoenix.db'}?mode=ro", uri=True) as database:
            rows = database.execute("SELECT seq, bytes FROM entry ORDER BY seq LIMIT 1").fetchall()
        database.close()
        self.assertEqual([(row["position"], base64.b64decode(row["entry"])) for row in served],
                         rows)
        self.refused("invalid-request", 400, "GET", "/v1/audit/proof?position=1")
        self.refused("not-found", 404, "GET", "/v1/audit/proof?position=5&size=100000")


if __name__ == "__main__":
    unittest.main()
