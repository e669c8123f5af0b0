"""The quick tests on every Python from 3.11 to 3.14 that starts, each with an environment of its own, `.venv-3.N`.

The oldest Python has the lowest versions that pyproject.toml lets users have, all others have those of the lock.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MINORS = range(11, 15)
PYTEST = ["-m", "pytest", "-n", "auto", "--dist", "worksteal", "-p", "no:cacheprovider"]
# About a minute: every library that users have is used, and all that depends on the version of Python.
QUICK = (
    "tests/model", "tests/reading", "tests/rules", "tests/engine", "tests/config", "tests/io", "tests/sandbox/test_uploads.py",
    "tests/delivery/destinations", "tests/audit/signing", "tests/report/test_snapshots.py", "tests/test_exit_codes.py",
)  # fmt: skip


def interpreters(minor: int) -> list[Path]:
    """Where Python 3.`minor` may be: on PATH (perhaps as a shim of pyenv, which need not start), and in pyenv's own folder."""
    name = f"python3.{minor}"
    on_path = shutil.which(name)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    installed = sorted(pyenv.glob(f"versions/3.{minor}.*/bin/{name}"), reverse=True)
    return ([Path(on_path)] if on_path else []) + installed


def starts(python: Path, minor: int) -> bool:
    """Whether it runs, is of that version, and can make an environment."""
    program = f"import sys, ssl, venv; sys.exit(sys.version_info[:2] != (3, {minor}))"
    return subprocess.run([python, "-c", program], capture_output=True, check=False).returncode == 0


def environment(python: Path, minor: int, lowest: bool) -> Path:
    """The Python of an environment with the locked versions, or the lowest in place of them where users may have those."""
    folder = ROOT / f".venv-3.{minor}"
    own = folder / "bin" / "python"
    uv = [str(Path(sys.executable).parent / "uv"), "pip"]
    quiet = ["-q", "--compile-bytecode", "--python", str(own)]
    subprocess.run([python, "-m", "venv", "--clear", "--without-pip", folder], check=True)
    subprocess.run([*uv, "sync", *quiet, "requirements.lock"], cwd=ROOT, check=True)
    if lowest:
        subprocess.run([*uv, "install", *quiet, "-r", "requirements-lowest.lock"], cwd=ROOT, check=True)
    subprocess.run([*uv, "install", *quiet, "--no-deps", "--no-build-isolation", "-e", "."], cwd=ROOT, check=True)
    return own


def main() -> int:
    """Says which Pythons are skipped, runs the tests on all others; 1 if any test fails or there is no Python."""
    found = {minor: [python for python in interpreters(minor) if starts(python, minor)] for minor in MINORS}
    oldest = next((minor for minor, pythons in found.items() if pythons), None)
    failed = oldest is None
    for minor, pythons in found.items():
        if not pythons:
            print(f"Python 3.{minor}: skipped, {'it does not start' if interpreters(minor) else 'not installed'}", flush=True)
            continue
        versions = "lowest" if minor == oldest else "locked"
        print(f"Python 3.{minor} with the {versions} versions of what users need: {pythons[0]}", flush=True)
        own = environment(pythons[0], minor, minor == oldest)
        failed |= subprocess.run([own, *PYTEST, "-m", "not soak", *QUICK], cwd=ROOT, check=False).returncode != 0
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
