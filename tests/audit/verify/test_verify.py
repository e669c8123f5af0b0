"""`billproof verify`: what was done is done again; a report that was edited, by one value or consistently, never agrees."""

from __future__ import annotations

import copy
import json
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import islice, product
from pathlib import Path
from typing import Any

import pytest

from billproof.audit.verify import find
from billproof.audit.verify.result import Verification
from billproof.audit.verify.verify import Wanted, verify
from billproof.report.build import result_sha256
from tests.support import FIXTURES, READY, ROOT, fixture, make_ready, process, reseal, run
from tests.uploading import PROJECT, export, sha256

Report = dict[str, Any]
Place = tuple[str | int, ...]

GOOD = fixture("good-h1")
CASES = sorted({path.parent.name for path in FIXTURES.glob("*/*.csv")})
OTHER = "proj_EXAMPLE2"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own to work in, with one good export."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("billproof.config.settings.clock", lambda: datetime(2025, 12, 1, tzinfo=UTC))
    shutil.copy(GOOD, tmp_path / "export.csv")
    return tmp_path


def reported(*arguments: str, as_of: str = "2025-12-01") -> Report:
    """The report of a check, as it lies in report.json."""
    _, _, err = run("check", *arguments, "--as-of", as_of, "--output", "json=report.json")
    assert Path("report.json").is_file(), err
    found: Report = json.loads(Path("report.json").read_text("utf-8"))
    return found


def write(report: Report, seal: bool = True) -> None:
    """Puts a report in the place of report.json; `seal` gives it the digest of what it says now."""
    if seal:
        reseal(report)
    Path("report.json").write_text(json.dumps(report), "utf-8")


def verified(*arguments: str) -> tuple[int, str]:
    """`billproof verify report.json …`: exit code and what it printed."""
    code, out, err = run("verify", "report.json", *arguments)
    assert err == "" and "Traceback" not in out
    return code, out


def value(tree: Any, place: Place) -> Any:
    for key in place:
        tree = tree[key]
    return tree


def edited(report: Report, place: Place, to: Any) -> Report:
    found = copy.deepcopy(report)
    value(found, place[:-1])[place[-1]] = to
    return found


# --- what agrees ---


def test_a_report_and_its_file_agree() -> None:
    reported("export.csv")
    code, out = verified("export.csv")
    lines = out.splitlines()
    assert (code, lines[0]) == (0, "AGREES, BUT UNSIGNED")
    assert [line[2:12].rstrip() for line in lines[1:]] == [
        "report", "rules", "file", "re-run", "waivers", "unverified", "signature",
    ]  # fmt: skip
    assert "  unverified only the report says: run, settings.*.source, settings.max_findings.value" in out
    assert "PASS: 55 of 55 rules give the same result with the report's settings (as of 2025-12-01T00:00:00Z)" in out
    assert f"export.csv: {GOOD.stat().st_size:,} bytes, same sha256 as in the report" in out
    assert lines[-1].endswith("none checked. Report and file match; this does not show who made them or when. See docs/audit.md")
    assert verified() == (code, out), "without FILE it finds the one beside it"


@pytest.mark.parametrize("case", CASES)
def test_every_fixture_agrees_with_its_report(case: str) -> None:
    found = FIXTURES / case / "args.txt"
    reported(str(FIXTURES / case / "*.csv"), *(found.read_text("utf-8").split() if found.is_file() else []))
    for path in sorted((FIXTURES / case).glob("*.csv")):
        code, out = verified(str(path))
        assert (code, out.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED"), out


@pytest.mark.parametrize(
    "arguments",
    [
        ["--month", "2025-10", "--organization", "org-EXAMPLEother"],
        ["--month-to-date", "--expect-total", "1038.5600", "--policy", "upload"],
        ["--fail-on", "warning", "--max-findings", "1", "--month", "last"],
        ["--second-opinion"],
    ],
    ids=lambda one: one[0],
)  # fmt: skip
def test_the_settings_of_the_report_are_used(arguments: list[str]) -> None:
    reported("export.csv", *arguments)
    assert verified()[0] == 0


def test_the_clock_of_the_run_is_used_and_not_that_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as then:
        then.setattr("billproof.config.settings.clock", lambda: datetime(2025, 11, 2, tzinfo=UTC))
        run("check", "export.csv", "--output", "json=report.json")
    report = json.loads(Path("report.json").read_text("utf-8"))
    assert report["settings"]["as_of"]["source"] == "clock"
    assert next(one["state"] for one in report["files"][0]["outcomes"] if one["rule"] == "OC309") == "failed"
    code, out, _ = run("verify", str(Path("report.json").resolve()), str(GOOD))
    assert (code, "as of 2025-11-02T00:00:00Z" in out) == (0, True), out


def test_the_file_may_have_another_name_and_the_run_may_have_read_standard_input(folder: Path) -> None:
    done = process("check", "-", "--output", f"json={folder}/report.json", "--as-of", "2025-12-01", stdin=GOOD.read_bytes())
    assert done.returncode == 0
    Path("export.csv").rename("elsewhere.txt")
    assert verified()[0] == 3
    assert verified("elsewhere.txt")[0] == 0


# --- the configuration and the ledger ---


def rich(folder: Path) -> Report:
    """The report of a file that got smaller, which is waived, and in which a project of September is gone."""
    september, october = (
        export(month="2025-09", projects={OTHER: "60", PROJECT: "50"}),
        export(projects={OTHER: "50", PROJECT: "50"}),
    )
    smaller = export(projects={PROJECT: "50"})
    waivers = (
        'waivers:\n  - {rule: OC601, organization: org-EXAMPLEacme01, month: "2025-10", reason: credits, owner: finops, '
        f'expires: "2026-06-30", approved_by: controlling, reference: FIN-812, sha256: "{sha256(smaller)}"}}\n'
    )
    make_ready(folder, waivers)
    for name, data in (("september.csv", september), ("october.csv", october), ("smaller.csv", smaller)):
        Path(name).write_bytes(data)
    for name in ("september.csv", "october.csv"):
        code, out, err = run("upload", name, "--month", "2025-09" if name[0] == "s" else "2025-10")
        assert code == 0, out + err
    return reported("smaller.csv")


def test_waivers_are_taken_and_told_and_earlier_uploads_compared_again(folder: Path) -> None:
    report = rich(folder)
    states = {one["rule"]: one["state"] for one in report["files"][0]["outcomes"]}
    assert (states["OC401"], states["OC601"], states["OC602"]) == ("passed", "waived", "failed")
    shutil.rmtree(".billproof")
    Path("billproof.yaml").unlink()
    code, out = verified()
    assert (code, "55 of 55" in out) == (0, True), out
    assert "OC601, 1 file: waived by finops until 2026-06-30, approved by controlling, FIN-812: credits" in out
    for line in ("config", "ledger"):
        assert next(one for one in out.splitlines() if one.startswith(f"  {line} "))


def test_a_month_that_the_ledger_had_not_yet(folder: Path) -> None:
    make_ready(folder)
    report = reported("export.csv")
    assert report["files"][0]["destination"] == "archive"
    assert "last_upload" not in report["files"][0]
    assert report["upload"]["ready"]
    shutil.rmtree(".billproof")
    assert verified()[0] == 0


def test_what_was_in_the_way_of_an_upload_is_in_the_report(folder: Path) -> None:
    make_ready(folder)
    target = '{kind: http, preset: pelanor-eu, method: POST, path: "/FILL-IN/{integration}", file: {form_field: FILL-IN}}'
    text = READY.replace("{kind: directory, path: .billproof/archive}", target)
    (folder / "billproof.yaml").write_text(text, "utf-8")
    report = reported("export.csv", "--policy", "upload")
    assert report["files"][0]["hindrance"]["code"] == "fill_in"
    assert report["verdict"] == "unproved"
    assert verified()[0] == 0


@pytest.mark.parametrize(
    "integrations",
    ["[]", "[{name: other, organization: org-EXAMPLEother1}]", "[{name: f, organization: org-EXAMPLEother1, files: .}]"],
)
def test_a_configuration_that_knows_another_organization(folder: Path, integrations: str) -> None:
    (folder / "billproof.yaml").write_text(f"version: 1\nintegrations: {integrations}\n", "utf-8")
    report = reported("export.csv")
    code, out = verified("export.csv")
    assert code == 0, out
    unset = [number for number, one in enumerate(report["files"][0]["outcomes"]) if one["state"] == "not_run"]
    for number in unset:
        reason = report["files"][0]["outcomes"][number]["reason"]
        write(edited(report, ("files", 0, "outcomes", number, "reason"), reason + "x"))
        assert verified("export.csv")[0] == 1, reason


REFUSED = {
    "expired": ('at_most: 5, expires: "2025-11-30"', "it expired on 2025-11-30"),
    "too few": ('at_most: 1, expires: "2026-06-30"', "it covers at most 1, and there are 3"),
    "another file": (f'sha256: "{"0" * 64}", expires: "2026-06-30"', "it covers another file (sha256)"),
}


@pytest.mark.parametrize(
    "limits, refusal",
    [pytest.param(*one, id=name, marks=() if name == "expired" else pytest.mark.soak) for name, one in REFUSED.items()],
)
def test_a_waiver_that_did_not_apply(folder: Path, limits: str, refusal: str) -> None:
    """Without the configuration, its line, its date and its number are the report's word, and nothing else of the reason is."""
    shutil.copy(fixture("middle-gap"), folder / "export.csv")
    waiver = f'rule: OC304, organization: org-EXAMPLEacme01, month: "2025-10", reason: x, owner: me, {limits}'
    make_ready(folder, f"waivers:\n  - {{{waiver}}}\n")
    report = reported("export.csv")
    (number,) = (number for number, one in enumerate(report["files"][0]["outcomes"]) if one["rule"] == "OC304")
    reason = report["files"][0]["outcomes"][number]["reason"]
    assert refusal in reason
    assert verified()[0] == 0
    pieces = reason.split(" ")
    agreeing = []
    for place, piece in enumerate(pieces):
        for other in ("x", piece + "x", piece[:-1] + ("3" if piece[-1] != "3" else "4")):
            text = " ".join((*pieces[:place], other, *pieces[place + 1 :]))
            write(edited(report, ("files", 0, "outcomes", number, "reason"), text))
            if verify(Wanted("report.json")).word.startswith("AGREES"):
                agreeing.append(piece)
    assert set(agreeing) <= {piece for piece in pieces if piece.startswith("billproof.yaml:")} | {"2025-11-30"}
    hostile = ("", "x", f"{reason} ", f"{reason} billproof.yaml:1", "billproof.yaml:", "billproof.yaml:" + "9" * 9_999)
    for text in hostile:
        write(edited(report, ("files", 0, "outcomes", number, "reason"), text))
        code, out = verified()
        assert (code, "unexpected" in out) == (1, False), text


@pytest.mark.parametrize(
    "case, rule, expires, state",
    [
        ("middle-gap", "OC304", "2026-01-01", "same"),
        ("middle-gap", "OC304", "2025-11-30", "differs"),
        ("middle-gap", "OC304", "2027-12-31", "differs"),
        ("duplicate-row", "OC504", "2026-01-01", "differs"),
    ],
    ids=["one that the report may have", "expired", "too far ahead", "not waivable"],
)
def test_a_waiver_that_nobody_could_have_given_is_seen(folder: Path, case: str, rule: str, expires: str, state: str) -> None:
    make_ready(folder)
    shutil.copy(fixture(case), folder / "export.csv")
    report = reported("export.csv")
    (outcome,) = (one for one in report["files"][0]["outcomes"] if one["state"] == "failed" and one["level"] == "error")
    assert outcome["rule"] == rule
    outcome |= {"state": "waived", "waiver": {"reason": "x", "owner": "x", "expires": expires, "at": "billproof.yaml:9"}}
    report["files"][0]["verdict"] = "pass"
    report["files"][0].pop("diagnosis", None)
    write(report)
    found = verify(Wanted("report.json"))
    assert [one.state for one in found.steps if one.label == "re-run"] == [state], list(found.lines())


def test_the_configuration_of_then_proves_waivers_and_readiness(folder: Path) -> None:
    report = rich(folder)
    (folder / "kept").mkdir()
    Path("billproof.yaml").rename("kept/billproof.yaml")
    shutil.rmtree(".billproof")
    code, out = verified("smaller.csv", "--config", "kept/billproof.yaml")
    assert (code, "as in the configuration:" in out) == (0, True), out
    assert f"config     billproof.yaml, same digest as in the report: sha256 {report['settings']['config']['sha256']}" in out
    for key, to in (("owner", "somebody else"), ("reason", "x"), ("expires", "2026-01-01"), ("at", "billproof.yaml:1")):
        number = next(number for number, one in enumerate(report["files"][0]["outcomes"]) if "waiver" in one)
        write(edited(report, ("files", 0, "outcomes", number, "waiver", key), to))
        assert verified()[0] == 0, "without the configuration it is the report's word"
        code, out = verified("smaller.csv", "--config", "kept/billproof.yaml")
        assert (code, "OC601 month-shrinks, waiver" in out) == (1, True), out
    write(edited(report, ("files", 0, "integration"), "x"))
    assert verified("--config", "kept/billproof.yaml")[0] == 1


def test_whose_folder_it_was_is_taken_from_the_configuration_of_then(folder: Path) -> None:
    (folder / "exports").mkdir()
    shutil.move("export.csv", "exports/export.csv")
    text = "version: 1\nintegrations:\n  - {name: other, organization: org-EXAMPLEother1, files: exports/}\n"
    Path("billproof.yaml").write_text(text, "utf-8")
    report = reported("exports/export.csv")
    assert report["files"][0]["organization"] == {"value": "org-EXAMPLEother1", "source": "billproof.yaml:3"}
    shutil.copy("exports/export.csv", "moved.csv")
    shutil.move("billproof.yaml", "kept.yaml")
    assert verified("moved.csv", "--config", "kept.yaml")[0] == 0
    write(edited(report, ("files", 0, "organization", "source"), "billproof.yaml:2"))
    assert verified("moved.csv", "--config", "kept.yaml")[0] == 1


def test_what_is_in_the_way_is_found_in_the_configuration_of_then(folder: Path) -> None:
    test_what_was_in_the_way_of_an_upload_is_in_the_report(folder)
    assert verified("--config", "billproof.yaml")[0] == 0
    report = json.loads(Path("report.json").read_text("utf-8"))
    write(edited(report, ("files", 0, "hindrance", "text"), "nothing of note"))
    assert verified("--config", "billproof.yaml")[0] == 1


@pytest.mark.parametrize("had_one", [True, False])
def test_another_configuration_is_unproved(folder: Path, had_one: bool) -> None:
    if had_one:
        make_ready(folder)
    report = reported("export.csv")
    make = READY + "# another\n"
    (folder / "other.yaml").write_text(make, "utf-8")
    code, out = verified("--config", "other.yaml")
    assert (code, out.splitlines()[0]) == (3, "UNPROVED")
    assert (report["settings"]["config"]["sha256"] in out) if had_one else ("which was" in out and "none" in out)
    assert run("verify", "report.json", "--config", "missing.yaml")[0] == 2


# --- several files ---


def test_every_file_of_a_report_or_the_one_that_is_named(folder: Path) -> None:
    shutil.copy(fixture("middle-gap"), folder / "gap.csv")
    reported("export.csv", "gap.csv")
    code, out = verified()
    assert (code, out.count("55 of 55"), "scope" in out) == (0, 2, False), out
    code, out = verified("gap.csv")
    assert (code, out.count("55 of 55")) == (0, 1)
    assert "scope      1 of 2 files; the others, and the verdict on all of them, were not checked" in out
    Path("export.csv").unlink()
    code, out = verified()
    assert (code, out.splitlines()[0]) == (3, "UNPROVED")
    assert "export.csv was not found" in out


def test_many_files_are_counted_and_not_listed(folder: Path) -> None:
    for number in range(25):
        (folder / f"{number:02}.csv").write_bytes(export(str(number)))
    reported(*(f"{number:02}.csv" for number in range(25)))
    code, out = verified()
    assert code == 0
    assert len(out.splitlines()) < 60
    assert "re-run     5 more: same" in out


def test_a_file_that_is_none_of_the_report_s_differs(folder: Path) -> None:
    reported("export.csv")
    (folder / "other.csv").write_bytes(GOOD.read_bytes() + b"\n")
    code, out = verified("other.csv")
    assert (code, out.splitlines()[0]) == (1, "DIFFERS")
    assert sha256((folder / "other.csv").read_bytes()) in out
    assert sha256(GOOD.read_bytes()) in out


@pytest.mark.parametrize("change", [lambda data: data + b"\n", lambda data: data.replace(b"usd", b"eur", 1)])
def test_an_edited_file_differs(folder: Path, change: Callable[[bytes], bytes]) -> None:
    reported("export.csv")
    (folder / "export.csv").write_bytes(change(GOOD.read_bytes()))
    for arguments in ((), ("export.csv",)):
        code, out = verified(*arguments)
        assert (code, out.splitlines()[0]) == (1, "DIFFERS"), out
        assert "\n  file       differs: " in out and "re-run" not in out


def test_an_edited_file_with_a_report_made_to_fit_differs(folder: Path) -> None:
    report = reported("export.csv")
    data = GOOD.read_bytes().replace(b"usd", b"eur", 1)
    (folder / "export.csv").write_bytes(data)
    report["files"][0]["sha256"] = sha256(data)
    write(report)
    code, out = verified()
    assert code == 1
    assert 'OC203 currency-not-usd, state: the report says "passed"; now it is "failed"' in out
    assert out.splitlines()[-1] == "  signature  none checked"


# --- edited reports ---

def places(tree: Any, place: Place = ()) -> Iterator[Place]:
    """Every value of a report but its form, its digest and `run`; whole parts, too."""
    if place:
        yield place
    if isinstance(tree, dict):
        for key, inner in tree.items():
            if key != "result_sha256" and (place or key not in ("run", "schema")):
                yield from places(inner, (*place, key))
    elif isinstance(tree, list):
        for number, inner in enumerate(tree):
            yield from places(inner, (*place, number))


def words(place: Place) -> str:
    """A place without its numbers: `files.*.outcomes.*.state`."""
    return ".".join("*" if isinstance(one, int) else one for one in place)


def edits(report: Report) -> Iterator[tuple[Place, Report]]:
    """The report with each of its values changed alone; of values alike in lists the first, of states the first four."""
    seen: Counter[str] = Counter()
    for place in places(report):
        seen[words(place)] += 1
        if seen[words(place)] <= (4 if place[-1] == "state" else 1):
            for other in other_values(value(report, place)):
                yield place, edited(report, place, other)


def other_values(old: Any) -> Iterator[Any]:
    """Values that could stand there instead, most of them such as the schema allows."""
    if isinstance(old, bool):
        yield not old
    elif isinstance(old, int):
        yield old + 1
    elif isinstance(old, str):
        yield {"passed": "not_applicable", "pass": "fail", "check": "upload", "error": "warning"}.get(
            old, old[:-1] + ("1" if old[-1:] != "1" else "2")
        )
    elif isinstance(old, list):
        yield [*old, *(old[-1:] or ["x"])]
        yield old[1:] or ["x"]
    elif isinstance(old, dict):
        # The digest of an entry comes back with the seal.
        for key in [key for key in old if key != "result_sha256"][-1:]:
            yield {name: inner for name, inner in old.items() if name != key}
    else:
        yield "x"


def test_every_value_is_under_the_digest(folder: Path) -> None:
    report = rich(folder)
    changed = list(edits(report))
    assert len(changed) > 200
    for place, one in changed:
        assert result_sha256(one) != report["result_sha256"], place
    write(edited(report, ("files", 0, "outcomes", 3, "evaluated"), 7), seal=False)
    code, out = verified()
    assert (code, out.splitlines()[:2]) == (
        1, ["DIFFERS", "  digest     differs: the report was changed: its result_sha256 is not the digest of its content"]
    )  # fmt: skip
    assert "evaluated: the report says 7; now it is" in out, "and the value is found as well"


def unverified(found: Verification) -> list[str]:
    """The fields of which `verify` says that only the report says so."""
    step = next(step for step in found.steps if step.label == "unverified")
    return " ".join((step.text, *step.more)).removeprefix("only the report says: ").replace("[]", ".*").split(", ")


def is_named(place: Place, fields: Iterable[str]) -> bool:
    """Whether a value is one of these fields, or in one, or (a whole list or object) the place of one alone."""
    name = "settings.*.source" if place[0] == "settings" and place[-1] == "source" else words(place)
    return any(f"{name}.".startswith(f"{field}.") for field in fields)


def of_a_run(kind: str, folder: Path) -> tuple[Report, list[str]]:
    """A report of each kind, and what `verify` has at hand for it."""
    if kind == "alone":
        return reported("export.csv"), []
    if kind == "options":
        given = ("--month", "last", "--organization", "org-EXAMPLEacme01", "--fail-on", "warning", "--max-findings", "7")
        return reported("export.csv", *given, as_of="2025-11-10"), []
    if kind.startswith("upload"):
        make_ready(folder)
        code, out, err = run("upload", "export.csv", "--as-of", "2025-12-01", "--output", "json=report.json")
        assert code == 0, out + err
        report: Report = json.loads(Path("report.json").read_text("utf-8"))
    else:
        report = rich(folder)
    return report, ["--config", "billproof.yaml"] if kind.endswith("with configuration") else []


KINDS = ["alone", "options", "upload", "upload with configuration", "waived", "waived with configuration"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("step", [24, pytest.param(1, marks=pytest.mark.soak)])
def test_a_value_that_can_be_edited_alone_is_named(folder: Path, kind: str, step: int) -> None:
    """Each is changed alone and the digest made to fit. `verify` says of all that agree that only the report says so."""
    report, at_hand = of_a_run(kind, folder)
    wanted = Wanted("report.json", config=at_hand[-1] if at_hand else None)
    assert verify(wanted).word.startswith("AGREES")
    for place, one in islice(edits(report), 0, None, step):
        write(one)
        found = verify(wanted)
        assert not found.word.startswith("AGREES") or is_named(place, unverified(found)), place


SETTINGS: dict[str, tuple[list[Any], list[str]]] = {
    "ruleset": (["openai-cost", "csv", "rules/openai-cost"], ["default", "--ruleset", "billproof.yaml"]),
    "organization": ([None, "org-EXAMPLEacme01", "org-EXAMPLEother"], ["default", "--organization", "inferred", "flag"]),
    "month": ([None, "2025-10", "2025-11"], ["default", "--month", "--month last", "inferred"]),
    "month_to_date": ([True, False], ["default", "--month-to-date"]),
    "as_of": ([None, "2025-12-01T00:00:00Z"], ["clock", "--as-of", "default"]),
    "expect_total": ([None, "1038.56", "1"], ["default", "--expect-total", "billproof.yaml"]),
    "fail_on": (["error", "warning"], ["default", "--fail-on"]),
    "policy": (["check", "upload"], ["default", "--policy"]),
    "max_findings": ([100, 101], ["default", "--max-findings"]),
    "second_opinion": ([True, False], ["default", "--second-opinion"]),
    "to": ([None, "archive"], ["default", "--to"]),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_has_only_a_source_that_it_can_have(name: str) -> None:
    """Value and source are changed together: a source that gives another value differs."""
    report = reported("export.csv")
    agreeing = set()
    for setting in product(*SETTINGS[name]):
        write(edited(report, ("settings", name), dict(zip(("value", "source"), setting, strict=True))))
        if verify(Wanted("report.json")).word.startswith("AGREES"):
            agreeing.add(setting)
    assert agreeing == {
        "ruleset": {("openai-cost", "default"), ("openai-cost", "--ruleset"), ("rules/openai-cost", "--ruleset")},
        "organization": {(None, "default")},
        "month": {(None, "default")},
        "month_to_date": {(False, "default")},
        "as_of": {("2025-12-01T00:00:00Z", "--as-of"), (None, "clock")},
        "expect_total": {(None, "default")},
        "fail_on": {("error", "default"), ("error", "--fail-on")},
        "policy": {("check", "default"), ("check", "--policy")},
        "max_findings": {(100, "default"), (100, "--max-findings"), (101, "--max-findings")},
        "second_opinion": {(False, "default")},
        "to": {(None, "default")},
    }[name]


def test_a_report_that_is_another_s_in_every_word_is_seen(folder: Path) -> None:
    """A failing file with the report of a passing one, every digest and name made to fit."""
    shutil.copy(fixture("bad-amount"), folder / "export.csv")
    bad = reported("export.csv")
    shutil.copy(GOOD, folder / "export.csv")
    good = reported("export.csv")
    shutil.copy(fixture("bad-amount"), folder / "export.csv")
    for key in ("bytes", "sha256"):
        good["files"][0][key] = bad["files"][0][key]
    write(good)
    code, out = verified()
    assert (code, out.splitlines()[0]) == (1, "DIFFERS")
    assert 'OC202 bad-amount, state: the report says "passed"; now it is "failed"' in out
    assert len(out.splitlines()) < 40


def test_a_verdict_that_does_not_follow_is_seen(folder: Path) -> None:
    shutil.copy(fixture("bad-amount"), folder / "export.csv")
    report = reported("export.csv")
    report |= {"verdict": "pass", "exit_code": 0, "reasons": []}
    report["files"][0]["verdict"] = "pass"
    write(report)
    code, out = verified()
    assert code == 1
    assert "report     differs: its verdict does not follow from its 55 outcomes and settings" in out
    assert "export.csv: the report says pass; its outcomes say fail" in out


def test_two_names_that_are_shown_as_one_agree(folder: Path) -> None:
    shutil.copy(FIXTURES / "demo" / "cost_2025-10-04_2025-11-03.csv", folder / "anna@example.com.csv")
    shutil.copy(GOOD, folder / "bob@example.com.csv")
    report = reported("anna@example.com.csv", "bob@example.com.csv")
    assert [(one["path"], one["verdict"]) for one in report["files"]] == [("<e-mail>", "fail"), ("<e-mail>", "pass")]
    for named in ("anna@example.com.csv", "bob@example.com.csv"):
        code, out = verified(named)
        assert (code, out.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED"), out


def test_a_file_that_stands_in_a_report_twice_is_seen() -> None:
    report = reported("export.csv")
    report["files"] *= 2
    write(report)
    assert verified()[0] == 1


def two_of_a_month(folder: Path) -> tuple[str, ...]:
    """Two good exports of one month, and the arguments of their check."""
    make_ready(folder)
    (folder / "other.csv").write_bytes(export("100"))
    return "export.csv", "other.csv", "--month", "2025-10"


@pytest.mark.parametrize("policy", ["check", "upload"])
def test_two_files_of_a_month_agree(folder: Path, policy: str) -> None:
    report = reported(*two_of_a_month(folder), "--policy", policy)
    assert report["upload"]["because"] == ["two_files"]
    assert {one["verdict"] for one in report["files"]} == {"pass" if policy == "check" else "unproved"}
    for named in ((), ("other.csv",), ("--config", "billproof.yaml")):
        code, out = verified(*named)
        assert (code, out.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED"), out


@pytest.mark.parametrize("policy", ["check", "upload"])
def test_two_files_of_a_month_that_are_said_to_be_ready_differ(folder: Path, policy: str) -> None:
    report = reported(*two_of_a_month(folder), "--policy", policy)
    report["upload"] = {"ready": True, "because": []}
    report |= {"verdict": "pass", "exit_code": 0, "reasons": []}
    for one in report["files"]:
        one["verdict"] = "pass"
    write(report)
    code, out = verified()
    assert (code, out.splitlines()[0]) == (1, "DIFFERS"), out
    assert "upload, ready: the report says true; now it is false" in out


@pytest.mark.parametrize("command", ["check", "upload"])
def test_an_upload_that_was_judged_later_than_its_clock_differs(folder: Path, command: str) -> None:
    make_ready(folder)
    report = reported("export.csv", "--policy", "upload")
    report["policy"]["command"] = command
    report["settings"]["policy"]["source"] = "default" if command == "upload" else "--policy"
    write(report)
    assert verified()[0] == 0
    report["settings"]["as_of"]["value"] = report["run"]["as_of"] = "2025-12-01T00:00:01Z"
    write(report)
    code, out = verified()
    assert (code, out.splitlines()[0]) == (1, "DIFFERS"), out
    assert "--as-of is later than the clock" in out


@pytest.mark.parametrize(
    "place, to",
    [
        (("run", "as_of"), "2025-11-04T00:00:00Z"),
        (("run", "as_of"), "2025-02-31T00:00:00Z"),
        (("run", "started"), "2025-02-31T00:00:00Z"),
        (("settings", "as_of", "value"), "9999-12-31T23:59:59Z"),
        (("settings", "expect_total", "value"), "1" + "0" * 400),
        (("settings", "max_findings", "value"), 10**30),
        (("settings", "month", "value"), "0000-01"),
        (("files", 0, "month", "value"), "0000-01"),
        (("files", 0, "bytes"), -1),
        (("settings", "config"), {"path": "x" * 5000, "sha256": "0" * 64}),
    ],
    ids=str,
)
def test_values_that_no_run_can_have_differ(place: Place, to: Any) -> None:
    report = reported("export.csv")
    write(edited(report, place, to))
    code, out = verified()
    assert (code, out.splitlines()[0]) == (1, "DIFFERS"), out


# --- what cannot be done again ---


def test_a_file_that_is_not_there_is_unproved(folder: Path) -> None:
    reported("export.csv")
    Path("export.csv").unlink()
    for arguments in ((), ("missing.csv",), (".",)):
        code, out = verified(*arguments)
        assert (code, out.splitlines()[0]) == (3, "UNPROVED"), out
        assert "valid; its verdict, PASS" in out


@pytest.mark.parametrize("arguments", [[], ["missing.csv"], ["export.csv", "missing.csv"]])
def test_a_report_of_no_file_or_of_one_that_could_not_be_read_is_unproved(folder: Path, arguments: list[str]) -> None:
    (folder / "empty").mkdir()
    reported(*(arguments or ["empty"]))
    code, out = verified()
    assert (code, out.splitlines()[0]) == (3, "UNPROVED"), out


def test_why_a_file_could_not_be_read_cannot_be_cut_short(folder: Path) -> None:
    report = reported("missing.csv")
    text = report["reasons"][0]["text"]
    assert report["files"][0]["error"].startswith(text)
    for edit in (text[:-1], "", text + "x"):
        write(edited(report, ("reasons", 0, "text"), edit))
        code, out = verified()
        assert (code, out.splitlines()[0]) == (1, "DIFFERS"), edit


def test_another_version_is_unproved_and_told(folder: Path) -> None:
    report = reported("export.csv")
    report["tool"]["version"] = "9.9.9"
    report["files"][0]["of_the_future"] = True
    write(report)
    code, out = verified()
    assert (code, out.splitlines()[0]) == (3, "UNPROVED")
    assert "git checkout v9.9.9 && pip install ." in out
    report["tool"]["version"] = "9.9.9; rm -rf x"
    write(report)
    code, out = verified()
    assert (code, "rm -rf" in out) == (1, False)


def test_a_rule_set_of_one_s_own_is_named_and_proved_by_its_digest(folder: Path) -> None:
    stricter = str(ROOT / "tests" / "rulesets" / "stricter")
    report = reported("export.csv", "--ruleset", stricter)
    code, out = verified()
    assert (code, out.splitlines()[0]) == (3, "UNPROVED")
    assert report["ruleset"]["sha256"] in out
    assert "billproof verify REPORT FILE --ruleset FOLDER" in out
    assert verified("--ruleset", stricter)[0] == 0
    assert verified("--ruleset", "openai-cost")[0] == 3
    assert run("verify", "report.json", "--ruleset", "nowhere")[0] == 2


def test_a_copy_of_the_shipped_rules_is_the_shipped_set(folder: Path) -> None:
    reported("export.csv")
    for name in ("csv", "openai-cost"):
        shutil.copytree(ROOT / "rules" / name, folder / "rules" / name)
    assert verified("--ruleset", "rules/openai-cost")[0] == 0
    changed = folder / "rules" / "openai-cost" / "OC304-missing-day.yaml"
    changed.write_text(changed.read_text("utf-8").replace("level: error", "level: warning", 1), "utf-8")
    assert verified("--ruleset", "rules/openai-cost")[0] == 3
    assert verified()[0] == 0


def test_the_rule_set_of_an_evidence_pack_needs_no_examples(folder: Path) -> None:
    """`pack` copies the YAML files alone: the digest is the same, and so is what they find."""
    report = reported("export.csv")
    for name in ("csv", "openai-cost"):
        (folder / "ruleset" / name).mkdir(parents=True)
        for path in (ROOT / "rules" / name).glob("*.yaml"):
            shutil.copy(path, folder / "ruleset" / name)
    assert verified("--ruleset", "ruleset/openai-cost")[0] == 0
    again = reported("export.csv", "--ruleset", "ruleset/openai-cost")
    assert again["ruleset"]["sha256"] == report["ruleset"]["sha256"]
    # The digest of the entry is also that of the settings, which name the rule set.
    assert [file | {"result_sha256": ""} for file in again["files"]] == [file | {"result_sha256": ""} for file in report["files"]]


def test_another_frictionless_is_unproved(folder: Path) -> None:
    report = reported("export.csv", "--second-opinion")
    report["files"][0]["second_opinion"]["tool"] = "frictionless 1.0.0"
    write(report)
    code, out = verified()
    assert (code, "the second opinion is by frictionless 1.0.0" in out) == (3, True)


# --- hostile reports ---


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\xff\xfe{}", b"[]", b"{}", b'{"schema": "billproof/report/v2"}', b"null", GOOD.read_bytes(), b"[" * 100_000,
        b'{"schema": "billproof/report/v1", "schema": "billproof/report/v1"}',
        b'{"schema": "billproof/report/v1", "files": [NaN]}', b'{"schema": "billproof/report/v1", "files": [1.0]}',
        b'{"schema": "billproof/report/v1", "files": ["\\ud800"]}', b'{"schema": "billproof/report/v1"} {}',
        b'{"schema": "billproof/report/v1", "files": ' + b"9" * 5_000 + b"}",
        b'{"schema": "billproof/report/v1", "a": ' + b'{"a":' * 3_000 + b"1" + b"}" * 3_001,
    ],
    ids=lambda data: repr(data[:50]),
)  # fmt: skip
def test_what_is_no_report_is_refused(folder: Path, data: bytes) -> None:
    (folder / "report.json").write_bytes(data)
    code, out, err = run("verify", "report.json", "export.csv")
    assert (code, out) == (3, "")
    assert err.startswith("report.json: is not a billproof report")
    assert len(err) < 500


@pytest.mark.parametrize(
    ("length", "said"),
    [(33, "report.json: is not a billproof report: "), (65, "report.json: is larger than 64 MiB, the most that verify reads")],
)
def test_a_file_of_one_long_line_is_no_report_and_is_spoken_of_as_one(length: int, said: str) -> None:
    with open("report.json", "wb") as stream:
        stream.truncate(length * 2**20)
    code, out, err = run("verify", "report.json", "export.csv")
    assert (code, out) == (3, "")
    assert err.startswith(said)
    assert err.splitlines()[1].startswith("First the report")


@pytest.mark.parametrize("path", ["missing.json", ".", "/dev/zero"])
def test_a_report_that_cannot_be_read_is_refused(path: str) -> None:
    code, out, err = run("verify", path)
    assert (code, out) == (3, "")
    assert "unexpected" not in err


def test_a_key_that_stands_twice_is_refused(folder: Path) -> None:
    """One reader would see a pass where another sees a fail."""
    reported("export.csv")
    text = Path("report.json").read_text("utf-8").replace('"verdict": "pass"', '"verdict": "fail", "verdict": "pass"', 1)
    Path("report.json").write_text(text, "utf-8")
    assert run("verify", "report.json")[0] == 3


@pytest.mark.parametrize("path", ["../secret.csv", "{}/secret.csv", "a/../../secret.csv", "link.csv", "/dev/zero", "/etc/passwd"])
def test_only_what_lies_here_is_opened_unasked(folder: Path, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    """A report may name any path; without FILE, nothing outside the working folder and that of the report is read."""
    report = reported("export.csv")
    (folder / "inner").mkdir()
    shutil.copy(GOOD, folder / "secret.csv")
    monkeypatch.chdir(folder / "inner")
    Path("link.csv").symlink_to("../secret.csv")
    path = path.format(folder)
    report["files"][0] |= {"path": path, "name": path.rpartition("/")[2]}
    write(report)
    opened: list[str] = []
    monkeypatch.setattr(find, "private_copy", lambda path: opened.append(path))
    code, out = verified()
    assert (code, opened) == (3, []), out
    assert "was not found. Say where it is:" in out


def test_text_of_a_report_cannot_write_on_the_terminal(folder: Path) -> None:
    evil = "\x1b[2J\u202eAGREES\n::error::x"
    report = reported("export.csv")
    for place in ((("files", 0, "path")), ("files", 0, "outcomes", 0, "name"), ("ruleset", "name"), ("tool", "version")):
        write(edited(report, place, evil))
        code, out = verified()
        assert code == 1
        assert not {"\x1b", "\u202e"} & set(out)
        assert out.count("AGREES") == 0 or "\nAGREES" not in out
        assert "\n::" not in out
    report["settings"]["config"] = {"path": "x", "sha256": "0" * 64 + "\n"}  # `$` in a pattern takes a line feed, too
    report["files"][0]["outcomes"][0]["waiver"] = {"reason": "x", "owner": "x", "expires": "2026-01-01\n", "at": "x"}
    write(report)
    assert not [line for line in verified()[1].splitlines()[1:] if not line.startswith("  ")]
    for key in list(report):
        write({**report, key: evil}, seal=False)
        code, out, err = run("verify", "report.json")
        assert code in (1, 3)
        assert "unexpected" not in err
        assert not {"\x1b", "\u202e"} & set(out + err)


def test_the_digest_of_a_files_entry_is_compared() -> None:
    report = reported("export.csv")
    report["files"][0]["result_sha256"] = "0" * 64
    report["result_sha256"] = result_sha256(report)
    write(report, seal=False)
    code, out = verified()
    assert (code, out.splitlines()[0]) == (1, "DIFFERS")
    assert "entries of files were changed: their result_sha256" in out


@pytest.mark.parametrize("junk", [None, 0, "x", [], {}, [[]], True], ids=repr)
def test_a_part_of_another_type_is_never_a_crash(junk: Any) -> None:
    report = reported("export.csv")
    for key in [key for key in report if report[key] != junk]:
        write({**report, key: junk}, seal=key != "result_sha256")
        code, out, err = run("verify", "report.json")
        assert code == (3 if key == "schema" else 1), (key, out)
        assert "unexpected" not in err


def test_the_order_of_the_arguments_is_told(folder: Path) -> None:
    reported("export.csv")
    code, _, err = run("verify", "export.csv", "report.json")
    assert (code, "billproof verify REPORT FILE" in err) == (3, True)


def test_the_file_beside_the_report_is_the_one_whatever_it_holds(folder: Path) -> None:
    """A pack is looked at where its export was made, too: the good one there must not stand in for the one in the pack."""
    (folder / "reports").mkdir()
    reported("export.csv")
    Path("report.json").rename("reports/report.json")
    good = Path("export.csv").read_bytes()
    Path("export.csv").rename("reports/export.csv")
    Path("export.csv").write_bytes(b"x\n")
    code, out, _ = run("verify", "reports/report.json")
    assert (code, out.count("  file       reports/export.csv: ")) == (0, 1)
    for damaged in (good.replace(b"usd", b"eur", 1), b"x\n"):
        Path("export.csv").write_bytes(good)
        Path("reports/export.csv").write_bytes(damaged)
        code, out, _ = run("verify", "reports/report.json")
        assert (code, out.splitlines()[0]) == (1, "DIFFERS")
        assert f"file       differs: reports/export.csv has {len(damaged):,} bytes" in out
