"""Renders a frame. On the first try of every second one the machine is taken away."""

import json
import os
import re
import signal
import sys


def parent(pid):
    with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
        return int(stat.read().rsplit(")", 1)[1].split()[1])


def own_worker():
    """The process `phoenix worker start` above this command: the topmost of that name."""
    found, pid = None, os.getppid()
    while pid > 1:
        with open(f"/proc/{pid}/cmdline", "rb") as cmdline:
            if cmdline.read().split(b"\0")[1:3] == [b"worker", b"start"]:
                found = pid
        pid = parent(pid)
    return found


scene = json.load(sys.stdin)["scene"]
number = int(re.search(r"frame-(\d+)", os.environ["PHOENIX_PACKET_ID"])[1])
if os.environ["PHOENIX_EPOCH"] == "1" and number % 2 == 0:
    os.kill(own_worker(), signal.SIGKILL)
    signal.pause()
print(json.dumps({"frame": number, "scene": scene, "by": os.environ["PHOENIXFLIGHT_AGENT"]}))
