"""What the helpers of tests want from a test, for programs that are none."""


class Scope:
    """A list of what to undo, and names that nobody else has."""

    def __init__(self):
        self.undo = []
        self.number = 0

    def addCleanup(self, work, *words, **more):
        self.undo.append((work, words, more))

    def fresh(self, prefix):
        self.number += 1
        return f"{prefix}-{self.number}"

    def fail(self, what):
        raise RuntimeError(what)

    def close(self):
        while self.undo:
            work, words, more = self.undo.pop()
            work(*words, **more)
