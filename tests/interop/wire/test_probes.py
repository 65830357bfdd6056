"""Pings in all their forms, seen from outside, and what becomes of those that do not answer."""

import unittest

from cases import OfFreshAgent, OfHost, TargetCase
from foreign.messages import (ACK, DEAD, ERROR, INDIRECT_PING, NACK, PING, SUSPECT, alive, compound,
                              message)
from foreign.peer import Peer

# By its own timing: a relay waits for its own ping so long before it says that none came.
NACK_AFTER = {True: (0.05, 1.5), False: (0.4, 2.0)}


class Probes:
    def setUp(self):
        self.peer = self.make_peer()

    def silent(self, ping, number):
        """No ack of that number; the ping sent after it is answered, and packets keep their order."""
        since = self.peer.mark()
        self.peer.send(self.to, ping)
        self.peer.ping(self.to, self.target.name)
        self.assertTrue(self.peer.said_nothing_of(ACK, since, SeqNo=number))

    def test_an_ack_carries_the_number_of_its_ping(self):
        for number in (0, 1, 300, 70_000, (1 << 32) - 1):
            since = self.peer.mark()
            self.peer.send(self.to, message(PING, Node=self.target.name, SeqNo=number))
            self.peer.hears(ACK, since, SeqNo=number)

    def test_a_ping_by_no_name_is_answered(self):
        self.peer.ping(self.to, "")

    def test_a_ping_by_another_name_is_not(self):
        self.silent(message(PING, Node="nobody", SeqNo=7), 7)

    def test_the_ack_goes_where_the_ping_says(self):
        other = Peer(self, self.fresh("ear"), answers=False)
        self.peer.send(self.to, message(PING, Node=self.target.name, SeqNo=77, SourceNode=other.name,
                                        SourceAddr=other.at.ip, SourcePort=other.at.port))
        other.hears(ACK, SeqNo=77)

    def test_three_pings_in_one_packet_are_three(self):
        since = self.peer.mark()
        self.peer.send(self.to, compound([message(PING, Node=self.target.name, SeqNo=number)
                                          for number in (11, 12, 13)]))
        for number in (11, 12, 13):
            self.peer.hears(ACK, since, SeqNo=number)

    # ---- for others ----

    def asks_for(self, other, number, nack):
        since = self.peer.mark()
        self.peer.send(self.to, message(INDIRECT_PING, Node=other.name, SeqNo=number, Nack=nack,
                                        Target=other.at.ip, Port=other.at.port))
        return since

    def test_it_pings_for_another_and_hands_the_ack_on(self):
        other = Peer(self, self.fresh("third"))
        since = self.asks_for(other, 4321, True)
        ack = self.peer.hears(ACK, since, SeqNo=4321).message
        self.assertFalse(ack["Payload"])
        ping = other.hears(PING, Node=other.name).message
        self.assertNotEqual(ping["SeqNo"], 4321)

    def test_when_none_comes_it_says_so(self):
        mute = Peer(self, self.fresh("mute"), answers=False)
        since = self.asks_for(mute, 4322, True)
        asked = mute.hears(PING, Node=mute.name)
        told = self.peer.hears(NACK, since, SeqNo=4322)
        least, most = NACK_AFTER[self.ours]
        self.assertTrue(least < told.when - asked.when < most, told.when - asked.when)

    def test_unless_it_was_not_asked_to(self):
        mute = Peer(self, self.fresh("mute"), answers=False)
        since = self.asks_for(mute, 4323, False)
        mute.hears(PING, Node=mute.name)
        self.asks_for(mute, 4324, True)  # asked later, and told when 4323's time is over
        self.peer.hears(NACK, since, SeqNo=4324)
        self.assertTrue(self.peer.said_nothing_of(NACK, since, SeqNo=4323))

    # ---- by stream ----

    def test_a_ping_by_stream_is_answered_on_it(self):
        answer, _, _ = self.peer.asks(self.to, message(PING, Node=self.target.name, SeqNo=23))
        self.assertEqual((answer.kind, answer["SeqNo"]), (ACK, 23))

    def test_a_stream_that_asks_nothing_it_knows_is_closed(self):
        for request in (message(PING, Node="nobody", SeqNo=23),
                        message(ACK, SeqNo=23, Payload=None),
                        alive(self.fresh("x"), self.peer.at, 5), b"\x63", b"\xff\xff\xff"):
            answer = self.peer.asks(self.to, request)
            self.assertTrue(answer is None or answer[0].kind == ERROR, f"{request}: {answer}")

    # ---- of the peers ----

    def test_it_probes_its_peers_and_knows_itself_by_name(self):
        ping = self.peer.hears(PING, Node=self.peer.name)
        self.assertEqual(ping.message.text("Node"), self.peer.name)

    def test_who_hears_but_never_answers_is_suspected_and_dead(self):
        mute = Peer(self, self.fresh("mute"), answers=False)
        since, told = mute.mark(), self.peer.mark()
        self.peer.send(self.to, alive(mute.name, mute.at, 1))
        direct = mute.hears(PING, since)
        by_stream = next(heard for heard in self.stream_pings(mute, since))
        self.assertEqual(by_stream.message["SeqNo"], direct.message["SeqNo"])
        self.peer.hears(INDIRECT_PING, told, Node=mute.name)
        mute.hears(SUSPECT, since, Node=mute.name)  # the accused is told: the buddy system
        self.peer.hears(SUSPECT, told, Node=mute.name)
        for witness in ("a", "b"):  # others who do not reach it either cut the wait short
            self.peer.send(self.to, message(SUSPECT, Node=mute.name, From=witness, Incarnation=1))
        self.peer.hears(DEAD, told, Node=mute.name)
        self.target.sees(**{mute.name: "failed"})

    def stream_pings(self, mute, since):
        """Those that came by stream: from a port that is not the target's own."""
        with mute.news:
            mute.news.wait_for(lambda: self.by_stream(mute, since), 10)
        return self.by_stream(mute, since)

    def by_stream(self, mute, since):
        return [heard for heard in mute.heard[since:]
                if heard.kind == PING and heard.source.port != self.to.port]

    def test_who_answers_by_stream_alone_lives(self):
        deaf = Peer(self, self.fresh("deaf"))
        deaf.answers_packets = False
        since = deaf.mark()
        self.peer.answers = False  # asked on its behalf, it helps in nothing
        self.peer.send(self.to, alive(deaf.name, deaf.at, 1))
        probed = self.probes_by_stream(deaf, since, 2)
        self.assertEqual(len({heard.message["SeqNo"] for heard in probed}), len(probed))
        self.assertTrue(deaf.said_nothing_of(SUSPECT, since, Node=deaf.name))
        self.assertEqual(self.status(deaf.name), "alive")

    def probes_by_stream(self, peer, since, count):
        with peer.news:
            peer.news.wait_for(lambda: len(self.by_stream(peer, since)) >= count, 20)
        found = self.by_stream(peer, since)
        self.assertGreaterEqual(len(found), count)
        return found


class ProbesOfHost(OfHost, Probes, TargetCase):
    pass


class ProbesOfAgent(OfFreshAgent, Probes, TargetCase):
    pass


if __name__ == "__main__":
    unittest.main()
