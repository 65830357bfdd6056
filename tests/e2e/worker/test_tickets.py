"""Tickets: a ledger, no part of the pool, takes effects only from who owns the packet just now. A worker
that was frozen cannot get a late write past it, and nobody else is handed the packet before."""

import base64
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import unittest
import urllib.error
import urllib.request

from harness.host import PATIENCE, PROGRAM, SLOWNESS, Folder, clean_environment, until
from harness.rest import RestTest
from harness.worker import Worker, children_of

CLIENTS = pathlib.Path(__file__).parents[3] / "clients" / "python"
sys.path.insert(0, str(CLIENTS))
import phoenix_ticket  # noqa: E402

LEASE = 2 * SLOWNESS


def tree_of(pid):
    return [pid] + [below for child in children_of(pid) for below in tree_of(child)]


class LedgerProcess:
    """clients/python/ledger.py, trusting the host's public key."""

    def __init__(self, test, keys):
        self.file = Folder(test).path / "ledger.jsonl"
        self.process = subprocess.Popen(
            [sys.executable, "-B", str(CLIENTS / "ledger.py"), "--keys", str(keys), "--file",
             str(self.file), "--port", "0"],
            stdout=subprocess.PIPE, text=True, env=clean_environment())
        test.addCleanup(self.end)
        self.url = self.process.stdout.readline().strip()

    def end(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def apply(self, ticket, effect, value):
        """(status, answer)"""
        body = json.dumps({"ticket": ticket, "effect": effect, "value": value}).encode()
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url + "/effects", body),
                                        timeout=PATIENCE) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def entries(self):
        return [json.loads(line) for line in self.file.read_text().splitlines()]


class Tickets(RestTest):
    def setUp(self):
        super().setUp()
        self.key = self.host.data / "host.pub"
        self.keys = phoenix_ticket.load_keys(self.key)

    def worker(self, capability, *flags):
        return Worker(self, self.host, capability, "--lease", f"{LEASE}s", "--tickets",
                      *flags).registered()

    def shown(self, run):
        return pathlib.Path(run.env["PHOENIX_TICKET_FILE"]).read_text()

    def write(self, ledger, run, effect, value):
        """With the ticket that is in place; a slow machine may read one and bring it too late."""
        late = (403, {"refused": "expired"})
        return until(self, lambda: next((answer for answer in
                                         [ledger.apply(self.shown(run), effect, value)]
                                         if answer != late), None), "a ticket in time")

    def expiry(self, run):
        """Of the ticket in place, be it over or not."""
        ticket = phoenix_ticket.unpack(base64.b64decode(self.shown(run)))
        return phoenix_ticket.signed_ticket(ticket, self.keys)["expiresAt"]

    def ask(self, packet, epoch, token, status=200):
        return self.ok("POST", f"/v1/packets/{packet}/ticket", {"epoch": epoch}, status, token=token)

    def verify(self, ticket, *flags):
        folder = Folder(self).path
        (folder / "ticket").write_text(ticket + "\n")
        return subprocess.run(
            [PROGRAM, "ticket", "verify", str(folder / "ticket"), "--keys", str(self.key.parent),
             "-o", "json", *flags], capture_output=True, text=True, timeout=PATIENCE,
            env=clean_environment())

    def test_a_frozen_owners_late_write_is_refused_and_the_next_ones_taken_once(self):
        ledger = LedgerProcess(self, self.key)
        cap = self.fresh("cap")
        first = self.worker(cap)
        packet = self.submit(cap)["id"]
        run = first.run()
        told = phoenix_ticket.check(self.shown(run).strip(), self.keys)
        self.assertEqual((told["packet"], told["epoch"], told["owner"][0]), (packet, 1, first.id))
        self.assertEqual(self.write(ledger, run, "greet", "hello"), (201, {"value": "hello"}))
        second = self.worker(cap)
        # All of it: the worker, those who guard CMD, and CMD.
        frozen = tree_of(first.process.pid)
        self.assertIn(run.pid, frozen)
        for pid in frozen:
            os.kill(pid, signal.SIGSTOP)
        last = self.shown(run)
        expires = self.expiry(run)
        # Until its end it is good; whoever holds it owns the packet, and nobody else does.
        counted, _ = ledger.apply(last, "count", 1)
        self.assertTrue(counted == 201 or time.time() * 1000 > expires, counted)
        after = second.run()
        self.assertEqual((after.packet, after.epoch), (packet, 2))
        self.assertGreater(time.time() * 1000, expires, "the next owner began while the ticket was good")
        status, answer = ledger.apply(last, "charge", 12)
        self.assertEqual((status, answer), (403, {"refused": "expired"}))
        self.assertEqual(self.write(ledger, after, "charge", 12), (201, {"value": 12}))
        self.assertEqual(self.write(ledger, after, "charge", 12), (200, {"value": 12}))
        # What the first has done is not done again: the effect's name counts, not the epoch.
        self.assertEqual(self.write(ledger, after, "greet", "again"), (200, {"value": "hello"}))
        for pid in frozen:
            os.kill(pid, signal.SIGCONT)
        run.gone()
        self.assertEqual(ledger.apply(last, "charge", 99)[0], 403)
        after.end(0)
        charged = [(one["epoch"], one["value"]) for one in ledger.entries() if one["effect"] == "charge"]
        self.assertEqual(charged, [(2, 12)])

    def test_the_file_is_kept_fresh_by_rename(self):
        cap = self.fresh("cap")
        worker = self.worker(cap)
        self.submit(cap)
        run = worker.run()
        path = pathlib.Path(run.env["PHOENIX_TICKET_FILE"])
        node, first = path.stat().st_ino, self.expiry(run)
        until(self, lambda: self.expiry(run) > first, "a fresh ticket is in place")
        self.assertNotEqual(path.stat().st_ino, node)
        run.end(0)

    def test_no_file_without_the_flag(self):
        cap = self.fresh("cap")
        worker = Worker(self, self.host, cap).registered()
        self.submit(cap)
        run = worker.run()
        self.assertNotIn("PHOENIX_TICKET_FILE", run.env)
        run.end(0)

    def test_the_call_and_the_programs_own_verdict(self):
        packet, member, token, _ = self.taken()
        answer = self.ask(packet, 1, token).json
        self.assertEqual((answer["status"], answer["epoch"]), ("RUNNING", 1))
        good = self.verify(answer["ticket"], "--seen-epoch", "1")
        self.assertEqual(good.returncode, 0, good.stderr)
        self.assertEqual(json.loads(good.stdout)["owner"], member)
        self.assertGreater(json.loads(good.stdout)["leftMs"], 50_000)
        stale = self.verify(answer["ticket"], "--seen-epoch", "2")
        self.assertEqual((stale.returncode, json.loads(stale.stderr)["code"]), (6, "stale-epoch"))
        self.refused("stale-epoch", 409, "POST", f"/v1/packets/{packet}/ticket", {"epoch": 2},
                     token=token)
        self.refused("invalid-request", 400, "POST", f"/v1/packets/{packet}/ticket",
                     {"epoch": 1, "promisedMs": 5}, ["/promisedMs"], token=token)

    def test_an_evicted_packet_says_for_how_long_it_waits(self):
        cap = self.fresh("cap")
        packet, _, token, _ = self.taken(cap)
        self.register(cap)
        self.ask(packet, 1, token)
        self.ok("POST", f"/v1/packets/{packet}/evict")
        found = self.ok("GET", "/v1/packets/" + packet).json
        self.assertEqual(found["parked"]["reason"], "live-ticket")
        self.assertIsNotNone(found["parked"]["until"])
        answer = self.refused("conflict", 409, "POST", f"/v1/packets/{packet}/assign",
                              {"to": self.register(cap)[0]})
        self.assertEqual(answer["reasonCode"], "live-ticket")
        self.assertGreater(answer["retryAfterMs"], 50_000)
        self.assertIn("ticket", self.ok("GET", f"/v1/packets/{packet}/explain").data.decode())

    def test_an_owner_that_is_done_holds_nothing_back(self):
        cap = self.fresh("cap")
        packet, _, token, _ = self.taken(cap)
        self.ask(packet, 1, token)
        to, _ = self.register(cap)
        self.ok("POST", f"/v1/packets/{packet}/handoff", {"epoch": 1, "to": to}, token=token)
        self.assertEqual(self.ok("GET", "/v1/packets/" + packet).json["owner"], to)


if __name__ == "__main__":
    unittest.main()
