#!/usr/bin/env python3
"""Measures real hosts that share a real PostgreSQL, for the benchmark `cluster`: one line on stdout
a finding, in words that the benchmark reads; what is being done on stderr.

  measure.py keeper DISK ROUNDS PACKETS      -> waits S… · others S…
  measure.py attach DISK ROUNDS WORKERS LOAD -> waits S… · runs AGAIN
  measure.py next   DISK ROUNDS PACKETS      -> waits S…
  measure.py leave  DISK ROUNDS PACKETS      -> waits S… · left NAME VALUE …
  measure.py slots  DISK ROUNDS MEMBERS      -> slots join|leave MOVED SHARE MEMBERS
  measure.py crowd  DISK ROUNDS SESSIONS RATE SECONDS -> waits S… · crowd missing N rate N

The program is env PHOENIX_BIN. Exit 1: it could not be measured.
"""

import os
import shutil
import signal
import sys
import tempfile

import changes
import crowd
import deaths
from bed import pool_on
from harness.scope import Scope  # found where bed looks


def say(*words):
    print(*words, flush=True)


def tell(text):
    print(f"cluster: {text}", file=sys.stderr, flush=True)


def say_times(name, times):
    say(name, *(f"{time:.4f}" for time in times))


def worst_of(times):
    return f"worst {max(times):.2f} s of {len(times)}" if times else "none"


def keeper(scope, disk, rounds, packets):
    pool = pool_on(scope, disk)
    for waits, others in deaths.keeper_killed(pool, rounds, packets):
        say_times("waits", waits)
        say_times("others", others)
        tell(f"keeper killed: {worst_of(waits)}; of other keepers {worst_of(others)}")


def attach(scope, disk, rounds, workers, load):
    pool = pool_on(scope, disk)
    for waits, again, told in deaths.home_killed_and_left(pool, rounds, workers, load):
        say_times("waits", waits)
        say("runs", again)
        tell(f"home killed: attached elsewhere {worst_of(waits)}, {again} runs again")
        for run, history in told:
            tell(f"run again: {run}: {history}")


def next_owner(scope, disk, rounds, packets):
    pool = pool_on(scope, disk)
    for waits in deaths.home_killed_with_members(pool, rounds, packets):
        say_times("waits", waits)
        tell(f"home killed with its members: {worst_of(waits)}")


def leave(scope, disk, rounds, packets):
    pool = pool_on(scope, disk)
    for seen in changes.host_leaves(pool, disk, rounds, packets):
        say_times("waits", seen["took"])
        for error in seen["errors"][:5]:
            tell(f"refused: {error[:300]}")
        say("left", "errors", len(seen["errors"]), "runs", seen["runs"], "again", seen["again"],
            "asked", seen["asked"], "kept", seen["kept"], "moves", seen["moves"],
            "leave", f"{seen['leave']:.3f}", "sync", f"{seen['sync']:.6f}")
        tell(f"left in {seen['leave']:.2f} s: {worst_of(seen['took'])}, {len(seen['errors'])} "
             f"errors, {seen['again']} calls again, {seen['asked']} of {seen['kept']} asked for")


def slots(scope, disk, rounds, members):
    pool = pool_on(scope, disk)
    for what, moved, share, places in changes.join_and_leave(pool, rounds, members):
        say("slots", what, moved, f"{share:.5f}", places)
        tell(f"{what}: {moved} slots moved between those that stayed, share off by {share:.1%}")


def crowd_changes(scope, disk, rounds, sessions, rate, seconds):
    for _ in range(rounds):
        pool = pool_on(scope, disk, 5)
        for waits, missing, reached in crowd.changes_known(pool, sessions, rate, seconds):
            say_times("waits", waits)
            say("crowd", "missing", missing, "rate", f"{reached:.1f}")
            tell(f"{reached:.0f} changes a second: known everywhere {worst_of(waits)}")


VERBS = {"keeper": keeper, "attach": attach, "next": next_owner, "leave": leave, "slots": slots,
         "crowd": crowd_changes}


def main(verb, disk, *words):
    # Ended from outside it takes down what it has started, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    scope = Scope()
    folder = tempfile.mkdtemp(prefix="phoenix-cluster-", dir=disk)
    # PostgreSQL is not root.
    os.chmod(folder, 0o755)
    scope.addCleanup(shutil.rmtree, folder, ignore_errors=True)
    try:
        VERBS[verb](scope, folder, *map(int, words))
    except BaseException as fault:  # told to who measures, whatever it is
        say("fault", f"{type(fault).__name__} {fault}".replace("\n", " ")[:1500])
        return 1
    finally:
        scope.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
