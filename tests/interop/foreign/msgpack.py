"""msgpack as Go's memberlist and Serf speak it: structures are maps with keys sorted by bytes,
strings and byte slices are both of the old raw family, numbers as short as they go."""

import struct



def encode(value):
    if value is None:
        return b"\xc0"
    if value is True or value is False:
        return b"\xc3" if value else b"\xc2"
    if isinstance(value, int):
        return number(value)
    if isinstance(value, float):
        return b"\xcb" + struct.pack(">d", value)
    if isinstance(value, str):
        value = value.encode()
    if isinstance(value, bytes):
        return raw(value)
    if isinstance(value, list):
        return head(len(value), 0x90, 0xDC) + b"".join(encode(item) for item in value)
    keys = sorted(value, key=str.encode)
    return head(len(keys), 0x80, 0xDE) + b"".join(encode(key) + encode(value[key])
                                                  for key in keys)


def number(value):
    if value < 0:
        for code, form, least in ((0xD0, "b", -1 << 7), (0xD1, ">h", -1 << 15),
                                  (0xD2, ">i", -1 << 31), (0xD3, ">q", -1 << 63)):
            if value >= least:
                return bytes([code]) + struct.pack(form, value)
    if value < 0x80:
        return bytes([value])
    for code, form, bits in ((0xCC, "B", 8), (0xCD, ">H", 16), (0xCE, ">I", 32)):
        if value < 1 << bits:
            return bytes([code]) + struct.pack(form, value)
    return b"\xcf" + struct.pack(">Q", value)


def raw(value):
    if len(value) < 32:
        return bytes([0xA0 | len(value)]) + value
    if len(value) < 1 << 16:
        return b"\xda" + struct.pack(">H", len(value)) + value
    return b"\xdb" + struct.pack(">I", len(value)) + value


def head(size, short, long):
    return bytes([short | size]) if size < 16 else bytes([long]) + struct.pack(">H", size)


FIXED = {0xCA: ">f", 0xCB: ">d", 0xCC: "B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: "b",
         0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
SIZED = {0xC4: "B", 0xC5: ">H", 0xC6: ">I", 0xD9: "B", 0xDA: ">H", 0xDB: ">I"}


def decode(data, at=0):
    """(value, where it ends); strings come as bytes, but the keys of maps as text."""
    code = data[at]
    at += 1
    if code < 0x80:
        return code, at
    if code >= 0xE0:
        return code - 256, at
    if code in (0xC0, 0xC2, 0xC3):
        return {0xC0: None, 0xC2: False, 0xC3: True}[code], at
    if code in FIXED:
        size = struct.calcsize(FIXED[code])
        return struct.unpack(FIXED[code], data[at:at + size])[0], at + size
    if 0xA0 <= code < 0xC0:
        return text(data, at, code & 0x1F)
    if code in SIZED:
        width = struct.calcsize(SIZED[code])
        return text(data, at + width, struct.unpack(SIZED[code], data[at:at + width])[0])
    if code < 0xA0:
        size = code & 0x0F
    else:
        size = struct.unpack(">H" if code in (0xDC, 0xDE) else ">I",
                             data[at:at + (2 if code in (0xDC, 0xDE) else 4)])[0]
        at += 2 if code in (0xDC, 0xDE) else 4
    if code < 0x90 or code in (0xDE, 0xDF):
        return table(data, at, size)
    items = []
    for _ in range(size):
        item, at = decode(data, at)
        items.append(item)
    return items, at


def text(data, at, size):
    if at + size > len(data):
        raise ValueError("cut off")
    return bytes(data[at:at + size]), at + size


def table(data, at, size):
    found = {}
    for _ in range(size):
        key, at = decode(data, at)
        found[key.decode("utf-8", "replace")], at = decode(data, at)
    return found, at
