#!/usr/bin/env python3
"""Makes the golden vectors in tests/corpus/ring/ with tests/ring_reference.py.

    tests/ring_golden.py            writes the files
    tests/ring_golden.py --check    exit 1 if the files differ from what it would write

Each file begins with the form of its rows. Names are percent-encoded bytes, `-` is nothing. Every
row of a packet, lookup or slot names the ring key it was made with; its members or hosts are those
above it, up to the last `pool`.
"""
import collections
import pathlib
import random
import sys
from urllib.parse import quote_from_bytes

import ring_reference as ring

TEST_KEY = bytes(range(16))
NAMES = [b'ocr', b'pdf', b'pdf2', b'words', b'\xc3\xa4', b'gpu', b'z' * 90]
SIZES = [0, 1, 2, 3, 5, 5, 8, 9, 10, 12, 14, 16, 20, 20, 25, 30, 40, 60]
# Under TEST_KEY and in the namespace `default`, a v-node of one and one of the other have the very
# same position; found by trying 4,000 names.
COLLIDING = [(b'm519', b'm1017'), (b'm926', b'm977'), (b'm143', b'm2810'), (b'm216', b'm1055')]
# Under TEST_KEY, two hosts whose length / weight is the same in that slot; found likewise.
EQUAL_HOSTS = [(0, (b'h129374', 7), (b'h56551', 7)), (1, (b'h31973', 1), (b'h85579', 1)),
               (3, (b'h85884', 1), (b'h69436', 2)), (4095, (b'h64024', 50), (b'h125328', 100)),
               (4095, (b'h55533', 300), (b'h46500', 200)), (2, (b'h53353', 3), (b'h47079', 2))]


def quoted(name):
    return quote_from_bytes(name) or '-'


def quoted_list(names):
    return ','.join(quote_from_bytes(n) for n in names) or '-'


def hash_rows():
    """The usual vectors: key 00..0f, messages 00, 00 01, ...; then other keys and lengths."""
    draw = random.Random(3)
    pairs = [(TEST_KEY, bytes(range(size))) for size in range(64)]
    pairs += [(draw.randbytes(16), draw.randbytes(size)) for size in [*range(0, 300, 7), 512, 1000]]
    return ['# key message siphash13'] + [
        f'{key.hex()} {message.hex() or "-"} {ring.siphash13(key, message):016x}'
        for key, message in pairs]


class Pool:
    """One ring with 50 packets. What its number decides is listed in main()."""

    def __init__(self, number):
        self.draw = random.Random(1000 + number)
        self.number = number
        self.colliding = number >= 18
        self.key = TEST_KEY if self.colliding else self.draw.randbytes(16)
        self.mask = {5: 0xF0000000, 13: 0x0000001F}.get(number, 0xFFFFFFFF)
        self.spaces = [b'default', b'other'] if number % 3 == 0 and not self.colliding else [b'default']
        self.members = []
        self.states = []
        self.seen = collections.Counter()
        self.fill()
        self.points = ring.circle(self.key, self.members, self.mask)

    def fill(self):
        names = [name for pair in COLLIDING for name in pair] if self.colliding else [
            self.draw.choice([b'm%d', b'worker-%d', b'\xe2\x82\xac%d', b'm%d/x']) % i
            for i in range(SIZES[self.number])]
        for name in names:
            self.members.append(self.draw_member(name))
        if len(self.spaces) == 2 and self.members:  # one id in both namespaces
            twin = self.draw_member(self.members[0].name)
            twin.ns = b'other' if self.members[0].ns == b'default' else b'default'
            self.members.append(twin)

    def draw_member(self, name):
        draw, equal = self.draw, self.number % 4 == 1
        member = ring.Member(
            draw.choice(self.spaces), name, draw.choice([1, 10, 50, 100, 100, 100, 137, 400]),
            4 if equal else draw.choice([1, 2, 7, 100, 1000000]),
            1000 if equal else draw.choice([1000, 1000, 1000, 900, 500, 0]),
            1000 if equal else draw.choice([1000, 1000, 950, 500]),
            capabilities=sorted(draw.sample(NAMES, draw.randrange(0, 7))))
        if self.colliding:
            member.weight, member.capabilities = 100, sorted(NAMES[draw.randrange(2):])
        if equal:  # 1000 / (1 + 1 / 4) = 800
            member.load, member.trust = draw.choice(
                [(1, 1000), (0, 800)] * 3 + [(0, 1000), (4, 1000)])
        elif draw.random() < 0.7:
            member.load = draw.choice([member.max_load, draw.randrange(0, member.max_load + 1)])
        self.states.append(draw.choices(['open', 'closed', 'draining'], [90, 5, 5])[0])
        member.is_open = self.states[-1] == 'open'
        return member

    def rows(self):
        yield f'pool {self.key.hex()} {self.mask}'
        for m, state in zip(self.members, self.states):
            yield (f'member {quoted(m.ns)} {quoted(m.name)} {m.weight} {m.max_load} {m.trust} '
                   f'{m.reliability} {m.load} {state} {quoted_list(m.capabilities)}')
            last = ring.vnode_count(m.weight) - 1
            first, final = (ring.vnode_position(self.key, m.ns, m.name, r) & self.mask
                            for r in (0, last))
            yield f'vnodes {first} {final}'
        for position in self.lookups():
            found = ring.lookup(self.points, position)
            place = f'{quoted(found[1])} {quoted(found[2])} {found[0]}' if found else '- - -'
            yield f'lookup {self.key.hex()} {position} {place}'
        for i in range(50):
            yield self.packet_row(i)

    def lookups(self):
        """Random positions, v-nodes' own and their neighbours, those that collide, both ends."""
        draw = self.draw
        chosen = [0, (1 << 32) - 1] + [draw.randrange(1 << 32) for _ in range(8)]
        for point in draw.sample(self.points, min(4, len(self.points))):
            chosen += [point[0], (point[0] + 1) % (1 << 32), (point[0] - 1) % (1 << 32)]
        count = collections.Counter(p[0] for p in self.points)
        return chosen + [position for position in count if count[position] > 1][:20]

    def draw_salt(self, i, ns, required):
        draw = self.draw
        if self.colliding and i % 2 == 0:  # a packet that is to meet a collision first
            count = collections.Counter(p[0] for p in self.points)
            for n in range(100000):
                point = ring.packet_position(self.key, ns, required, b'pkt_%d' % n)
                at = ring.lookup(self.points, point)[0]
                if count[at] > 1 and draw.random() < 0.5:
                    return b'pkt_%d' % n
        return draw.choice([b'', b'pkt_%d' % i, draw.randbytes(20)])

    def packet_row(self, i):
        draw = self.draw
        ns = draw.choice(self.spaces)
        required = sorted(draw.sample(NAMES[:6], draw.choice([0, 1, 1, 1, 2, 2, 3])))
        if draw.random() < 0.1:
            required = sorted({*required[:2], NAMES[6]})
        match = draw.choice(['all', 'all', 'any'])
        salt = self.draw_salt(i, ns, required)
        k, load = draw.choice([1, 2, 4, 8, 8, 16]), draw.choice([1, 1, 1, 2, 50])
        nearest = draw.random() < 0.2
        avoid = draw.choice(self.members) if self.members and draw.random() < 0.2 else None
        point = ring.packet_position(self.key, ns, required, salt)
        met = ring.candidates(self.points, point, ns, required, match)
        chosen = ring.owner(met, load, k, nearest, avoid)
        self.note(met, load, k, nearest, avoid, match, chosen)
        window = ','.join(f'{quote_from_bytes(m.name)}@{at}' for at, m in met[:k]) or '-'
        return (f'packet {self.key.hex()} {quoted(ns)} {match} {quoted_list(required)} '
                f'{quoted(salt)} {k} {load} {int(nearest)} '
                f'{self.members.index(avoid) if avoid else "-"} {point} {window} '
                f'{quoted(chosen.name) if chosen else "-"}')

    def note(self, met, load, k, nearest, avoid, match, chosen):
        """Counts what decided a row, so that main() can see that every rule decides some."""
        able = [m for _, m in met if m.has_room(load)]
        taken = [m for m in able if m is not avoid][:1 if nearest else k]
        walked_over = [m for _, m in met[:k] if not m.has_room(load)]
        equal = [m for m in taken if chosen and m is not chosen and
                 m.score()[0] * chosen.score()[1] == chosen.score()[0] * m.score()[1]]
        positions = [at for at, _ in met[:k]]
        facts = {
            'nobody matches': not met, 'nobody has room': met and not able,
            'full is walked over': chosen and any(m.is_open for m in walked_over),
            'closed is walked over': chosen and any(not m.is_open for m in walked_over),
            'nearest with room': nearest and chosen,
            'nearest is not the best': nearest and chosen and any(
                ring.better(m, chosen) for m in able[:k] if m is not avoid),
            'avoided for another': avoid in able and chosen is not avoid,
            'avoided but the only one': avoid in able and chosen is avoid,
            'any': match == 'any' and chosen, 'not the nearest': taken and chosen is not taken[0],
            'tie by id': equal, 'tie of unlike fractions': any(
                m.score() != chosen.score() and chosen.score()[0] for m in equal),
            'collision in the window': len(set(positions)) < len(positions),
        }
        if self.colliding:
            facts['collision of the full 32 bits'] = facts['collision in the window']
        self.seen.update({name: bool(holds) for name, holds in facts.items()})


def slot_rows():
    draw = random.Random(77)
    rows = ['# log X NEGATIVE_LOG2', '# pool KEY', '# host ID WEIGHT',
            '# slot KEY SLOT KEEPER', '# map KEY SIPHASH13, under KEY, of the names of the 4,096 keepers',
            '#   (not encoded; nothing if there is none), a newline behind each']
    edges = [0, 1, 2, 3, (1 << 63) - 1, 1 << 63, (1 << 64) - 2, (1 << 64) - 1]
    for x in edges + [draw.getrandbits(64) >> draw.choice([0, 0, 1, 7, 40]) for _ in range(92)]:
        rows.append(f'log {x} {ring.negative_log2(x)}')
    pools = [(TEST_KEY, [a, b], [slot]) for slot, a, b in EQUAL_HOSTS]
    pools += [(draw.randbytes(16), hosts, None) for hosts in (
        [], [(b'only', 0)], [(b'a', 1), (b'b', 2)], [(b'h%d' % i, 100) for i in range(3)],
        [(b'\xc3\xa4' * 20, 10000), (b'z', 9999), (b'y', 0)])]
    pools += [(draw.randbytes(16), [(b'host-%d' % i, draw.choice([0, 1, 2, 100, 10000, 1, (1 << 32) - 1]))
                                    for i in range(40)],
               sorted(draw.sample(range(ring.SLOTS), 50))) for _ in range(2)]
    for key, hosts, slots in pools:
        rows.append(f'pool {key.hex()}')
        rows += [f'host {quoted(name)} {weight}' for name, weight in hosts]
        chosen = sorted(draw.sample(range(ring.SLOTS), 20)) if slots is None else slots
        keepers = {slot: ring.keeper(key, slot, hosts) or b''
                   for slot in (range(ring.SLOTS) if slots is None else slots)}
        rows += [f'slot {key.hex()} {slot} {quoted(keepers[slot])}' for slot in chosen]
        if slots is None:
            whole = b''.join(keepers[slot] + b'\n' for slot in range(ring.SLOTS))
            rows.append(f'map {key.hex()} {ring.siphash13(key, whole):016x}')
    return rows


def placement_rows():
    """Pools of 0 to 61 members. In every fourth most scores are equal, so that ids decide; in two
    the positions are cut to a few bits; in the last two v-nodes collide without any help."""
    rows = ['# pool KEY MASK, laid over the positions of v-nodes',
            '# member NS ID WEIGHT MAXLOAD TRUST RELIABILITY LOAD STATE CAPABILITIES',
            '#   STATE: open, closed or draining; the latter two are walked over alike',
            '# vnodes FIRST LAST, positions of the member above',
            '# lookup KEY POINT NS ID VNODE, the plain clockwise owner',
            '# packet KEY NS MATCH REQUIRED SALT K LOAD NEAREST AVOID POINT WINDOW OWNER',
            '#   WINDOW: ID@VNODE of the K nearest that match, with room or not']
    seen = collections.Counter()
    for number in range(20):
        pool = Pool(number)
        rows += pool.rows()
        seen.update(pool.seen)
    rare = [name for name, rows_of_it in seen.items() if rows_of_it < 10]
    if rare:
        sys.exit(f'tests/ring_golden.py: below ten rows for: {", ".join(rare)}')
    return rows


def main():
    folder = pathlib.Path(__file__).parent / 'corpus' / 'ring'
    files = {'siphash.txt': hash_rows(), 'placement.txt': placement_rows(), 'slots.txt': slot_rows()}
    stale = False
    for name, rows in files.items():
        wanted = '\n'.join(rows) + '\n'
        if '--check' in sys.argv:
            stale |= (folder / name).read_text() != wanted
        else:
            (folder / name).write_text(wanted)
    if stale:
        sys.exit('tests/corpus/ring differs from the reference: run tests/ring_golden.py')


if __name__ == '__main__':
    main()
