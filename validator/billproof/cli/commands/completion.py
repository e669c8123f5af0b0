"""`billproof completion`: prints the script with which a shell completes the command line.

The scripts are static files in `cli/completion/`, so that a TAB starts no program. `python -m tools.generate` writes them.
"""

from __future__ import annotations

import argparse
import os

from billproof.cli.output import say_bytes
from billproof.engine.verdict import Exit

SHELLS = ("bash", "zsh", "fish")
_SCRIPTS = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "completion")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the arguments of `billproof completion`."""
    parser.add_argument("shell", choices=SHELLS, help="your shell; docs/completion.md explains where to put the script")


def run(options: argparse.Namespace) -> int:
    """Prints the script of a shell."""
    with open(os.path.join(_SCRIPTS, f"billproof.{options.shell}"), "rb") as stream:
        say_bytes(stream.read())
    return Exit.PASS
