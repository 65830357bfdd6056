"""What the work of packets does to the outside: a process that takes one effect a packet and
epoch, and none below the highest epoch that it has seen of that packet.

As a program: `serve SOCKET` is that process, `work SOCKET` is a worker's CMD."""

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

HERE = str(pathlib.Path(__file__))


def ask(path, question):
    with socket.socket(socket.AF_UNIX) as wire:
        wire.connect(path)
        wire.sendall(json.dumps(question).encode() + b"\n")
        with wire.makefile("rb") as lines:
            return json.loads(lines.readline())


class Books:
    def __init__(self):
        self.highest = {}
        self.entries = []  # (packet, epoch, worker), each packet and epoch once
        self.begun = []  # (packet, epoch, worker), every run
        self.refused = 0
        self.repeated = 0

    def take(self, asked):
        if asked["do"] == "dump":
            return {name: getattr(self, name)
                    for name in ("entries", "begun", "refused", "repeated")}
        packet, epoch = asked["packet"], asked["epoch"]
        line = [packet, epoch, asked["worker"]]
        highest = self.highest.get(packet, 0)
        if asked["do"] == "begin":
            self.begun.append(line)
            return {"taken": True}
        if epoch < highest:
            self.refused += 1
            return {"taken": False}
        self.highest[packet] = epoch
        if any(entry[:2] == line[:2] for entry in self.entries[-1000:]):
            self.repeated += 1
        else:
            self.entries.append(line)
        return {"taken": True}


def serve(path):
    books = Books()
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(path)
    listener.listen(512)
    print("ready", flush=True)
    while True:
        wire, _ = listener.accept()
        with wire, wire.makefile("rb") as lines:
            try:
                wire.settimeout(5)
                line = lines.readline()
                if line:
                    wire.sendall(json.dumps(books.take(json.loads(line))).encode() + b"\n")
            except OSError:
                pass  # its process was killed


def work(path):
    """Payload {"ms": N}: works so long, then has its effect. The result names packet and epoch."""
    packet, epoch = os.environ["PHOENIX_PACKET_ID"], int(os.environ["PHOENIX_EPOCH"])
    line = {"packet": packet, "epoch": epoch, "worker": os.getppid()}
    payload = json.load(sys.stdin)
    ask(path, dict(line, do="begin"))
    time.sleep(payload["ms"] / 1000)
    if not ask(path, dict(line, do="effect"))["taken"]:
        sys.exit(1)
    print(json.dumps({"packet": packet, "epoch": epoch}))


class Ledger:
    """The process, owned by a test."""

    def __init__(self, test, folder):
        self.path = str(pathlib.Path(folder) / "ledger")
        self.process = subprocess.Popen([sys.executable, "-B", HERE, "serve", self.path],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        test.addCleanup(self.end)
        assert self.process.stdout.readline() == b"ready\n"

    def command(self):
        return [sys.executable, "-B", HERE, "work", self.path]

    def dump(self):
        return ask(self.path, {"do": "dump"})

    def end(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
            self.process.stdout.close()


if __name__ == "__main__":
    {"serve": serve, "work": work}[sys.argv[1]](sys.argv[2])
