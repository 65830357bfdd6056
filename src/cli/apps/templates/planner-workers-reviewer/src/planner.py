"""Makes a packet of each paragraph, awaits them, and hands the whole on to the reviewer."""

import json
import os
import sys
import urllib.request

HOST = os.environ["PHOENIXFLIGHT_URL"] + "/v1/packets"
NAMESPACE = "?namespace=" + os.environ["PHOENIX_NAMESPACE"]


def call(target, body=None):
    request = urllib.request.Request(HOST + target, headers={"Content-Type": "application/json"})
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(request, data, timeout=60) as answer:
        return json.load(answer)


task = os.environ["PHOENIX_PACKET_ID"]
parts = []
for number, paragraph in enumerate(json.load(sys.stdin)["paragraphs"], 1):
    # The same id and content again makes nothing twice, should this run be repeated.
    parts.append({"id": f"{task}-part-{number}", "requiredCapabilities": ["count"],
                  "labels": {"phoenixflight.io/app": os.environ["PHOENIXFLIGHT_APP"]},
                  "payload": {"text": paragraph}})
call(NAMESPACE, parts)

results = []
for part in parts:
    status = "PENDING"
    while status not in ("COMPLETED", "FAILED", "CANCELED", "EXPIRED"):
        status = call(f"/{part['id']}{NAMESPACE}&waitMs=10000")["status"]
    if status != "COMPLETED":
        sys.exit(f"{part['id']} ended {status}")
    results.append(json.loads(call(f"/{part['id']}/result{NAMESPACE}")))

with open(os.environ["PHOENIX_HANDOFF_OUT"], "w", encoding="utf-8") as out:
    json.dump({"requiredCapabilities": ["review"], "context": {"parts": results},
               "reason": "all parts are done"}, out)
