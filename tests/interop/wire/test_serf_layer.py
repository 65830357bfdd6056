"""The layer above memberlist: intents, user events, queries and coordinates, as a Serf agent would
take them and pass them on."""

import math
import struct
import unittest

from cases import OfFreshAgent, OfHost, TargetCase
from foreign import msgpack
from foreign.messages import (ACK, DEAD, JOIN_INTENT, LEAVE_INTENT, PING, QUERY,
                              QUERY_RESPONSE, USER, USER_EVENT, alive, message, serf_state, user)
from foreign.peer import Peer

RELAY = 9
ASK_ACK, NO_BROADCAST = 1, 2
SECOND = 1_000_000_000  # in nanoseconds


class SerfLayer:
    clocks = iter(range(10_000, 1_000_000, 1_000))  # each test is ahead of those before

    def setUp(self):
        self.peer = self.make_peer()
        self.clock = next(self.clocks)

    def says(self, kind, **fields):
        self.peer.send(self.to, user(kind, **fields))

    def told(self, kind, since, **fields):
        """The Serf messages of that kind that have come by packet."""
        with self.peer.news:
            bodies = [msgpack.decode(heard.message.fields, 1)[0] for heard in self.peer.heard[since:]
                      if heard.kind == USER and heard.message.fields[0] == kind]
        return [body for body in bodies
                if all(body[name] == value for name, value in fields.items())]

    def passed_on_after(self, since):
        """An event said now comes back: what was passed on before it has come, too."""
        name = self.fresh("behind")
        self.event(name)
        self.peer.hears_user(USER_EVENT, since, Name=name.encode())

    def event(self, name, clock=None, payload=b"p"):
        self.clock += 1
        self.says(USER_EVENT, LTime=clock or self.clock, Name=name, Payload=payload, CC=False)

    # ---- intents ----

    # Agents look at the newest of what waits first: what must come in order is said once the word
    # before it has been passed on.

    def leaves(self, clock, taken=True):
        self.intends(LEAVE_INTENT, clock, taken, Prune=False)

    def joins(self, clock):
        self.intends(JOIN_INTENT, clock, True)

    def intends(self, kind, clock, taken, **more):
        since = self.peer.mark()
        self.says(kind, LTime=clock, Node=self.gone, **more)
        if taken:
            self.peer.hears_user(kind, since, Node=self.gone.encode(), LTime=clock)
        else:
            self.passed_on_after(since)
            self.assertFalse(self.told(kind, since, Node=self.gone.encode(), LTime=clock))

    def dies(self):
        """By the word of another: what was meant by it, only the intents tell."""
        self.peer.send(self.to, message(DEAD, Node=self.gone, Incarnation=1, From=self.peer.name))

    def test_who_meant_to_leave_has_left_and_who_did_not_has_failed(self):
        for meant, wanted in ((True, "left"), (False, "failed")):
            self.gone, _ = self.phantom(self.peer)
            if meant:
                self.leaves(self.clock)
            self.dies()
            self.awaits_status(self.gone, wanted)

    def test_an_intent_as_old_as_another_is_not_taken(self):
        for late in (self.clock, self.clock - 1):
            self.gone, _ = self.phantom(self.peer)
            self.joins(self.clock)
            self.leaves(late, taken=False)
            self.dies()
            self.awaits_status(self.gone, "failed")

    def test_an_intent_to_leave_is_taken_back_by_a_newer_one_to_join(self):
        self.gone, _ = self.phantom(self.peer)
        self.leaves(self.clock)
        self.awaits_status(self.gone, "leaving")
        self.joins(self.clock + 1)
        self.awaits_status(self.gone, "alive")
        self.dies()
        self.awaits_status(self.gone, "failed")

    def test_an_intent_may_come_before_its_member(self):
        self.gone, at = self.phantom(self.peer)
        self.gone = self.fresh("early")
        self.leaves(self.clock)
        self.peer.send(self.to, alive(self.gone, at, 1))
        self.dies()
        self.awaits_status(self.gone, "left")

    def test_told_that_it_leaves_it_says_that_it_stays(self):
        since = self.peer.mark()
        self.says(LEAVE_INTENT, LTime=self.clock, Node=self.target.name, Prune=False)
        answer = self.peer.hears_user(JOIN_INTENT, since, Node=self.target.name.encode())
        self.assertGreater(answer["LTime"], self.clock)
        # And the accusation itself goes no further: it would go round for ever.
        self.passed_on_after(since)
        self.assertFalse(self.told(LEAVE_INTENT, since, Node=self.target.name.encode()))

    def test_intents_come_by_push_pull_too(self):
        self.gone, at = self.phantom(self.peer)
        own = {"Name": self.gone, "Addr": at.ip, "Port": at.port, "Meta": b"", "Incarnation": 1,
               "State": 0, "Vsn": bytes([1, 5, 2, 2, 5, 5])}
        self.peer.push_pull(self.to, own, join=False, state=serf_state(
            self.clock, {self.gone: self.clock}, [self.gone]))
        self.dies()
        self.awaits_status(self.gone, "left")

    # ---- user events ----

    def test_an_event_is_passed_on_once_however_often_it_comes(self):
        name, since = self.fresh("event"), self.peer.mark()
        self.event(name)
        self.peer.hears_user(USER_EVENT, since, Name=name.encode(), Payload=b"p")
        self.passed_on_after(since)
        again = self.peer.mark()
        first = self.told(USER_EVENT, since, Name=name.encode())[0]["LTime"]
        for _ in range(30):
            self.event(name, first)
        # Only what is new is put in the queue again: the word behind it is told as often as before.
        self.passed_on_after(again)
        self.assertLessEqual(len(self.told(USER_EVENT, again, Name=name.encode())), 30 // 2)

    def test_events_of_one_moment_are_told_apart(self):
        since, moment = self.peer.mark(), self.clock + 5
        names = [self.fresh("event") for _ in range(3)]
        for name in names:
            self.event(name, moment)
        self.event(names[0], moment, b"other")
        for name, payload in (*((name, b"p") for name in names), (names[0], b"other")):
            self.peer.hears_user(USER_EVENT, since, Name=name.encode(), LTime=moment,
                                 Payload=payload)

    def test_events_of_long_ago_are_no_news(self):
        since = self.peer.mark()
        old = self.fresh("old")
        self.passed_on_after(since)
        self.event(old, self.clock - 600)
        self.passed_on_after(since)
        self.assertFalse(self.told(USER_EVENT, since, Name=old.encode()))

    # ---- queries ----

    def asks(self, name, flags=ASK_ACK, filters=None, clock=None, payload=b"", **more):
        """(its clock, its number)"""
        self.clock += 1
        number = self.clock & 0xFFFFFFFF
        self.says(QUERY, **{
            "LTime": clock or self.clock, "ID": number, "Addr": self.peer.at.ip,
            "Port": self.peer.at.port, "SourceNode": self.peer.name, "Filters": filters,
            "Flags": flags, "RelayFactor": 0, "Timeout": 5 * SECOND, "Name": name,
            "Payload": payload, **more})
        return clock or self.clock, number

    def acks(self, since, number):
        return [body for body in self.told(QUERY_RESPONSE, since, ID=number) if body["Flags"] & 1]

    def test_a_query_is_acknowledged_with_its_clock_and_number(self):
        since = self.peer.mark()
        clock, number = self.asks("who")
        answer = self.peer.hears_user(QUERY_RESPONSE, since, ID=number)
        self.assertEqual((answer["LTime"], answer["From"].decode(), answer["Flags"] & 1),
                         (clock, self.target.name, 1))

    def test_it_is_passed_on_unless_it_says_not_to(self):
        since = self.peer.mark()
        _, loud = self.asks("who")
        _, hushed = self.asks("who", ASK_ACK | NO_BROADCAST)
        self.peer.hears_user(QUERY_RESPONSE, since, ID=hushed)
        self.peer.hears_user(QUERY, since, ID=loud)
        self.passed_on_after(since)
        self.assertFalse(self.told(QUERY, since, ID=hushed))

    def test_it_is_answered_once_and_only_if_an_answer_is_asked_for(self):
        since = self.peer.mark()
        clock, number = self.asks("who")
        self.peer.hears_user(QUERY_RESPONSE, since, ID=number)
        _, mute = self.asks("who", flags=0)
        self.asks("who", clock=clock, ID=number)
        self.passed_on_after(since)
        self.assertEqual(len(self.acks(since, number)), 1)
        self.assertFalse(self.acks(since, mute))

    def test_whom_a_filter_leaves_out_does_not_answer(self):
        def by_name(*names):
            return b"\x00" + msgpack.encode(list(names))

        def by_tag(tag, expression):
            return b"\x01" + msgpack.encode({"Tag": tag, "Expr": expression})
        own = sorted(self.target.members()[self.target.name]["tags"].items())[0][0]
        for filters, meant in (([by_name("x", self.target.name)], True), ([by_name("x")], False),
                               ([by_tag(own, ".")], True), ([by_tag(own, "^$")], False),
                               ([by_tag("no-such-tag", "x")], False),
                               ([by_name(self.target.name), by_tag("no-such-tag", ".")], False),
                               ([b"\x07x"], False), ([b"\x00\xc1"], False)):
            since = self.peer.mark()
            _, number = self.asks("who", filters=filters)
            if meant:
                self.peer.hears_user(QUERY_RESPONSE, since, ID=number)
            else:
                self.passed_on_after(since)
                self.assertFalse(self.acks(since, number), filters)

    def test_queries_of_long_ago_are_not_answered(self):
        since = self.peer.mark()
        self.asks("who")
        self.passed_on_after(since)
        _, old = self.asks("who", clock=self.clock - 700)
        self.passed_on_after(since)
        self.assertFalse(self.acks(since, old))

    def test_who_has_a_name_is_told(self):
        since = self.peer.mark()
        _, number = self.asks("_serf_conflict", flags=0, payload=self.peer.name.encode())
        answer = self.peer.hears_user(QUERY_RESPONSE, since, ID=number)
        self.assertEqual(answer["Payload"][0], 6)
        member, _ = msgpack.decode(answer["Payload"], 1)
        self.assertEqual((member["Name"].decode(), member["Addr"][-4:], member["Port"]),
                         (self.peer.name, self.peer.at.ip, self.peer.at.port))

    def test_what_is_to_be_relayed_is(self):
        other = Peer(self, self.fresh("ear"))
        inner = bytes([QUERY_RESPONSE]) + msgpack.encode(
            {"LTime": 3, "ID": 4242, "From": "x", "Flags": 0, "Payload": b"pay"})
        head = msgpack.encode({"DestAddr": {"IP": other.at.ip, "Port": other.at.port, "Zone": ""},
                               "DestName": other.name})
        self.peer.send(self.to, bytes([USER, RELAY]) + head + inner)
        self.assertEqual(other.hears_user(QUERY_RESPONSE, ID=4242)["Payload"], b"pay")

    # ---- coordinates ----

    def coordinate(self):
        payload = self.peer.ping(self.to, self.target.name).message["Payload"]
        self.assertEqual(payload[0], 1)
        return msgpack.decode(payload, 1)[0]

    def test_acks_carry_where_it_stands(self):
        found = self.coordinate()
        self.assertEqual(sorted(found), ["Adjustment", "Error", "Height", "Vec"])
        self.assertEqual(len(found["Vec"]), 8)
        for number in (found["Adjustment"], found["Error"], found["Height"], *found["Vec"]):
            self.assertTrue(math.isfinite(number), found)
        self.assertGreaterEqual(found["Height"], 10e-6)
        self.assertLessEqual(found["Error"], 1.5)


class SerfLayerOfHost(OfHost, SerfLayer, TargetCase):
    def test_coordinates_that_are_none_move_it_nowhere(self):
        liar = self.make_peer("liar", answers=False)
        place = {"Adjustment": 0.0, "Error": 1.0, "Height": 1e-5, "Vec": [0.0] * 8}
        wrong = [{**place, "Vec": [math.nan] * 8}, {**place, "Height": math.inf},
                 {**place, "Error": -math.inf}, {**place, "Vec": [1e300] * 8}, {**place, "Vec": []},
                 {**place, "Vec": [0.0] * 9}, {**place, "Adjustment": math.nan}, {"Vec": 7}, 7]
        payloads = [b"\x01" + msgpack.encode(one) for one in wrong]
        payloads += [b"\x01", b"\x02\x80", b"\xff" * 300, struct.pack("B", 1) + b"\xdf\xff\xff\xff\xff"]
        for payload in payloads:
            ping = liar.hears(PING, liar.mark(), Node=liar.name).message
            liar.send(self.to, message(ACK, SeqNo=ping["SeqNo"], Payload=payload))
            self.test_acks_carry_where_it_stands()

    def test_what_no_serf_message_is_is_counted_and_dropped(self):
        for packet in (bytes([USER]), bytes([USER, 200]) + b"x", bytes([USER, USER_EVENT, 0x81]),
                       bytes([USER, QUERY]) + b"\xff" * 50, bytes([USER, RELAY]) + b"\x80",
                       bytes([USER, 0xE0]) + b"\xff" * 30, bytes([USER, LEAVE_INTENT, 0xC0])):
            self.counts("phoenix_gossip_dropped_total", "",
                        lambda packet=packet: self.peer.send(self.to, packet))

    def test_events_and_queries_beyond_their_size_are_dropped(self):
        since = self.peer.mark()
        big = self.fresh("big")
        self.event(big, payload=bytes(20_000))
        _, number = self.asks("who", payload=bytes(20_000))
        self.passed_on_after(since)
        self.assertFalse(self.told(USER_EVENT, since, Name=big.encode()))
        self.assertFalse(self.told(QUERY, since, ID=number))


class SerfLayerOfAgent(OfFreshAgent, SerfLayer, TargetCase):
    pass


if __name__ == "__main__":
    unittest.main()
