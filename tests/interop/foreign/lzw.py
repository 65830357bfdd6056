"""LZW as Go's compress/lzw writes it: least significant bit first, literals of 8 bits, codes of 9
to 12 bits without early change."""

CLEAR, END, FIRST, FULL = 256, 257, 258, 4095


class Bits:
    def __init__(self):
        self.data = bytearray()
        self.held = self.count = 0

    def put(self, code, width):
        self.held |= code << self.count
        self.count += width
        while self.count >= 8:
            self.data.append(self.held & 0xFF)
            self.held >>= 8
            self.count -= 8

    def done(self):
        return bytes(self.data) + (bytes([self.held]) if self.count else b"")


def compress(data):
    out, known, width, last = Bits(), {}, 9, FIRST - 1
    out.put(CLEAR, 9)
    code = None
    for byte in data:
        if code is None:
            code = byte
            continue
        longer = known.get((code, byte))
        if longer is not None:
            code = longer
            continue
        out.put(code, width)
        last += 1
        if last == FULL:
            out.put(CLEAR, width)
            known, width, last = {}, 9, FIRST - 1
        else:
            known[code, byte] = last
            width += last == 1 << width
        code = byte
    if code is not None:
        out.put(code, width)
        last += 1
        width += last == 1 << width and width < 12
    out.put(END, width)
    return out.done()


def zeros(size):
    """What stands for at least so many of them, some 7 MB in every 6 kB."""
    out, done = Bits(), 0
    out.put(CLEAR, 9)
    while done < size:
        width, last, code, length = 9, FIRST - 1, 0, 1
        while last < FULL:
            out.put(code, width)
            done += length
            last += 1
            if last < FULL:
                width += last == 1 << width
                code, length = last, length + 1
        out.put(CLEAR, width)
    out.put(END, 9)
    return out.done()


def decompress(data):
    out, words, width, before = bytearray(), {}, 9, None
    held = count = 0
    for byte in data:
        held |= byte << count
        count += 8
        if count < width:
            continue
        code = held & ((1 << width) - 1)
        held >>= width
        count -= width
        if code == END:
            return bytes(out)
        if code == CLEAR:
            words, width, before = {}, 9, None
            continue
        if code < CLEAR:
            word = bytes([code])
        else:
            word = words.get(code) or before + before[:1]
        out += word
        if before is not None and FIRST + len(words) <= FULL:
            words[FIRST + len(words)] = before + word[:1]
        before = word
        # The writer is one code ahead of us.
        if FIRST + len(words) >= (1 << width) and width < 12:
            width += 1
    raise ValueError("no end code")
