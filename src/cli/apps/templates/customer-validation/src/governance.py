"""Checks a customer and hands the packet on to whoever keeps the index."""

import json
import os
import sys

customer = json.load(sys.stdin)
for field in ("customerId", "country"):
    if not customer.get(field):
        sys.exit(f"{field} is missing")

# The first try goes to the archive, which may not see personal data: the policy refuses it, and
# the second one goes where it belongs.
first_try = os.environ["PHOENIX_ATTEMPT"] == "1"
handoff = {
    "to": "archive-agent" if first_try else "metadata-agent",
    # What contracts/customer-handoff.yaml asks for, and no name: who indexes needs none.
    "context": {"customerId": customer["customerId"], "country": customer["country"],
                "checkedBy": "governance-agent"},
    "reason": "checked, to be indexed",
}
with open(os.environ["PHOENIX_HANDOFF_OUT"], "w", encoding="utf-8") as out:
    json.dump(handoff, out)
