"""AES-GCM around packets and streams: both versions, every length of key, and whatever was changed
on the way."""

import struct
import unittest

from cases import OfFreshAgent, OfHost, TargetCase
from foreign import seal
from foreign.messages import (ACK, ENCRYPT, PING, PUSH_PULL, checked, compound, compressed, labelled,
                              message, push_pull, serf_state)
from foreign.peer import Peer

DROPPED = "phoenix_gossip_dropped_total"


class Sealing:
    key = bytes(range(16))

    @classmethod
    def make_target(cls):
        return cls.make_host(cls, cls.fresh("target"), key=cls.key)

    def setUp(self):
        self.peer = self.make_peer(key=self.key)
        self.since = self.peer.mark()

    def ping(self, number):
        return message(PING, Node=self.target.name, SeqNo=number)

    def refused(self, packet, number):
        """It is counted, and not answered, though the sound one behind it is."""
        if self.ours:
            self.counts(DROPPED, "", lambda: self.peer.raw(self.to, packet))
        else:
            self.peer.raw(self.to, packet)
        self.peer.ping(self.to, self.target.name)
        self.assertTrue(self.peer.said_nothing_of(ACK, self.since, SeqNo=number))

    def test_both_versions_are_opened(self):
        for number, version in ((10, 1), (11, 0)):
            self.peer.raw(self.to, seal.encrypt(self.ping(number), self.key, version=version))
            self.peer.hears(ACK, self.since, SeqNo=number)

    def test_the_layers_within_are_those_of_plain_packets(self):
        for number, wrap in ((20, checked), (21, compressed), (22, lambda ping: compound([ping] * 2)),
                             (23, lambda ping: checked(compressed(compound([ping]))))):
            self.peer.send(self.to, wrap(self.ping(number)))
            self.peer.hears(ACK, self.since, SeqNo=number)

    def test_a_bit_changed_anywhere_closes_it(self):
        sealed = seal.encrypt(self.ping(30), self.key)
        for at in (0, 1, 12, 13, len(sealed) // 2, len(sealed) - 16, len(sealed) - 1):
            changed = bytearray(sealed)
            changed[at] ^= 0x10
            self.refused(bytes(changed), 30)

    def test_cut_short_or_made_longer_it_is_closed(self):
        sealed = seal.encrypt(self.ping(40), self.key)
        for bad in (sealed[:-1], sealed[:29], sealed[:28], sealed[:13], sealed[:1], sealed + b"\0",
                    seal.encrypt(self.ping(40), self.key, version=0)[:40]):
            self.refused(bad, 40)

    def test_another_key_or_other_words_authenticated_with_it_close_it(self):
        for length in (16, 24, 32):
            self.refused(seal.encrypt(self.ping(50), bytes(length)), 50)
        self.refused(seal.encrypt(self.ping(51), self.key, b"pool1"), 51)
        self.refused(labelled(seal.encrypt(self.ping(52), self.key, b"pool1"), b"pool1"), 52)

    def test_what_is_not_sealed_is_refused(self):
        self.refused(self.ping(60), 60)
        self.refused(checked(compound([self.ping(61)])), 61)
        answer = self.asks_raw(push_pull([self.peer.own_state()]))
        self.assertTrue(answer is None or answer[0].kind != PUSH_PULL)

    def asks_raw(self, data):
        """What a stream with those bytes is answered, read as plain or sealed, whichever it is."""
        with self.peer.open(self.to, data) as wire:
            try:
                return self.peer.read(wire)
            except (EOFError, OSError, ValueError, IndexError):
                return None

    def test_streams_are_bound_to_their_length(self):
        request = push_pull([self.peer.own_state()], False, serf_state())
        size = struct.pack(">I", len(request) + 29)
        head = bytes([ENCRYPT]) + size
        for aad, answered in ((head, True), (b"", False), (size, False), (head + b"x", False)):
            answer = self.asks_raw(head + seal.encrypt(request, self.key, aad))
            self.assertEqual(answer is not None and answer[0].kind == PUSH_PULL, answered, aad)

    def test_what_it_sends_is_sealed(self):
        """All that has come could be opened by the key: nothing came in the clear."""
        self.peer.hears(PING, self.since, Node=self.peer.name)
        with self.peer.news:
            self.assertFalse([heard for heard in self.peer.heard if heard.kind is None])
        deaf = Peer(self, self.fresh("plain"))
        self.peer.send(self.to, message(PING, Node=self.target.name, SeqNo=70, SourceNode=deaf.name,
                                        SourceAddr=deaf.at.ip, SourcePort=deaf.at.port))
        heard = deaf.hears_anything()
        self.assertNotEqual(heard.kind, ACK)


class LongKeys(Sealing):
    key = bytes(range(32))


class SealingOfHost(OfHost, Sealing, TargetCase):
    pass


class LongKeysOfHost(OfHost, LongKeys, TargetCase):
    pass


class SealingOfAgent(OfFreshAgent, Sealing, TargetCase):
    pass


if __name__ == "__main__":
    unittest.main()
