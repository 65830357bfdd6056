"""Checks a ticket without any host.

    keys = load_keys("root.pub")    # of the pool's root; where it has none, of its hosts
    ticket = check(text, keys, seen)          # or ValueError, with the reason

`seen` is the highest epoch that was seen of that packet: remember it. The clock must be right within half
a second. That an effect happens once is up to you: key it by (packet, its name), not by the epoch.
"""
import base64
import hashlib
import pathlib
import time

from cryptography.exceptions import InvalidSignature
from phoenix_sign import TYPE, opened, root_by_path, unpack

NAMES = "pool namespace packet epoch owner scopes issuedAt expiresAt".split()


def load_keys(*paths):
    keys = {"host": {}, "root": {}}
    for lines in (pathlib.Path(path).read_text("ascii").splitlines() for path in paths):
        keys[lines[0][6:]][lines[2][4:]] = base64.b64decode(lines[4])[-32:]
    return keys


def check(text, keys, seen=0, now=None):
    try:
        ticket = signed_ticket(unpack(base64.b64decode(text.strip(), validate=True)), keys)
    except (InvalidSignature, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"no ticket that a host of the pool has signed: {error!r}") from error
    now = time.time() * 1000 if now is None else now
    if ticket["issuedAt"] > now + 500:
        raise ValueError("clock-behind")
    if now >= ticket["expiresAt"]:
        raise ValueError("expired")
    if ticket["epoch"] < seen:
        raise ValueError("stale-epoch")
    return ticket


def signed_ticket(shown, keys):
    _, grant, said, envelope, at, path = shown
    hosts, pools = {} if keys["root"] else dict(keys["host"]), set()
    if grant is not None and unpack(grant)[2] in keys["root"]:
        _, pool, _, key, _ = unpack(opened(grant, keys["root"], "key-grant")[0])
        hosts[hashlib.sha256(key).hexdigest()[:16]], pools = key, {pool}
    payload, kind = opened(envelope, hosts, "ticket", "batch")
    if kind == "batch":
        _, pool, of, size, root = unpack(payload)
        pools.add(pool)
        if of != TYPE + "ticket" or root_by_path(said, at, size, path) != root:
            raise ValueError("the batch does not hold this ticket")
        payload = said
    elif at or path:
        raise ValueError("a path, but no batch")
    ticket = dict(zip(NAMES, unpack(said)[1:], strict=True))
    if payload != said or pools - {ticket["pool"]}:
        raise ValueError("what was signed is something else")
    return ticket
