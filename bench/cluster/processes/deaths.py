"""Rows 1 and 2: a host is killed that keeps packets, or is the home of those who hold them."""

import random
import signal
import time
import types

import judge
from bed import Crew, kill, settled
from calls import Client, Member, in_parts, submit
from harness.host import Folder, until
from harness.worker import Worker

LEASE = 3  # seconds, what workers have unless they are told otherwise


def victims(pool, rounds):
    """Every host in turn, at any moment of the pool's own rounds. Another one takes the place of who
    was killed: a name that is lost again and again is kept out of the view for longer each time."""
    chance = random.Random(rounds)
    for number in range(rounds):
        settled(pool)
        victim = pool.hosts[0]
        yield number, victim, pool.others(victim.name), chance.uniform(0, 1)
        pool.hosts.remove(victim)
        pool.add(f"after-{number}")


def keeper_killed(pool, rounds, count):
    """Members at the other hosts hold packets that the victim keeps. Yields, a round, the seconds
    from its death until each of these could be completed, and how long it took meanwhile to
    complete one that another host keeps."""
    for number, victim, others, pause in victims(pool, rounds):
        client = Client(others)
        capability = f"kind-{number}"
        members = [Member([host], f"holder-{number}-{host.name}", capability) for host in others]
        ids = [f"p-{number}-{i}" for i in range(len(pool.hosts) * count)]
        points = submit(client, capability, ids)
        until(pool.test, lambda: sum(len(member.came) for member in members) == len(ids),
              f"all are delivered {[member.faults for member in members]}", 60)
        concerned = set(judge.kept_by(victim.name, points, settled(pool)))
        crew, done, others_took = Crew(), {}, []
        time.sleep(pause)
        killed = kill(victim)
        for host, member in zip(others, members):
            held = [packet for packet, _ in member.came]
            for part in in_parts([packet for packet in held if packet in concerned], 20):
                crew.start(complete_all, host, member.token, part, done)
            crew.start(complete_others, host, member.token,
                       [packet for packet in held if packet not in concerned], crew, others_took)
        until(pool.test, lambda: crew.faults or len(done) == len(concerned),
              "the victim's packets are completed", 60)
        crew.stop.set()
        crew.join()
        for member in members:
            member.leave(client)
        client.close()
        yield [at - killed for at in done.values()], others_took


def complete_all(host, token, packets, done):
    """Again and again, until each of them has been completed."""
    client = Client([host])
    left = packets
    while left:
        answer = client.call("POST", "/v1/packets:complete", {"items": [
            {"id": packet, "epoch": 1, "result": 1} for packet in left]}, token)
        at = time.monotonic()
        status = {item["id"]: item["status"] for item in answer["items"]}
        wrong = [item for item in answer["items"] if item["status"] not in (200, 503, 504)]
        if wrong:
            raise RuntimeError(f"refused: {wrong[0]}")
        done.update((packet, at) for packet in left if status[packet] == 200)
        left = [packet for packet in left if status[packet] != 200]
        if left:
            time.sleep(0.01)
    client.close()


def complete_others(host, token, packets, crew, took):
    """One after the other, in no hurry."""
    client = Client([host])
    for packet in packets:
        begin = time.monotonic()
        client.call("POST", f"/v1/packets/{packet}/complete", {"epoch": 1}, token)
        took.append(time.monotonic() - begin)
        if crew.stop.wait(0.02):
            break
    client.close()


class TimedWorker(Worker):
    """A real worker, and when it said what."""

    def read(self):
        self.times = []
        for line in self.process.stderr:
            with self.news:
                self.times.append(time.monotonic())
                self.lines.append(line.decode("utf-8", "replace").rstrip())
                self.news.notify_all()
        with self.news:
            self.lines.append(None)
            self.news.notify_all()

    def when(self, pattern):
        match = self.said(pattern, 60)
        return self.times[self.lines.index(match.string)]


def home_killed_and_left(pool, rounds, workers, load):
    """Real workers hold packets and are at home at the victim. Yields, a round, the seconds until
    each was attached elsewhere, and how many runs there were beyond one a packet."""
    for number, victim, others, pause in victims(pool, rounds):
        client = Client(others)
        capability = f"kind-{number}"
        books = Folder(pool.test).path / "runs"
        command = ["/bin/sh", "-c", f'echo "$PHOENIX_PACKET_ID $PHOENIX_EPOCH" >>{books}; sleep 4']
        at = types.SimpleNamespace(url=pool.urls(victim))
        crowd = [TimedWorker(pool.test, at, capability, "--lease", f"{LEASE}s", "--max-load",
                             str(load), id=f"w-{number}-{i}", command=command)
                 for i in range(workers)]
        # One that was not answered in time there is at home elsewhere from the beginning.
        there = [worker for worker in crowd if worker.said(r"^registered as .* at (\S+)$")[1] in
                 victim.url]
        ids = [f"w-{number}-{i}" for i in range(workers * load)]
        submit(client, capability, ids)
        until(pool.test, lambda: books.exists() and len(lines(books)) == len(ids), "all have begun",
              60)
        time.sleep(pause)
        killed = kill(victim)
        times = [worker.when("^attached again at ") - killed for worker in there]
        until(pool.test, lambda: all(client.call("GET", f"/v1/packets/{packet}")["status"]
                                     == "COMPLETED" for packet in ids), "all have ended", 60)
        for worker in crowd:
            worker.signal(signal.SIGTERM)
        for worker in crowd:
            worker.ended()
        told = [(line, [(row["event"], row["epoch"], row["owner"], row["reason"], row["at"])
                        for row in client.call("GET", f"/v1/packets/{line.split()[0]}/history")
                        ["items"]]) for line in judge.repeated(lines(books))]
        client.close()
        yield times, judge.run_again(lines(books)), told


def lines(path):
    return path.read_text("ascii").splitlines()


def home_killed_with_members(pool, rounds, count):
    """The victim dies, and with it the members that were at home there. Yields, a round, the
    seconds until each of their packets was delivered to a member elsewhere."""
    for number, victim, others, pause in victims(pool, rounds):
        client = Client(others)
        capability = f"kind-{number}"
        gone = Member([victim], f"gone-{number}", capability, LEASE, stay=True)
        heirs = [Member([host], f"heir-{number}-{host.name}", "none") for host in others]
        ids = [f"p-{number}-{i}" for i in range(count)]
        submit(client, capability, ids)
        gone.await_all(ids)
        time.sleep(pause)
        for heir in heirs:
            client.call("PATCH", f"/v1/members/{heir.id}", {"capabilities": [capability]})
        gone.stop()
        killed = kill(victim)

        def arrivals():
            came = {}
            for heir in heirs:
                with heir.news:
                    for (packet, _), at in heir.came.items():
                        came[packet] = min(at, came.get(packet, at))
            return came if len(came) == count else None
        came = until(pool.test, arrivals, "all are delivered again", 60)
        for heir in heirs:
            for part in in_parts(sorted(heir.came), 100):
                client.call("POST", "/v1/packets:complete", {"items": [
                    {"id": packet, "epoch": epoch} for packet, epoch in part]}, heir.token)
            heir.leave(client)
        client.close()
        yield [at - killed for at in came.values()]
