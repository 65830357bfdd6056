#!/usr/bin/env python3
"""clients/python/phoenix_ticket.py over the golden tickets: what it takes, and that nothing altered is."""

import base64
import json
import pathlib
import sys
import unittest

HERE = pathlib.Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "vectors" / "lineage"))
sys.path.insert(0, str(HERE.parents[1] / "clients" / "python"))
import make_vectors  # noqa: E402
import phoenix_ticket  # noqa: E402
from make_vectors import AT, HOST, ROOT  # noqa: E402

ROOTS = {"host": {}, "root": {ROOT.id: ROOT.public}}
HOSTS = {"host": {HOST.id: HOST.public}, "root": {}}


class Tickets(unittest.TestCase):
    def setUp(self):
        path = HERE.parent / "vectors" / "lineage" / "golden.json"
        golden = json.loads(path.read_text())
        self.alone = bytes.fromhex(golden["shown-alone"])
        self.of_session = bytes.fromhex(golden["shown-of-session"])

    def check(self, data, keys=HOSTS, seen=0, now=AT + 100):
        return phoenix_ticket.check(base64.b64encode(data), keys, seen, now)

    def refused(self, why, *args, **more):
        with self.assertRaisesRegex(ValueError, why):
            self.check(*args, **more)

    def test_it_says_what_was_signed(self):
        for keys in (HOSTS, ROOTS):
            ticket = self.check(self.alone, keys, 4)
            self.assertEqual(ticket["packet"], "pkt_1")
            self.assertEqual(ticket["owner"], ["receiver", 2])
        self.assertEqual(self.check(self.of_session)["scopes"], ["read"])

    def test_it_is_good_for_its_time_and_epoch_alone(self):
        self.refused("expired", self.alone, now=AT + 3020)
        self.refused("clock-behind", self.alone, now=AT - 481)
        self.check(self.alone, now=AT - 480)
        self.refused("stale-epoch", self.alone, seen=5)

    def test_unknown_signers(self):
        nobody = {"host": {}, "root": {}}
        self.refused("no ticket", self.alone, nobody)
        self.refused("no ticket", self.of_session, ROOTS)
        self.refused("no ticket", self.of_session, HOSTS | {"root": ROOTS["root"]})

    def test_nothing_altered_is_taken(self):
        for data, keys in ((self.alone, ROOTS), (self.of_session, HOSTS)):
            for bit in range(len(data) * 8):
                altered = bytearray(data)
                altered[bit // 8] ^= 1 << bit % 8
                with self.subTest(bit=bit):
                    self.refused("no ticket", bytes(altered), keys)
            for size in range(len(data)):
                self.refused("no ticket", data[:size], keys)

    def test_what_another_pool_has_signed_together_is_none_of_this(self):
        ticket = make_vectors.pack([1, "demo", "default", "p", 1, ["a", 1], [], AT, AT + 3000])
        for pool, kind in (("other", "ticket"), ("demo", "completion")):
            batch = HOST.seal("batch", make_vectors.pack(
                [1, pool, "application/vnd.phoenixflight." + kind, 1, make_vectors.leaf(ticket)]))
            self.refused("no ticket", make_vectors.pack([1, None, ticket, batch, 0, []]))

    def test_it_is_short(self):
        text = pathlib.Path(phoenix_ticket.__file__).read_text()
        self.assertLessEqual(text.count("\n"), 60)


if __name__ == "__main__":
    unittest.main()
