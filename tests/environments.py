"""Programs of others in environments of their own, which tests of `make soak` make once and keep: never our dependencies."""

from __future__ import annotations

import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import ROOT


def environment(name: str, packages: tuple[str, ...], python: str | Path = sys.executable) -> Path:
    """The folder of an environment with these packages. Skips the test where they cannot be had."""
    folder = ROOT / f".venv-of-{name}"
    with (ROOT / f".venv-of-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # other processes of the test run wait here
        if not (folder / ".ready").exists():
            uv = str(Path(sys.executable).parent / "uv")
            subprocess.run([python, "-m", "venv", "--clear", "--without-pip", folder], check=True)
            install = [uv, "pip", "install", "-q", "--python", str(folder / "bin" / "python"), *packages]
            done = subprocess.run(install, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                pytest.skip(f"{packages[0]} cannot be installed: {done.stderr[-200:]}")
            (folder / ".ready").touch()
    return folder
