"""Measures thousands of exports: `billproof check`, and the programs of docs/scale.md. Prints the rows of that page's table.

`python -m benchmarks.many --files 2000 12000 --ray PYTHON`; PYTHON is one with `ray` and `PyYAML`, without it Ray is left out.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.files import write_folder
from benchmarks.measure import Process, measure
from benchmarks.tools import AS_OF, ROOT, install_billproof
from billproof.model.results import FORMATS

ROWS, MONTHS = 300, 12
SECONDS_LIMIT = 3600


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes the exports, measures, prints."""
    parser = argparse.ArgumentParser(prog="benchmarks.many", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--files", type=int, nargs="+", default=[2000, 12000], metavar="N")
    parser.add_argument("--report", type=int, default=3600, metavar="N", help="files of the one report in every format; 0: none")
    parser.add_argument("--ray", metavar="PYTHON", help="a Python with ray and PyYAML")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        billproof = str(install_billproof(folder).with_name("billproof"))
        for count in sorted({*options.files, options.report} - {0}):
            write_exports(folder, count)
            processes = [*checks(billproof, count, options.ray)] if count in options.files else []
            processes += reports(billproof, count) if count == options.report else []
            for process in processes:
                sample = measure(process, folder, SECONDS_LIMIT)
                print(f"| {process.name} | {sample.seconds:.1f} s | {sample.memory:,.0f} MiB |", flush=True)
    return 0


def write_exports(folder: Path, count: int) -> None:
    """So many good exports in `exports/`, a year of each organization; and the programs of docs/scale.md."""
    shutil.rmtree(folder / "exports", ignore_errors=True)
    write_folder(folder / "exports", ROWS, MONTHS, count // MONTHS + 1)
    for path in sorted((folder / "exports").rglob("*.csv"))[count:]:
        path.unlink()
    page = (ROOT / "docs" / "scale.md").read_text("utf-8")
    for name, program in zip(("many.py", "on_ray.py"), re.findall(r"(?s)^```python\n(.*?)^```$", page, re.M), strict=False):
        (folder / name).write_text(program.replace("jobs=8", "jobs=2"), "utf-8")


def checks(billproof: str, count: int, ray: str | None) -> Iterator[Process]:
    """The check of all, in each way."""
    for jobs in (1, 2):
        command = (billproof, "check", "exports", "--as-of", AS_OF, "--quiet", "--jobs", str(jobs))
        yield Process(f"{count:,} files, `--jobs {jobs}`", command)
    where = f"PYTHONPATH={ROOT / 'validator'}"
    yield Process(f"{count:,} files, your own program, 2 workers", (env(), where, sys.executable, "many.py"))
    if ray is not None:
        yield Process(f"{count:,} files, Ray, 2 workers", (env(), where, os.path.abspath(ray), "on_ray.py"))


def reports(billproof: str, count: int) -> list[Process]:
    """One report of all, in each format."""
    check = (billproof, "check", "exports", "--as-of", AS_OF, "--jobs", "2", "--format")
    return [Process(f"{count:,} files, `--jobs 2 --format {format_}`", (*check, format_)) for format_ in FORMATS]


def env() -> str:
    """The path of `env`."""
    return shutil.which("env") or "/usr/bin/env"


if __name__ == "__main__":
    sys.exit(main())
