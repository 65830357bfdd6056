#!/usr/bin/env python3
"""Runs the commands of a README as a reader would: `run_readme.py README.md PROGRAM`.

Every fenced block that is marked `sh` is run as written, in order, all in one bash in a fresh folder
that holds a copy of the README and the program at build/phoenix. The first command that fails ends
it (errexit, pipefail). A block marked `text` right behind holds what the block prints on stdout:
the two are compared with ids, times and ports masked; a line of only `…` stands for any lines.

Not run are lines that begin with a command of SKIPPED. Nothing else is left out. What such a command
has once printed stands in a block marked `sample`, which is only allowed behind them.
"""

import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile

SKIPPED = {
    "./dev demo": "has a test of its own",
    "./dev test": "would run this very test",
    "./dev build": "has made the program that is given to us",
}
SECONDS = 120

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.S | re.M)
MASKS = [
    (re.compile(r"\b(pkt|ses|req)_[0-9A-HJKMNP-TV-Z]{26}\b"), r"\1_*"),
    (re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"), "TIME"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"[ \t]+"), " "),
]


class Block:
    def __init__(self, line, commands):
        self.line = line
        self.commands = commands
        self.expected = None


def skipped(line):
    return any(line == command or line.startswith(command + " ") for command in SKIPPED)


def blocks_of(readme):
    """The sh blocks, each with the text block that follows it without a word in between."""
    blocks, end = [], 0
    for match in FENCE.finditer(readme):
        line = readme.count("\n", 0, match.start()) + 1
        behind = blocks and not readme[end:match.start()].strip()
        if match[1] == "sh":
            blocks.append(Block(line, match[2]))
        elif match[1] == "text" and behind:
            blocks[-1].expected = match[2]
        elif match[1] == "sample" and behind and all(map(skipped, blocks[-1].commands.splitlines())):
            pass
        else:
            raise ValueError(f"line {line}: a block is marked sh, or text right behind an sh block, "
                             "or sample right behind one whose commands are all skipped")
        end = match.end()
    if not blocks:
        raise ValueError("there is no sh block")
    return blocks


def script_of(blocks, folder):
    """One script; each block's stdout goes to a file of its own."""
    parts = ["set -euo pipefail", "trap 'kill $(jobs -p) 2>/dev/null || :' EXIT"]
    for number, block in enumerate(blocks):
        lines = [line for line in block.commands.split("\n") if not skipped(line)]
        parts += [f"echo {number} > {folder}/reached", f"exec > {folder}/{number}.out", *lines]
    parts.append(f"echo {len(blocks)} > {folder}/reached")
    return "\n".join(parts) + "\n"


def masked(text):
    for pattern, replacement in MASKS:
        text = pattern.sub(replacement, text)
    return [line.strip() for line in text.strip().split("\n")]


def agree(expected, printed):
    """Line by line; `…` stands for any number of lines, also none."""
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else re.escape(line) + "\n"
                      for line in masked(expected))
    return re.fullmatch(pattern, "\n".join(masked(printed)) + "\n") is not None


def run(script, folder, work):
    """The exit code of the script; whatever it has started is gone afterwards."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("PHOENIX_")}
    with open(folder / "stderr", "wb") as errors:
        process = subprocess.Popen(["bash", "-c", script], cwd=work, env=clean,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=errors,
                                   start_new_session=True)
    try:
        return process.wait(SECONDS)
    except subprocess.TimeoutExpired:
        return f"nothing after {SECONDS} s"
    finally:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()


def check(readme, program, name="README.md"):
    """Complaints, one a fault; empty if all ran and printed what is written."""
    blocks = blocks_of(readme)
    with tempfile.TemporaryDirectory() as text:
        folder = pathlib.Path(text) / "out"
        work = pathlib.Path(text) / "clone"
        (work / "build").mkdir(parents=True)
        folder.mkdir()
        (work / name).write_text(readme, "utf-8")
        if program:
            (work / "build" / "phoenix").symlink_to(pathlib.Path(program).resolve())
        status = run(script_of(blocks, folder), folder, work)
        reached = int((folder / "reached").read_text() or 0)
        complaints = []
        for number, block in enumerate(blocks[:reached + 1]):
            printed = (folder / f"{number}.out").read_text("utf-8", "replace")
            complete = number < reached
            if complete and block.expected is not None and not agree(block.expected, printed):
                complaints.append(f"{name}:{block.line}: does not print what is written, but\n"
                                  f"{printed}")
            if not complete and number < len(blocks):
                errors = (folder / "stderr").read_text("utf-8", "replace")
                complaints.append(f"{name}:{block.line}: a command of this block failed ({status})"
                                  f"\nstdout:\n{printed}\nstderr:\n{errors}")
        if status != 0 and not complaints:
            complaints.append(f"{name}: the commands ended with {status}")
        return complaints


def main():
    readme = pathlib.Path(sys.argv[1])
    program = shutil.which(sys.argv[2])
    if program is None:
        sys.exit(f"no program at {sys.argv[2]}")
    try:
        complaints = check(readme.read_text("utf-8"), program, readme.name)
    except ValueError as fault:
        sys.exit(f"{readme}: {fault}")
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())
