"""A pool of hosts of ours, or of Serf agents, whose members are killed or cut off one at a time, and
how long the others take to know."""

import random
import time

from foreign.agent import MEMBER_FAILED, Agent
from pool_host import FAILED, PoolHost

PATIENCE = 120


class PlacedHost(PoolHost):
    """One whose API is reached from within its namespace."""

    def __init__(self, scope, place, *words, **more):
        self.place = place
        super().__init__(scope, *words, at=place.at, before=place.before, **more)

    def connect(self, timeout=20):
        return self.place.connect("127.0.0.1", self.port, timeout)


class Pool:
    """`size` members, all of which know each other once it is made."""

    def __init__(self, scope, network, size, folder):
        self.places = [network.place() for _ in range(size)]
        self.members = []
        for number, place in enumerate(self.places):
            seeds = [self.places[0].at] if number else []
            self.members.append(self.make(scope, place, f"{self.kind}-{number}", seeds, folder))
        self.all_alive()

    def all_alive(self):
        wanted = {one.name: "alive" for one in self.members}
        for one in self.members:
            one.sees(PATIENCE, **wanted)

    def watch(self, victim):
        """What will tell when the others know."""
        return [(lines, lines.mark()) for one, lines in self.ears(victim)]

    def known(self, victim, ears, since):
        """Seconds until the first and the last of the others knew."""
        times = []
        for lines, mark in ears:
            heard = lines.await_line(self.failed.format(victim.name), mark, PATIENCE)
            if not heard:
                raise RuntimeError(f"not in {PATIENCE} s: {victim.name} is known to have failed")
            times.append(heard[0] - since)
        return min(times), max(times)

    def back(self, victim):
        victim.kill()
        victim.start()
        self.all_alive()


class OurPool(Pool):
    kind, failed = "ours", FAILED

    def make(self, scope, place, name, seeds, folder):
        return PlacedHost(scope, place, name, pool=folder, join=seeds)

    def ears(self, victim):
        return [(one, one.events()) for one in self.members if one is not victim]


class SerfPool(Pool):
    kind, failed = "serf", MEMBER_FAILED

    def make(self, scope, place, name, seeds, folder):
        return Agent(scope, name, at=place.at, join=seeds, before=place.before)

    def ears(self, victim):
        return [(one, one.lines) for one in self.members if one is not victim]


def lose(pools, lost, found, seed):
    """One member of each pool is lost, in every pool at the same time. Yields (kind, first, last)."""
    chance = random.Random(seed)
    victims = {}
    for pool in pools:
        victim = chance.choice(pool.members[1:])  # the first is the seed of those that come back
        victims[pool] = victim, pool.watch(victim)
    time.sleep(chance.uniform(0, 1))  # at any moment of their rounds of probes
    since = {}
    for pool, (victim, _) in victims.items():
        since[pool] = time.monotonic()
        lost(pool, victim)
    for pool, (victim, ears) in victims.items():
        yield pool.kind, *pool.known(victim, ears, since[pool])
    for pool, (victim, _) in victims.items():
        found(pool, victim)
        pool.back(victim)
