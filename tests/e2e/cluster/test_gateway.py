"""A gateway in front of three hosts: members and clients that reach nobody else, keepers that die
behind it, and its own death."""

import json
import signal
import socket
import threading
import types
import unittest
import uuid

from harness.host import PATIENCE, SLOWNESS, Folder, refused_start, until
from harness.pool import PoolHost, PoolTest
from harness.rest import exchange
from harness.round import LEASE, Round
from harness.stream import EventStream
from harness.worker import Worker


class Behind:
    """The pool as those see it who reach the gateway alone."""

    def __init__(self, pool, gateway):
        self.pool = pool
        self.gateway = gateway
        self.hosts = [gateway]

    def urls(self, _first=None):
        return self.gateway.url

    def live(self):
        return self.hosts

    def await_ready(self, _hosts=None):
        self.pool.await_ready(self.pool.live())


class Gateways(PoolTest):
    def setUp(self):
        super().setUp()
        self.gateway = self.make_gateway("g")
        self.host = self.gateway
        self.keepers = self.pool
        self.pool = Behind(self.keepers, self.gateway)

    def make_gateway(self, name, *flags):
        seeds = [word for host in self.pool.hosts for word in ("--join", host.address["gossip"])]
        gateway = PoolHost(self, name, "--store", "none", *seeds, *flags, folder=Folder(self).path)
        until(self, gateway.ready, lambda: f"the gateway is ready: {gateway.log()}")
        return gateway

    def metric(self, name, gateway=None):
        text = exchange(gateway or self.gateway, "GET", "/metrics").data.decode()
        return next(float(line.split()[-1]) for line in text.splitlines()
                    if line.startswith(name + " "))

    def home_of(self, member):
        return self.ok("GET", "/v1/members/" + member).json["home"]

    def keeper(self, name):
        return self.keepers.host(name)

    # --- what it is ---

    def test_it_stands_in_the_list_and_in_nobodys_view(self):
        for host in (*self.keepers.hosts, self.gateway):
            rows = {row["name"]: row for row in exchange(host, "GET", "/v1/hosts").json["items"]}
            row = rows["g"]
            self.assertEqual((row["status"], row["view"], row["weight"]), ("ALIVE", "gateway", 0))
            self.assertEqual(row["viewWhy"], None)
            self.assertEqual({rows[name]["view"] for name in "abc"}, {"in-view"}, host.name)
        slots = self.ok("GET", "/v1/ring").json["keepers"]
        self.assertEqual(sorted(entry["host"] for entry in slots), ["a", "b", "c"])
        self.assertEqual(self.ok("GET", "/readyz").json["status"], "ready")
        self.assertEqual(self.ok("GET", "/livez").json["status"], "live")
        self.assertGreater(self.metric('phoenix_gateway_calls_total{outcome="answered"}'), 0)
        self.assertEqual(self.metric("phoenix_gateway_keepers"), 3)
        self.assertEqual(self.gateway.end(), 0)
        until(self, lambda: "LEFT" in [row["status"] for row in exchange(
            self.keeper("a"), "GET", "/v1/hosts").json["items"] if row["name"] == "g"], "it left")

    def test_what_it_needs(self):
        code, said = refused_start(self, "--store", "none")
        self.assertEqual(code, 2)
        self.assertIn("--join", said)
        code, said = refused_start(self, "--store", "none", "--join", "10.0.0.1:7946",
                                   "--listen", "0.0.0.0:0")
        self.assertEqual(code, 1)
        self.assertIn("--insecure", said)

    def test_without_a_pool_it_says_so_and_goes_on_looking(self):
        alone = PoolHost(self, "h", "--store", "none", "--join", "127.0.0.1:9",
                         folder=Folder(self).path)
        for target in ("/v1/hosts", "/readyz"):
            answer = exchange(alone, "GET", target)
            self.assertEqual((answer.status, answer.json["reasonCode"]), (503, "no-keeper"))
            self.assertGreater(answer.json["retryAfterMs"], 0)
        self.assertEqual(exchange(alone, "GET", "/livez").status, 200)
        self.assertEqual(alone.end(), 0)

    # --- what goes through it ---

    def test_a_packets_life_through_the_gateway_alone(self):
        cap = self.fresh("cap")
        stream = EventStream(self.gateway.port, "/v1/events")
        self.addCleanup(stream.close)
        self.assertEqual(stream.status, 200)
        Worker(self, self.gateway, cap, command=["tr", "a-z", "A-Z"]).registered()
        done = self.phoenix("packet", "submit", "--requires", cap, "--payload", '"hello"',
                            "--wait=20s")
        self.assertEqual(done.out, '"HELLO"')
        told = []
        while not told or not told[-1].endswith("packet.completed.v1"):
            told.append(stream.next()[2]["type"])
        self.phoenix("host", "list")
        self.phoenix("status")

    def test_every_answer_is_the_keepers(self):
        packet = {"id": self.fresh("p"), "requiredCapabilities": []}
        first = self.ok("POST", "/v1/packets", packet, 201)
        self.assertIn("etag", first.headers)
        self.assertEqual(self.ok("POST", "/v1/packets", packet).json["id"], packet["id"])
        self.refused("conflict", 409, "POST", "/v1/packets", dict(packet, priority=1))
        self.refused("not-found", 404, "GET", "/v1/packets/none")
        self.refused("not-found", 404, "GET", "/no/such/path")
        self.refused("method-not-allowed", 405, "PUT", "/v1/packets")
        self.refused("unsupported-media-type", 415, "POST", "/v1/packets", packet,
                     content_type="text/plain")
        self.refused("misdirected", 421, "GET", "/v1/hosts", headers={"Host": "evil.example"})
        self.refused("forbidden", 403, "GET", "/v1/hosts", headers={"Origin": "http://evil"})
        self.refused("misdirected", 421, "GET", "/v1/hosts",
                     headers={"Phoenix-Gateway": "http://x"})
        head = exchange(self.gateway, "HEAD", "/v1/packets/" + packet["id"])
        self.assertEqual((head.status, head.data), (200, b""))
        large = "x" * 900_000
        kept = self.ok("POST", "/v1/packets", dict(packet, id=self.fresh("p"), payload=large), 201)
        got = self.ok("GET", "/v1/packets/" + kept.json["id"])
        self.assertEqual(got.json["payload"], large)

    def test_a_body_may_wait_for_100_continue(self):
        body = json.dumps({"id": self.fresh("p"), "requiredCapabilities": []}).encode()
        with socket.create_connection(("127.0.0.1", self.gateway.port), PATIENCE) as wire:
            wire.sendall(b"POST /v1/packets HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n"
                         b"Content-Type: application/json\r\nConnection: close\r\n"
                         b"Content-Length: %d\r\n\r\n" % len(body))
            self.assertIn(b"100 Continue", wire.recv(1000))
            wire.sendall(body)
            self.assertIn(b"201 Created", wire.makefile("rb").read())

    def test_members_are_told_of_the_gateway_and_not_of_the_hosts_behind_it(self):
        member, token = self.register(self.fresh("cap"))
        answer = self.ok("POST", f"/v1/members/{member}/session", {}, token=token)
        # As this test reached it: http.client says 127.0.0.1 and the port.
        self.assertEqual(answer.json["hosts"], [self.gateway.url])
        forged = self.on(self.keeper("a")).ok(
            "POST", f"/v1/members/{member}/session", {}, token=token,
            headers={"Phoenix-Gateway": 'http://x"y'})
        self.assertEqual(len(forged.json["hosts"]), 3, "what is no URL is not told")

    def test_garbage_harms_nobody(self):
        for garbage in (b"\x00\xff" * 4000, b"GET\r\n\r\n", b"GET / HTTP/9.9\r\n\r\n",
                        b"POST /v1/packets HTTP/1.1\r\nHost: localhost\r\n"
                        b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
                        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
                        b"GET /v1/hosts HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n"
                        b"Content-Length: 2\r\n\r\n"):
            said = self.raw_socket(garbage)
            self.assertTrue(not said or b" 400 " in said.split(b"\r\n")[0], said[:200])
        self.ok("GET", "/v1/hosts")

    def test_a_reader_that_does_not_read_costs_little(self):
        ids = [self.submit("nobody", id=self.fresh("p"), payload="y" * 900_000)["id"]
               for _ in range(40)]
        self.assertEqual(len(ids), 40)

        def resident():
            with open(f"/proc/{self.gateway.pid}/status", encoding="ascii") as file:
                return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
        self.ok("GET", "/v1/packets?limit=1000&content=true")
        before = resident()
        wires = []
        for _ in range(8):
            wire = socket.socket()
            self.addCleanup(wire.close)
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8192)
            wire.connect(("127.0.0.1", self.gateway.port))
            wire.sendall(b"GET /v1/packets?limit=1000&content=true HTTP/1.1\r\n"
                         b"Host: localhost\r\n\r\n")
            wires.append(wire)
        for wire in wires:
            wire.settimeout(PATIENCE)
            self.assertTrue(wire.recv(100).startswith(b"HTTP/1.1 200"))
        until(self, lambda: self.metric('phoenix_gateway_calls_open{kind="stream"}') == 8, "open")
        if SLOWNESS == 1:  # a sanitizer keeps what was freed
            self.assertLess(resident() - before, 16 * 1024, "KiB, of 16 MiB for each reader")
        # Who reads after all gets all of it.
        rest = b""
        while chunk := wires[0].recv(1 << 20):
            rest += chunk
        self.assertTrue(rest.endswith(b"\r\n0\r\n\r\n"), rest[-40:])
        self.assertGreater(len(rest), 16_000_000)

    # --- what fails ---

    def test_a_keeper_is_killed_and_nobody_notices(self):
        round_ = Round(self)
        round_.submit(60, 200)
        round_.await_begun(12)
        homes = [member["home"] for member in
                 round_.ask("GET", f"/v1/members?capability={round_.cap}")["items"]]
        victim = max("abc", key=homes.count)
        self.keeper(victim).kill()
        round_.submit(20, 100)
        self.assertEqual(round_.finish(), 0, "no run was in vain")
        for worker in round_.workers:
            self.assertNotEqual(self.home_of(worker.id), victim)
            self.assertFalse([line for line in worker.lines if "not renewed" in line], worker.lines)

    def test_a_keeper_leaves_and_takes_no_run_with_it(self):
        round_ = Round(self)
        round_.submit(60, 200)
        round_.await_begun(12)
        self.assertEqual(self.keeper("b").end(), 0)
        round_.submit(20, 100)
        self.assertEqual(round_.finish(), 0)

    def test_the_gateway_is_killed_and_started_again(self):
        cap = self.fresh("cap")
        worker = Worker(self, self.gateway, cap, "--lease", f"{4 * LEASE}s").registered()
        packet = self.submit(cap, payload="x")["id"]
        run = worker.run()
        before = self.ok("GET", "/v1/members/" + worker.id).json
        self.gateway.kill()
        self.gateway.start()
        until(self, self.gateway.ready, "ready again")
        run.end(stdout=b"done")
        found = self.ok("GET", f"/v1/packets/{packet}?waitMs=20000").json
        self.assertEqual((found["status"], found["epoch"], found["losses"]), ("COMPLETED", 1, 0))
        after = self.ok("GET", "/v1/members/" + worker.id).json
        self.assertEqual(after["incarnation"], before["incarnation"])

    def test_a_gateway_that_ends_lets_its_workers_go_to_the_other_one(self):
        other = self.make_gateway("h")
        cap = self.fresh("cap")
        both = types.SimpleNamespace(url=f"{self.gateway.url},{other.url}")
        worker = Worker(self, both, cap).registered()
        packet = self.submit(cap, payload="x")["id"]
        run = worker.run()
        self.assertEqual(self.gateway.end(), 0)
        self.host = other
        run.end(stdout=b"done")
        found = self.ok("GET", f"/v1/packets/{packet}?waitMs=20000").json
        self.assertEqual((found["status"], found["epoch"]), ("COMPLETED", 1))

    def submit_while_one_dies(self, host, repeats, headers):
        """160 packets, none of which anybody takes; answers other than 201 are given back."""
        problems = []

        def submit(count):
            for _ in range(count):
                body = json.dumps({"requiredCapabilities": ["nobody"]}).encode()
                sent = {"Content-Type": "application/json", **headers()}
                for _ in range(repeats):
                    answer = exchange(host, "POST", "/v1/packets", body, sent)
                    # 409: the call before is still running at a keeper that lives.
                    again = answer.status == 409 and "retryAfterMs" in answer.json
                    if answer.status != 503 and not again:
                        break
                    threading.Event().wait(0.1)
                if answer.status != 201:
                    problems.append(answer)
        threads = [threading.Thread(target=submit, args=(40,)) for _ in range(4)]
        for thread in threads:
            thread.start()
        self.keeper("c").end(signal.SIGKILL)
        for thread in threads:
            thread.join(4 * PATIENCE)
        listed = self.ok("GET", "/v1/packets?requires=nobody&limit=1000").json["items"]
        self.assertEqual(len(listed), 160)
        return problems

    def test_who_repeats_a_submit_while_keepers_die_sees_no_error(self):
        problems = self.submit_while_one_dies(
            self.gateway, 100, lambda: {"Idempotency-Key": uuid.uuid4().hex})
        self.assertEqual(problems, [])

    def test_who_submits_once_at_a_host_that_stays_sees_no_error(self):
        self.assertEqual(self.submit_while_one_dies(self.keeper("a"), 1, dict), [])


if __name__ == "__main__":
    unittest.main()
