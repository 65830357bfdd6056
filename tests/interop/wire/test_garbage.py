"""Noise, slowness and lies on both ports: the list of hosts stays right, who behaves is served, and
memory does not grow."""

import random
import socket
import struct
import unittest

from cases import OfHost, TargetCase
from foreign import address
from foreign.messages import (DEAD, ENCRYPT, PUSH_PULL, SUSPECT, USER, alive, compound, compressed,
                              message, node_state, push_pull, serf_state, user)
from harness.host import SLOWNESS

MIB = 1 << 20
STREAM_PATIENCE = 40 * SLOWNESS  # a host gives a stream ten seconds


class Noise(OfHost):
    def setUp(self):
        self.random = random.Random(self.id())
        self.peer = self.make_peer()
        self.other = self.make_peer("other")
        self.before = self.names()
        self.memory = self.target.memory()

    def names(self):
        return {name for name, member in self.target.members().items()
                if member["status"] == "alive"}

    def unmoved(self, growth=16 * MIB):
        self.peer.ping(self.to, self.target.name)
        self.peer.push_pull(self.to)
        self.assertEqual(self.names(), self.before)
        self.grew_less(self.memory, growth)

    def flood(self, packets):
        """Never more in flight than a socket's buffer holds, so that all of them are looked at."""
        for count, packet in enumerate(packets):
            self.peer.send(self.to, packet)
            if count % 64 == 63:
                self.peer.ping(self.to, self.target.name)


class Garbage(Noise, TargetCase):
    # ---- packets ----

    def test_random_packets(self):
        self.flood(bytes([self.random.choice((0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 12, 244, 99))])
                   + self.random.randbytes(self.random.randrange(1400)) for _ in range(20_000))
        self.unmoved()

    def test_sound_packets_with_a_byte_changed(self):
        """None of them about anybody who is there."""
        sound = [message(SUSPECT, Node="no", From=self.other.name, Incarnation=1),
                 message(DEAD, Node="no", From="no", Incarnation=1),
                 user(0, LTime=3, Node="no", Prune=False),
                 user(3, LTime=3, Name="no", Payload=b"x", CC=True)]
        sound += [compound(sound), compressed(compound(sound))]
        for _ in range(10_000):
            packet = bytearray(self.random.choice(sound))
            packet[self.random.randrange(1, len(packet))] = self.random.randrange(256)
            self.peer.send(self.to, bytes(packet))
            if self.random.random() < 0.02:
                self.peer.ping(self.to, self.target.name)
        self.unmoved()

    # ---- streams ----

    def test_random_streams(self):
        for _ in range(300):
            data = self.random.randbytes(self.random.randrange(1, 3000))
            with self.peer.open(self.to) as wire:
                try:
                    wire.sendall(data)
                    wire.shutdown(socket.SHUT_WR)
                    wire.recv(1)
                except ConnectionError:
                    pass
        self.unmoved()

    def closed_by_host(self, wires):
        """Awaits that it has given up on all of them."""
        for wire in wires:
            wire.settimeout(STREAM_PATIENCE)
            try:
                while wire.recv(65536):
                    pass
            except ConnectionError:
                pass
            wire.close()

    def opened(self, count, data):
        wires = []
        for _ in range(count):
            wire = self.peer.open(self.to)
            self.addCleanup(wire.close)
            try:
                wire.sendall(data)
            except ConnectionError:  # beyond the number that it takes at once
                pass
            wires.append(wire)
        return wires

    def test_two_hundred_streams_that_say_nothing(self):
        wires = self.opened(200, b"")
        self.peer.ping(self.to, self.target.name)
        self.other.ping(self.to, self.target.name)
        self.assertEqual(self.names(), self.before)
        self.closed_by_host(wires)
        self.unmoved()

    def test_streams_that_come_a_byte_at_a_time(self):
        request = push_pull([self.peer.own_state()] + [
            node_state(f"slow-{number}", address.Address("127.9.9.9", 9), 1)
            for number in range(100)], True, serf_state())
        wires = self.opened(100, request[:1])
        for at in range(1, 60):
            for wire in wires:
                try:
                    wire.sendall(request[at:at + 1])
                except ConnectionError:
                    pass
            self.peer.ping(self.to, self.target.name)
        self.closed_by_host(wires)
        self.unmoved()

    def test_streams_that_promise_twenty_mib(self):
        whole = 20 * MIB
        wires = []
        for head in (bytes([ENCRYPT]) + struct.pack(">I", whole - 1), push_pull([], Nodes=1 << 20),
                     push_pull([], UserStateLen=whole - 1),
                     message(USER, UserMsgLen=whole - 1),
                     message(PUSH_PULL, Nodes=1 << 20, UserStateLen=whole - 1, Join=True)):
            wires += self.opened(25, head)
        self.peer.ping(self.to, self.target.name)
        self.grew_less(self.memory, 16 * MIB)  # nothing is set aside for what has not come
        self.closed_by_host(wires)
        self.unmoved()

    def test_streams_that_break_off_while_they_are_answered(self):
        request = push_pull([self.peer.own_state()], False, serf_state())
        for _ in range(200):
            wire = self.peer.open(self.to, request)
            # A reset instead of an orderly end.
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.close()
        self.unmoved()


class Crowd(Noise, TargetCase):
    """Apart from the others, for it leaves much behind."""

    def test_twenty_thousand_invented_members(self):
        """They come and, for nobody answers for them, go; those who are there stay."""
        self.flood(alive(f"invented-{number}", address.Address("127.9.9.9", 1 + number % 60_000), 1)
                   for number in range(20_000))
        self.peer.ping(self.to, self.target.name)
        self.peer.push_pull(self.to)
        self.assertLessEqual(self.before, self.names())
        self.grew_less(self.memory, 48 * MIB)


if __name__ == "__main__":
    unittest.main()
