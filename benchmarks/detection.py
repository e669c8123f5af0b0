"""Who finds what: every case of the corpus through every tool, each as its user would run it."""

from __future__ import annotations

import csv
import json
import subprocess
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal, localcontext
from functools import partial
from os import cpu_count
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.corpus import Case, faulty_cases, good_cases, silent_cases
from benchmarks.measure import environment
from benchmarks.tools import AS_OF, OURS, PEERS, SCRIPTS, Bench

CELL, ROW, SEEN, ABORTED, MISSED = "row+col", "row", "seen", "abort", "missed"


class Answer(NamedTuple):
    """What a tool said of a file: findings as (row, column), exit code, total of the amounts."""

    findings: list[tuple[int | None, str | None]]
    exit_code: int
    total: str


def detection(bench: Bench, quick: bool = False) -> dict[str, Any]:
    """The whole table, as far as the environments reach; `quick` takes a few cases and the quick tools."""
    parts = {"good": good_cases(), "faulty": faulty_cases(), "silent": silent_cases()}
    if quick:
        parts = {name: some[:3] for name, some in parts.items()}
    paths = [(case, written(bench.folder, case)) for some in parts.values() for case in some]
    answers: dict[str, Callable[[], list[Answer]]] = {OURS: lambda: [ask_ours(bench, case, path) for case, path in paths]}
    for peer in PEERS if bench.peers_python else ():
        if peer.detects and (not quick or peer.script in ("csv_loop", "polars_frame")):
            answers[peer.name] = partial(ask_peer, bench, peer.script, paths)
    with ThreadPoolExecutor(cpu_count()) as pool:
        asked = {name: pool.submit(ask) for name, ask in answers.items()}
        names = [case.name for case, _ in paths]
        given = {name: dict(zip(names, answer.result(), strict=True)) for name, answer in asked.items()}
    lines = {
        name: [line(case, {tool: answers[case.name] for tool, answers in given.items()}) for case in some]
        for name, some in parts.items()
    }
    return {"tools": list(given), **lines}


def written(folder: Path, case: Case) -> Path:
    """The file of a case, in a folder of its own."""
    path = folder / "corpus" / case.name / "export.csv"
    path.parent.mkdir(parents=True)
    path.write_bytes(case.data)
    return path


def line(case: Case, answers: dict[str, Answer]) -> dict[str, Any]:
    """One line of the table."""
    seen = {tool: {"saw": saw(case, answer), "exit": answer.exit_code, "total": answer.total} for tool, answer in answers.items()}
    return {
        "name": case.name,
        "what": case.what,
        "row": case.row,
        "column": case.column,
        "total": exact_total(case),
        "seen": seen,
    }


def saw(case: Case, answer: Answer) -> str:
    """How well a tool saw the damage: at its cell, in its row, somehow, by breaking, or not at all."""
    if not answer.findings:
        return ABORTED if answer.exit_code else MISSED
    if case.row is not None and case.column is not None and (case.row, case.column) in answer.findings:
        return CELL
    if case.row is not None and any(row == case.row for row, _ in answer.findings):
        return ROW
    return SEEN


def ask_peer(bench: Bench, script: str, paths: Sequence[tuple[Case, Path]]) -> list[Answer]:
    """A script of `benchmarks/peers/` on all files, loaded once."""
    words = [word for case, path in paths for word in (str(path), case.month, case.organization)]
    _, out = run(str(bench.peers_python), str(SCRIPTS / f"{script}.py"), *words)
    answers, findings, total = [], [], ""
    for said in (json.loads(text) for text in out.splitlines() if text.startswith("{")):
        if "rule" in said:
            findings.append((said["row"], said["column"]))
        elif "total" in said:
            total = said["total"]
        else:
            answers.append(Answer(findings, said["exit"], total))
            findings, total = [], ""
    return answers


def ask_ours(bench: Bench, case: Case, path: Path) -> Answer:
    """The installed command; a line is a row and one more, for no cell of the corpus goes over several lines."""
    billproof = str(bench.python.with_name("billproof"))
    settings = ("--month", case.month, "--organization", case.organization, "--as-of", AS_OF)
    code, out = run(billproof, "check", str(path), "--format", "json", *settings)
    file = json.loads(out)["files"][0]
    places = [
        (finding["line"] - 1 if finding["line"] and finding["line"] > 1 else None, finding["column"])
        for outcome in file["outcomes"]
        if outcome["state"] == "failed" and outcome["level"] != "note"
        for finding in outcome["findings"]
    ]
    return Answer(places, code, (file.get("totals") or {}).get("amount") or "")


def exact_total(case: Case) -> str:
    """The sum of the amounts of a good export; nothing for others."""
    if case not in good_cases():
        return ""
    rows = list(csv.reader(case.data.decode().splitlines()))
    at = rows[0].index("amount_value")
    with localcontext(prec=200):
        return f"{sum((Decimal(row[at]) for row in rows[1:] if row[at] and Decimal(row[at])), Decimal(0)):f}"


def run(*command: str) -> tuple[int, str]:
    """A tool in a process of its own: exit code and what it printed."""
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, check=False)
    return done.returncode, done.stdout


def tally(table: Sequence[dict[str, Any]], tool: str) -> dict[str, int]:
    """How often a tool saw each way, and how often it ended with another code than 0."""
    seen = [line["seen"][tool] for line in table]
    counts = {way: sum(sight["saw"] == way for sight in seen) for way in (CELL, ROW, SEEN, ABORTED, MISSED)}
    return counts | {"stopped": sum(sight["exit"] != 0 for sight in seen)}


def exact_totals(table: Sequence[dict[str, Any]], tool: str) -> int:
    """Of how many good exports a tool gave the exact total."""
    pairs = [(line["total"], line["seen"][tool]["total"]) for line in table]
    return sum(bool(given) and Decimal(given) == Decimal(exact) for exact, given in pairs)
