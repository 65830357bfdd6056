"""Rounds of work in which what happens to hosts, PostgreSQL and the network is drawn from a seed.
Env PHOENIX_ROUNDS: how many (2); PHOENIX_SEED: the first one's (1). A failure names its seed."""

import os
import random
import sys
import threading
import unittest

from harness.network import Network
from harness.pool import Pool, PoolTest
from harness.round import Round

ROUNDS = int(os.environ.get("PHOENIX_ROUNDS", "2"))
SEED = int(os.environ.get("PHOENIX_SEED", "1"))


class Draws(PoolTest):
    def make_pool(self):
        try:
            self.network = Network(self)
        except unittest.SkipTest:
            self.network = None
        return Pool(self, self.size, self.flags, self.network)

    def pause(self, seconds):
        """How long a fault lasts is part of the draw; nothing is awaited by it."""
        threading.Event().wait(seconds)

    # Each of these ends with everything running, though not yet settled.

    def kill(self, draw):
        host = draw.choice(self.pool.hosts)
        host.kill()
        self.pause(draw.choice((0, 0.3, 5)))
        host.start()
        return f"kill {host.name}"

    def freeze(self, draw):
        host = draw.choice(self.pool.hosts)
        seconds = draw.choice((0.3, 1, 2.5, 4, 9))
        host.freeze()
        self.pause(seconds)
        host.thaw()
        return f"freeze {host.name} for {seconds} s"

    def leave(self, draw):
        host = draw.choice(self.pool.hosts)
        self.assertEqual(host.end(), 0, host.log()[-2000:])
        host.start()
        return f"leave {host.name}"

    def kill_all(self, draw):
        for host in self.pool.hosts:
            host.kill()
        for host in draw.sample(self.pool.hosts, len(self.pool.hosts)):
            host.start()
        return "kill all"

    def kill_store(self, _):
        self.pool.postgres.restart()
        return "kill PostgreSQL"

    def freeze_store(self, draw):
        seconds = draw.choice((0.3, 1.5, 4))
        self.pool.postgres.freeze()
        self.pause(seconds)
        self.pool.postgres.thaw()
        return f"freeze PostgreSQL for {seconds} s"

    def kill_store_and_host(self, draw):
        host = draw.choice(self.pool.hosts)
        host.kill()
        self.pool.postgres.restart()
        host.start()
        return f"kill PostgreSQL and {host.name}"

    def split(self, draw):
        places = dict(self.pool.places, store=self.pool.store_place)
        one = draw.choice(list(self.pool.places))
        others = draw.sample(sorted(places.keys() - {one}), draw.randint(1, len(places) - 1))
        both = draw.random() < 0.7
        for other in others:
            ends = [places[one], places[other]]
            if not both and draw.random() < 0.5:
                ends.reverse()
            self.network.cut(*ends, both)
        seconds = draw.choice((0.5, 2, 6, 12))
        self.pause(seconds)
        self.network.heal()
        return f"cut {one} from {others}{'' if both else ' one way'} for {seconds} s"

    def test_rounds(self):
        faults = [self.kill, self.kill, self.freeze, self.leave, self.kill_all, self.kill_store,
                  self.freeze_store, self.kill_store_and_host]
        if self.network:
            faults += [self.split] * 3
        for seed in range(SEED, SEED + ROUNDS):
            with self.subTest(PHOENIX_SEED=seed):
                draw = random.Random(seed)
                round_ = Round(self)
                round_.submit(60, 300)
                round_.await_begun(6)
                done = []
                for _ in range(draw.randint(1, 3)):
                    done.append(draw.choice(faults)(draw))
                    round_.submit(20, 300)
                in_vain = round_.finish(patience=120)
                print(f"seed {seed}: {', '.join(done)}; {in_vain} runs in vain", file=sys.stderr)
                # Each fault costs every worker at most what it has in hand.
                self.assertLessEqual(in_vain, 12 * len(done))
                self.pool.await_ready()
                round_.end()


if __name__ == "__main__":
    unittest.main()
