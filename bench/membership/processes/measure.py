#!/usr/bin/env python3
"""Measures pools of real processes, for the benchmark `membership`: one line on stdout a finding,
in words that the benchmark reads; what is being done on stderr.

  measure.py loss  HOSTS TIMES     killed by SIGKILL      -> way WORDS · loss KIND FIRST LAST …
  measure.py cut   HOSTS TIMES     cut off in silence     -> the same
  measure.py move  TIMES           back at another address -> moved KIND SECONDS …
  measure.py suite NAME…           scripts of tests/interop -> ran COUNT FAILED
  measure.py vectors PROGRAM       a GoogleTest program     -> the same
  measure.py corpora PROGRAM DIR … decoders, each with its stored inputs -> ran INPUTS FAILED

The program is env PHOENIX_BIN. Exit 1: it could not be measured.
"""

import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
TESTS = HERE.parents[2] / "tests"
sys.path[:0] = [str(TESTS / "interop"), str(TESTS / "e2e")]

from foreign.agent import SERF, Agent  # noqa: E402
from harness.host import until  # noqa: E402
from harness.scope import Scope  # noqa: E402
from network import Loopback, star_or_none  # noqa: E402
from pool_host import PoolHost  # noqa: E402
from pools import OurPool, SerfPool, lose  # noqa: E402


def say(*words):
    print(*words, flush=True)


def tell(text):
    print(f"membership: {text}", file=sys.stderr, flush=True)


def kill(_, victim):
    os.kill(victim.process.pid, signal.SIGKILL)


def nothing(_, victim):
    pass


def losses(scope, network, size, times, lost, found):
    folder = tempfile.TemporaryDirectory()
    scope.addCleanup(folder.cleanup)
    pools = [OurPool(scope, network, size, folder.name), SerfPool(scope, network, size, None)]
    tell(f"{size} hosts and {size} agents are together, {network.way}")
    for turn in range(times):
        for kind, first, last in lose(pools, lost, found, turn):
            say("loss", kind, f"{first:.3f}", f"{last:.3f}")
            tell(f"{turn + 1}: {kind} first {first:.2f} s, last {last:.2f} s")


def loss(scope, size, times):
    network = Loopback()
    say("way", network.way)
    losses(scope, network, int(size), int(times), kill, nothing)


def cut(scope, size, times):
    star = star_or_none()
    if star is None:  # the nearest to it that any machine has; it says so
        network = Loopback()
        say("way", "processes stopped, for want of network namespaces")
        losses(scope, network, int(size), int(times),
               lambda _, victim: os.kill(victim.process.pid, signal.SIGSTOP), nothing)
        return
    scope.addCleanup(star.close)
    say("way", star.way)
    losses(scope, star, int(size), int(times),
           lambda pool, victim: star.cut(pool.places[pool.members.index(victim)]),
           lambda pool, victim: star.heal(pool.places[pool.members.index(victim)]))


def address_of(one, name):
    row = one.members().get(name) or {}
    return (row.get("gossip") or row.get("addr")) if row.get("status") == "alive" else None


def move(scope, times):
    """Killed, and started at another address at once: until the last host, and until the agent,
    has it alive there."""
    folder = tempfile.TemporaryDirectory()
    scope.addCleanup(folder.cleanup)
    anchor = PoolHost(scope, "anchor", pool=folder.name)
    third = PoolHost(scope, "third", pool=folder.name, join=[anchor.at])
    agent = Agent(scope, "agent", join=[anchor.at])
    mover = PoolHost(scope, "mover", pool=folder.name, join=[anchor.at])
    for turn in range(int(times)):
        for one in (anchor, third, agent, mover):
            one.sees(90, mover="alive", third="alive", agent="alive")
        mover.kill()
        since = time.monotonic()
        mover = PoolHost(scope, "mover", pool=folder.name, join=[anchor.at], data=mover.data)
        for kind, watchers in (("ours", (anchor, third, mover)), ("serf", (agent,))):
            for one in watchers:
                until(scope, lambda one=one: address_of(one, "mover") == str(mover.at),
                      f"{one.name} has mover at its new address", 120)
            say("moved", kind, f"{time.monotonic() - since:.3f}")
            tell(f"{turn + 1}: {kind} {time.monotonic() - since:.2f} s")


def suite(_, *names):
    """NAME or NAME:CLASS of tests/interop."""
    ran = failed = 0
    for name in names:
        script, _, chosen = name.partition(":")
        done = subprocess.run(
            [sys.executable, "-B", TESTS / "interop" / f"test_{script}.py", "-v",
             *filter(None, [chosen])], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            check=False, env={**os.environ, "PYTHONPATH": f"{TESTS / 'interop'}:{TESTS / 'e2e'}"})
        count = int((re.search(r"^Ran (\d+) tests?", done.stderr, re.M) or [0, 0])[1])
        bad = sum(map(int, re.findall(r"(?:failures|errors|skipped)=(\d+)", done.stderr)))
        if done.returncode != 0:
            bad = max(bad, 1)
            tell(done.stderr)
        ran, failed = ran + count, failed + bad
        tell(f"{name}: {count} tests, {bad} not passed")
    say("ran", ran, failed)


def vectors(_, program):
    done = subprocess.run([program], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          check=False)
    ran = re.search(r"^\[=+\] (\d+) tests? from .* ran", done.stdout, re.M)
    passed = re.search(r"^\[  PASSED  \] (\d+) tests?", done.stdout, re.M)
    if not ran:
        raise RuntimeError(f"{program} ended with {done.returncode} and told of no test")
    say("ran", ran[1], int(ran[1]) - int(passed[1] if passed else 0))


def corpora(_, *words):
    """FAILED counts programs: one input ends the program, and with it those behind."""
    inputs = failed = 0
    for program, folder in zip(words[::2], words[1::2]):
        stored = sum(path.is_file() for path in pathlib.Path(folder).rglob("*"))
        done = subprocess.run([program, folder], stdout=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL, check=False)
        inputs, failed = inputs + stored, failed + (done.returncode != 0 or stored == 0)
        tell(f"{pathlib.Path(program).name}: {stored} inputs, exit {done.returncode}")
    say("ran", inputs, failed)


VERBS = {"loss": loss, "cut": cut, "move": move, "suite": suite, "vectors": vectors,
         "corpora": corpora}


def main(verb, *words):
    if not SERF and verb not in ("vectors", "corpora"):
        say("fault", "there is no serf on this machine: apt-get install serf")
        return 1
    scope = Scope()
    try:
        VERBS[verb](scope, *words)
    except Exception as fault:  # told to who measures, whatever it is
        say("fault", str(fault).replace("\n", " ")[:500])
        return 1
    finally:
        scope.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
