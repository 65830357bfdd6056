"""Row 6: many members at five hosts, and how soon every host knows of a change of one of them."""

import collections
import random
import re
import threading
import time

import judge
from bed import Crew
from calls import Client, Wire, in_parts
from harness.host import until
from harness.rest import exchange

OF_SESSION = 100
WRITERS = 50
WATCHED = 10  # one change in so many is looked for at every other host
PAUSE = 0.003  # seconds between two looks at a host for what it does not know yet


def known(host):
    """How many members that host knows to be active."""
    text = exchange(host, "GET", "/metrics", timeout=60).data.decode()
    return int(float(re.search(r'^phoenix_members\{status="ACTIVE"\} (\S+)', text, re.M)[1]))


def register(pool, sessions):
    """Each host is home to its share of them; gives all members' ids."""
    crew, names = Crew(), []
    for number, host in enumerate(pool.hosts):
        mine = [f"s{session}" for session in range(number, sessions, len(pool.hosts))]
        names += [f"{session}-{i}" for session in mine for i in range(OF_SESSION)]
        crew.start(register_at, host, mine)
    crew.join(600)
    for host in pool.hosts:
        until(pool.test, lambda host=host: known(host) == len(names),
              f"{host.name} knows {len(names)} members", 120)
    return names


def register_at(host, sessions):
    client = Client([host])
    for session in sessions:
        client.call("POST", "/v1/sessions", {"leaseSeconds": 3600, "members": [
            {"id": f"{session}-{i}", "capabilities": ["work"]} for i in range(OF_SESSION)]})
    client.close()


class Watcher:
    """Looks at one host for changes until it has them, and notes when."""

    def __init__(self, host):
        self.host = host
        self.left = collections.deque()
        self.news = threading.Condition()
        self.heard = {}

    def expect(self, change):
        with self.news:
            self.left.append(change)
            self.news.notify()

    def run(self, crew):
        wire = Wire(self.host)
        while True:
            with self.news:
                if not self.news.wait_for(lambda: self.left or crew.stop.is_set(), 1):
                    continue
                if not self.left:
                    return
                change = self.left.popleft()
            member, number = change
            status, answer = wire.call("GET", f"/v1/members/{member}")
            if status == 200 and int(answer["labels"].get("n", 0)) >= number:
                self.heard[change] = time.monotonic()
            else:
                with self.news:
                    self.left.append(change)
                # Without it the watchers would take the processors that the hosts need.
                crew.stop.wait(PAUSE)


def change(hosts, watchers, names, crew, told, rate, chance):
    """Labels of one member after the other, so many a second."""
    clients = [Client([host]) for host in hosts]
    begin, number = time.monotonic(), 0
    while not crew.stop.is_set():
        number += 1
        member, at = chance.choice(names), chance.randrange(len(hosts))
        if number % WATCHED == 0:
            for watcher in watchers:
                watcher.expect((member, number))
        clients[at].call("PATCH", f"/v1/members/{member}", {"labels": {"n": str(number)}})
        if number % WATCHED == 0:
            told[member, number] = time.monotonic()
        crew.stop.wait(max(0.0, begin + number / rate - time.monotonic()))
    for client in clients:
        client.close()
    return number


def changes_known(pool, sessions, each_second, seconds):
    """Yields once: seconds from each watched change's answer until every host knew it, how many were
    never known, and how many changes a second there were."""
    names = register(pool, sessions)
    watchers = [Watcher(host) for host in pool.hosts]
    writing, watching, told, counts = Crew(), Crew(), {}, []
    for watcher in watchers:
        watching.start(watcher.run, watching)
    for part in in_parts(names, len(names) // WRITERS):
        if len(counts) < WRITERS:
            chance = random.Random(len(counts))
            counts.append(0)
            writing.start(lambda part=part, chance=chance, at=len(counts) - 1: counts.__setitem__(
                at, change(pool.hosts, watchers, part, writing, told, each_second / WRITERS,
                           chance)))
    begin = time.monotonic()
    writing.stop.wait(seconds)
    writing.stop.set()
    writing.join()
    took = time.monotonic() - begin
    watching.stop.set()
    watching.join()
    waits, missing = judge.unknown_after(told, [watcher.heard for watcher in watchers])
    yield waits, missing, sum(counts) / took
