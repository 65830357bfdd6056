"""Indexes a customer that another agent has checked."""

import json
import os
import sys

customer = json.load(sys.stdin)
if "PHOENIX_CONTEXT_IN" not in os.environ:
    # Nobody has checked it yet: it came here first, as the trusted agent was busy.
    with open(os.environ["PHOENIX_HANDOFF_OUT"], "w", encoding="utf-8") as out:
        json.dump({"to": "governance-agent", "reason": "not checked yet"}, out)
    sys.exit(0)
with open(os.environ["PHOENIX_CONTEXT_IN"], encoding="utf-8") as context:
    checked = json.load(context)
print(json.dumps({"customerId": customer["customerId"], "checkedBy": checked["checkedBy"],
                  "indexedBy": os.environ["PHOENIXFLIGHT_AGENT"]}))
