"""The published original, to compare with."""

from harness.pypi import find_program

PACKAGE = "phoenixflight==0.3.7"
MISSING = f"needs pip and PyPI for {PACKAGE}, or PHOENIX_ORIGINAL"


def find_original():
    """Its program `phoenix`, or None."""
    return find_program("PHOENIX_ORIGINAL", "phoenix", PACKAGE)
