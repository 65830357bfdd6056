#!/usr/bin/env python3
"""A second verifier of exports, after the description of the forms alone: second_verifier.py EXPORT
ROOT.pub CHECKPOINT. It checks the tree, the signatures of hosts and members and the chains of legs of
an export without pruned logs, and says what it found; anything wrong raises.
"""

import base64
import hashlib
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "vectors" / "lineage"),
                str(HERE.parents[1] / "clients" / "python")]
from make_vectors import pack  # noqa: E402
from phoenix_sign import TYPE, opened, root_by_path, unpack  # noqa: E402


def whole(data):
    value = unpack(data)
    assert pack(value) == data, "not in the one form of what it says"
    return value


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def root_of(leaves):
    if len(leaves) < 2:
        return leaves[0] if leaves else sha()
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha(b"\1", root_of(leaves[:split]), root_of(leaves[split:]))


def key_id(key):
    return sha(key).hex()[:16]


def open_envelope(data, name, keys):
    """The payload, if one of the keys signed it as a statement of that name."""
    return opened(data, keys, name)[0]


class Verifier:
    def __init__(self, root):
        self.roots = {key_id(root): root}
        self.hosts, self.members = {}, {}  # key id to key; (ns, id) to {key id: key}
        self.logs, self.packets = {}, {}
        self.pending, self.late, self.pool = [], [], None

    def line(self, letter, data):
        if letter == "g":
            _, _, _, key, _ = whole(open_envelope(data, "key-grant", self.roots))
            self.hosts[key_id(key)] = key
        elif letter == "c":
            assert not self.pending, "entries are missing"
            _, self.pool, _, _, logs = whole(open_envelope(data, "checkpoint", self.hosts))
            self.expected = {log: (size, root) for log, size, root in logs}
            self.grown = [log for log, size, _ in logs if size > len(self.logs.get(log, []))]
        elif letter == "h":
            log = self.grown.pop(0)
            leaves = [data[i:i + 32] for i in range(0, len(data), 32)]
            self.logs.setdefault(log, []).extend(leaves)
            assert self.expected[log] == (len(self.logs[log]), root_of(self.logs[log])), "another root"
            self.pending += leaves
        else:
            assert sha(b"\0", data) == self.pending.pop(0), "another entry"
            self.entry(data)
            if not self.pending:
                for check in self.late:
                    check()
                self.late = []

    def entry(self, data):
        (_, _, _, _, ns, subject, _, _, epoch, _, _, _, leg, key, _) = whole(data)
        if key and key[4]:
            by = ("registration-proof", {key_id(key[2]): key[2]}) if ns else ("key-grant", self.roots)
            proof = whole(open_envelope(key[4], *by))
            assert proof[1:-1] == [self.pool] + [ns] * bool(ns) + [subject, key[2]], "another's proof"
            self.members.setdefault((ns, subject), {})[key_id(key[2])] = key[2]
        if leg:
            self.packets.setdefault((ns, subject), []).append((leg, epoch, sha(b"\0", data)))
            self.late.append(lambda: self.leg(ns, subject, epoch, leg))

    def leg(self, ns, packet, epoch, leg):
        def keys(party):
            return self.members[ns, party[0]]
        if leg[10]:
            offer = open_envelope(leg[10][0], "handoff-offer", keys(leg[2]))
            said = whole(offer)
            assert said[1:5] == [self.pool, ns, packet, epoch - 1] and said[6] == leg[2], "other offer"
            taken = whole(open_envelope(leg[10][1], "handoff-acceptance", keys(leg[3])))
            assert taken[5:8] == [sha(offer), leg[3], leg[5]], "another acceptance"
            if leg[10][2]:
                yes = whole(leg[10][2])[3]
                who = whole(yes)[6]
                approval = whole(open_envelope(leg[10][2], "approval", keys([who])))
                assert approval[5] == sha(offer) and approval[7] and who not in (leg[2][0], leg[3][0])
        if leg[11] and leg[11][2]:
            envelope, position, path = leg[11][2]
            batch = whole(open_envelope(envelope, "batch", keys(leg[2])))
            said = pack([1, self.pool, ns, packet, epoch, leg[2][0], leg[11][0], leg[11][1]])
            assert batch[1:3] == [self.pool, TYPE + "completion"], "another batch"
            assert root_by_path(said, position, batch[3], path) == batch[4], "not in it"

    def finish(self, checkpoint):
        assert not self.pending, "entries are missing"
        for log, size, root in whole(open_envelope(checkpoint, "checkpoint", self.hosts))[4]:
            assert root_of(self.logs[log][:size]) == root, f"log {log} is another than was kept"
        for legs in self.packets.values():
            legs.sort(key=lambda one: one[0][0])
            owner, grants, previous = None, legs[0][1] - bool(legs[0][0][3]), bytes(32)
            for number, (leg, epoch, leaf) in enumerate(legs, 1):
                grants += bool(leg[3])
                raised = epoch - grants  # by who adopted a backup
                assert leg[:3] == [number, previous, owner], "a broken chain"
                assert 0 <= raised <= 2**30 and raised % 2**20 == 0, "another epoch"
                owner, previous, grants = leg[3], leaf, epoch
        return sum(map(len, self.logs.values())), sum(map(len, self.packets.values()))


def verify(export, root_pem, checkpoint):
    verifier = Verifier(base64.b64decode(root_pem.splitlines()[4])[-32:])
    lines = export.split("\n")
    assert lines[0] == "phoenixflight-audit 1" and lines[-1] == "", "no whole export"
    for line in lines[1:-1]:
        verifier.line(line[0], base64.b64decode(line[2:], validate=True))
    return verifier.finish(base64.b64decode(checkpoint))


if __name__ == "__main__":
    texts = [pathlib.Path(name).read_text("ascii") for name in sys.argv[1:]]
    print("%d entries, %d legs: all verified" % verify(*texts))
