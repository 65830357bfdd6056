"""Network namespaces that reach each other through this process's own, which can drop what goes
between any two of them: in silence, one way or both."""

import ctypes
import os
import re
import subprocess
import unittest

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NETWORK = 0x40000000


def ip(*lines, namespace=None):
    """Those lines of `ip`, at once."""
    inside = ["-n", namespace] if namespace else []
    done = subprocess.run(["ip", *inside, "-batch", "-"], input="\n".join(lines).encode(),
                          capture_output=True, check=False)
    if done.returncode != 0:
        raise OSError(f"ip {lines}: {done.stderr.decode()}")


class Place:
    def __init__(self, number, namespace):
        self.address = f"10.77.{number}.2"
        self.namespace = namespace
        self.before = ["ip", "netns", "exec", namespace]


class Network:
    """At most one a process. Skips the test where there is nobody to make namespaces."""

    entered = False

    def __init__(self, test):
        try:
            self.enter()
        except OSError as why:
            raise unittest.SkipTest(f"no network namespaces here: {why}") from why
        remove_leftovers()
        self.names = []
        self.rules = set()
        test.addCleanup(self.close)

    @classmethod
    def enter(cls):
        if cls.entered:
            return
        if LIBC.unshare(NEW_NETWORK) != 0:
            raise OSError(os.strerror(ctypes.get_errno()))
        ip("link set lo up")
        with open("/proc/sys/net/ipv4/ip_forward", "w", encoding="ascii") as file:
            file.write("1")
        cls.entered = True

    def place(self):
        number = len(self.names) + 1
        name, link = f"phe{os.getpid():x}-{number}", f"v{number}"
        near, far = f"10.77.{number}.1", f"10.77.{number}.2"
        self.names.append(name)
        ip(f"netns add {name}", f"link add {link} type veth peer name eth0 netns {name}",
           f"addr add {near}/30 dev {link}", f"link set {link} up")
        ip("link set lo up", f"addr add {far}/30 dev eth0", "link set eth0 up",
           f"route add default via {near}", namespace=name)
        return Place(number, name)

    def cut(self, one, other, both=True):
        """Nothing goes from `one` to `other` any more, nor back unless only one way is asked."""
        for a, b in ((one, other), (other, one))[:2 if both else 1]:
            rule = (a.address, b.address)
            if rule not in self.rules:
                ip(f"rule add pref 50 from {rule[0]} to {rule[1]} blackhole")
                self.rules.add(rule)

    def heal(self):
        for a, b in self.rules:
            ip(f"rule del pref 50 from {a} to {b} blackhole")
        self.rules.clear()

    def close(self):
        self.heal()
        for name in reversed(self.names):
            ip(f"netns del {name}")
        for number in range(1, len(self.names) + 1):
            subprocess.run(["ip", "link", "del", f"v{number}"], capture_output=True, check=False)
        self.names.clear()


def remove_leftovers():
    """Of runs that were ended before they could clean up."""
    if not os.path.isdir("/run/netns"):
        return
    for name in os.listdir("/run/netns"):
        match = re.match(r"phe([0-9a-f]+)-\d+$", name)
        if match and not os.path.exists(f"/proc/{int(match[1], 16)}"):
            ip(f"netns del {name}")
