"""`--costs-key`: a record of OpenAI's costs is taken only with the signature of whoever fetched it; anything else is unproved."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

import billproof
from billproof.audit.signing.attestation import attest_record
from billproof.audit.signing.dsse import read_signer
from billproof.openai.record import sealed
from tests.signing import Keys, make_keys, signed
from tests.support import ROOT, Checked, check, process

RULES = ROOT / "rules/openai-cost"
WROTE = "That the record is OpenAI's own; whoever can write to its folder can write one."
MONTH = ("--month", "2025-10", "--as-of", "2025-11-10")


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path)


def signed_record(folder: Path, keys: Keys, example: str = "OC801-record") -> Path:
    """A record of the rules' examples as `costs fetch --attest` writes it."""
    path = folder / "record.json"
    path.write_bytes((RULES / f"{example}.json").read_bytes())
    attest_record(read_signer(str(keys.private)), str(path), path.read_bytes(), json.loads(path.read_bytes()))
    return path


def compared(record: Path, key: Path | None, *arguments: str) -> Checked:
    words = ("--costs-key", str(key)) if key else ()
    return check(RULES / "OC801-as-exported.csv", "--costs", record, *MONTH, *words, *arguments, as_of=None)


def report(found: Checked) -> dict[str, Any]:
    assert found.report is not None, found.err
    return found.report


def test_a_signed_record_is_openais_own(tmp_path: Path, keys: Keys) -> None:
    found = compared(signed_record(tmp_path, keys), keys.public)
    assert (found.code, report(found)["files"][0]["costs"]["record"]["signed"]) == (0, True)
    assert WROTE not in report(found)["does_not_prove"]
    assert "agrees: 33 keys, 908.14 USD, signed" in found.out


def test_a_signature_that_nobody_asked_for_counts_for_nothing(tmp_path: Path, keys: Keys) -> None:
    found = compared(signed_record(tmp_path, keys), None)
    assert report(found)["files"][0]["costs"]["record"]["signed"] is False
    assert WROTE in report(found)["does_not_prove"]


def unsigned(record: Path, keys: Keys) -> None:
    Path(f"{record}.intoto.jsonl").unlink()


def by_another_key(record: Path, keys: Keys) -> None:
    other = make_keys(record.parent, "other")
    unsigned(record, keys)
    attest_record(read_signer(str(other.private)), str(record), record.read_bytes(), json.loads(record.read_bytes()))


def forged(record: Path, keys: Keys) -> None:
    document = json.loads(record.read_bytes())
    document["answers"][0]["body"] = document["answers"][0]["body"].replace("200.5", "100.5")
    record.write_bytes(sealed({key: value for key, value in document.items() if key != "sha256"}))


def of_another_kind(record: Path, keys: Keys) -> None:
    """What the same key signed of the same bytes, but not as a record: an export's attestation."""
    export = record.parent / "export.csv"
    export.write_bytes((RULES / "OC801-as-exported.csv").read_bytes())
    signed(keys, export)
    lines = Path(f"{export}.intoto.jsonl").read_bytes().splitlines(keepends=True)
    Path(f"{record}.intoto.jsonl").write_bytes(lines[1])


def with_a_second_line(record: Path, keys: Keys) -> None:
    beside = Path(f"{record}.intoto.jsonl")
    beside.write_bytes(beside.read_bytes() * 2)


def not_an_attestation(record: Path, keys: Keys) -> None:
    Path(f"{record}.intoto.jsonl").write_bytes(b"{}\n")


@pytest.mark.parametrize("spoil", [unsigned, by_another_key, forged, of_another_kind, with_a_second_line, not_an_attestation])
@pytest.mark.parametrize("policy", ["check", "upload"])
def test_a_record_without_the_signature_proves_nothing(tmp_path: Path, keys: Keys, spoil: Any, policy: str) -> None:
    record = signed_record(tmp_path, keys)
    spoil(record, keys)
    found = compared(record, keys.public, "--policy", policy)
    assert (found.code, report(found)["verdict"]) == (3, "unproved")
    assert "is not signed with the key of --costs-key" in report(found)["files"][0]["error"]
    assert report(found)["proves"] == []


def test_the_records_of_a_folder_are_held_to_it_too_also_in_other_processes(tmp_path: Path, keys: Keys) -> None:
    folder = tmp_path / "costs/org-EXAMPLE1/2025-10"
    folder.mkdir(parents=True)
    record = signed_record(folder, keys)
    (tmp_path / "exports").mkdir()
    for name in ("a.csv", "b.csv"):
        shutil.copy(RULES / "OC801-as-exported.csv", tmp_path / "exports" / name)
    config = tmp_path / "billproof.yaml"
    config.write_text(
        "version: 1\nintegrations:\n  - {name: research, organization: org-EXAMPLE1, files: exports/, costs: {folder: costs/}}\n"
    )
    words = ("check", tmp_path / "exports", "--config", config, "--costs-key", keys.public, "--jobs", "2", *MONTH)
    told = json.loads(process(*words, "--format", "json").stdout)
    assert [file["costs"]["record"]["signed"] for file in told["files"]] == [True, True]
    unsigned(record, keys)
    assert process(*words).returncode == 3


@pytest.mark.parametrize("name", ["key.pem", "nothing.pem"])
def test_what_is_no_public_key_is_a_usage_error(tmp_path: Path, keys: Keys, name: str) -> None:
    found = compared(signed_record(tmp_path, keys), tmp_path / name)
    assert found.code == 2
    assert found.err.startswith("--costs-key")


def test_the_python_interface_compares_and_merges() -> None:
    options: Any = {"month": "2025-10", "as_of": "2025-11-10", "costs": RULES / "OC801-record.json"}
    found = billproof.check(RULES / "OC801-as-exported.csv", **options)
    assert found.as_dict()["files"][0]["costs"]["agrees"] is True
    merged = billproof.merge([found])
    assert merged.as_dict()["proves"] == found.as_dict()["proves"]
    assert merged.as_dict()["files"][0]["costs"] == found.as_dict()["files"][0]["costs"]
    assert any("33 keys, 908.14 USD" in text for text in merged.as_dict()["proves"])


def test_a_demanded_record_that_is_absent_is_unproved_in_python_too() -> None:
    options: Any = {"month": "2025-10", "as_of": "2025-11-10", "costs_required": True, "policy": "upload"}
    assert billproof.check(RULES / "OC801-as-exported.csv", **options).exit_code == 3
    with pytest.raises(billproof.UsageError, match="costs_required: expected True or False"):
        billproof.check(RULES / "OC801-as-exported.csv", costs_required="yes")  # type: ignore[arg-type]


def test_reports_with_records_of_two_organizations_merge_to_a_proof_of_both(tmp_path: Path) -> None:
    """Each integration has its own folder of records; a file without a record takes the proof from the whole."""
    names = {"org-EXAMPLE1": "one", "org-EXAMPLE2": "two"}
    integrations = [f"  - {{name: {name}, organization: {id_}, files: {name}/, costs: {{}}}}" for id_, name in names.items()]
    (tmp_path / "billproof.yaml").write_text("\n".join(("version: 1", "integrations:", *integrations, "")))
    for id_, name in names.items():
        (tmp_path / name).mkdir()
        export = (RULES / "OC801-as-exported.csv").read_text("utf-8").replace("org-EXAMPLE1", id_)
        (tmp_path / name / "export.csv").write_text(export, "utf-8")
        document = json.loads((RULES / "OC801-record.json").read_text("utf-8").replace("org-EXAMPLE1", id_))
        folder = tmp_path / "costs" / id_ / "2025-10"
        folder.mkdir(parents=True)
        (folder / "record.json").write_bytes(sealed({key: value for key, value in document.items() if key != "sha256"}))
    options: Any = {"config": tmp_path / "billproof.yaml", "as_of": "2025-11-10"}
    reports = [billproof.check(tmp_path / name / "export.csv", **options) for name in names.values()]
    together = billproof.check([tmp_path / name / "export.csv" for name in names.values()], **options)
    merged = billproof.merge(reports)
    assert merged.as_dict()["proves"] == together.as_dict()["proves"]
    assert WROTE in merged.as_dict()["does_not_prove"]
    assert billproof.merge([json.loads(one.json) for one in reports]).as_dict()["files"][0]["costs"]["agrees"] is True


def test_one_record_is_not_compared_with_two_files_by_a_merge_either(tmp_path: Path) -> None:
    options: Any = {"month": "2025-10", "as_of": "2025-11-10", "costs": RULES / "OC801-record.json"}
    reports = [billproof.check(RULES / f"{name}.csv", **options) for name in ("OC801-as-exported", "OC801-one-project")]
    with pytest.raises(billproof.UsageError, match="--costs accepts one file only"):
        billproof.merge(reports)
