"""What several hosts sign together: the pool's root and the keys that it grants, hosts that find each
other out, and logs whose old entries are gone."""

import base64
import hashlib
import json
import os
import pathlib
import sys
import unittest

from harness.cli import run
from harness.host import PATIENCE, Folder, refused_start, until
from harness.pool import PoolHost, PoolTest
from harness.rest import exchange

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "clients" / "python"))
from phoenix_sign import Key, pack, unpack  # noqa: E402


class RecordTest(PoolTest):
    def setUp(self):
        super().setUp()
        self.folder = Folder(self).path

    def file(self, name):
        return str(self.folder / name)

    def at(self, host, *words, code=0):
        done = run("--url", host.url, *words)
        self.assertEqual(done.code, code, done)
        return done

    def many(self, count):
        cap = self.fresh("cap")
        items = [{"id": self.fresh("p"), "requiredCapabilities": [cap]} for _ in range(count)]
        self.ok("POST", "/v1/packets", items, 207)

    def export(self, host, name="all"):
        self.at(host, "audit", "export", "--out", self.file(name), "--checkpoint-out",
                self.file(name + ".checkpoint"))

    def verify(self, keys, name="all", checkpoint="all", code=0):
        done = run("audit", "verify", self.file(name), "--keys", keys, "--checkpoint",
                   self.file(checkpoint + ".checkpoint"), "-o", "json")
        self.assertEqual(done.code, code, done)
        return done

    def entries(self, host):
        rows = json.loads(self.at(host, "audit", "list", "--limit", "1000", "-o", "json").out)
        return [(row["event"], row["subject"]) for row in rows["items"]]


class Root(RecordTest):
    size = 1

    def test_a_root_grants_the_keys_of_hosts(self):
        (a,) = self.pool.hosts
        self.many(2)
        self.export(a, "before")
        self.at(a, "key", "root", "new", "--data", str(a.data))
        self.at(a, "key", "root", "new", "--data", str(a.data), code=4)
        self.assertEqual(os.stat(a.data / "root.key").st_mode & 0o777, 0o600)
        a.end()
        a.start()
        self.pool.await_ready()  # and says why, should it not be
        until(self, lambda: ("key-added", "a") in self.entries(a), "its key is in the log")

        # A host that nobody has granted does not start, and says what to do.
        flags = ("--store", self.pool.postgres.url, "--peer", "127.0.0.1:0", "--listen",
                 "127.0.0.1:0", "--gossip", "127.0.0.1:0", "--join", a.address["gossip"])
        home = Folder(self).path
        status, told = refused_start(self, "--name", "b", *flags, data=home / "data")
        self.assertEqual(status, 1, told)
        self.assertIn("phoenix host enroll", told)
        with open(self.file("token"), "w", encoding="ascii") as file:
            file.write(self.at(a, "host", "join-token", "b", "-o", "name").out)
        words = ("host", "enroll", "--name", "b", "--join-token", self.file("token"))
        self.at(a, *words, "--data", str(home / "data"))
        self.at(a, *words, "--data", str(home / "data"))  # an answer may be lost
        told = self.at(a, *words, "--data", self.file("thief"), code=1)
        self.assertIn("get another one: phoenix host join-token", told.err)
        told = self.at(a, "host", "enroll", "--name", "c", *words[-2:], "--data",
                       self.file("c"), code=1)
        self.assertIn("join token is for host b", told.err)
        self.assertIn("give that name with --name", told.err)
        b = PoolHost(self, "b", *flags[:4], "--join", a.address["gossip"], folder=home)
        self.pool.hosts.append(b)
        self.pool.await_ready()
        until(self, lambda: ("key-added", "b") in self.entries(a), "so is the other one")

        self.signed_by_hand(a, b)
        # Whoever has the root's key needs no other; a host's own key counts for nothing beside it.
        self.at(a, "audit", "keys", "--out", self.file("keys"))
        self.assertEqual(sorted(os.listdir(self.file("keys"))), ["a.pub", "b.pub", "root.pub"])
        self.many(2)
        os.mkdir(self.file("root"))
        os.rename(self.file("keys/root.pub"), self.file("root/root.pub"))
        for host in (a, b):
            self.export(host)
            report = json.loads(self.verify(self.file("root")).out)
            self.assertEqual(report["verified"], True)
            self.verify(self.file("root"), checkpoint="before")
        with open(self.file("all"), encoding="ascii") as file:
            lines = [line for line in file if not line.startswith("g ")]
        with open(self.file("bare"), "w", encoding="ascii") as file:
            file.writelines(lines)
        self.verify(self.file("keys"), "bare")
        os.rename(self.file("root/root.pub"), self.file("keys/root.pub"))
        self.assertIn("unknown-key", self.verify(self.file("keys"), "bare", code=6).err)
        self.not_kept(a)
        self.contradicts(a, b)

    def signed_by_hand(self, a, b):
        """Into a folder that is not there yet, from where it is carried to the host."""
        words = ("key", "sign-host", str(b.data / "host.pub"), "--root")
        out = self.folder / "to" / "carry"
        done = run(*words, str(a.data / "root.key"), "--out", str(out), "-o", "json")
        self.assertEqual(done.code, 0, done)
        self.assertEqual(done.json["path"], str(out / "host.grant"))
        self.assertEqual(sorted(os.listdir(out)), ["host.grant", "root.pub"])
        self.assertEqual((out / "root.pub").read_text(), (a.data / "root.pub").read_text())
        self.assertEqual(run(*words, str(a.data / "root.pub"), "--out", str(out)).code, 2)
        told = run(*words, str(a.data / "root.key"), "--out", str(out / "root.pub" / "x"))
        self.assertEqual(told.code, 1, told)
        self.assertIn("cannot make the folder", told.err)

    def not_kept(self, a):
        """A checkpoint that cannot be written into the data folder is told, and stops nothing."""
        kept = a.data / "last.checkpoint"
        before = kept.read_text()
        os.mkdir(a.data / "last.checkpoint.new")  # where its draft goes
        self.many(1)
        until(self, lambda: "checkpoint-not-kept" in a.log(), "it says so")
        self.many(1)
        answer = exchange(a, "GET", "/v1/audit/checkpoint")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(kept.read_text(), before)
        self.assertEqual(a.log().count("checkpoint-not-kept"), 1)
        os.rmdir(a.data / "last.checkpoint.new")
        self.many(1)
        until(self, lambda: "checkpoint-kept-again" in a.log(), "it keeps them again")
        self.assertNotEqual(kept.read_text(), before)

    def contradicts(self, a, b):
        """The other host has signed another history: nothing more is signed beside it."""
        self.many(1)
        key = Key.load(b.data / "host.key")
        b.kill()
        sql = self.pool.postgres.sql
        stands = bytes.fromhex(sql("SELECT encode(value, 'hex') FROM fact"
                                   " WHERE name = 'checkpoint.b'"))
        said = unpack(unpack(stands)[3])
        said[4][0][2] = hashlib.sha256(b"another history").digest()
        lie = base64.b64decode(key.seal("checkpoint", pack(said))).hex()
        sql(f"UPDATE fact SET value = decode('{lie}', 'hex') WHERE name = 'checkpoint.b'")
        until(self, lambda: exchange(a, "GET", "/v1/audit/checkpoint").status == 500,
              "it signs nothing more", PATIENCE)
        ready = exchange(a, "GET", "/readyz").json
        self.assertIn("host b has signed other entries", ready["flightRecorder"])
        self.assertIn("signs nothing", self.at(a, "status").out)
        self.assertIn("flight-recorder-stopped", a.log())
        until(self, lambda: ("equivocation", "b") in self.entries(a), "the log has it", PATIENCE)
        self.assertEqual(sql("SELECT encode(value, 'hex') FROM fact"
                             " WHERE name = 'contradiction.a.b'"), lie)


class Retention(RecordTest):
    size = 2

    def test_the_rest_of_all_logs_is_proved_when_old_entries_are_gone(self):
        a, b = self.pool.hosts
        self.many(700)
        self.on(b).many(20)
        self.export(a)  # its checkpoint is kept elsewhere
        self.at(a, "audit", "keys", "--out", self.file("keys"))
        for host in (a, b):
            host.gossip = host.address["gossip"]  # the others look for it there
            host.end()
            host.flags += ("--retain-record", "1ms")
        a.start()
        b.start()
        self.pool.await_ready()
        self.many(600)

        def kept():
            logs = self.ok("GET", "/v1/audit/logs").json["items"]
            return [log for log in logs if log["firstKept"] > 1]
        until(self, kept, "old entries are gone", 3 * PATIENCE)
        for host in (a, b):
            self.on(host).many(3)
            self.export(host, "rest")
            self.verify(self.file("keys"), "rest")
            with open(self.file("rest"), encoding="ascii") as file:
                kinds = [line[:2] for line in file]
            self.assertGreaterEqual(kinds.count("p "), 1)
            # And as the next life of the host knows it, by what is kept of it.
            host.kill()
            host.start()
        self.pool.await_ready()
        self.export(b, "rest")
        self.verify(self.file("keys"), "rest")


if __name__ == "__main__":
    unittest.main()
