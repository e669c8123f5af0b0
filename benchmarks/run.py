"""Measures `billproof` beside its peers, and writes docs/benchmarks.md with its plots: `make bench`.

`--quick` measures the goals on small files and a few cases of detection, and writes nothing: a look whether it all runs.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.contest import ENORMOUS, Match, contest
from benchmarks.detection import detection, tally
from benchmarks.goals import QUICK_ROUNDS, ROUNDS, ROUNDS_OF_MANY, Reading, figures, many, plan, read, verdicts
from benchmarks.measure import Process, Samples, side_by_side
from benchmarks.page import FIGURES, write_pages
from benchmarks.tools import PEERS, ROOT, Bench, install_billproof, run, versions

PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"


def main(arguments: Sequence[str] | None = None) -> int:
    """Installs, measures, prints, writes. The exit code says nothing about the times."""
    parser = argparse.ArgumentParser(prog="benchmarks.run", description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="small files, few rounds, no page")
    parser.add_argument("--up-to", type=int, default=ENORMOUS, metavar="ROWS", help="no larger files; the page says so")
    parser.add_argument("--only-page", action="store_true", help="write the page again from docs/benchmarks.json")
    options = parser.parse_args(arguments)
    if options.only_page:
        write_pages(json.loads(FIGURES.read_text("utf-8")), plots_with(PEERS_PYTHON))
        return 0
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench = Bench(folder, install_billproof(folder), PEERS_PYTHON if PEERS_PYTHON.exists() else None)
        if options.quick:
            quick(bench)
            return 0
        if bench.peers_python is None:
            parser.error("the peers are not installed; run make bench")
        results = about(bench, options.up_to) | measured(bench, options.up_to)
    results |= {"minutes": round((time.monotonic() - started) / 60, 1), "load_after": os.getloadavg()[0]}
    FIGURES.write_text(laid_out(results) + "\n", "utf-8")
    write_pages(results, plots_with(PEERS_PYTHON))
    return 0


def laid_out(value: Any, depth: int = 0) -> str:
    """JSON with a line for each goal, match and case."""
    if isinstance(value, dict) and depth < 2:
        parts = [f"{json.dumps(name)}: {laid_out(item, depth + 1)}" for name, item in value.items()]
        return "{\n" + ",\n".join(parts) + "\n}"
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + ",\n".join(json.dumps(item, ensure_ascii=False) for item in value) + "\n]"
    return json.dumps(value, ensure_ascii=False)


def quick(bench: Bench) -> None:
    """The short form."""
    for rows, count in QUICK_ROUNDS.items():
        processes, goals = plan(bench, rows)
        samples = side_by_side(processes, count, bench.folder)
        print(
            f"\n{rows:,} rows, {count} rounds\n{figures(samples)}\n\n{verdicts([read(goal, samples) for goal in goals])}",
            flush=True,
        )
    detected = detection(bench, quick=True)
    print("\ndetection: " + "; ".join(f"{tool} {tally(detected['faulty'], tool)}" for tool in detected["tools"]))


def measured(bench: Bench, largest: int) -> dict[str, Any]:
    """Everything that the page tells."""
    readings: list[Reading] = []
    processes: dict[str, Any] = {}
    for rows, count in ROUNDS.items():
        if rows > largest:
            continue
        some, goals = plan(bench, rows)
        samples = side_by_side(some, count, bench.folder)
        readings += [read(goal, samples) for goal in goals]
        processes[str(rows)] = summary(samples)
        print(f"\n{rows:,} rows, {count} rounds\n{figures(samples)}", flush=True)
    for rows, count in ROUNDS_OF_MANY.items():
        if 480 * rows <= largest:
            some, goals = many(bench, rows)
            samples = side_by_side(some, count, bench.folder)
            readings += [read(goal, samples) for goal in goals]
            processes[f"480 x {rows}"] = summary(samples)
            print(f"\n480 files of {rows:,} rows, {count} rounds\n{figures(samples)}", flush=True)
    print(f"\n{verdicts(readings)}", flush=True)
    starts = side_by_side(imports(bench), 5, bench.folder)
    detected = detection(bench)
    return {
        "goals": [described(reading) for reading in readings],
        "processes": processes,
        "starts": summary(starts),
        "installed_mib": installed(bench, "duckdb"),
        "detection": detected,
        "matches": [asdict(match) for match in contest(bench, largest, report)],
    }


def described(reading: Reading) -> dict[str, Any]:
    """A goal and what was measured, as data."""
    said = {"text": reading.goal.text, "wanted": reading.wanted, "first": reading.goal.first, "needed": reading.goal.needed}
    figures_of = {"ratio": reading.ratio, "lowest": reading.lowest, "highest": reading.highest, "rounds": reading.rounds}
    return said | figures_of | {"met": reading.is_met, "missed_by": reading.missed_by}


def summary(samples: Samples) -> dict[str, dict[str, float]]:
    """Median time and memory of each process."""
    return {
        name: {"seconds": median(run.seconds for run in some), "memory": median(run.memory for run in some)}
        for name, some in samples.items()
    }


def report(match: Match) -> None:
    """A line on the terminal."""
    said = match.why_not or f"{match.seconds:.3f} s, {median(match.times_ours):.2f} times ours"
    print(f"{match.rows:,} {'good' if match.good else 'bad'} rows, {match.tool}: {said}", flush=True)


def imports(bench: Bench) -> list[Process]:
    """What it costs to load DuckDB, beside an interpreter that loads nothing."""
    python = str(bench.peers_python)
    codes = ("pass", "import duckdb", "import duckdb; duckdb.sql('select 1').fetchall()")
    return [Process(code, (python, "-c", code)) for code in codes]


def installed(bench: Bench, package: str) -> float:
    """The size of an installed package with what is compiled, in MiB."""
    code = f"from importlib.metadata import files\nprint(sum(one.locate().stat().st_size for one in files('{package}')))"
    return int(run(str(bench.peers_python), "-c", code)) / 2**20


def about(bench: Bench, largest: int) -> dict[str, Any]:
    """When, on what, with which versions."""
    theirs = versions(bench.peers_python) if bench.peers_python else {}
    told_of = sorted({package for peer in PEERS for package in peer.packages})
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
        "machine": machine(),
        "load_before": os.getloadavg()[0],
        "python": platform.python_version(),
        "versions": {"billproof": versions(bench.python)["billproof"]} | {name: theirs[name] for name in told_of},
        "largest": largest,
    }


def machine() -> str:
    """The processor and its system, with no name of anybody's."""
    model, memory = platform.machine(), ""
    cpus = Path("/proc/cpuinfo")
    if cpus.exists():
        names = [line.partition(":")[2].strip() for line in cpus.read_text().splitlines() if line.startswith("model name")]
        model = names[0] if names else model
        memory = f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores ({model}){memory}"


def plots_with(python: Path) -> Any:
    """A function that draws the plots, in the peers' environment: matplotlib is not a dependency of ours."""
    return lambda: subprocess.run([str(python), str(ROOT / "benchmarks" / "plots.py"), str(FIGURES)], check=True)


if __name__ == "__main__":
    sys.exit(main())
