"""Rows 3 and 7: hosts leave and come in good order."""

import random
import subprocess
import time

import judge
from bed import Crew, keepers, raw_sync, settled
from calls import AGAIN, Client, Member, in_parts, submit
from harness.host import PROGRAM, clean_environment, until
from harness.rest import exchange


class Watch:
    """Calls of clients while a host leaves: how long each waited, and which were refused."""

    def __init__(self):
        self.took = []
        self.errors = []
        self.again = 0
        self.asked = set()

    def call(self, client, packet, *words):
        begin = time.monotonic()
        try:
            client.call(*words)
        except RuntimeError as why:
            self.errors.append(str(why))
        self.took.append(time.monotonic() - begin)
        self.asked.add(packet)


def probe(watch, crew, hosts, packets, tokens, chance):
    """A checkpoint of one packet after the other, of any of them."""
    client = Client(hosts)
    number = 1
    while not crew.stop.is_set():
        packet = chance.choice(packets)
        number += 1
        watch.call(client, packet, "POST", f"/v1/packets/{packet}/checkpoint",
                   {"epoch": 1, "checkpoint": number, "seq": time.monotonic_ns()}, tokens[packet])
    watch.again += client.again
    client.close()


def create(watch, crew, hosts, capability, name):
    client = Client(hosts)
    number = 0
    while not crew.stop.is_set():
        number += 1
        watch.call(client, f"{name}-{number}", "POST", "/v1/packets",
                   {"id": f"{name}-{number}", "requiredCapabilities": [capability]})
    watch.again += client.again
    client.close()


def leave(host):
    """By its own command, in full: the host has ended."""
    begin = time.monotonic()
    done = subprocess.run([PROGRAM, "--url", host.url, "host", "leave"], env=clean_environment(),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          check=False)
    if done.returncode != 0:
        raise RuntimeError(f"host leave: {done.stderr}{done.stdout}")
    host.process.wait(60)
    host.process.stdout.close()
    return time.monotonic() - begin


def host_leaves(pool, disk, rounds, count):
    """A host leaves that keeps `count` packets, a third of whose owners are at home there. Yields,
    a round: the calls' seconds, refusals, calls made again, packets that were asked for, runs
    beyond one a packet, seconds of the leave, seconds of a raw sync."""
    for number in range(rounds):
        settled(pool)
        leaver = pool.hosts[number % len(pool.hosts)]
        others = pool.others(leaver.name)
        chance = random.Random(number)
        capability, fresh = f"kind-{number}", f"fresh-{number}"
        first = Client(others)
        members = [Member([host, *pool.others(host.name)], f"m-{number}-{host.name}", capability)
                   for host in pool.hosts]
        takers = [Member([host, *pool.others(host.name)], f"t-{number}-{host.name}", fresh)
                  for host in pool.hosts]
        points = submit(first, capability,
                        [f"p-{number}-{i}" for i in range(len(pool.hosts) * count)])
        until(pool.test, lambda: sum(len(m.came) for m in members) == len(points), "delivered", 60)
        tokens = {packet: member.token for member in members for packet, _ in member.came}
        kept = judge.kept_by(leaver.name, points, settled(pool))
        sync = raw_sync(disk)
        crew, watch = Crew(), Watch()
        for turn in range(4):
            hosts = [pool.hosts[turn % 3], *pool.others(pool.hosts[turn % 3].name)]
            crew.start(probe, watch, crew, hosts, kept, tokens, random.Random(chance.random()))
        for turn in range(2):
            hosts = [pool.hosts[turn], *pool.others(pool.hosts[turn].name)]
            crew.start(create, watch, crew, hosts, fresh, f"n-{number}-{turn}")
        time.sleep(0.3)
        before = len(watch.took)
        took = leave(leaver)
        time.sleep(0.3)
        crew.stop.set()
        crew.join()
        faults = [fault for member in members + takers for fault in member.faults]
        again = sum(epoch > 1 for member in members + takers for _, epoch in member.came)
        faults += finish(first, points, tokens)
        for member in members + takers:
            member.leave(first)
        first.close()
        leaver.start()
        yield {"took": watch.took[before:], "errors": watch.errors + faults, "again": watch.again,
               "asked": len(watch.asked & set(kept)), "kept": len(kept), "runs": again,
               "leave": took, "sync": sync, "moves": sum(m.moves for m in members)}


def finish(client, points, tokens):
    """Everything is completed in its first epoch; what is not."""
    wrong, by_token = [], {}
    for packet in points:
        by_token.setdefault(tokens[packet], []).append(packet)
    for token, packets in by_token.items():
        for part in in_parts(packets, 100):
            end = time.monotonic() + 30
            while part and time.monotonic() < end:
                answer = client.call("POST", "/v1/packets:complete", {"items": [
                    {"id": packet, "epoch": 1} for packet in part]}, token)
                wrong += [str(item) for item in answer["items"]
                          if item["status"] != 200 and item["status"] not in AGAIN]
                part = [item["id"] for item in answer["items"] if item["status"] in AGAIN]
            wrong += [f"{packet} cannot be completed" for packet in part]
    return wrong


def places(host):
    """member -> its v-nodes and the exact positions that are its own."""
    ring = exchange(host, "GET", "/v1/ring").json
    return {member["id"]: (member["vnodes"], member["positions"]) for member in ring["members"]}


def join_and_leave(pool, rounds, members):
    """A host of another name and weight joins, and leaves again. Yields, for each of these: what it
    was, slots that moved between hosts that stayed, how far the joiner's share is from its weight's
    (0 after a leave), members whose place on the ring changed."""
    client = Client(pool.hosts)
    for part in in_parts([f"m-{i}" for i in range(members)], 100):
        client.call("POST", "/v1/sessions", {"leaseSeconds": 3600, "members": [
            {"id": member, "capabilities": ["work"]} for member in part]})
    stay = {host.name for host in pool.hosts}
    flags = pool.flags
    for number in range(rounds):
        before, ring = settled(pool), places(pool.hosts[0])
        weight = (100, 50, 200)[number % 3]
        pool.flags = (*flags, "--weight", str(weight))
        joiner = pool.add(f"joiner-{number}")
        after = settled(pool)
        weights = {**dict.fromkeys(stay, 100), joiner.name: weight}
        yield ("join", judge.moved_between(before, after, stay),
               judge.share_error(joiner.name, after, weights),
               judge.moved_members(ring, places(pool.hosts[0])))
        leave(joiner)
        pool.hosts.remove(joiner)
        again = settled(pool)
        yield ("leave", judge.moved_between(after, again, stay), 0.0,
               judge.moved_members(ring, places(pool.hosts[0])))
    pool.flags = flags
    client.close()
