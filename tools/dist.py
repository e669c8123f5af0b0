"""Builds wheel and sdist into `dist/`, with their sums. Built again from the unpacked sdist, both must have the same bytes.

The page `billproof.html`, with that wheel in it, is beside them where npm can fetch Pyodide.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from tools import page

ROOT = Path(__file__).resolve().parent.parent


def build(source: Path, target: Path) -> list[Path]:
    """The wheel and the sdist of a source tree, with the time of the last commit."""
    done = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode == 0:
        os.environ.setdefault("SOURCE_DATE_EPOCH", done.stdout.strip())
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(target)]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    return sorted(target.iterdir())


def strangers(wheel: Path) -> list[str]:
    """What a wheel holds beside the package and its metadata."""
    with zipfile.ZipFile(wheel) as archive:
        return [name for name in archive.namelist() if name.split("/")[0].split("-")[0] != "billproof"]


def main() -> int:
    """Writes `dist/`; 1 if two builds differ, or the wheel is not the package alone."""
    shutil.rmtree(ROOT / "dist", ignore_errors=True)
    built = build(ROOT, ROOT / "dist")
    sdist, wheel = sorted(built, key=lambda path: path.suffix)
    with tempfile.TemporaryDirectory() as folder:
        with tarfile.open(sdist) as archive:
            archive.extractall(folder, filter="data")
        (source,) = Path(folder).iterdir()
        again = build(source, Path(folder) / "again")
        if [path.read_bytes() for path in again] != [path.read_bytes() for path in built]:
            print("built again from the sdist, the files differ", file=sys.stderr)
            return 1
    if more := strangers(wheel):
        print(f"the wheel holds more than the package: {', '.join(more)}", file=sys.stderr)
        return 1
    try:
        built.append(page.write(ROOT / "dist", wheel))
    except page.NoPyodide as error:
        print(f"without billproof.html: {error}", file=sys.stderr)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.name}\n" for path in built]
    (ROOT / "dist" / "SHA256SUMS").write_text("".join(sums), "ascii")
    print("".join(sums), end="")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
