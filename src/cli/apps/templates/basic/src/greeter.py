"""Does one packet: the payload is on stdin, what is printed is the result."""

import json
import sys

task = json.load(sys.stdin)
print(json.dumps({"greeting": f"hello, {task['name']}"}))
