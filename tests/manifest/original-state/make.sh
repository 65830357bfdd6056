#!/bin/sh
# How the files beside this one were made: by the original itself, phoenixflight 0.3.7 of PyPI, whose
# programs `phoenix` and `python` stand in the folder $1. Its output lands in the folder $2, new.
# Times and ids of events differ each time.
set -eu
bin=$1
mkdir "$2"
cd "$2"
"$bin/phoenix" init
mkdir agents packets

agent() { # NAME CAPABILITIES TRUST MAXLOAD
  printf 'apiVersion: phoenixflight.io/v1alpha1\nkind: Agent\nmetadata: {name: %s}\nspec: %s\n' "$1" \
    "{capabilities: [$2], trustScore: $3, reliability: 0.95, maxLoad: $4, compliance: [GDPR]}" \
    >"agents/$1.yaml"
  "$bin/phoenix" member register "agents/$1.yaml"
}
packet() { # NAME CAPABILITIES
  printf 'apiVersion: phoenixflight.io/v1alpha1\nkind: FlightPacket\nmetadata: {name: %s}\nspec: %s\n' \
    "$1" "{requiredCapabilities: [$2], policyTags: [PII], payload: {customer: Zoë, amount: 12.50}}" \
    >"packets/$1.packet.yaml"
  "$bin/phoenix" packet create "$1"
}

agent reader read,prüfen 0.92 5
agent writer write 0.88 2
agent gone read 0.9 1
packet invoice read,write    # packet-001: handed over, then saved something
packet letter read           # packet-002: assigned
packet report read           # packet-003: done
packet parcel carry          # packet-004: nobody can
"$bin/phoenix" assign packet-001 --to reader
"$bin/phoenix" handoff packet-001 --from reader --to writer
"$bin/phoenix" assign packet-002 --to reader
"$bin/phoenix" assign packet-003 --to reader
"$bin/phoenix" packet run packet-003
"$bin/phoenix" retire gone
"$bin/python" - <<'PYTHON'
from phoenixflight.runtime_worker import PhoenixRuntimeWorker
worker = PhoenixRuntimeWorker("writer")
worker.start_task("packet-001")
worker.checkpoint("packet-001", {"page": 3, "größe": 1e-07})
PYTHON
