"""One mutant before the engine and before the second reading of the contract, and what they do not agree on."""

from __future__ import annotations

import json
import tempfile
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import billproof
from tests.fuzz.contract import Asked, Reading, read
from tests.fuzz.mutants import ACME, Mutant
from tests.support import ROOT, process

RULES = Counter(path.name.split("-")[0] for name in ("csv", "openai-cost") for path in (ROOT / "rules" / name).glob("*-*.yaml"))
CODES = {"pass": 0, "fail": 1, "unproved": 3}


def disagreements(mutant: Mutant, config: Path, through_the_command: bool = False) -> list[str]:
    """What the engine says otherwise than the contract; nothing is right. `config` is that of a project which may upload."""
    options: dict[str, Any] = {"as_of": mutant.as_of, "month": mutant.month, "month_to_date": mutant.month_to_date}
    options |= {"organization": mutant.organization} | ({"config": config, "policy": "upload"} if mutant.ready else {})
    report = billproof.check_bytes("export.csv", mutant.data, **options)
    document = report.as_dict()
    found = list(of_form(document))
    found += of_verdict(document, read(mutant.data, asked(mutant)), mutant.ready)
    if through_the_command:
        found += of_command(mutant, config, document)
    return found


def asked(mutant: Mutant) -> Asked:
    """The organization is that of the option, else of the integration if it is the one of most charged rows."""
    plain = Asked(datetime.fromisoformat(mutant.as_of), mutant.month, mutant.month_to_date, mutant.organization)
    if mutant.organization or not mutant.ready:
        return plain
    return plain._replace(organization=ACME if read(mutant.data, plain).most_charged == ACME else None)


def of_form(document: dict[str, Any]) -> list[str]:
    """Faults that need no reading: a code outside the table, a rule outside the set, a rule twice or left out."""
    (file,) = document["files"]
    found = []
    if document["exit_code"] != CODES[document["verdict"]] or document["verdict"] != file["verdict"]:
        found.append(f"exit code {document['exit_code']} for {document['verdict']} and {file['verdict']}")
    counted = Counter(one["rule"] for one in file["outcomes"])
    if counted != RULES:
        found.append(f"rules: {sorted((counted - RULES) + (RULES - counted))}")
    found += [f"{one['rule']} crashed" for one in file["outcomes"] if one["state"] == "crashed"]
    return found


def of_verdict(document: dict[str, Any], reading: Reading, ready: bool) -> list[str]:
    """Where verdict, failed rules or total are not those of the contract."""
    (file,) = document["files"]
    failed = {level: {one["rule"] for one in file["outcomes"] if one["state"] == "failed" and one["level"] == level}
              for level in ("error", "warning")}  # fmt: skip
    verdict = file["verdict"]
    told = f"{verdict}; engine {sorted(failed['error'])} {sorted(failed['warning'])}; {reading}"
    refused = reading.errors | (reading.warnings if ready else frozenset())
    foreign = ready and reading.organizations != {ACME}
    if verdict == "pass" and (refused or foreign or reading.none_ended):
        return [f"WRONG PASS: {told}"]
    found = []
    if verdict == "unproved" and refused and not ready:
        found.append(f"data at fault, and unproved: {told}")
    if verdict != "pass" and not refused and not reading.unsure and not foreign and not reading.none_ended:
        found.append(f"wrong {verdict}: {told}")
    if reading.has_structure:
        may = reading.errors | reading.unsure
        if failed["error"] - may or (len(reading.errors) == 1 and not reading.unsure and failed["error"] != reading.errors):
            found.append(f"other errors: {told}")
        if failed["warning"] - reading.warnings - reading.unsure:
            found.append(f"other warnings: {told}")
    if not reading.errors and not reading.unsure and file["totals"]["amount"] != reading.total:
        found.append(f"total {file['totals']['amount']} in place of {reading.total}")
    return found


def of_command(mutant: Mutant, config: Path, document: dict[str, Any]) -> list[str]:
    """Where the command, in a process of its own, says otherwise than the function."""
    with tempfile.TemporaryDirectory() as folder:
        path, written = Path(folder, "export.csv"), Path(folder, "report.json")
        path.write_bytes(mutant.data)
        words = ["check", str(path), "--as-of", mutant.as_of, "--output", f"json={written}"]
        words += ["--month", mutant.month] if mutant.month else []
        words += ["--month-to-date"] if mutant.month_to_date else []
        words += ["--organization", mutant.organization] if mutant.organization else []
        words += ["--config", str(config), "--policy", "upload"] if mutant.ready else []
        done = process(*words)
        if done.returncode != document["exit_code"] or b"Traceback" in done.stderr:
            return [f"the command ends with {done.returncode}: {done.stderr.decode()}"]
        (file,) = json.loads(written.read_text("utf-8"))["files"]
    same = ("verdict", "sha256", "organization", "month", "totals", "days", "outcomes", "rows")
    return [f"the command says otherwise: {key}" for key in same if file[key] != document["files"][0][key]]
