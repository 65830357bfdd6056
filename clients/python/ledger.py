#!/usr/bin/env python3
"""An example of a third party: a ledger that takes an entry only from who owns the packet just now.

    ledger.py --keys h1.pub [root.pub …] --file ledger.jsonl [--port 7500]

    curl -d '{"ticket":"…","effect":"charge","value":12}' http://127.0.0.1:7500/effects
      201  applied
      200  applied before: an effect has its value once for each (packet, name), whatever the epoch
      403  the ticket is not good, and why; nothing was done

It needs phoenix_ticket.py beside it and no host. Each line of the file is one effect, written before the
answer; the highest epoch of each packet follows from them and from what was refused since the start.
"""
import argparse
import http.server
import json
import os
import pathlib

import phoenix_ticket


class Ledger:
    def __init__(self, path, keys):
        self.keys, self.seen, self.effects = keys, {}, {}
        for line in path.read_text().splitlines() if path.exists() else []:
            self.note(json.loads(line))
        self.file = path.open("a")

    def note(self, entry):
        packet = entry["namespace"], entry["packet"]
        self.seen[packet] = max(self.seen.get(packet, 0), entry["epoch"])
        self.effects[*packet, entry["effect"]] = entry["value"]

    def apply(self, asked):
        """(HTTP status, answer)."""
        try:
            ticket = phoenix_ticket.check(asked["ticket"], self.keys)
            packet = ticket["namespace"], ticket["packet"]
            if ticket["epoch"] < self.seen.get(packet, 0):
                raise ValueError("stale-epoch")
        except ValueError as error:
            return 403, {"refused": str(error)}
        # From now on whoever owned it before is refused, even before the new owner has an effect.
        self.seen[packet] = ticket["epoch"]
        done = self.effects.get((*packet, asked["effect"]))
        if done is not None:
            return 200, {"value": done}
        entry = {name: ticket[name] for name in ("namespace", "packet", "epoch", "owner")}
        entry |= {"effect": asked["effect"], "value": asked["value"]}
        self.file.write(json.dumps(entry) + "\n")
        self.file.flush()
        os.fsync(self.file.fileno())
        self.note(entry)
        return 201, {"value": asked["value"]}


class Desk(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # noqa: N802: http.server finds it by this name
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        try:
            status, answer = self.server.ledger.apply(json.loads(body))
        except (ValueError, KeyError, TypeError) as error:
            status, answer = 400, {"refused": repr(error)}
        text = json.dumps(answer).encode() + b"\n"
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keys", nargs="+", required=True, help="public keys of hosts, or of the root")
    parser.add_argument("--file", type=pathlib.Path, required=True)
    parser.add_argument("--port", type=int, default=7500, help="0: any free one")
    options = parser.parse_args()
    # One call at a time: what it checks and what it writes belong together.
    server = http.server.HTTPServer(("127.0.0.1", options.port), Desk)
    server.ledger = Ledger(options.file, phoenix_ticket.load_keys(*options.keys))
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
