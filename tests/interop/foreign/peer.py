"""A memberlist/Serf peer of a few hundred lines, over real sockets: it sends what its test tells
it to, answers as a conforming peer would unless told otherwise, and remembers all it hears."""

import socket
import threading
import time

from foreign import address, seal
from foreign.messages import (ACK, DEAD, LEAVE_INTENT, PING, PUSH_PULL, SUSPECT, USER,
                              Message, alive, message, msgpack, node_state, open_packet,
                              open_stream, push_pull, serf_state, stream, user)
from harness.host import PATIENCE, cleanup_of


class Heard:
    """A message of a datagram, or of a stream that the other side opened."""

    def __init__(self, said, source, when):
        self.message = said
        self.kind = said.kind
        self.source = source
        self.when = when

    def __repr__(self):
        return f"{self.message} from {self.source} at {self.when:.3f}"


class Peer:
    """`key`: 16, 24 or 32 raw bytes; `other_keys`: taken too. `answers`: pings by both ways, and push/pulls; `defends`:
    contradicts who suspects it. Nobody knows of it before its test tells somebody."""

    def __init__(self, test, name, key=None, other_keys=(), answers=True, defends=True,
                 meta=b"", at=None):
        self.test, self.name, self.key, self.meta = test, name, key, meta
        self.keys = [key, *other_keys] if key else []
        self.answers, self.defends = answers, defends
        self.answers_packets = True  # else pings by stream alone
        self.at = at or address.fresh()
        self.incarnation = 1
        self.clock = 1
        self.state = serf_state()
        self.numbers = iter(range(1000, 1 << 31))
        self.heard, self.news, self.closed = [], threading.Condition(), False
        self.sizes = []  # of the datagrams that came: (bytes, messages)
        self.packets = socket.socket(type=socket.SOCK_DGRAM)
        self.packets.bind(self.at.pair)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(self.at.pair)
        self.listener.listen(64)
        self.threads = [threading.Thread(target=work, daemon=True)
                        for work in (self.receive, self.accept)]
        for thread in self.threads:
            thread.start()
        cleanup_of(test)(self.close)

    def close(self):
        """As a process that is killed: its ports refuse from now on."""
        if self.closed:
            return
        self.closed = True
        self.listener.shutdown(socket.SHUT_RDWR)
        with socket.socket(type=socket.SOCK_DGRAM) as waker:
            waker.sendto(b"", self.at.pair)
        for thread in self.threads:
            thread.join(PATIENCE)
        self.listener.close()
        self.packets.close()

    # ---- what it hears ----

    def receive(self):
        while True:
            try:
                data, source = self.packets.recvfrom(65536)
            except ConnectionError:  # an earlier packet of ours was refused
                continue
            if self.closed:
                return
            try:
                messages = open_packet(data, self.keys)
            except Exception as fault:  # noise fails in every way there is
                messages = [Message(None, fault)]
            self.sizes.append((len(data), len(messages)))
            for said in messages:
                self.take(said, address.Address(*source))

    def accept(self):
        while True:
            try:
                wire, source = self.listener.accept()
            except OSError:
                return
            with wire:
                wire.settimeout(PATIENCE)
                try:
                    said, nodes, _ = self.read(wire)
                    said.nodes = nodes
                    self.take(said, address.Address(*source), wire)
                except (OSError, ValueError, IndexError, EOFError):
                    pass

    def take(self, said, source, wire=None):
        with self.news:
            self.heard.append(Heard(said, source, time.monotonic()))
            self.news.notify_all()
        if not self.answers:
            return
        if said.kind == PING and said.text("Node") in (self.name, ""):
            ack = message(ACK, SeqNo=said["SeqNo"], Payload=None)
            if wire:
                wire.sendall(stream(ack, self.key))
            elif self.answers_packets:
                self.send(self.asked_back(said, source), ack)
        elif said.kind == PUSH_PULL and wire:
            wire.sendall(stream(push_pull([self.own_state()], said["Join"], self.state), self.key))
        elif (said.kind in (SUSPECT, DEAD) and self.defends
              and said.text("Node") == self.name):
            self.incarnation = max(self.incarnation, said["Incarnation"]) + 1
            self.send(source, alive(self.name, self.at, self.incarnation, self.meta))

    @staticmethod
    def asked_back(ping, source):
        if ping.fields.get("SourceAddr") and ping.fields.get("SourcePort"):
            host = socket.inet_ntoa(ping["SourceAddr"])
            return address.Address(host, ping["SourcePort"])
        return source

    def mark(self):
        """What is heard from now on: the `since` of hears()."""
        with self.news:
            return len(self.heard)

    def hears(self, kind, since=0, patience=PATIENCE, what="", **fields):
        """Awaits a message of that kind with those fields."""
        wanted = {name: value.encode() if isinstance(value, str) else value
                  for name, value in fields.items()}

        def look():
            for heard in self.heard[since:]:
                if heard.kind == kind and all(heard.message[name] == value
                                              for name, value in wanted.items()):
                    return heard
            return None
        with self.news:
            self.news.wait_for(look, patience)
            found = look()
            if not found:
                raise AssertionError(f"{self.name} heard no {kind} {fields} {what}: {self.heard[since:]}")
        return found

    def hears_anything(self, patience=PATIENCE):
        with self.news:
            self.news.wait_for(lambda: self.heard, patience)
            if not self.heard:
                raise AssertionError(f"{self.name} heard nothing")
            return self.heard[0]

    def hears_user(self, kind, since=0, patience=PATIENCE, **fields):
        """Awaits a Serf message."""
        def look():
            for heard in self.heard[since:]:
                if heard.kind == USER and heard.message.fields[0] == kind:
                    body = msgpack.decode(heard.message.fields, 1)[0]
                    if all(body[name] == value for name, value in fields.items()):
                        return body
            return None
        with self.news:
            self.news.wait_for(look, patience)
            found = look()
        if not found:
            raise AssertionError(f"{self.name} heard no user message {kind} {fields}")
        return found

    def said_nothing_of(self, kind, since, **fields):
        """What was asked before and is answered in order stands between: see quiet()."""
        wanted = {name: value.encode() if isinstance(value, str) else value
                  for name, value in fields.items()}
        with self.news:
            return not [heard for heard in self.heard[since:] if heard.kind == kind and
                        all(heard.message[name] == value for name, value in wanted.items())]

    # ---- what it says ----

    def leave(self, to):
        """As a Serf agent does."""
        self.answers = False
        self.send(to, user(LEAVE_INTENT, LTime=self.clock + 1, Node=self.name, Prune=False),
                  message(DEAD, Node=self.name, From=self.name, Incarnation=self.incarnation))

    def send(self, to, *packets):
        """Datagrams, each sealed if there is a key."""
        for packet in packets:
            self.raw(to, packet if self.key is None else seal.encrypt(packet, self.key))

    def raw(self, to, packet):
        self.packets.sendto(packet, to.pair)

    def ping(self, to, name, patience=PATIENCE, **more):
        """Awaits the ack."""
        number, since = next(self.numbers), self.mark()
        self.send(to, message(PING, Node=name, SeqNo=number, **more))
        return self.hears(ACK, since, patience, SeqNo=number)

    def own_state(self):
        return node_state(self.name, self.at, self.incarnation, meta=self.meta)

    def open(self, to, data=b""):
        """A stream, with `data` as its first bytes as they are."""
        wire = socket.create_connection(to.pair, timeout=PATIENCE)
        wire.sendall(data)
        return wire

    def read(self, wire):
        """The one message of a stream. EOFError: closed without."""
        data = b""
        while True:
            part = wire.recv(65536)
            data += part
            if not part and not data:
                raise EOFError
            try:
                return open_stream(data, self.keys)
            except (IndexError, ValueError):
                if not part:
                    raise

    def asks(self, to, request, sealed=True):
        """(answer, nodes, user state) on a stream of its own; None if it is closed instead."""
        with self.open(to, stream(request, self.key) if sealed else request) as wire:
            try:
                return self.read(wire)
            except (EOFError, ConnectionError):
                return None

    def push_pull(self, to, *nodes, join=True, state=None):
        """Names itself, and `nodes`; {name: node state} of the answer."""
        answer = self.asks(to, push_pull([self.own_state(), *nodes], join, state or self.state))
        if answer is None or answer[0].kind != PUSH_PULL:
            raise AssertionError(f"{to} answered a push/pull with {answer}")
        return {node.text("Name"): node for node in answer[1]}

    def known(self, to):
        """The same without a word of its own."""
        answer = self.asks(to, push_pull([], False, self.state))
        return {node.text("Name"): node for node in answer[1]}
