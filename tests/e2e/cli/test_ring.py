"""`phoenix ring show|owner|plan` as a person or a script types them."""

import unittest

from harness.cli import CliTest


class Ring(CliTest):
    def test_show(self):
        anna = self.person(self.fresh("cap"))
        done = self.phoenix("ring", "show")
        self.assertIn("SHARE", done.out)
        self.assertIn(anna, done.out)
        self.assertIn("exact arcs of the plain ring", done.out)
        self.assertNotIn("exact arcs", self.phoenix("ring", "show", "-q").out)
        self.assertIn(anna, self.phoenix("ring", "show", "-o", "name").lines)
        self.assertIn("POSITIONS", self.phoenix("ring", "show", "-o", "wide").out)
        self.assertIn("REPLICA", self.phoenix("ring", "show", "--vnodes").out)

    def test_owner(self):
        cap = self.fresh("cap")
        packet, anna = self.held(cap)
        done = self.phoenix("ring", "owner", "--requires", cap, "--id", packet)
        for word in (anna, "DISTANCE", "the only one that is eligible", "decidedBy:"):
            self.assertIn(word, done.out)
        self.assertEqual(self.phoenix("ring", "owner", "--requires", cap, "-o", "name").out,
                         anna + "\n")
        walk = self.phoenix("ring", "owner", "--requires", f"{cap},nobody-can", "--match", "any",
                            "--affinity", "k", "-o", "json").json
        self.assertEqual((walk["owner"], walk["decidedBy"], walk["k"]), (anna, "nearest", 1))
        done = self.phoenix("ring", "owner", "--requires", "nobody-can")
        self.assertIn("nobody: it would be parked", done.out)
        self.failed(2, "ring", "owner", "--requires", cap, "--id", "a", "--salt", "b", says="one of")

    def test_plan(self):
        cap = self.fresh("cap")
        packet, anna = self.held(cap)
        done = self.phoenix("ring", "plan", "--leave", anna)
        for word in (packet, "no-capable-member", "SHARE NOW", "yes, if nothing else", "minimum:"):
            self.assertIn(word, done.out)
        self.assertEqual(self.phoenix("ring", "plan", "--drain", anna, "-o", "name").out, "")
        plan = self.phoenix("ring", "plan", "--change", anna, "--weight", "10000", "-o", "json").json
        self.assertEqual(plan["ring"]["vnodesAfter"] - plan["ring"]["vnodesBefore"], 12800 - 128)
        plan = self.phoenix("ring", "plan", "--join", "bob", "--capability", cap, "--max-load", "3",
                            "--trust", "0.5", "-o", "json").json
        self.assertEqual((plan["members"], plan["moved"]), (["bob"], 0))
        self.assertEqual(self.packet(packet)["owner"], anna)

    def test_plan_says_what_is_wrong(self):
        anna = self.person(self.fresh("cap"))
        for words, says in (((), "one of --leave, --drain, --join, --change"),
                            (("--leave", anna, "--drain", anna), "one of --leave"),
                            (("--leave", anna, "--weight", "5"), "--join and --change"),
                            (("--change", anna, "--trust", "1"), "cannot be changed"),
                            (("--drain", anna, "--cause", "lease"), "--leave alone"),
                            (("--join", "bob", "--weight", "10001"), "10001"),
                            (("--join", "bob", "--trust", "2"), "from 0 to 1")):
            self.failed(2, "ring", "plan", *words, says=says)
        self.failed(3, "ring", "plan", "--leave", "nobody", says=("nobody", "GET /v1/members"))
        self.failed(4, "ring", "plan", "--join", anna, says="ACTIVE already")
        self.failed(1, "ring", "plan", "--leave", anna, "--cause", "lease", says="no session")


if __name__ == "__main__":
    unittest.main()
