"""Programs of PyPI that tests compare with or are judged by.

Nothing of them is kept in this tree: each is installed once beside the build, in a folder of its
own, or named by a variable of the environment.
"""

import fcntl
import os
import pathlib
import shutil
import subprocess
import sys

from harness.host import PROGRAM


def find_program(variable, name, package):
    """Its path, or None where it is not to be had. Tests that run beside each other install it once."""
    if variable in os.environ:
        program = pathlib.Path(os.environ[variable])
        return program if program.exists() else None
    place = pathlib.Path(PROGRAM).resolve().parent / "pypi" / package.replace("==", "-")
    place.parent.mkdir(exist_ok=True)
    with open(f"{place}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return install(place, name, package)


def install(place, name, package):
    program = place / "bin" / name
    if program.exists():
        return program
    shutil.rmtree(place, ignore_errors=True)
    for step in ([sys.executable, "-m", "venv", str(place)],
                 [str(place / "bin" / "pip"), "-q", "install", "--no-input", package]):
        try:
            done = subprocess.run(step, capture_output=True, timeout=200, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if done.returncode != 0:
            return None
    return program
