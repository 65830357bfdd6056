#!/usr/bin/env python3
"""Makes golden.json beside it: every signed form once, by an encoder of its own.

The forms are written here a second time, from their description in src/lineage/form, and signed by
another library; so the file says what the bytes are, whatever the program does. `--check` compares
instead of writing.
"""

import hashlib
import json
import pathlib
import sys

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def pack(value):
    """The shortest msgpack of nil, booleans, integers, text, bytes and lists."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return pack_int(value)
    if isinstance(value, list):
        head = sized(len(value), (15, 0x90), None, 0xdc, 0xdd)
        return head + b"".join(map(pack, value))
    if isinstance(value, str):
        data = value.encode()
        return sized(len(data), (31, 0xa0), 0xd9, 0xda, 0xdb) + data
    return sized(len(value), None, 0xc4, 0xc5, 0xc6) + value


def pack_int(value):
    if -32 <= value < 128:
        return value.to_bytes(1, "big", signed=value < 0)
    for power, width in enumerate((1, 2, 4, 8)):
        if value >= 0 and value < 1 << 8 * width:
            return bytes([0xcc + power]) + value.to_bytes(width, "big")
        if value < 0 and value >= -(1 << 8 * width - 1):
            return bytes([0xd0 + power]) + value.to_bytes(width, "big", signed=True)
    raise ValueError(value)


def sized(size, fixed, one, two, four):
    if fixed and size <= fixed[0]:
        return bytes([fixed[1] | size])
    for tag, width in ((one, 1), (two, 2), (four, 4)):
        if tag and size < 1 << 8 * width:
            return bytes([tag]) + size.to_bytes(width, "big")
    raise ValueError(size)


class Key:
    def __init__(self, byte):
        self.secret = Ed25519PrivateKey.from_private_bytes(bytes([byte]) * 32)
        self.public = self.secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = hashlib.sha256(self.public).hexdigest()[:16]

    def seal(self, name, payload):
        kind = "application/vnd.phoenixflight." + name
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
        return pack([1, kind, self.id, payload, self.secret.sign(signed)])


def digest(byte):
    return bytes([byte]) * 32


def leaf(entry):
    return hashlib.sha256(b"\0" + entry).digest()


def node(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


ROOT, HOST, GIVER, RECEIVER, HUMAN = map(Key, range(1, 6))
AT = 1_790_000_000_000


def statements():
    packet = ["demo", "default", "pkt_1", 3]
    offer = pack([1, *packet, "offer-1", ["giver", 7], "receiver", ["ocr", "translate"], AT + 5000,
                  digest(0xc0), digest(0xc1), ["read", "write"]])
    completion = pack([1, "demo", "default", "pkt_1", 4, "receiver", 1, digest(0xd0)])
    other = pack([1, "demo", "default", "pkt_2", 9, "receiver", 2, None])
    offered = hashlib.sha256(offer).digest()
    return offer, completion, other, {
        "key-grant": ROOT.seal("key-grant", pack([1, "demo", "h1", HOST.public, AT])),
        "key-request": HOST.seal("key-request", pack(
            [1, "demo", "h1", HOST.public, digest(0xb1), digest(0xb2)])),
        "registration-proof": GIVER.seal("registration-proof", pack(
            [1, "demo", "default", "giver", GIVER.public, digest(0xb0)])),
        "handoff-offer": GIVER.seal("handoff-offer", offer),
        "handoff-acceptance": RECEIVER.seal("handoff-acceptance", pack(
            [1, *packet, offered, ["receiver", 2], digest(0xc0), AT + 10])),
        "approval": HUMAN.seal("approval", pack([1, *packet, offered, "human", True, AT + 5])),
        "completion": RECEIVER.seal("completion", completion),
        "batch": RECEIVER.seal("batch", pack(
            [1, "demo", "application/vnd.phoenixflight.completion", 2,
             node(leaf(completion), leaf(other))])),
        "ticket": HOST.seal("ticket", pack(
            [1, "demo", "default", "pkt_1", 4, ["receiver", 2], [], AT + 20, AT + 3020])),
        "drain-certificate": HOST.seal("drain-certificate", pack(
            [1, "demo", "default", "giver", 7, AT + 100, [[0, 12], [70000, 300]]])),
        "checkpoint": HOST.seal("checkpoint", pack(
            [1, "demo", "h1", AT + 30, [[3, 5, digest(0xe0)], [4, 1 << 40, digest(0xe1)]]])),
    }


def entries(signed, other):
    """A packet's life as a log tells it, and the entries that a log has beside legs."""
    none = [None] * 4
    add = pack([1, 4, AT, [2, "giver"], "default", "giver", "registered", "", 0, 1, None, None, None,
                [1, 2, GIVER.public, None, signed["registration-proof"]], None])
    rotate = pack([1, 4, -1, [3, "ops"], None, "h1", "key-rotated", "operator", 0, 2, None, None,
                   None, [2, 1, HOST.public, ROOT.id, signed["key-grant"]], None])
    assign = pack([1, 1, AT + 1, [1, "h1"], "default", "pkt_1", "created", "", 3, 1, digest(0xa0),
                   None, [1, digest(0), None, ["giver", 7], 1, None, None, digest(0xa1),
                          [0xdeadbeef, digest(0xa2)], [], None, None], None, None])
    hand = pack([1, 1, AT + 15, [2, "giver"], "default", "pkt_1", "handed-over", "", 4, 2,
                 digest(0xa0), digest(0xa3),
                 [2, leaf(assign), ["giver", 7], ["receiver", 2], 2, digest(0xc0), digest(0xc1),
                  None, None, ["h1", "h2"], [signed["handoff-offer"], signed["handoff-acceptance"],
                                             signed["approval"]], None], None, None])
    end = pack([1, 1, AT + 25, [2, "receiver"], "default", "pkt_1", "completed", "", 4, 3, None, None,
                [3, leaf(hand), ["receiver", 2], None, 7, *none, [], None,
                 [1, digest(0xd0), [signed["batch"], 0, [leaf(other)]]]], None, None])
    drained = pack([1, 2, AT + 101, [1, "h1"], "default", "giver", "retired", "drained", 0, 300,
                    None, None, None, None, signed["drain-certificate"]])
    return {"entry-key-added": add, "entry-key-rotated": rotate, "entry-assigned": assign,
            "entry-handed-over": hand, "entry-completed": end, "entry-drained": drained}


def shown(signed):
    """Tickets as their owner shows them: signed alone, and with another one of the session."""
    ticket = pack([1, "demo", "default", "pkt_1", 4, ["receiver", 2], [], AT + 20, AT + 3020])
    beside = pack([1, "demo", "default", "pkt_2", 9, ["receiver", 2], ["read"], AT + 20, AT + 3020])
    both = HOST.seal("batch", pack([1, "demo", "application/vnd.phoenixflight.ticket", 2,
                                    node(leaf(ticket), leaf(beside))]))
    return {"shown-alone": pack([1, signed["key-grant"], ticket, signed["ticket"], 0, []]),
            "shown-of-session": pack([1, None, beside, both, 1, [leaf(ticket)]])}


def golden():
    _, _, other, signed = statements()
    return signed | entries(signed, other) | shown(signed)


def main():
    golden_text = {name: data.hex() for name, data in golden().items()}
    text = json.dumps(golden_text, indent=1) + "\n"
    path = pathlib.Path(__file__).with_name("golden.json")
    if sys.argv[1:] != ["--check"]:
        path.write_text(text)
    elif path.read_text() != text:
        sys.exit(f"{path} is not what this script makes: the forms differ, or it was edited")


if __name__ == "__main__":
    main()
