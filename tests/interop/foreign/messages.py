"""Messages and what surrounds them on the wire: compound, compression, checksum, key, label."""

import struct
import zlib

from foreign import lzw, msgpack, seal

(PING, INDIRECT_PING, ACK, SUSPECT, ALIVE, DEAD, PUSH_PULL, COMPOUND, USER, COMPRESS, ENCRYPT,
 NACK, CHECKSUM, ERROR) = range(14)
LABEL = 244
LEAVE_INTENT, JOIN_INTENT, SERF_PUSH_PULL, USER_EVENT, QUERY, QUERY_RESPONSE = range(6)
ALIVE_STATE, SUSPECT_STATE, DEAD_STATE, LEFT_STATE = range(4)
VERSIONS = bytes([1, 5, 2, 2, 5, 5])


class Message:
    """Its type, and its fields; bytes where it has none."""

    def __init__(self, kind, fields):
        self.kind = kind
        self.fields = fields

    def __getitem__(self, name):
        return self.fields[name]

    def text(self, name):
        return (self.fields[name] or b"").decode("utf-8", "replace")

    def __repr__(self):
        return f"{self.kind}:{self.fields!r}"


def message(kind, **fields):
    """Encoded, with its type byte."""
    return bytes([kind]) + msgpack.encode(fields)


def alive(name, address, incarnation, meta=b"", versions=VERSIONS):
    return message(ALIVE, Node=name, Addr=address.ip, Port=address.port, Incarnation=incarnation,
                   Meta=meta, Vsn=versions)


def tags(**values):
    return b"\xff" + msgpack.encode(values)


def user(kind, **fields):
    """A Serf message, as datagrams carry it."""
    return bytes([USER, kind]) + msgpack.encode(fields)


# ---- outgoing ----

def compound(parts):
    return (bytes([COMPOUND, len(parts)]) + b"".join(struct.pack(">H", len(p)) for p in parts)
            + b"".join(parts))


def compressed(data):
    return message(COMPRESS, Algo=0, Buf=lzw.compress(data))


def checked(data):
    return bytes([CHECKSUM]) + struct.pack(">I", zlib.crc32(data)) + data


def labelled(data, label):
    return bytes([LABEL, len(label)]) + label + data


def stream(data, key=None):
    if key is None:
        return data
    size = struct.pack(">I", len(data) + 29)
    return bytes([ENCRYPT]) + size + seal.encrypt(data, key, bytes([ENCRYPT]) + size)


def push_pull(nodes, join=True, user_state=b"", **claims):
    """`claims` replace what the header says of the rest."""
    header = {"Nodes": len(nodes), "UserStateLen": len(user_state), "Join": join, **claims}
    return message(PUSH_PULL, **header) + b"".join(map(msgpack.encode, nodes)) + user_state


def serf_state(clock=1, statuses=None, left=()):
    """The user state of a push/pull between Serf's nodes."""
    return bytes([SERF_PUSH_PULL]) + msgpack.encode(
        {"LTime": clock, "StatusLTimes": statuses or {}, "LeftMembers": list(left),
         "EventLTime": 1, "Events": None, "QueryLTime": 1})


def node_state(name, address, incarnation, state=ALIVE_STATE, meta=b"", versions=VERSIONS):
    return {"Name": name, "Addr": address.ip, "Port": address.port, "Meta": meta,
            "Incarnation": incarnation, "State": state, "Vsn": versions}


# ---- incoming ----

def open_packet(data, keys=()):
    """The messages of a datagram. ValueError: not for us, or malformed."""
    if keys:
        data = seal.decrypt(data, keys)
    if data[0] == CHECKSUM:
        (crc,) = struct.unpack(">I", data[1:5])
        if zlib.crc32(data[5:]) != crc:
            raise ValueError("checksum")
        data = data[5:]
    return list(opened(data))


def opened(data):
    kind, body = data[0], data[1:]
    if kind == COMPRESS:
        yield from opened(lzw.decompress(msgpack.decode(body)[0]["Buf"]))
    elif kind == COMPOUND:
        at = 1 + 2 * body[0]
        for size in struct.unpack(f">{body[0]}H", body[1:at]):
            yield from opened(body[at:at + size])
            at += size
    elif kind == USER:
        yield Message(USER, body)
    else:
        yield Message(kind, msgpack.decode(body)[0])


def open_stream(data, keys=()):
    """(the message, for a push/pull its nodes, its user state); IndexError or ValueError while
    there is too little of it."""
    if data[0] == ENCRYPT:
        (size,) = struct.unpack(">I", data[1:5])
        if len(data) < 5 + size:
            raise ValueError("cut off")
        data = seal.decrypt(data[5:5 + size], keys, data[:5])
    elif keys:
        raise PermissionError("plain, where a key is set")
    if data[0] == COMPRESS:
        data = lzw.decompress(msgpack.decode(data, 1)[0]["Buf"])
    fields, at = msgpack.decode(data, 1)
    nodes = []
    if data[0] == PUSH_PULL:
        for _ in range(fields["Nodes"]):
            node, at = msgpack.decode(data, at)
            nodes.append(Message(PUSH_PULL, node))
        if len(data) < at + fields["UserStateLen"]:
            raise ValueError("cut off")
    return Message(data[0], fields), nodes, data[at:]
