"""A host whose disk takes nothing more: it says so, acknowledges nothing, does not crash, and goes
on when there is room again. Once by the limit on the size of files, which can be had everywhere,
and once with a real full file system, where one may be mounted."""

import json
import resource
import subprocess
import threading
import unittest

from harness.host import PATIENCE, Folder, Host, until
from harness.rest import JSON, RestTest

UNLIMITED = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)


class ByFileSize:
    """No file can grow, nor be written beyond its first byte."""

    def __init__(self, test):
        self.host = Host(test)

    def fill(self):
        resource.prlimit(self.host.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))

    def free(self):
        resource.prlimit(self.host.pid, resource.RLIMIT_FSIZE, UNLIMITED)


class ByFileSystem:
    """A file system of its own, filled to the last block by another file."""

    def __init__(self, test):
        folder = Folder(test).path
        disk = folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", str(disk)],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            test.skipTest("no file system can be mounted here: " + mounted.stderr)
        test.addCleanup(subprocess.run, ["umount", "-l", str(disk)], check=False)
        self.host = Host(test, folder=folder, data=disk / "data")
        self.filler = disk / "filler"

    def fill(self):
        with open(self.filler, "wb", buffering=0) as file:
            for size in (65536, 4096, 512):
                try:
                    while True:
                        file.write(bytes(size))
                except OSError:
                    pass

    def free(self):
        self.filler.unlink()


class FullDisk:
    def setUp(self):
        self.room = self.make_room()
        type(self).host = self.room.host

    @classmethod
    def setUpClass(cls):
        pass

    def create(self, id, size=100_000, cap="nobody"):
        body = {"id": id, "requiredCapabilities": [cap], "payload": "x" * size}
        return self.exchange("POST", "/v1/packets", json.dumps(body), {"Content-Type": JSON})

    def refuse_until_full(self):
        """The first answer that is no 201; a host may still have some room in what it has."""
        for n in range(200):
            answer = self.create(f"fill-{n}")
            if answer.status != 201:
                return answer
            self.acknowledged.append(f"fill-{n}")
        return self.fail("it acknowledged what no disk can hold")

    def test_full_and_free_again(self):
        self.acknowledged = []
        member, token = self.plain_register("work")
        self.assertEqual(self.create("before", cap="work").status, 201)
        self.acknowledged.append("before")
        delivery = self.take(member, token)
        self.room.fill()
        answer = self.refuse_until_full()
        self.assertEqual((answer.status, answer.json["type"]),
                         (503, "/problems/store-unreachable"), answer)
        self.assertIn("retry-after", answer.headers)

        # It says so, with since when; it lives; it reads; it goes on refusing.
        ready = until(self, self.not_ready, "/readyz says that it takes no work")
        self.assertEqual(ready.json["type"], "/problems/store-unreachable")
        self.assertTrue(ready.json["since"])
        self.assertEqual(self.exchange("GET", "/livez").status, 200)
        self.assertEqual(self.exchange("GET", "/v1/packets/before").status, 200)
        self.assertEqual(self.create("refused", 10).status, 503)
        complete = json.dumps({"epoch": delivery["epoch"], "result": "r" * 100_000})
        headers = {"Content-Type": JSON, "Authorization": "Bearer " + token}
        refused = self.exchange("POST", "/v1/packets/before/complete", complete, headers)
        self.assertEqual(refused.status, 503, refused)

        self.room.free()
        until(self, lambda: self.exchange("GET", "/readyz").status == 200, "it takes work again")
        done = self.exchange("POST", "/v1/packets/before/complete", complete, headers)
        self.assertEqual(done.status, 200, done)
        self.assertEqual(self.create("after").status, 201)
        self.acknowledged.append("after")

        # What was acknowledged is there, what was refused is not; also after a crash.
        self.host.kill()
        self.host.start()
        for id in self.acknowledged:
            self.assertEqual(self.exchange("GET", "/v1/packets/" + id).status, 200, id)
        self.assertEqual(self.exchange("GET", "/v1/packets/refused").status, 404)
        self.assertEqual(self.exchange("GET", "/v1/packets/before").json["status"], "COMPLETED")

    def not_ready(self):
        answer = self.exchange("GET", "/readyz")
        return answer if answer.status == 503 else None

    def plain_register(self, cap):
        answer = self.exchange("POST", "/v1/members", json.dumps(
            {"id": "m1", "capabilities": [cap], "leaseSeconds": 600}), {"Content-Type": JSON})
        self.assertEqual(answer.status, 201, answer)
        return "m1", answer.json["session"]["token"]

    def take(self, member, token):
        answer = self.exchange("GET", f"/v1/members/{member}/deliveries?waitMs=20000",
                               headers={"Authorization": "Bearer " + token})
        return answer.json["deliveries"][0]

    def test_sigterm_while_full(self):
        self.acknowledged = []
        self.room.fill()
        self.refuse_until_full()
        self.assertEqual(self.host.end(), 0)

    def test_waiting_calls_are_answered(self):
        """Many at once: each gets an answer, none of them an acknowledgement that is not kept."""
        self.room.fill()
        answers = {}

        def send(id):
            answers[id] = self.create(id).status

        threads = [threading.Thread(target=send, args=(f"p{n}",)) for n in range(100)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(PATIENCE)
        self.assertEqual(len(answers), 100)
        self.assertLessEqual(set(answers.values()), {201, 503})
        self.assertIn(503, answers.values())
        self.room.free()
        self.host.kill()
        self.host.start()
        for id, status in answers.items():
            if status == 201:
                self.assertEqual(self.exchange("GET", "/v1/packets/" + id).status, 200)


class FilesThatCannotGrow(FullDisk, RestTest):
    def make_room(self):
        return ByFileSize(self)


class FileSystemWithoutRoom(FullDisk, RestTest):
    def make_room(self):
        return ByFileSystem(self)


if __name__ == "__main__":
    unittest.main()
