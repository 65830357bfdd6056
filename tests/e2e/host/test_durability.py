"""The acknowledgement leaves after the sync: kill -9 cannot tell, so the host's system calls are
watched. A write of the answer may only come after the request's bytes were read, then written to
the log, then synced."""

import re
import unittest

from harness.host import Folder, Host
from harness.rest import RestTest

CALLS = "read,recvfrom,recvmsg,readv,write,writev,sendto,sendmsg,pwrite64,pwritev,fdatasync,fsync"
LINE = re.compile(r"^(\d+) +(\w+)\((\d+)<([^>]*)>(.*)$")
RESUMED = re.compile(r"^(\d+) +<\.\.\. (\w+) resumed>(.*)$")


class Trace:
    """Finished system calls in the order of their ends, as (name, path, text)."""

    def __init__(self, path):
        self.calls = []
        open_calls = {}
        for line in path.read_text("latin-1").splitlines():
            match = LINE.match(line)
            resumed = RESUMED.match(line)
            if match:
                thread, name, _, target, text = match.groups()
                if text.endswith("<unfinished ...>"):
                    open_calls[thread] = (name, target, text)
                else:
                    self.calls.append((name, target, text))
            elif resumed and resumed[1] in open_calls:
                name, target, text = open_calls.pop(resumed[1])
                self.calls.append((name, target, text + resumed[3]))

    def request(self, mark):
        """Where the bytes of the request with this mark were read."""
        return next(i for i, (name, _, text) in enumerate(self.calls)
                    if name in ("read", "recvfrom", "recvmsg", "readv") and mark in text)

    def answer(self, after):
        """Where the first answer after it was written."""
        return next(i for i, (name, target, text) in enumerate(self.calls)
                    if i > after and target.startswith("TCP") and "HTTP/1.1 " in text
                    and name in ("write", "writev", "sendto", "sendmsg"))


class Durability(RestTest):
    @classmethod
    def setUpClass(cls):
        cls.trace_file = Folder(cls).path / "trace"
        super().setUpClass()

    @classmethod
    def make_host(cls):
        # A traced process cannot look for leaks.
        return Host(cls, env={"ASAN_OPTIONS": "detect_leaks=0"}, before=("strace", "-f", "-qq", "-yy", "-s", "4096", "-e",
                                 "trace=" + CALLS, "-o", str(cls.trace_file)))

    def test_every_durable_answer_follows_a_sync(self):
        cap = self.fresh("cap")
        marks = {}

        def marked(what, headers=None):
            """Headers that make the request recognisable in the trace."""
            marks[what] = f"mark-{self.fresh(what)}"
            return {**(headers or {}), "X-Mark": marks[what]}

        member = self.fresh("m")
        made = self.ok("POST", "/v1/members", {"id": member, "capabilities": [cap], "maxLoad": 9,
                                               "leaseSeconds": 600}, 201,
                       headers=marked("register"))
        token = made.json["session"]["token"]
        self.ok("POST", "/v1/packets", {"id": "p1", "requiredCapabilities": [cap]}, 201,
                headers=marked("submit"))
        self.ok("POST", "/v1/packets", [{"id": f"q{n}", "requiredCapabilities": [cap]}
                                        for n in range(5)], 207, headers=marked("array"))
        held = {d["packet"]["id"]: d["epoch"] for d in self.poll(member, token, 6)}

        def owner(verb, id, **body):
            self.ok("POST", f"/v1/packets/{id}/{verb}", {"epoch": held[id], **body}, token=token,
                    headers=marked(verb))

        owner("checkpoint", "p1", checkpoint={"page": 1}, seq=1)
        owner("complete", "p1", result=1)
        owner("fail", "q0", error={"message": "m"})
        owner("release", "q1")
        owner("handoff", "q2", requiredCapabilities=[self.fresh("cap")])
        self.ok("POST", "/v1/packets:complete", {"items": [{"id": "q3", "epoch": held["q3"]}]}, 207,
                token=token, headers=marked("batch"))
        self.ok("POST", "/v1/packets/q4/cancel", headers=marked("cancel"))
        self.ok("POST", f"/v1/members/{member}/drain", {}, 202, token=token,
                headers=marked("drain"))
        self.assertEqual(self.host.end(), 0)
        trace = Trace(self.trace_file)
        for what, mark in marks.items():
            with self.subTest(what):
                self.check_order(trace, mark)

    def check_order(self, trace, mark):
        """The log is written and then synced between the request and its answer."""
        read = trace.request(mark)
        answered = trace.answer(read)
        between = trace.calls[read + 1:answered]
        log = [(name, "= 0" in text) for name, target, text in between if
               target.endswith("phoenix.db-wal")]
        written = [i for i, (name, _) in enumerate(log) if name.startswith("pwrite")]
        synced = [i for i, (name, done) in enumerate(log) if name in ("fdatasync", "fsync") and done]
        self.assertTrue(written, "nothing was written")
        # What comes after that sync may be the next batch: a drain's, when it is already over.
        self.assertTrue(synced and synced[-1] > written[0],
                        f"the answer left before the sync: {log}")

    def test_the_watch_sees_answers_without_a_sync(self):
        """A call that writes nothing has no sync: else the test above would prove nothing. But a
        host that has just started writes by itself, perhaps during one of them."""
        self.host.end()
        self.host.start()
        marks = [f"mark-livez-{n}-" for n in range(20)]
        for mark in marks:
            self.ok("GET", "/livez", headers={"X-Mark": mark})
        self.assertEqual(self.host.end(), 0)
        trace = Trace(self.trace_file)
        missed = 0
        for mark in marks:
            try:
                self.check_order(trace, mark)
            except AssertionError:
                missed += 1
        self.assertGreater(missed, len(marks) / 2)


if __name__ == "__main__":
    unittest.main()
