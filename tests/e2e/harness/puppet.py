"""CMD of the worker tests: tells the test over a socket what it was given, then does what it is
told, one step after the other. The test sees its end, and the end of all that it started, as the
end of that socket."""

import base64
import json
import os
import signal
import socket
import subprocess
import sys

FILES = ("PHOENIX_CHECKPOINT_IN", "PHOENIX_CONTEXT_IN")


def text(data):
    return base64.b64encode(data).decode()


class Puppet:
    def __init__(self):
        self.wire = socket.socket(socket.AF_UNIX)
        self.wire.connect(os.environ["PUPPET_SOCKET"])
        self.wire.set_inheritable(True)  # so that what it starts is seen to end as well
        self.lines = self.wire.makefile("rb")

    def tell(self, **what):
        self.wire.sendall(json.dumps(what).encode() + b"\n")

    def hello(self):
        files = {}
        for name in FILES:
            if name in os.environ:
                with open(os.environ[name], "rb") as file:
                    files[name] = text(file.read())
        self.tell(pid=os.getpid(), argv=sys.argv[1:], stdin=text(sys.stdin.buffer.read()),
                  files=files, env={name: value for name, value in os.environ.items()
                                    if name.startswith(("PHOENIX_", "TRACE"))})

    def write(self, step):
        data = base64.b64decode(step["data"])
        while data:
            data = data[os.write(step["fd"], data):]

    def file(self, step):
        """Written by rename."""
        path = os.environ[step["name"]]
        with open(path + ".draft", "wb") as file:
            file.write(base64.b64decode(step["data"]))
        os.rename(path + ".draft", path)

    def catch(self, step):
        signal.signal(signal.SIGTERM, lambda number, frame: self.tell(signal=number))

    def spawn(self, step):
        """A program of its own that keeps the socket open; `away`: in a session of its own, and
        orphaned at once."""
        if step.get("away"):
            if os.fork() == 0:
                os.setsid()
                subprocess.Popen(step["argv"], close_fds=False)
                os._exit(0)
            os.wait()
        else:
            subprocess.Popen(step["argv"], close_fds=False)

    def run(self):
        self.hello()
        for line in self.lines:
            step = json.loads(line)
            if step["do"] == "exit":
                os._exit(step["code"])
            getattr(self, step["do"])(step)
            self.tell(done=step["do"])


if __name__ == "__main__":
    Puppet().run()
