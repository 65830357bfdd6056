"""What the rows with processes make of what they saw: no clock, no process, no network."""

SLOTS = 4096


def slot_of(point):
    """Of a point on the circle of 2^32 positions."""
    return point * SLOTS >> 32


def kept_by(host, points, keepers):
    """The packets of `points` (id -> point) whose slot `keepers` (slot -> host) gives to it."""
    return [packet for packet, point in points.items() if keepers[slot_of(point)] == host]


def moved_between(before, after, stayed):
    """How many slots went from one of `stayed` to another one of them."""
    return sum(1 for slot, host in before.items()
               if host in stayed and after[slot] in stayed and after[slot] != host)


def share_error(host, keepers, weights):
    """|slots that it keeps / slots that its weight asks for - 1|."""
    due = len(keepers) * weights[host] / sum(weights.values())
    return abs(sum(1 for keeper in keepers.values() if keeper == host) / due - 1)


def run_again(lines):
    """Lines "PACKET EPOCH", one a run: how many runs there were beyond one a packet."""
    return len(lines) - len({line.split()[0] for line in lines})


def repeated(lines):
    """Of such lines, those of packets that were run more than once, in their order."""
    packets = [line.split()[0] for line in lines]
    return [line for line in lines if packets.count(line.split()[0]) > 1]


def moved_members(before, after):
    """Members (id -> (v-nodes, positions)) whose place on the ring is not what it was; one that is
    in one of them alone counts too."""
    return sum(1 for member in before.keys() | after.keys()
               if before.get(member) != after.get(member))


def unknown_after(told, heard):
    """Seconds from each change's answer until the last host had it. `told` change -> when it was
    answered, `heard` a list of change -> when, one a host. A change that a host has not heard of
    has no figure and is told apart: (waits, missing)."""
    waits, missing = [], 0
    for change, at in told.items():
        times = [host.get(change) for host in heard]
        if None in times:
            missing += 1
        else:
            waits.append(max(0.0, max(times) - at))
    return waits, missing
