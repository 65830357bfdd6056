"""Answers one request of a session. What the worker keeps of sessions is in a folder of its own."""

import json
import os
import sys

session = json.load(sys.stdin)["session"]
worker = os.environ["PHOENIXFLIGHT_AGENT"]
folder = os.path.join(".phoenixflight", "carts", worker)
os.makedirs(folder, exist_ok=True)
try:
    # Whoever makes the file is the first request of this session here.
    os.close(os.open(os.path.join(folder, session), os.O_CREAT | os.O_EXCL))
    state = "cold"
except FileExistsError:
    state = "warm"
print(json.dumps({"session": session, "worker": worker, "cart": state}))
