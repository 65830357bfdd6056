"""64 clients that send one byte a second hold up nobody, and are sent away."""

import http.client
import selectors
import socket
import time
import unittest

from harness.host import SLOWNESS
from harness.rest import RestTest

SENDERS = 64
CALLS = 500
REQUEST = b"POST /v1/packets HTTP/1.1\r\nHost: localhost\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"


class Sender:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=20)
        self.began = None
        self.sent = 0
        self.heard = b""
        self.ended = None

    def send(self, now):
        """One more byte, unless it was told to go."""
        self.began = self.began or now
        try:
            self.socket.send(REQUEST[self.sent:self.sent + 1])
        except OSError:
            pass
        self.sent += 1

    def hear(self, now):
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        self.heard += data
        self.ended = self.ended or now
        return bool(data)


class SlowSenders(RestTest):
    def test_64_of_one_byte_a_second(self):
        selector = selectors.DefaultSelector()
        senders = [Sender(self.host.port) for _ in range(SENDERS)]
        for sender in senders:
            self.addCleanup(sender.socket.close)
            selector.register(sender.socket, selectors.EVENT_READ, sender)
        self.addCleanup(selector.close)
        client = http.client.HTTPConnection("127.0.0.1", self.host.port, timeout=20)
        self.addCleanup(client.close)
        taken = []
        began = time.monotonic()
        due = began
        # 500 calls spread over the time in which all of them send.
        while any(sender.ended is None for sender in senders):
            now = time.monotonic()
            self.assertLess(now - began, 15 * SLOWNESS + 5)
            if now >= due:
                due += 1
                for sender in senders:
                    if sender.ended is None:
                        sender.send(now)
            if len(taken) < CALLS:
                taken.append(self.timed_call(client))
            for key, _ in selector.select(0.01):
                if not key.data.hear(time.monotonic()):
                    selector.unregister(key.fileobj)
        while len(taken) < CALLS:
            taken.append(self.timed_call(client))
        taken.sort()
        self.assertLessEqual(taken[int(CALLS * 0.99) - 1], 0.050 * SLOWNESS)
        for sender in senders:
            self.assertLessEqual(sender.ended - sender.began, 15 * SLOWNESS)
            self.assertTrue(not sender.heard or sender.heard.startswith(b"HTTP/1.1 408 "),
                            sender.heard)
            self.assertGreater(sender.sent, 2)

    def timed_call(self, client):
        began = time.monotonic()
        client.request("GET", "/livez")
        response = client.getresponse()
        response.read()
        self.assertEqual(response.status, 200)
        return time.monotonic() - began


if __name__ == "__main__":
    unittest.main()
