#!/usr/bin/env python3
"""The ring a second time, in plain Python, written from its description and not from the C++.

Points, order, window and owner of `src/ring/`, as slow and as plain as possible: a client in another
language can be written from this page. It makes the golden vectors in tests/corpus/ring/, which the
C++ tests read:

    tests/ring_reference.py            writes the files
    tests/ring_reference.py --check    exit 1 if the files differ from what it would write

Names in the files are percent-encoded bytes. Every row stands under the ring key it was made with.
"""
import pathlib
import random
import struct
import sys
from urllib.parse import quote_from_bytes

MASK = (1 << 64) - 1


def siphash13(key, data):
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


def text(value):
    return struct.pack('<H', len(value)) + value


def vnode_position(key, ns, name, replica):
    return siphash13(key, b'V' + text(ns) + text(name) + struct.pack('<I', replica)) >> 32


def packet_position(key, ns, capabilities, salt):
    unique = sorted(set(capabilities))
    body = struct.pack('<H', len(unique)) + b''.join(text(c) for c in unique)
    return siphash13(key, b'P' + text(ns) + body + text(salt)) >> 32


def vnode_count(weight):
    return max(1, (128 * weight + 50) // 100)


class Member:
    def __init__(self, ns, name, weight, max_load, trust, reliability, load, is_open, capabilities):
        self.ns, self.name, self.weight, self.max_load = ns, name, weight, max_load
        self.trust, self.reliability, self.load = trust, reliability, load
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
        """Numerator and denominator."""
        return self.reliability * self.trust * 1000, 1000 + self.load * 1000 // self.max_load


def circle(key, members):
    """All v-nodes in order: (position, namespace, id, replica, member)."""
    points = [(vnode_position(key, m.ns, m.name, r), m.ns, m.name, r, m)
              for m in members for r in range(vnode_count(m.weight))]
    return sorted(points, key=lambda p: p[:4])


def walk(points, start):
    """The distinct members clockwise from a position, with the position each was met at."""
    ahead = [p for p in points if p[0] >= start]
    behind = [p for p in points if p[0] < start]
    met = {}
    for position, ns, name, _, member in ahead + behind:
        met.setdefault((ns, name), (position, member))
    return list(met.values())


def better(a, b):
    (an, ad), (bn, bd) = a.score(), b.score()
    return an * bd > bn * ad or (an * bd == bn * ad and (a.ns, a.name) < (b.ns, b.name))


def owner(candidates, load, k, nearest_first, avoid):
    """Among the matching members in walk order: who is to own the packet, or None."""
    able = [m for _, m in candidates if m.has_room(load)]
    others = [m for m in able if m is not avoid] or able
    best = others[0] if others else None
    for member in others[:1 if nearest_first else k]:
        if better(member, best):
            best = member
    return best


def names_text(names):
    return ','.join(quote_from_bytes(n) for n in names) or '-'


def hash_rows():
    """The usual vectors: key 00..0f, messages 00, 00 01, ...; then other keys and lengths."""
    draw = random.Random(3)
    pairs = [(bytes(range(16)), bytes(range(size))) for size in range(64)]
    pairs += [(draw.randbytes(16), draw.randbytes(size)) for size in [*range(0, 300, 7), 512, 1000]]
    return ['# key message siphash13'] + [
        f'{key.hex()} {message.hex() or "-"} {siphash13(key, message):016x}'
        for key, message in pairs]


def pool_rows(number):
    draw = random.Random(1000 + number)
    key = draw.randbytes(16)
    all_names = [b'ocr', b'pdf', b'pdf2', b'words', b'\xc3\xa4', b'gpu', b'z' * 255]
    spaces = [b'default', b'other'] if number % 3 == 0 else [b'default']
    size = [0, 1, 2, 5, 9, 20, 40][number % 7]
    members = []
    rows = [f'pool {key.hex()}']
    for i in range(size):
        name = draw.choice([b'm%d', b'worker-%d', b'\xe2\x82\xac%d', b'm%d/x']) % i
        members.append(Member(
            draw.choice(spaces), name, draw.choice([1, 10, 50, 100, 100, 100, 137, 400]),
            draw.choice([1, 2, 7, 100, 1000000]), draw.choice([1000, 1000, 1000, 900, 0]),
            draw.choice([1000, 1000, 950]), 0, draw.random() < 0.9,
            sorted(draw.sample(all_names, draw.randrange(0, 6)))))
        m = members[-1]
        m.load = draw.randrange(0, m.max_load + 1) if draw.random() < 0.7 else 0
        rows.append(f'member {quote_from_bytes(m.ns)} {quote_from_bytes(m.name)} {m.weight} '
                    f'{m.max_load} {m.trust} {m.reliability} {m.load} {int(m.is_open)} '
                    f'{names_text(m.capabilities)}')
        last = vnode_count(m.weight) - 1
        first, final = (vnode_position(key, m.ns, m.name, r) for r in (0, last))
        rows.append(f'vnodes {first} {final}')
    points = circle(key, members)
    for i in range(50):
        ns = draw.choice(spaces)
        required = sorted(draw.sample(all_names, draw.choice([0, 1, 1, 1, 2, 2, 3])))
        match = draw.choice(['all', 'all', 'any'])
        salt = draw.choice([b'', b'pkt_%d' % i, draw.randbytes(20)])
        k, load = draw.choice([1, 2, 4, 8, 8, 16]), draw.choice([1, 1, 1, 2, 50])
        nearest = draw.random() < 0.2
        avoid = draw.choice(members) if members and draw.random() < 0.2 else None
        point = packet_position(key, ns, required, salt)
        found = [c for c in walk(points, point) if c[1].matches(ns, required, match)]
        chosen = owner(found, load, k, nearest, avoid)
        window = ','.join(f'{quote_from_bytes(m.name)}@{at}' for at, m in found[:k]) or '-'
        rows.append(f'packet {quote_from_bytes(ns)} {match} {names_text(required)} '
                    f'{quote_from_bytes(salt) or "-"} {k} {load} {int(nearest)} '
                    f'{members.index(avoid) if avoid else "-"} {point} {window} '
                    f'{quote_from_bytes(chosen.name) if chosen else "-"}')
    return rows


def main():
    folder = pathlib.Path(__file__).parent / 'corpus' / 'ring'
    head = ['# pool KEY',
            '# member NS ID WEIGHT MAXLOAD TRUST RELIABILITY LOAD OPEN CAPABILITIES',
            '# vnodes FIRST LAST, positions of the member above',
            '# packet NS MATCH REQUIRED SALT K LOAD NEAREST AVOID POINT WINDOW OWNER']
    files = {'siphash.txt': hash_rows(),
             'placement.txt': head + [row for n in range(20) for row in pool_rows(n)]}
    stale = False
    for name, rows in files.items():
        wanted = '\n'.join(rows) + '\n'
        if '--check' in sys.argv:
            stale |= (folder / name).read_text() != wanted
        else:
            (folder / name).write_text(wanted)
    if stale:
        sys.exit('tests/corpus/ring differs from the reference: run tests/ring_reference.py')


if __name__ == '__main__':
    main()
