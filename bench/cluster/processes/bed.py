"""What an experiment stands on: a throw-away PostgreSQL on a disk, real hosts that share it, and
threads that act while something happens to them."""

import os
import pathlib
import signal
import sys
import threading
import time

TESTS = pathlib.Path(__file__).resolve().parents[3] / "tests"
sys.path.insert(0, str(TESTS / "e2e"))

from harness import pool as pools  # noqa: E402
from harness import postgres  # noqa: E402
from harness.host import until  # noqa: E402
from harness.pool import Pool  # noqa: E402
from harness.rest import exchange  # noqa: E402


def pool_on(scope, disk, size=3):
    """Hosts a, b, c …, in the view and ready. Their database is on that disk."""
    if postgres.programs() is None:
        raise RuntimeError("PostgreSQL's programs are not installed (package postgresql-15)")
    postgres.MEMORY = disk
    pools.PATIENCE = 60  # what is slow here is to be measured, not to end it
    return Pool(scope, size, settings=("max_wal_size=1GB",))


def keepers(pool):
    """slot -> host, as the rows of the store have it."""
    lines = pool.postgres.sql("SELECT slot, host FROM phoenix.slot").splitlines()
    return {int(slot): host for slot, host in (line.split("|") for line in lines)}


def settled(pool):
    """Awaits that every slot is kept by the host that should, as all living hosts see it; gives
    who keeps which slot."""
    live = pool.live()
    pool.await_ready(live)

    def look():
        told = {host["host"]: host["slots"]
                for host in exchange(live[0], "GET", "/v1/ring").json["keepers"]}
        rows = keepers(pool)
        kept = {name: list(rows.values()).count(name) for name in set(rows.values())}
        return rows if kept == told and len(rows) == 4096 else None
    return until(pool.test, look, "every slot has its keeper", 60)


def raw_sync(disk, times=50):
    """Seconds of a synced append of 8 KiB, the median: what this disk takes at the least now."""
    path = pathlib.Path(disk) / f"sync-{os.getpid()}"
    taken = []
    with open(path, "wb", buffering=0) as file:
        for _ in range(times):
            begin = time.monotonic()
            file.write(b"x" * 8192)
            os.fdatasync(file.fileno())
            taken.append(time.monotonic() - begin)
    path.unlink()
    return sorted(taken)[times // 2]


class Crew:
    """Threads of one experiment; the first fault among them is told when they are awaited."""

    def __init__(self):
        self.threads = []
        self.faults = []
        self.stop = threading.Event()

    def start(self, work, *words):
        def run():
            try:
                work(*words)
            except Exception as fault:  # told by join()
                self.faults.append(fault)
        self.threads.append(threading.Thread(target=run, daemon=True))
        self.threads[-1].start()

    def join(self, patience=120):
        end = time.monotonic() + patience
        for thread in self.threads:
            thread.join(max(0.0, end - time.monotonic()))
            if thread.is_alive():
                raise RuntimeError(f"not done in {patience} s: {self.faults[:3]}")
        if self.faults:
            raise self.faults[0]


def kill(host):
    """When it was dead."""
    os.kill(host.pid, signal.SIGKILL)
    at = time.monotonic()
    host.end(signal.SIGKILL)
    return at
