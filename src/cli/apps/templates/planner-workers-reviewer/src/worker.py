"""Counts the words of one paragraph."""

import json
import sys

print(json.dumps({"words": len(json.load(sys.stdin)["text"].split())}))
