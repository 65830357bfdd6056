"""The ring a second time, in plain Python, written from its description and not from the C++.

Points, order, lookup, window, score, owner and slots of `src/ring/`, as slow and as plain as
possible: a client in another language can be written from this page. `tests/ring_golden.py` makes
the rows of tests/corpus/ring/ from it, which the C++ tests read. Names are bytes, all of them.
"""
import struct
from fractions import Fraction

MASK = (1 << 64) - 1
SLOTS = 4096


# ---- the hash ----

def siphash13(key, data):
    """SipHash-1-3 (one compression round, three at the end) of bytes under a key of 16 bytes."""
    def rotl(x, b):
        return ((x << b) | (x >> (64 - b))) & MASK

    k0, k1 = struct.unpack('<QQ', key)
    v = [k0 ^ 0x736F6D6570736575, k1 ^ 0x646F72616E646F6D,
         k0 ^ 0x6C7967656E657261, k1 ^ 0x7465646279746573]

    def sip_round():
        a, b, c, d = v
        a, c = (a + b) & MASK, (c + d) & MASK
        b, d = rotl(b, 13) ^ a, rotl(d, 16) ^ c
        a = rotl(a, 32)
        c, a = (c + b) & MASK, (a + d) & MASK
        b, d = rotl(b, 17) ^ c, rotl(d, 21) ^ a
        v[:] = [a, b, rotl(c, 32), d]

    padded = data + bytes(7 - len(data) % 8) + bytes([len(data) & 255])
    for (word,) in struct.iter_unpack('<Q', padded):
        v[3] ^= word
        sip_round()
        v[0] ^= word
    v[2] ^= 0xFF
    for _ in range(3):
        sip_round()
    return v[0] ^ v[1] ^ v[2] ^ v[3]


# ---- points: the top 32 bits of a hash ----

def text(value):
    return struct.pack('<H', len(value)) + value


def vnode_position(key, ns, name, replica):
    return siphash13(key, b'V' + text(ns) + text(name) + struct.pack('<I', replica)) >> 32


def packet_position(key, ns, capabilities, salt):
    """The salt is the affinity key if the packet has one, empty with `spread: none`, else its id."""
    unique = sorted(set(capabilities))
    body = struct.pack('<H', len(unique)) + b''.join(text(c) for c in unique)
    return siphash13(key, b'P' + text(ns) + body + text(salt)) >> 32


def vnode_count(weight):
    """A member has the v-nodes 0 .. count-1. Weights are 1 .. 10,000."""
    return max(1, (128 * weight + 50) // 100)


# ---- members, and who may own what ----

class Member:
    def __init__(self, ns, name, weight=100, max_load=1, trust=1000, reliability=1000, load=0,
                 is_open=True, capabilities=()):
        self.ns, self.name, self.weight, self.max_load = ns, name, weight, max_load
        self.trust, self.reliability, self.load = trust, reliability, load  # merits in thousandths
        self.is_open, self.capabilities = is_open, capabilities

    def matches(self, ns, required, match):
        if self.ns != ns:
            return False
        if not required:
            return True
        return (all if match == 'all' else any)(c in self.capabilities for c in required)

    def has_room(self, load):
        return self.is_open and self.load + load <= self.max_load

    def score(self):
        """Numerator and denominator; the thousandths of the load are cut off, not rounded."""
        return self.reliability * self.trust * 1000, 1000 + self.load * 1000 // self.max_load


def better(a, b):
    (a_up, a_down), (b_up, b_down) = a.score(), b.score()
    if a_up * b_down != b_up * a_down:
        return a_up * b_down > b_up * a_down
    return (a.ns, a.name) < (b.ns, b.name)


# ---- the circle ----

def circle(key, members, mask=MASK):
    """All v-nodes in order: (position, namespace, id, replica, member). Equal positions stay, each
    member's own. A mask other than all ones is for tests: it makes positions collide."""
    points = [(vnode_position(key, m.ns, m.name, r) & mask, m.ns, m.name, r, m)
              for m in members for r in range(vnode_count(m.weight))]
    return sorted(points, key=lambda p: p[:4])


def lookup(points, position):
    """The plain clockwise owner: the first v-node at or after a position, else the first of all."""
    return next((p for p in points if p[0] >= position), points[0] if points else None)


def walk(points, start):
    """The distinct members clockwise from a position, as (position where it was met, member)."""
    ahead = [p for p in points if p[0] >= start]
    behind = [p for p in points if p[0] < start]
    met = {}
    for position, ns, name, _, member in ahead + behind:
        met.setdefault((ns, name), (position, member))
    return list(met.values())


def candidates(points, start, ns, required, match):
    """Of these the matching ones. The first k are the window that is shown."""
    return [met for met in walk(points, start) if met[1].matches(ns, required, match)]


def owner(met, load, k, nearest_first, avoid):
    """Among the k nearest matching members with room the best score, or None. With an affinity key
    the nearest of them whatever its score. One to avoid is passed over while there is another."""
    able = [member for _, member in met if member.has_room(load)]
    others = [member for member in able if member is not avoid] or able
    best = others[0] if others else None
    for member in others[:1 if nearest_first else k]:
        if better(member, best):
            best = member
    return best


# ---- slots: the circle's 4,096 equal parts, each kept by a host ----

def slot_of(position):
    return position >> 20


def negative_log2(x):
    """-log2((x + 1) / 2^64) as a whole number of 2^-32, by squaring; bits below 2^-63 are lost."""
    y = x + 1
    n = y.bit_length() - 1
    m = y << 63 >> n
    fraction = 0
    for _ in range(32):
        m = m * m >> 63
        bit = m >> 64
        m >>= bit
        fraction = fraction << 1 | bit
    return (64 - n << 32) - fraction


def slot_length(key, slot, name):
    return negative_log2(siphash13(key, b'S' + struct.pack('<I', slot) + text(name)))


def keeper(key, slot, hosts):
    """The name of the host with the smallest length / weight, of equal ones the smaller name; None
    if no host has a weight. Hosts are (name, weight), weight 0 takes no part."""
    able = [(Fraction(slot_length(key, slot, name), weight), name) for name, weight in hosts if weight]
    return min(able)[1] if able else None
