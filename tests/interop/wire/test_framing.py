"""What surrounds messages: compounds, compression, checksums, labels, and the forms in which Go
writes msgpack; whole, cut short, and wrong."""

import random
import unittest

from cases import OfFreshAgent, OfHost, TargetCase
from foreign import msgpack
from foreign.messages import (ACK, ALIVE, COMPRESS, PING, PUSH_PULL, alive, checked,
                              compound, compressed, labelled, message, push_pull)

DROPPED = "phoenix_gossip_dropped_total"


class Frames:
    def setUp(self):
        self.peer = self.make_peer()
        self.since = self.peer.mark()

    def ping(self, number, **more):
        return message(PING, Node=self.target.name, SeqNo=number, **more)

    def acked(self, *numbers):
        for number in numbers:
            self.peer.hears(ACK, self.since, SeqNo=number)

    def sends(self, *packets):
        self.peer.send(self.to, *packets)

    def dropped(self, packet, reason, number=None, kinds=ACK):
        """Nothing comes of it, while the ping behind it is answered."""
        self.counts(DROPPED, f'"{reason}"', lambda: self.sends(packet))
        self.peer.ping(self.to, self.target.name)
        if number is not None:
            self.assertTrue(self.peer.said_nothing_of(kinds, self.since, SeqNo=number))


class FramingCases(Frames):
    # ---- layers ----

    def test_every_layer_alone_and_within_each_other(self):
        for number, wrap in enumerate((
                lambda ping: ping, compressed, checked, lambda ping: compound([ping]),
                lambda ping: checked(compressed(compound([ping]))),
                lambda ping: compound([compressed(ping)]),
                lambda ping: compressed(compound([compressed(compound([ping]))])))):
            self.sends(wrap(self.ping(100 + number)))
            self.acked(100 + number)

    def test_parts_of_a_compound_are_taken_in_order_and_whole(self):
        self.sends(compound([self.ping(number) for number in range(200, 227)]))
        self.acked(*range(200, 227))

    def test_of_a_compound_cut_short_the_whole_parts_are_taken(self):
        whole = compound([self.ping(300), self.ping(301), self.ping(302)])
        self.dropped(whole[:-2], "truncated", 302)
        self.acked(300, 301)

    def test_a_wrong_checksum_drops_the_packet(self):
        packet = bytearray(checked(self.ping(400)))
        packet[2] ^= 1
        self.dropped(bytes(packet), "checksum", 400)
        self.dropped(checked(b"")[:3], "checksum")

    def test_what_does_not_decompress_is_dropped(self):
        packet = compressed(self.ping(500))
        for bad in (packet[:-3], message(COMPRESS, Algo=1, Buf=b"\x00\x03\x02"),
                    message(COMPRESS, Algo=0, Buf=random.Random(5).randbytes(300)),
                    message(COMPRESS, Algo=0, Buf=b"")):
            self.sends(bad)
        self.peer.ping(self.to, self.target.name)
        self.assertTrue(self.peer.said_nothing_of(ACK, self.since, SeqNo=500))

    def test_labels_are_for_pools_that_have_one(self):
        """This one has none."""
        self.dropped(labelled(self.ping(600), b"pool1"), "label", 600)
        self.dropped(labelled(self.ping(601), b""), "label", 601)
        self.dropped(bytes([244]), "label")
        self.dropped(bytes([244, 200]) + b"short", "label")
        for label in (b"pool1", b""):
            wrong = labelled(push_pull([self.peer.own_state()]), label)
            answer = self.peer.asks(self.to, wrong)
            self.assertTrue(answer is None or answer[0].kind != PUSH_PULL, answer)

    def test_empty_packets_and_unknown_types_are_nothing(self):
        for packet in (b"", b"\x0d", b"\x0e" + b"x" * 40, b"\x63" * 1300, b"\xf3", b"\xff" * 65_000,
                       b"\x06" + b"\x80", b"\x0a" + b"\x00" * 60):
            self.sends(packet)
        self.peer.ping(self.to, self.target.name)

    # ---- msgpack ----

    def test_fields_in_order_without_names(self):
        self.sends(bytes([PING]) + msgpack.encode([700, self.target.name, None, 0, ""]))
        self.acked(700)

    def test_every_form_of_a_number(self):
        name = msgpack.encode({"Node": self.target.name})[1:]
        for number, form in ((70, "46"), (71, "cc47"), (72, "cd0048"), (73, "ce00000049"),
                             (74, "cf000000000000004a"), (75, "d04b"), (76, "d1004c"),
                             (77, "d20000004d"), (78, "d3000000000000004e")):
            self.sends(bytes([PING, 0x82]) + name + msgpack.encode("SeqNo") + bytes.fromhex(form))
            self.acked(number)

    def test_every_form_of_a_name(self):
        name = self.target.name.encode()
        size = len(name)
        for number, head in enumerate((bytes([0xA0 | size]), bytes([0xD9, size]),
                                       bytes([0xDA, 0, size]), bytes([0xDB, 0, 0, 0, size]))):
            self.sends(bytes([PING, 0x82]) + msgpack.encode("Node") + head + name
                       + msgpack.encode("SeqNo") + msgpack.encode(800 + number))
            self.acked(800 + number)

    def test_unknown_fields_and_bytes_behind_are_passed_over(self):
        self.sends(self.ping(900, Zone={"a": [1, "b", None, 1.5, True]}) + b"rest",
                   self.ping(901, Aaa=[b"\x01" * 40, {}]))
        self.acked(900, 901)

    def test_numbers_that_do_not_fit_are_malformed(self):
        for value in (-1, 1 << 32, 1.5, "7", [7]):
            packet = message(PING, Node=self.target.name, SeqNo=value)
            self.dropped_if_ours(packet)

    def dropped_if_ours(self, packet):
        self.counts(DROPPED, '"malformed"', lambda: self.sends(packet))
        self.peer.ping(self.to, self.target.name)

    def test_a_message_cut_anywhere_is_nothing(self):
        whole = alive(self.fresh("cut"), self.peer.at, 4)
        for size in range(2, len(whole) - 1):
            self.sends(whole[:size])
        self.peer.ping(self.to, self.target.name)
        self.assertFalse([name for name in self.target.members() if name.startswith("cut")])


class FramingOfHost(OfHost, FramingCases, TargetCase):
    def test_what_unpacks_beyond_all_measure_is_dropped(self):
        for size in (70_000, 400_000):
            packet = compressed(bytes(size))
            self.assertLess(len(packet), 1400)
            self.dropped(packet, "compression")

    def test_layers_beyond_any_sense_are_dropped(self):
        packet = self.ping(77)
        for _ in range(40):
            packet = compound([packet])
        self.dropped(packet, "nested", 77)

    def test_strings_of_the_new_kind_are_read(self):
        """As the newer library of the Go programs may write them."""
        name = self.target.name.encode()
        self.sends(bytes([PING, 0x82]) + msgpack.encode("Node") + bytes([0xC4, len(name)]) + name
                   + msgpack.encode("SeqNo") + msgpack.encode(1100))
        self.acked(1100)

    def test_a_compound_of_255_parts_is_read_to_its_end(self):
        """Older ones misread what has more than 127; it is no reason to lose any."""
        parts = [self.ping(number) for number in range(2000, 2255)]
        self.sends(compound(parts))
        self.acked(*range(2000, 2255))


class SizesOfHost(OfHost, Frames, TargetCase):
    """Apart from the others, for it leaves much behind."""

    def test_nothing_it_sends_is_beyond_a_frame(self):
        """1,400 bytes, and no compound that older peers misread, however much there is to say."""
        for _ in range(300):
            self.sends(alive(self.fresh("many"), self.peer.at, 1))
        last = self.fresh("last")
        self.sends(alive(last, self.peer.at, 1))
        self.peer.hears(ALIVE, self.since, Node=last)
        with self.peer.news:
            sizes, parts = zip(*self.peer.sizes)
        self.assertLessEqual(max(sizes), 1400)
        self.assertLessEqual(max(parts), 127)


class FramingOfAgent(OfFreshAgent, FramingCases, TargetCase):
    pass


if __name__ == "__main__":
    unittest.main()
