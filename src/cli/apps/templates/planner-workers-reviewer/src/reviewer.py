"""Adds up what the workers found, and refuses what is too little."""

import json
import os
import sys

with open(os.environ["PHOENIX_CONTEXT_IN"], encoding="utf-8") as context:
    parts = json.load(context)["parts"]
words = sum(part["words"] for part in parts)
if words < 10:
    sys.exit(f"only {words} words")
print(json.dumps({"parts": len(parts), "words": words, "verdict": "accepted"}))
