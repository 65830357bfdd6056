#!/usr/bin/env python3
"""judge.py, on small tables made by hand."""

import unittest

import judge


class Judge(unittest.TestCase):
    def test_a_slot_is_the_top_twelve_bits_of_a_point(self):
        self.assertEqual(judge.slot_of(0), 0)
        self.assertEqual(judge.slot_of((1 << 20) - 1), 0)
        self.assertEqual(judge.slot_of(1 << 20), 1)
        self.assertEqual(judge.slot_of((1 << 32) - 1), 4095)

    def test_who_keeps_a_packet_follows_from_its_point(self):
        keepers = {0: "a", 1: "b", 4095: "a"}
        points = {"p": 5, "q": 1 << 20, "r": (1 << 32) - 1}
        self.assertEqual(judge.kept_by("a", points, keepers), ["p", "r"])
        self.assertEqual(judge.kept_by("c", points, keepers), [])

    def test_only_slots_between_those_that_stay_count_as_moved(self):
        before = {0: "a", 1: "b", 2: "b", 3: "gone"}
        after = {0: "a", 1: "a", 2: "new", 3: "b"}
        self.assertEqual(judge.moved_between(before, after, {"a", "b"}), 1)
        self.assertEqual(judge.moved_between(before, before, {"a", "b"}), 0)

    def test_a_share_is_held_against_the_weight(self):
        keepers = dict(enumerate("aaab"))
        self.assertAlmostEqual(judge.share_error("a", keepers, {"a": 100, "b": 100}), 0.5)
        self.assertAlmostEqual(judge.share_error("b", keepers, {"a": 300, "b": 100}), 0)

    def test_every_run_beyond_the_first_of_a_packet_is_one_again(self):
        self.assertEqual(judge.run_again(["p 1", "q 1"]), 0)
        self.assertEqual(judge.run_again(["p 1", "q 1", "p 2", "p 2"]), 2)
        self.assertEqual(judge.run_again([]), 0)
        self.assertEqual(judge.repeated(["p 1", "q 1", "p 2"]), ["p 1", "p 2"])

    def test_a_member_that_came_went_or_moved_is_seen(self):
        before = {"m": (128, 7), "n": (128, 9), "o": (64, 3)}
        self.assertEqual(judge.moved_members(before, dict(before)), 0)
        self.assertEqual(judge.moved_members(before, {"m": (128, 7), "n": (128, 8), "p": (1, 1)}),
                         3)

    def test_a_change_is_known_when_the_last_host_has_it(self):
        told = {"x": 10.0, "y": 20.0, "z": 30.0}
        heard = [{"x": 10.1, "y": 19.9, "z": 30.2}, {"x": 10.3, "y": 19.8}]
        waits, missing = judge.unknown_after(told, heard)
        self.assertEqual([round(wait, 6) for wait in waits], [0.3, 0.0])
        self.assertEqual(missing, 1)


if __name__ == "__main__":
    unittest.main()
