"""Addresses of their own for the programs of one test: all of 127.0.0.0/8 is this machine."""

import ipaddress
import random
import socket

PORT = 7946  # below the range that the kernel gives out, so nobody else has it at such an address


class Address:
    def __init__(self, host, port=PORT):
        self.host = host
        self.port = port
        self.ip = ipaddress.ip_address(host).packed

    @classmethod
    def of(cls, text):
        host, port = text.rsplit(":", 1)
        return cls(host.strip("[]"), int(port))

    @property
    def pair(self):
        return self.host, self.port

    def __str__(self):
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    def __eq__(self, other):
        return (self.ip, self.port) == (other.ip, other.port)

    def __hash__(self):
        return hash((self.ip, self.port))


def fresh(port=PORT):
    """One where nobody listens, of some sixteen million."""
    while True:
        address = Address("127." + ".".join(str(random.randint(1, 254)) for _ in range(3)), port)
        try:
            with socket.socket() as stream, socket.socket(type=socket.SOCK_DGRAM) as packets:
                stream.bind(address.pair)
                packets.bind(address.pair)
            return address
        except OSError:
            continue


def fresh_ipv6():
    """The machine has one loopback address of these, so it is the port that differs. None: not even
    that one."""
    for _ in range(200):
        address = Address("::1", random.randint(10_000, 30_000))
        try:
            with (socket.socket(socket.AF_INET6) as stream,
                  socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as packets):
                stream.bind(address.pair)
                packets.bind(address.pair)
            return address
        except OSError:
            continue
    return None
