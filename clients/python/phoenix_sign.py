"""Signs what a member says to a PhoenixFlight host: that it holds its key, its results, handoffs. Reads
what others have signed, for phoenix_ticket.py beside it.

    key = Key.load("worker.key")                  # or Key.new()
    proof = key.prove(problem)                    # of the 401 that registering with publicKey gets
    body["signature"] = key.complete(session, member, packet, epoch, result)

`session` is the "session" of the answer to registering. A result is signed as the host keeps it: JSON
as its text on one line (what json_text() gives, and what has to be sent), or bytes. Needs the package
`cryptography`. The forms are described in src/lineage/form/statements.h.
"""

import base64
import hashlib
import json
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import (Ed25519PrivateKey,
                                                                Ed25519PublicKey)
from cryptography.hazmat.primitives.serialization import (Encoding, PublicFormat,
                                                          load_pem_private_key)

TYPE = "application/vnd.phoenixflight."


def pack(value):
    """The shortest msgpack of nil, booleans, integers, text, bytes and lists."""
    if value is None or isinstance(value, bool):
        return {None: b"\xc0", False: b"\xc2", True: b"\xc3"}[value]
    if isinstance(value, int):
        return pack_int(value)
    if isinstance(value, list):
        return sized(len(value), (15, 0x90), None, 0xdc, 0xdd) + b"".join(map(pack, value))
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


def unpack(data):
    """The value of such msgpack, and nothing but the shortest; lists begin with their version, 1."""
    value, _ = take(data)
    if pack(value) != data or value[0] != 1:
        raise ValueError("not in the one form of what it says")
    return value


def take(data):
    """The first value, and what stands behind it."""
    tag, data = data[0], data[1:]
    if tag < 0x80 or tag >= 0xe0:
        return (tag if tag < 0x80 else tag - 256), data
    if tag in (0xc0, 0xc2, 0xc3):
        return {0xc0: None, 0xc2: False, 0xc3: True}[tag], data
    if 0xcc <= tag <= 0xd3:
        width = 1 << (tag & 3)
        return int.from_bytes(data[:width], "big", signed=tag >= 0xd0), data[width:]
    fixed = {0x80: 15, 0x90: 15, 0xa0: 31, 0xb0: 31}.get(tag & 0xf0)
    width = 0 if fixed else 1 << (tag - (0xdb if tag >= 0xdc else 0xd9 if tag >= 0xd9 else 0xc4))
    size, data = tag & fixed if fixed else int.from_bytes(data[:width], "big"), data[width:]
    if len(data) < size:
        raise ValueError("it ends early")
    if tag & 0xf0 != 0x90 and tag < 0xdc:
        part = data[:size]
        return (part if tag in (0xc4, 0xc5, 0xc6) else part.decode()), data[size:]
    items = []
    for _ in range(size):
        item, data = take(data)
        items.append(item)
    return items, data


def digest(data):
    return None if data is None else hashlib.sha256(data).digest()


def root_of(payloads):
    """The root of the tree of RFC 9162 over them."""
    if len(payloads) == 1:
        return digest(b"\0" + payloads[0])
    split = 1 << (len(payloads) - 1).bit_length() - 1
    return digest(b"\1" + root_of(payloads[:split]) + root_of(payloads[split:]))


def root_by_path(payload, at, size, path):
    """The root to which the path of entry `at` of a tree of that size leads; None if to none."""
    node, last = digest(b"\0" + payload), size - 1
    for sibling in path:
        left = at & 1 or at == last
        node = digest(b"\1" + (sibling + node if left else node + sibling))
        while left and at and not at & 1:
            at, last = at >> 1, last >> 1
        at, last = at >> 1, last >> 1
    return None if last or at else node


def opened(envelope, keys, *names):
    """What one of the keys (by their ids) has signed as a statement of one of these types, and of
    which. Raises what is not."""
    _, kind, key, said, signature = unpack(envelope)
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(said), said)
    Ed25519PublicKey.from_public_bytes(keys[key]).verify(signature, signed)
    return said, names[names.index(kind.removeprefix(TYPE))]


def json_text(value):
    """JSON as the host keeps it: send this very text."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


class Key:
    def __init__(self, secret):
        self.secret = secret
        self.public = secret.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.id = digest(self.public).hex()[:16]
        self.public_base64 = base64.b64encode(self.public).decode()

    @classmethod
    def new(cls):
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path):
        """Of a file that `phoenix key new` or a worker has made."""
        with open(path, "rb") as file:
            return cls(load_pem_private_key(file.read(), None))

    def seal(self, name, payload):
        """The envelope around a statement of that type, in base64."""
        kind = TYPE + name
        signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind.encode(), len(payload), payload)
        return base64.b64encode(
            pack([1, kind, self.id, payload, self.secret.sign(signed)])).decode()

    def prove(self, problem):
        return self.seal("registration-proof", pack(
            [1, problem["pool"], problem["namespace"], problem["id"], self.public,
             base64.b64decode(problem["challenge"])]))

    def complete(self, session, member, packet, epoch, result=None):
        return self.seal("completion", completion(session, member, packet, epoch, result))

    def fail(self, session, member, packet, epoch, error):
        """Of a failure, final or not; `error` as its JSON text, which has to be sent."""
        return self.seal("completion", completion(session, member, packet, epoch, error, 2))

    def offer(self, session, member, packet, epoch, to="", selector=(), context=None, life=60,
              contract=None, scopes=()):
        """That it gives the packet to that member, or to whom the capabilities lead. `contract` is
        the contractDigest that the packet's delivery shows, `scopes` what the receiver may do."""
        return self.seal("handoff-offer", pack(
            [1, session["pool"], session["namespace"], packet, epoch, f"offer-{epoch}",
             [member, session["incarnation"]], to or None, sorted(set(selector)),
             int((time.time() + life) * 1000), digest(context),
             bytes.fromhex(contract.removeprefix("sha256:")) if contract else None,
             sorted(set(scopes))]))

    def accept(self, session, member, asked, context=None):
        """That it takes what it was asked to; `context` is what came with the question."""
        offer = statement(asked["offer"])
        return self.seal("handoff-acceptance", pack(
            [1, session["pool"], session["namespace"], asked["packet"], asked["epoch"],
             digest(offer), [member, session["incarnation"]], digest(context),
             int(time.time() * 1000)]))

    def complete_all(self, session, member, items):
        """One signature over many: items are (packet, epoch, result), in the order of the call."""
        payloads = [completion(session, member, *item) for item in items]
        return self.seal("batch", pack(
            [1, session["pool"], TYPE + "completion", len(payloads), root_of(payloads)]))


def statement(envelope):
    """The payload of an envelope in base64, unchecked: its host has looked at the signature."""
    return unpack(base64.b64decode(envelope))[3]


def completion(session, member, packet, epoch, result=None, end=1):
    return pack([1, session["pool"], session["namespace"], packet, epoch, member, end,
                 digest(result)])
