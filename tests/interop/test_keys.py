"""The pool's keys are changed while it runs, by the verbs that Serf's users type; the hosts of ours
obey, answer, and keep the keys over a restart."""

import base64
import os
import re
import unittest

from wire.cases import OfAgent, OfHost
from foreign.agent import SERF, Agent
from foreign.peer import Peer
from harness.host import until

DROPPED = "phoenix_gossip_dropped_total"
OLD, NEW, SHORT = bytes(range(32)), bytes(range(50, 82)), bytes(range(16))


def as_text(key):
    return base64.b64encode(key).decode()


class Keys:
    def setUp(self):
        self.agent = Agent(self, "agent", key=OLD)
        self.host = self.make_host(self, "host", join=[self.agent.at], key=OLD)
        self.agent.sees(host="alive")
        self.host.sees(agent="alive")

    def does(self, flag, key):
        """All members did it, and said so."""
        self.assertIn("==> Successfully", self.agent.verb("keys", flag, as_text(key)))

    def installed(self, *expected):
        """Every member has these keys and no others, as the agent hears when it asks for them."""
        listed = re.findall(r"^(\S+=) +\[(\d+)/(\d+)\]$", self.agent.verb("keys", "-list"), re.M)
        self.assertEqual(sorted(listed), sorted((as_text(key), "2", "2") for key in expected))

    def shut_out(self, name, key):
        """Whoever comes with that key gets no answer that it could read."""
        stranger = Peer(self, name, key=key)
        with self.assertRaises((AssertionError, OSError, ValueError)):
            stranger.push_pull(self.host.at)
        self.assertNotIn(name, self.host.members())

    def together(self, name, key, *others):
        """A peer with that key comes in through the host, and everybody sees it."""
        peer = Peer(self, name, key=key, other_keys=others)
        peer.push_pull(self.host.at)
        self.agent.sees(**{name: "alive"})
        peer.leave(self.host.at)
        self.agent.sees(**{name: "left"})

    def test_a_key_is_replaced_by_another(self):
        self.installed(OLD)
        self.does("-install", NEW)
        self.installed(OLD, NEW)
        self.together("by-old", OLD)
        self.together("by-new", NEW, OLD)
        self.does("-use", NEW)
        self.together("by-old-still", OLD, NEW)
        self.does("-remove", OLD)
        self.installed(NEW)
        self.together("by-new-alone", NEW)
        self.shut_out("by-removed", OLD)
        self.agent.sees(host="alive")
        self.host.sees(agent="alive")

    def test_the_key_in_use_cannot_be_removed(self):
        code, said = self.agent.try_verb("keys", "-remove", as_text(OLD))
        self.assertNotEqual(code, 0, said)
        self.installed(OLD)

    def test_a_key_that_is_not_installed_cannot_be_used(self):
        code, said = self.agent.try_verb("keys", "-use", as_text(NEW))
        self.assertNotEqual(code, 0, said)
        self.installed(OLD)

    def test_keys_of_every_length_stand_beside_each_other(self):
        self.does("-install", SHORT)
        self.does("-use", SHORT)
        self.together("by-short", SHORT)
        self.installed(OLD, SHORT)


@unittest.skipUnless(SERF, "no serf on this machine")
class KeysOfHost(OfHost, Keys, unittest.TestCase):
    def in_file(self):
        return [base64.b64decode(line) for line in self.host.keys.read_text().split()]

    def test_they_are_kept_over_a_restart(self):
        self.does("-install", NEW)
        self.does("-use", NEW)
        until(self, lambda: self.in_file() == [NEW, OLD], f"the file is {self.in_file()}")
        self.does("-remove", OLD)
        until(self, lambda: self.in_file() == [NEW], f"the file is {self.in_file()}")
        self.assertEqual(os.stat(self.host.keys).st_mode & 0o077, 0)
        self.host.kill()
        self.agent.sees(host="failed")
        self.host.start()
        self.agent.sees(host="alive")
        self.together("after", NEW)

    def test_wrong_keys_are_counted(self):
        before = self.host.counted(DROPPED, '"key"')
        Peer(self, "packets", key=NEW).send(self.host.at, b"\x00\x80")
        self.shut_out("streams", NEW)
        until(self, lambda: self.host.counted(DROPPED, '"key"') >= before + 2, "both are counted")

    def test_what_is_not_sealed_is_counted(self):
        before = self.host.counted(DROPPED, '"plain"')
        Peer(self, "packets").send(self.host.at, b"\x00\x80" + b"x" * 60)
        self.shut_out("streams", None)
        until(self, lambda: self.host.counted(DROPPED, '"key"')
              + self.host.counted(DROPPED, '"plain"') >= before + 2, "both are counted")


class KeysOfAgent(OfAgent, Keys, unittest.TestCase):
    pass


if __name__ == "__main__":
    unittest.main()
