"""Records are read strictly, and a check takes the newest one in the folder that fits."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from billproof.model.errors import Unreadable
from billproof.openai.record import month_folder, read_record, sealed
from tests.rules.checks.comparing import GOOD, LATE, ORGANIZATION, Charge, pair, record
from tests.support import check, run
from tests.uploading import stand_still

TEXT = record(GOOD)
OTHER = Charge(4, "proj_A", "x", "1")


def edited(change: Callable[[dict[str, Any]], Any]) -> bytes:
    """The record after a change, with the digest of what it says now."""
    document = json.loads(TEXT)
    change(document)
    del document["sha256"]
    return sealed(document)


def body(old: str, new: str) -> bytes:
    """The record with another body of its answer."""

    def change(document: dict[str, Any]) -> None:
        text = document["answers"][0]["body"]
        assert old in text
        document["answers"][0]["body"] = text.replace(old, new, 1)

    return edited(change)


def test_a_record_that_was_not_changed_is_read(tmp_path: Path) -> None:
    path, options = pair(tmp_path, GOOD, edited(lambda document: None))
    assert check(path, *options).code == 0


BAD = {
    "edited": TEXT.replace(b"20.5", b"20.4", 1),
    "of another organization": TEXT.replace(ORGANIZATION.encode(), b"org-EXAMPLE2", 1),
    "read at another time": TEXT.replace(LATE.encode(), b"2025-11-06T02:10:00Z"),
    "truncated": TEXT[: len(TEXT) // 2],
    "empty": b"",
    "not UTF-8": TEXT.replace(b"whisper", b"whisp\xe9r"),
    "UTF-16": TEXT.decode().encode("utf-16"),
    "a list": b"[]",
    "text after the end": TEXT + b"{}",
    "a key twice": TEXT.replace(b'"month"', b'"month": "2025-09",\n "month"', 1),
    "without a digest": sealed(json.loads(TEXT)).replace(b'"sha256"', b'"sha257"'),
    "nested too deeply": b"[" * 100_000,
    "of another schema": edited(lambda document: document.update(schema="billproof/costs/v2")),
    "with another field": edited(lambda document: document.update(more=1)),
    "with a field less": edited(lambda document: document.pop("base_url")),
    "with a number for text": edited(lambda document: document.update(month=202510)),
    "of a month that does not exist": edited(lambda document: document.update(month="2025-13")),
    "of a day that does not exist": edited(lambda document: document["days"].update(last="2025-10-32")),
    "of fewer days": edited(lambda document: document["days"].update(last="2025-10-30")),
    "read before its days had ended": edited(lambda document: document["read"].update(started="2025-10-30T02:10:00Z")),
    "that ended before it began": edited(lambda document: document["read"].update(finished="2025-11-05T02:09:59Z")),
    "with a refusal": edited(lambda document: document["answers"][0].update(status=401)),
    "without answers": edited(lambda document: document.update(answers=[])),
    "with an answer twice": edited(lambda document: document.update(answers=document["answers"] * 2)),
    "confirmed by nothing": edited(lambda document: document.update(confirmed=True)),
    "NaN in an answer": body('"20.5"', "NaN"),
    "a name twice in an answer": body('"currency": "usd"', '"currency": "usd", "currency": "usd"'),
    "another currency in an answer": body('"usd"', '"eur"'),
    "another organization in an answer": body('"line_item"', '"organization_id": "org-EXAMPLE2", "line_item"'),
    "an answer to another path": edited(lambda document: document["answers"][0].update(path="/v1/usage")),
    "an answer for one project": edited(
        lambda document: document["answers"][0].update(path=document["answers"][0]["path"] + "&project_ids=proj_A")
    ),
    "a page for one project": edited(
        lambda document: document["answers"][0].update(path=document["answers"][0]["path"] + "&page=a&project_ids=proj_A")
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_record_that_cannot_be_relied_on_proves_nothing(tmp_path: Path, name: str) -> None:
    assert BAD[name] != TEXT
    path, options = pair(tmp_path, GOOD, BAD[name])
    found = check(path, *options)
    assert (found.code, "Traceback" in found.err + found.out) == (3, False)
    assert run("costs", "show", options[1])[0] == 3


def test_a_record_that_is_too_large_or_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, options = pair(tmp_path, GOOD, TEXT)
    assert check(path, "--costs", tmp_path).code == 3
    assert check(path, "--costs", tmp_path / "missing.json").code == 3
    monkeypatch.setattr("billproof.openai.record.LARGEST", len(TEXT) - 1)
    assert check(path, *options).code == 3


def test_a_record_is_for_one_file(tmp_path: Path) -> None:
    path, options = pair(tmp_path, GOOD, TEXT)
    (tmp_path / "other.csv").write_bytes(path.read_bytes())
    code, _, err = run("check", str(path), str(tmp_path / "other.csv"), *options)
    assert (code, "--costs" in err) == (2, True)
    assert run("check", str(tmp_path), *options)[0] == 2


# --- the folder of records ---


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with an export and a configuration with a folder of records."""
    pair(tmp_path, GOOD, TEXT)
    (tmp_path / "record.json").unlink()
    (tmp_path / ".git").mkdir()
    configure(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def configure(folder: Path, more: str = "") -> None:
    costs = f"costs: {{folder: costs{more}}}"
    (folder / "billproof.yaml").write_text(
        f"version: 1\nintegrations:\n  - {{name: main, organization: {ORGANIZATION}, files: ., {costs}}}\n"
    )


def put(folder: Path, started: str, data: bytes, month: str = "2025-10") -> Path:
    """A record in its place, named for when it was read."""
    where = folder / "costs" / ORGANIZATION / month
    where.mkdir(parents=True, exist_ok=True)
    path = where / f"{started.replace('-', '').replace(':', '')}-{json.loads(data)['sha256'][:12]}.json"
    path.write_bytes(data)
    return path


def taken(name: str = "cost_2025-10-01_2025-10-31.csv") -> tuple[int, str | None]:
    """Exit code of a check, and when the record was read that it compared with."""
    found = check(name)
    costs = found.file.get("costs")
    return found.code, costs and costs["read"]["started"]


def test_the_newest_that_fits_is_taken(project: Path) -> None:
    assert taken() == (0, None)
    put(project, LATE, TEXT)
    assert taken() == (0, LATE)
    later = "2025-11-20T00:00:00Z"
    put(project, later, record([*GOOD, OTHER], later))
    assert taken() == (1, later)
    assert check("cost_2025-10-01_2025-10-31.csv", "--costs", next((project / "costs").rglob("20251105*"))).failed == set()


def test_those_that_do_not_fit_are_passed_over_and_named(project: Path) -> None:
    early = "2025-10-31T23:00:00Z"
    put(project, early, record(GOOD, early))
    put(project, "2025-11-21T00:00:00Z", record(GOOD, "2025-11-21T00:00:00Z", organization="org-EXAMPLE2"))
    found = check("cost_2025-10-01_2025-10-31.csv", "--costs-required")
    assert found.code == 3
    reason = found.outcome("OC801")["reason"]
    assert "20251031T230000Z" in reason
    assert "20251121T000000Z" in reason
    assert "before the last day to compare had ended" in reason
    put(project, LATE, TEXT)
    assert taken() == (0, LATE)


def test_a_damaged_record_in_the_folder_is_not_passed_over(project: Path) -> None:
    put(project, LATE, TEXT)
    path = put(project, "2025-11-20T00:00:00Z", TEXT)
    path.write_bytes(BAD["edited"])
    found = check("cost_2025-10-01_2025-10-31.csv")
    assert (found.code, path.name in found.out) == (3, True)


def test_a_record_that_is_required(project: Path) -> None:
    configure(project, ", required: true")
    assert taken()[0] == 3
    put(project, LATE, TEXT)
    assert taken() == (0, LATE)
    configure(project)
    assert check("cost_2025-10-01_2025-10-31.csv", "--costs-required").code == 0


def test_a_record_whose_reading_ended_in_the_future_is_unproved(tmp_path: Path) -> None:
    path, options = pair(tmp_path, GOOD, edited(lambda document: document["read"].update(finished="2099-01-01T00:00:00Z")))
    found = check(path, *options)
    told = " ".join(found.out.split())
    assert (found.code, "was read at 2099-01-01 00:00 UTC, which is later than" in told) == (3, True), told


def test_the_line_to_send_to_an_owner(project: Path) -> None:
    reason = check("cost_2025-10-01_2025-10-31.csv").outcome("OC801")["reason"]
    assert "billproof costs fetch --month 2025-10" in reason
    assert "owner of the organization can fetch it: " in reason


def test_a_record_is_not_asked_for_before_its_month_has_ended(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_still(monkeypatch, "2025-10-29T12:00:00Z")
    reason = check("cost_2025-10-01_2025-10-31.csv").outcome("OC801")["reason"]
    assert "can fetch it from 2025-11-01 00:00 UTC: billproof costs fetch --month 2025-10" in reason


def test_a_check_never_reads_the_key(project: Path) -> None:
    configure(project, ", key: {file: nowhere}")
    put(project, LATE, TEXT)
    assert taken() == (0, LATE)


def test_an_organization_cannot_leave_its_folder(tmp_path: Path) -> None:
    with pytest.raises(Unreadable):
        read_record(str(tmp_path / "nothing.json"))
    for name in ("..", ".", "a/b", "../../etc", "a\\b"):
        folder = Path(month_folder("costs", name, "2025-10"))
        assert folder.parts[0] == "costs"
        assert ".." not in folder.parts
        assert len(folder.parts) == 3
