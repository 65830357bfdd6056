"""Where the processes of a pool run. On loopback, each at an address of its own: who is killed is
refused at once. Or in network namespaces around a hub that can cut any of them off in silence: no
reset, no refusal, nothing comes back."""

import ctypes
import os
import re
import socket
import subprocess
import threading

from foreign import address

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NETWORK = 0x40000000


def ip(*lines, namespace=None):
    """Those lines of `ip`, at once."""
    inside = ["-n", namespace] if namespace else []
    subprocess.run(["ip", *inside, "-batch", "-"], input="\n".join(lines).encode(),
                   stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=True)


class Loopback:
    way = "on loopback"

    def place(self):
        return Place(address.fresh())

    def close(self):
        pass


class Place:
    """Where one process runs: its address, what to run it with, and how to reach it."""

    def __init__(self, at, namespace=None):
        self.at = at
        self.namespace = namespace
        self.before = ["ip", "netns", "exec", namespace] if namespace else []

    def connect(self, host, port, timeout):
        """A stream from within; the socket stays where it was made."""
        if not self.namespace:
            return socket.create_connection((host, port), timeout)
        made = []

        def work():
            with open(f"/run/netns/{self.namespace}", encoding="ascii") as file:
                if LIBC.setns(file.fileno(), NEW_NETWORK) != 0:
                    raise OSError(ctypes.get_errno(), "setns")
            made.append(socket.create_connection((host, port), timeout))
        # A namespace is its thread's: one that ends leaves nothing changed.
        worker = threading.Thread(target=work)
        worker.start()
        worker.join()
        if not made:
            raise ConnectionError(f"{self.namespace}: nobody at {host}:{port}")
        return made[0]


class Star:
    """Namespaces that reach each other through a hub alone."""
    way = "network namespaces, a hub that drops"

    def __init__(self):
        remove_leftovers()
        self.name = f"phx{os.getpid():x}"
        self.names = [self.name]
        ip(f"netns add {self.name}")
        try:
            subprocess.run(["ip", "netns", "exec", self.name, "sysctl", "-qw",
                            "net.ipv4.ip_forward=1"], check=True, capture_output=True)
            ip("link set lo up", namespace=self.name)
        except BaseException:
            self.close()
            raise

    def place(self):
        number = len(self.names)
        name, link = f"{self.name}-{number}", f"v{number}"
        near, far = f"10.77.{number}.1", f"10.77.{number}.2"
        self.names.append(name)
        ip(f"netns add {name}",
           f"link add {link} netns {self.name} type veth peer name eth0 netns {name}")
        ip(f"addr add {near}/30 dev {link}", f"link set {link} up", namespace=self.name)
        ip("link set lo up", f"addr add {far}/30 dev eth0", "link set eth0 up",
           f"route add default via {near}", namespace=name)
        return Place(address.Address(far), name)

    def cut(self, place):
        self.rules("add", place)

    def heal(self, place):
        self.rules("del", place)

    def rules(self, verb, place):
        host = place.at.host
        ip(f"rule {verb} pref 50 from {host} blackhole", f"rule {verb} pref 51 to {host} blackhole",
           namespace=self.name)

    def close(self):
        ip(*(f"netns del {name}" for name in reversed(self.names)))


def remove_leftovers():
    """Of runs that were ended before they could clean up."""
    left = [name for name in os.listdir("/run/netns") if re.match(r"phx[0-9a-f]+(-\d+)?$", name)
            and not os.path.exists(f"/proc/{int(name[3:].partition('-')[0], 16)}")] \
        if os.path.isdir("/run/netns") else []
    ip(*(f"netns del {name}" for name in left))


def star_or_none():
    """None where this machine or this user has no network namespaces."""
    try:
        return Star()
    except (OSError, subprocess.CalledProcessError):
        return None
