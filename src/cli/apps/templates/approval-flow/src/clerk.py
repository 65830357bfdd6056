"""Pays one refund: the payload is on stdin, what is printed is the result."""

import json
import sys

refund = json.load(sys.stdin)
print(json.dumps({"paid": refund["amount"], "to": refund["customer"]}))
