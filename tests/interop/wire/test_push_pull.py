"""Push/pull by stream: whole states both ways, Serf's state behind them, and the bounds of what a
stream may claim."""

import struct
import time
import unittest

from cases import OfFreshAgent, OfHost, TargetCase
from foreign import address, lzw, msgpack
from foreign.messages import (COMPRESS, DEAD, ENCRYPT, ERROR, LEAVE_INTENT, PUSH_PULL,
                              SERF_PUSH_PULL, USER, USER_EVENT, compressed, message, node_state,
                              push_pull, serf_state, tags, user)


class PushPull:
    def setUp(self):
        self.peer = self.make_peer()

    def test_the_answer_echoes_whether_it_is_a_join(self):
        for join in (True, False):
            answer, _, _ = self.peer.asks(self.to, push_pull([self.peer.own_state()], join))
            self.assertEqual((answer.kind, answer["Join"]), (PUSH_PULL, join))

    def test_both_sides_tell_all_they_know(self):
        name, at = self.fresh("carried"), address.fresh()
        known = self.peer.push_pull(self.to, node_state(name, at, 9, meta=tags(x="y")))
        own = known[self.target.name]
        self.assertEqual((own["Addr"], own["Port"], own["State"]), (self.to.ip, self.to.port, 0))
        self.assertEqual(len(own["Vsn"]), 6)
        self.target.sees(**{name: "alive"})
        self.assertEqual(self.peer.known(self.to)[name]["Incarnation"], 9)

    def test_serfs_state_stands_behind(self):
        _, _, state = self.peer.asks(self.to, push_pull([self.peer.own_state()], True,
                                                        serf_state()))
        self.assertEqual(state[0], SERF_PUSH_PULL)
        fields, _ = msgpack.decode(state, 1)
        self.assertIn(self.target.name, fields["StatusLTimes"])
        self.assertGreaterEqual(fields["LTime"], 1)

    def test_its_clock_witnesses_ours(self):
        ahead = 5000
        self.peer.push_pull(self.to, state=serf_state(clock=ahead))
        _, _, state = self.peer.asks(self.to, push_pull([], False, serf_state()))
        self.assertGreaterEqual(msgpack.decode(state, 1)[0]["LTime"], ahead)

    def test_it_is_taken_compressed_or_not_at_once_or_in_pieces(self):
        request = push_pull([self.peer.own_state()], False, serf_state())
        for form in (request, compressed(request)):
            self.assertEqual(self.peer.asks(self.to, form)[0].kind, PUSH_PULL)
        with self.peer.open(self.to) as wire:
            for at in range(len(request)):
                wire.sendall(request[at:at + 1])
            self.assertEqual(self.peer.read(wire)[0].kind, PUSH_PULL)

    def test_many_at_once_are_all_answered(self):
        request = push_pull([self.peer.own_state()], False, serf_state())
        wires = [self.peer.open(self.to, request) for _ in range(60)]
        for wire in wires:
            with wire:
                self.assertEqual(self.peer.read(wire)[0].kind, PUSH_PULL)

    def test_who_is_on_the_list_of_those_that_left_has_left(self):
        other = self.make_peer()
        self.peer.send(self.to, user(LEAVE_INTENT, LTime=400, Node=other.name, Prune=False))
        other.send(self.to, message(DEAD, Node=other.name, From=other.name, Incarnation=1))
        self.awaits_status(other.name, "left")

    def test_a_user_message_by_stream_is_as_good_as_by_packet(self):
        name = self.fresh("event")
        since = self.peer.mark()
        event = bytes([USER_EVENT]) + msgpack.encode(
            {"LTime": 50, "Name": name, "Payload": b"v1", "CC": False})
        self.peer.asks(self.to, message(USER, UserMsgLen=len(event)) + event)
        self.peer.hears_user(USER_EVENT, since, Name=name.encode())


class PushPullOfHost(OfHost, PushPull, TargetCase):
    """The older agents have no bound on any of this, and a negative count ends them."""

    def closes(self, request):
        """Without having taken anything; it may say why. In time, and without waiting for more."""
        answer = self.peer.asks(self.to, request, sealed=False)
        self.assertTrue(answer is None or answer[0].kind == ERROR, answer)

    def test_malformed_states_are_refused(self):
        for bad in (bytes([PUSH_PULL, 0x81]) + b"x" * 40,
                    push_pull([], Nodes=-1), push_pull([{"Name": 7}]),
                    push_pull([], Join="x"), push_pull([self.peer.own_state()], Nodes="y")):
            self.closes(bad)

    def test_claims_of_more_than_anybody_sends_are_refused_at_once(self):
        before = self.target.memory()
        for claim in (push_pull([], Nodes=1 << 21), push_pull([], Nodes=1 << 40),
                      push_pull([], UserStateLen=(20 << 20) + 1), push_pull([], UserStateLen=-1),
                      message(USER, UserMsgLen=(20 << 20) + 1), message(USER, UserMsgLen=-1),
                      bytes([ENCRYPT]) + struct.pack(">I", (20 << 20) + 1),
                      bytes([ENCRYPT]) + b"\xff" * 4):
            started = time.monotonic()
            self.closes(claim)
            self.assertLess(time.monotonic() - started, 5, claim[:40])
        self.grew_less(before, 8 << 20)

    def test_a_stream_that_unpacks_to_more_than_40_mib_is_refused(self):
        before = self.target.memory()
        bomb = lzw.zeros(41 << 20)
        self.assertLess(len(bomb), 64 << 10)
        self.closes(message(COMPRESS, Algo=0, Buf=bomb))
        self.grew_less(before, 64 << 20)

    def test_names_and_tags_beyond_their_length_are_refused(self):
        at = address.fresh()
        for name, meta in (("n" * 129, b""), ("", b""), (self.fresh("fat"), b"\xff" + b"m" * 512)):
            self.peer.asks(self.to, push_pull([node_state(name, at, 1, meta=meta)]))
            self.peer.ping(self.to, self.target.name)
            self.assertNotIn(name, self.target.members())


class PushPullOfAgent(OfFreshAgent, PushPull, TargetCase):
    pass


if __name__ == "__main__":
    unittest.main()
