"""How the rows with processes speak to hosts: connections that stay open, a client that goes to the
next host where one does not answer, and a member with a session of its own."""

import http.client
import json
import socket
import threading
import time

AGAIN = (503, 504)  # "come again", by the contract of clients


class Wire:
    """One connection to one host, opened anew when it is lost. Of one thread."""

    def __init__(self, host, timeout=30):
        self.host = host
        self.timeout = timeout
        self.open = None

    def call(self, method, target, body=None, token=None):
        """(status, answer). OSError and HTTPException: it was not answered."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        if token:
            headers["Authorization"] = "Bearer " + token
        data = json.dumps(body).encode() if body is not None else None
        if self.open is None:
            self.open = http.client.HTTPConnection(self.host.ip, self.host.port,
                                                   timeout=self.timeout)
            self.open.connect()
            # Head and body leave in two pieces.
            self.open.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            self.open.request(method, target, data, headers)
            answer = self.open.getresponse()
            text = answer.read()
        except (OSError, http.client.HTTPException):
            self.close()
            raise
        return answer.status, json.loads(text) if text else None

    def close(self):
        if self.open is not None:
            self.open.close()
            self.open = None


class Client:
    """A client with a list of hosts. Of one thread."""

    def __init__(self, hosts):
        self.wires = [Wire(host) for host in hosts]
        self.again = 0

    def call(self, method, target, body=None, token=None, patience=60):
        """The answer of the first host that gives a final one. A refusal is a RuntimeError."""
        end = time.monotonic() + patience
        while True:
            try:
                status, answer = self.wires[0].call(method, target, body, token)
                if status < 300:
                    return answer
                if status not in AGAIN or time.monotonic() > end:
                    raise RuntimeError(f"{method} {target}: {status} {answer}")
            except (OSError, http.client.HTTPException) as why:
                if time.monotonic() > end:
                    raise RuntimeError(f"{method} {target}: {why}") from why
            self.again += 1
            self.wires.append(self.wires.pop(0))
            time.sleep(0.005)

    def close(self):
        for wire in self.wires:
            wire.close()


def in_parts(items, size):
    return [items[i:i + size] for i in range(0, len(items), size)]


def submit(client, capability, ids):
    """id -> point."""
    points = {}
    for part in in_parts(ids, 100):
        answer = client.call("POST", "/v1/packets", [
            {"id": packet, "requiredCapabilities": [capability], "payload": {"n": 1}}
            for packet in part])
        for item in answer["items"]:
            if item["status"] != 201:
                raise RuntimeError(f"not created: {item}")
            points[item["packet"]["id"]] = item["packet"]["point"]
    return points


class Member:
    """One member and its session, which polls on a thread of its own, as a worker does: it goes
    where its host sends it, and elsewhere when its host is gone, unless it is to `stay`."""

    def __init__(self, hosts, name, capability, lease=60, load=1_000_000, stay=False):
        self.hosts = list(hosts)  # the first is its home
        self.id = name
        self.stay = stay
        self.news = threading.Condition()
        self.came = {}  # (packet, epoch) -> when it was delivered first
        self.faults = []
        self.moves = 0
        self.ended = False
        client = Client(self.hosts[:1])
        answer = client.call("POST", "/v1/members", {
            "id": name, "capabilities": [capability], "leaseSeconds": lease, "maxLoad": load})
        client.close()
        self.token = answer["session"]["token"]
        self.lease = lease
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def await_all(self, packets, patience=60):
        """Waits until each of them has been delivered."""
        wanted = set(packets)
        with self.news:
            done = self.news.wait_for(
                lambda: self.faults or wanted <= {packet for packet, _ in self.came}, patience)
            if not done or self.faults:
                there = {packet for packet, _ in self.came}
                raise RuntimeError(f"{self.id}: {len(wanted - there)} of {len(wanted)} were not "
                                   f"delivered in {patience} s {self.faults[:3]}")

    def run(self):
        wire, after, attach = Wire(self.hosts[0]), "", False
        while not self.ended:
            try:
                if attach:
                    status, answer = wire.call("POST", f"/v1/members/{self.id}/session", {},
                                               self.token)
                else:
                    target = f"/v1/members/{self.id}/deliveries?max=1000&waitMs=500{after}"
                    status, answer = wire.call("GET", target, token=self.token)
            except (OSError, http.client.HTTPException):
                if self.stay or self.ended:
                    return
                wire, attach = self.next_wire(wire), True
                continue
            at = time.monotonic()
            if status in AGAIN:
                wire, attach = (wire, attach) if self.stay else (self.next_wire(wire), True)
                time.sleep(0.01)
                continue
            if status >= 300:
                with self.news:
                    if not self.ended:
                        self.faults.append(f"{self.id}: {status} {answer}")
                    self.news.notify_all()
                return
            if attach:
                attach, after = False, ""
                self.moves += 1
                continue
            after = "&after=" + answer["next"]
            with self.news:
                for item in answer["deliveries"]:
                    self.came.setdefault((item["packet"]["id"], item["epoch"]), at)
                self.news.notify_all()
            if "moveTo" in answer:
                wire, attach = self.wire_of(answer["moveTo"], wire), True

    def next_wire(self, wire):
        wire.close()
        at = self.hosts.index(wire.host)
        time.sleep(0.005)
        return Wire(self.hosts[(at + 1) % len(self.hosts)])

    def wire_of(self, url, wire):
        wire.close()
        return Wire(next(host for host in self.hosts if host.url.rstrip("/") == url.rstrip("/")))

    def stop(self):
        """It falls silent, as a machine that is switched off."""
        self.ended = True

    def leave(self, client):
        """It is gone for good."""
        self.stop()
        self.thread.join(10)
        client.call("DELETE", f"/v1/members/{self.id}", token=self.token)
