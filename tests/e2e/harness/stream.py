"""Server-Sent Events of a real host."""

import json
import socket

from harness.host import PATIENCE


class EventStream:
    """Events as (event, id, data), read one after the other."""

    def __init__(self, port, target, token=None, last_id=None):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        headers = f"Authorization: Bearer {token}\r\n" if token else ""
        headers += f"Last-Event-ID: {last_id}\r\n" if last_id else ""
        # HTTP/1.0: the body comes as it is, without chunks.
        self.socket.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n{headers}\r\n".encode())
        self.file = self.socket.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        while self.file.readline().strip():
            pass

    def next(self):
        """None when the host has ended it."""
        fields = {}
        while True:
            line = self.file.readline()
            if not line:
                return None
            line = line.decode().rstrip("\n")
            if not line and fields:
                return fields.get("event"), fields.get("id"), json.loads(fields["data"])
            if line and not line.startswith(":"):
                name, value = line.split(": ", 1)
                fields[name] = value

    def close(self):
        self.file.close()
        self.socket.close()
