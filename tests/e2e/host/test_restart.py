"""A host that is killed, ended, and started again on its data folder; folders and ports that it
must refuse."""

import json
import os
import pathlib
import signal
import socket
import sqlite3
import subprocess
import threading
import time
import unittest

from harness.host import (PATIENCE, PROGRAM, SLOWNESS, Folder, Host, clean_environment,
                          refused_start, until)
from harness.rest import RestTest


class Killed(RestTest):
    def every_state(self):
        """Packets in every state as {what: id}, and the members that hold some."""
        cap = self.fresh("cap")
        member, token = self.register(cap, maxLoad=20)
        made = {}

        def held(what, **fields):
            made[what] = self.submit(cap, **fields)["id"]
            (delivery,) = self.poll(member, token)
            self.assertEqual(delivery["packet"]["id"], made[what])
            return "/v1/packets/" + made[what], {"epoch": delivery["epoch"]}

        def owner(path, verb, **body):
            self.ok("POST", f"{path}/{verb}", body, token=token)

        path, epoch = held("completed", payload=[1])
        owner(path, "complete", result={"r": 1}, **epoch)
        path, epoch = held("failed", maxAttempts=1)
        owner(path, "fail", error={"message": "no ink"}, **epoch)
        path, _ = held("canceled")
        self.ok("POST", path + "/cancel", {"reason": "r"})
        held("delivered", payload="a" * 100_000)
        path, epoch = held("started")
        owner(path, "start", **epoch)
        path, epoch = held("saved")
        owner(path, "checkpoint", checkpoint={"page": 3}, seq=1, **epoch)
        path, epoch = held("backoff")
        owner(path, "fail", error={"message": "later"}, retryAfterMs=3_600_000, **epoch)
        other, other_token = self.register(self.fresh("cap"))
        path, epoch = held("handed")
        second = self.ok("GET", "/v1/members/" + other).json["capabilities"]
        owner(path, "handoff", requiredCapabilities=second, context={"c": 1}, **epoch)
        made["parked"] = self.submit(self.fresh("cap"))["id"]
        made["not-before"] = self.submit(cap, notBefore="2099-01-01T00:00:00Z")["id"]
        made["assigned"] = self.submit(cap)["id"]
        expired = self.submit(self.fresh("cap"), deadline=time.strftime(
            "%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() + 2)))["id"]
        self.ok("GET", f"/v1/packets/{expired}?waitMs=10000")
        made["expired"] = expired
        return made, (member, token), (other, other_token)

    @staticmethod
    def lasting(packet):
        """Without what a restart may change: starts are not durable, waits begin anew."""
        packet = dict(packet)
        if packet["status"] == "RUNNING":
            packet["status"] = "ASSIGNED"
        if packet["parked"]:
            packet["parked"] = {"reason": packet["parked"]["reason"],
                                "missing": packet["parked"]["missing"]}
        return packet

    def test_nothing_acknowledged_is_lost_in_any_state(self):
        made, (member, token), (other, other_token) = self.every_state()
        before = {what: self.ok("GET", "/v1/packets/" + id).json for what, id in made.items()}
        expected = {"completed": "COMPLETED", "failed": "FAILED", "canceled": "CANCELED",
                    "delivered": "ASSIGNED", "started": "RUNNING", "saved": "RUNNING",
                    "backoff": "PENDING", "handed": "ASSIGNED", "parked": "PENDING",
                    "not-before": "PENDING", "assigned": "ASSIGNED", "expired": "EXPIRED"}
        self.assertEqual({what: packet["status"] for what, packet in before.items()}, expected)
        self.host.kill()
        self.host.start()
        for what, packet in before.items():
            after = self.ok("GET", "/v1/packets/" + packet["id"]).json
            self.assertEqual(self.lasting(after), self.lasting(packet), what)
        self.assertEqual(self.ok("GET", f"/v1/packets/{made['completed']}/result").json, {"r": 1})

        # The session goes on with its token: same incarnation, same packets, same epochs.
        attached = self.ok("POST", f"/v1/members/{member}/session", token=token).json
        self.assertEqual((attached["session"]["token"], attached["session"]["incarnation"]),
                         (token, 1))
        holds = {before[what]["id"]: before[what]["epoch"]
                 for what in ("delivered", "started", "saved", "assigned")}
        self.assertEqual({entry["id"]: entry["epoch"] for entry in attached["held"]}, holds)
        again = self.poll(member, token, len(holds))
        self.assertEqual({d["packet"]["id"]: d["epoch"] for d in again}, holds)
        saved = next(d for d in again if d["packet"]["id"] == made["saved"])
        self.assertEqual(saved["packet"]["checkpoint"], {"page": 3})
        for id, epoch in holds.items():
            self.ok("POST", f"/v1/packets/{id}/complete", {"epoch": epoch, "result": 1},
                    token=token)
        self.ok("POST", f"/v1/members/{other}/session", token=other_token)
        self.ok("POST", f"/v1/packets/{made['handed']}/complete", {"epoch": 2, "result": 2},
                token=other_token)

    def test_answers_are_the_same_after_the_restart(self):
        packet, _, token, epoch = self.taken()
        body = {"epoch": epoch, "result": "once"}
        done = self.ok("POST", f"/v1/packets/{packet}/complete", body, token=token).json
        key = {"Idempotency-Key": self.fresh("key")}
        sent = {"requiredCapabilities": [self.fresh("cap")]}
        made = self.ok("POST", "/v1/packets", sent, 201, headers=key)
        self.host.kill()
        self.host.start()
        again = self.ok("POST", f"/v1/packets/{packet}/complete", body, token=token).json
        self.assertEqual(again, done)
        self.refused("wrong-state", 409, "POST", f"/v1/packets/{packet}/complete",
                     {"epoch": epoch, "result": "twice"}, token=token)
        replay = self.ok("POST", "/v1/packets", sent, 201, headers=key)
        self.assertEqual((replay.json["id"], replay.headers["idempotent-replayed"]),
                         (made.json["id"], "true"))

    def test_killed_in_the_middle_of_writes(self):
        acknowledged = []
        many = threading.Event()

        def write():
            while True:
                id = self.fresh("p")
                try:
                    answer = self.exchange("POST", "/v1/packets", json.dumps(
                        {"id": id, "requiredCapabilities": ["nobody"], "payload": id}),
                                           {"Content-Type": "application/json"})
                except OSError:
                    return
                if answer.status == 201:
                    acknowledged.append(id)
                if len(acknowledged) >= 100:
                    many.set()

        writers = [threading.Thread(target=write) for _ in range(4)]
        for writer in writers:
            writer.start()
        self.assertTrue(many.wait(PATIENCE))
        self.host.kill()
        for writer in writers:
            writer.join()
        self.host.start()
        for id in acknowledged:
            self.assertEqual(self.ok("GET", "/v1/packets/" + id).json["payload"], id)

    def test_silent_session_is_ended_after_a_whole_lease(self):
        cap = self.fresh("cap")
        member, token = self.register(cap, leaseSeconds=1)
        packet = self.submit(cap)["id"]
        self.poll(member, token)
        self.host.kill()
        self.host.start()
        self.assertEqual(self.ok("GET", "/v1/members/" + member).json["status"], "ACTIVE")
        until(self, lambda: self.ok("GET", "/v1/members/" + member).json["status"] == "DETACHED",
              "the session ends")
        found = self.ok("GET", "/v1/packets/" + packet).json
        self.assertEqual((found["status"], found["owner"], found["losses"]), ("PENDING", None, 0))


class Paused(RestTest):
    def test_its_own_pause_is_not_charged_to_sessions(self):
        cap = self.fresh("cap")
        lease = 2 * SLOWNESS
        member, token = self.register(cap, leaseSeconds=lease)
        packet = self.submit(cap)["id"]
        delivery = self.poll(member, token)[0]
        self.ok("POST", f"/v1/members/{member}/heartbeat", {}, token=token)
        os.kill(self.host.pid, signal.SIGSTOP)
        frozen = time.monotonic()
        until(self, lambda: time.monotonic() - frozen > 1.5 * lease, "more than a lease passes")
        os.kill(self.host.pid, signal.SIGCONT)
        self.ok("POST", f"/v1/members/{member}/heartbeat", {}, token=token)
        self.ok("POST", f"/v1/packets/{packet}/complete", {"epoch": delivery["epoch"]},
                token=token)


class Ended(RestTest):
    def test_sigterm_answers_what_waits_and_ends_with_0(self):
        member, token = self.register(self.fresh("cap"))
        packet = self.submit(self.fresh("cap"))["id"]
        answers = {}

        def wait(name, target, key=None):
            headers = {"Authorization": "Bearer " + key} if key else {}
            answers[name] = self.exchange("GET", target, headers=headers).status

        threads = [threading.Thread(target=wait, args=arguments) for arguments in (
            ("poll", f"/v1/members/{member}/deliveries?waitMs=30000", token),
            ("packet", f"/v1/packets/{packet}?waitMs=30000"))]
        for thread in threads:
            thread.start()
        until(self, lambda: self.waiting() >= 2, "both wait")
        began = time.monotonic()
        self.assertEqual(self.host.end(signal.SIGTERM), 0)
        self.assertLess(time.monotonic() - began, 5)
        for thread in threads:
            thread.join(PATIENCE)
        self.assertLess(set(answers.values()), {200, 503, 504})
        self.assertFalse((self.host.data / "address.json").exists())
        self.host.start()
        self.assertEqual(self.ok("GET", "/v1/packets/" + packet).json["status"], "PENDING")

    def waiting(self):
        """Connections that others have open to the host."""
        port = f":{self.host.port:04X}"
        with open("/proc/net/tcp", encoding="ascii") as table:
            rows = [row.split() for row in table.readlines()[1:]]
        return sum(row[1].endswith(port) and row[3] == "01" for row in rows)

    def test_sigint_too(self):
        self.assertEqual(self.host.end(signal.SIGINT), 0)
        self.host.start()

    def test_ready_and_alive(self):
        self.assertEqual(self.ok("GET", "/readyz").json["status"], "ready")
        self.ok("GET", "/livez")
        self.assertEqual(self.host.address["api"], self.host.url)
        self.assertEqual(set(self.host.address), {"api", "peer", "gossip", "pid"})
        self.assertIsNone(self.host.address["peer"])
        self.assertRegex(self.host.address["gossip"], r"^127\.0\.0\.1:[1-9][0-9]*$")
        self.assertEqual(self.host.pid, self.host.process.pid)


class TakenAway(RestTest):
    def test_a_folder_that_is_deleted_takes_nothing_more(self):
        self.submit(self.fresh("cap"))
        away = self.host.data.with_name("away")
        self.host.data.rename(away)
        refused = self.refused("store-unreachable", 503, "POST", "/v1/packets",
                               {"requiredCapabilities": ["x"]})
        self.assertIn(f"{self.host.data}/phoenix.db was moved or deleted", refused["detail"])
        unready = until(self, lambda: (answer := self.call("GET", "/readyz")).status == 503
                        and answer, "the host is not ready")
        self.assertIn("was moved or deleted", str(unready.json))
        self.assertFalse(self.host.data.exists())
        away.rename(self.host.data)
        self.submit(self.fresh("cap"))
        until(self, lambda: self.call("GET", "/readyz").status == 200, "it is ready again")


class Refused(unittest.TestCase):
    def assertRefused(self, words, *flags, code=1, data=None):
        status, said = refused_start(self, *flags, data=data)
        self.assertEqual(status, code, said)
        for word in words:
            self.assertIn(word, said)
        self.assertLessEqual(len(said.splitlines()), 4, said)
        return said

    def test_data_folder_in_use(self):
        host = Host(self)
        self.assertRefused([str(host.data), f"pid {host.pid}"], "--listen", "127.0.0.1:0",
                           data=host.data)
        # The first one is as it was, also what it has written.
        self.assertEqual(json.loads((host.data / "address.json").read_text()), host.address)
        self.assertEqual(host.end(), 0)

    def test_a_deleted_lock_file_lets_nobody_in(self):
        host = Host(self)
        (host.data / "host.lock").unlink()
        self.assertRefused([str(host.data), "in use"], "--listen", "127.0.0.1:0", data=host.data)
        self.assertEqual(host.end(), 0)
        host.start()

    def test_data_folder_of_a_newer_version(self):
        host = Host(self)
        host.end()
        path = host.data / "phoenix.db"
        database = sqlite3.connect(path)
        (version,) = database.execute("PRAGMA user_version").fetchone()
        database.execute(f"PRAGMA user_version={version + 1}")
        database.commit()
        database.close()
        before = path.read_bytes()
        self.assertRefused(["newer version", f"schema {version + 1}"], "--listen", "127.0.0.1:0",
                           data=host.data)
        self.assertEqual(path.read_bytes(), before, "it must leave the file alone")

    def test_data_folders_that_are_none(self):
        folder = Folder(self).path
        (folder / "file").write_text("x")
        self.assertRefused([str(folder / "file")], data=folder / "file")
        other = folder / "other"
        other.mkdir()
        with sqlite3.connect(other / "phoenix.db") as database:
            database.execute("CREATE TABLE theirs(x)")
        database.close()
        self.assertRefused(["another program's database"], data=other)
        broken = folder / "broken"
        broken.mkdir()
        (broken / "phoenix.db").write_bytes(os.urandom(8192))
        self.assertRefused(["phoenix.db"], data=broken)
        short = folder / "short"
        short.mkdir()
        (short / "ring.key").write_bytes(b"abc")
        self.assertRefused(["ring.key"], "--listen", "127.0.0.1:0", data=short)

    def test_no_room_at_the_start(self):
        data = Folder(self).path / "data"
        done = subprocess.run(
            ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh", PROGRAM, "serve", "--data", str(data),
             "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
            env=clean_environment(), timeout=PATIENCE, check=False)
        self.assertEqual(done.returncode, 1, done)
        self.assertIn(str(data), done.stderr)
        self.assertLessEqual(len(done.stderr.splitlines()), 4, done)

    def test_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            self.assertRefused([f"127.0.0.1:{port}"], "--listen", f"127.0.0.1:{port}")

    def test_default_port_in_use_becomes_a_free_one(self):
        try:
            other = socket.create_server(("127.0.0.1", 7400))
            self.addCleanup(other.close)
        except OSError:
            pass  # taken by somebody else: as good
        host = Host(self, listen=None)
        self.assertNotEqual(host.port, 7400)
        self.assertIn("7400", host.log())

    def test_exposed_without_credentials(self):
        said = self.assertRefused(["--auth-file"], "--listen", "0.0.0.0:0")
        self.assertIn("--insecure", said)
        host = Host(self, "--insecure", listen="0.0.0.0:0")
        self.assertEqual(host.end(), 0)

    def test_wrong_flags(self):
        for flags in (("--listen", "nowhere"), ("--listen", "127.0.0.1:70000"), ("--weight", "-1"),
                      ("--no-such-flag",), ("--store", "none"), ("--join", "h:x"),
                      ("--retain", "5 apples"), ("--retain", "0s"),
                      ("--tls-cert", "only.pem"), ("--log-level", "loud"),
                      ("--max-live-packets", "-1"), ("--config", "/no/such.yaml"), ("word",)):
            self.assertRefused([flags[0].split("=")[0]], *flags, code=2)


class DataFolder(unittest.TestCase):
    def test_modes_and_foreign_files(self):
        folder = Folder(self).path
        (folder / "notes.txt").write_text("mine")
        host = Host(self, folder=folder, data=folder)
        for name in ("ring.key", "token.key", "phoenix.db"):
            self.assertEqual((folder / name).stat().st_mode & 0o777, 0o600, name)
        self.assertEqual((folder / "ring.key").stat().st_size, 16)
        key = (folder / "ring.key").read_bytes()
        self.assertEqual(host.end(), 0)
        host.start()
        self.assertEqual((folder / "ring.key").read_bytes(), key)
        self.assertEqual((folder / "notes.txt").read_text(), "mine")

    def test_an_address_that_cannot_be_written_is_not_that_of_the_life_before(self):
        host = Host(self)
        host.kill()
        (host.data / "address.json.new").mkdir()  # where it writes it first
        with self.assertRaises(FileNotFoundError):
            host.start()  # it takes calls, and is then looked for in address.json
        self.assertIn("no-address-file", host.log())

    def test_default_folder_and_config_file(self):
        folder = Folder(self).path
        (folder / "c.yaml").write_text("name: host-c\nretain: 1h\nlisten: 127.0.0.1:0\n"
                                       "data: from-file\n")
        before = pathlib.Path.cwd()
        self.addCleanup(os.chdir, before)
        os.chdir(folder)
        host = Host(self, "--config", "c.yaml", folder=folder, data=folder / "from-flag",
                    listen=None)
        self.assertIn("host-c", host.greeting)
        self.assertFalse((folder / "from-file").exists())


if __name__ == "__main__":
    unittest.main()
