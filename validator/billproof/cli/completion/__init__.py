"""Completion of the command line by shells: static scripts that lie beside this file, so that a TAB starts no program."""

from __future__ import annotations

import os


def script(shell: str) -> bytes:
    """The script for a shell, as `billproof completion` prints it."""
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), f"billproof.{shell}"), "rb") as stream:
        return stream.read()
