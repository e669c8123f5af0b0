"""Where the accepted bytes are found, and that nothing but those bytes counts."""

from __future__ import annotations

import shutil
from decimal import Decimal
from pathlib import Path

import pytest

from tests.spend.project import spend
from tests.support import run

TOTAL = "55501.89700837"


def states(document: dict[str, object]) -> dict[tuple[str, str], str]:
    integrations: list[dict[str, object]] = document["integrations"]  # type: ignore[assignment]
    return {(str(one["name"]), month["month"]): month["state"] for one in integrations for month in one["months"]}  # type: ignore[attr-defined]


def place_of(document: dict[str, object], month: str = "2026-10") -> str:
    integrations: list[dict[str, object]] = document["integrations"]  # type: ignore[assignment]
    return next(str(one["path"]) for one in integrations[0]["months"] if one["month"] == month)  # type: ignore[attr-defined]


def test_in_the_integration_s_folder(project: Path) -> None:
    shutil.rmtree("archive")
    found = spend()
    assert found["amount"] == TOTAL
    assert place_of(found).startswith("exports/research/")
    assert states(found)["europe", "2026-07"] == "not_accepted"


def test_under_another_name_in_a_folder_below(project: Path) -> None:
    shutil.rmtree("archive")
    Path("exports/research/old").mkdir()
    Path("exports/research/cost_2026-10-01_2026-10-31.csv").rename("exports/research/old/october (1).csv")
    assert place_of(spend()) == "exports/research/old/october (1).csv"


def test_in_a_destination_that_keeps_them(project: Path) -> None:
    shutil.rmtree("exports")
    found = spend()
    assert found["amount"] == TOTAL
    assert place_of(found).startswith("archive/")


@pytest.mark.parametrize("months", [["2026-10"], pytest.param(["2026-09", "2026-10"], marks=pytest.mark.soak)])
def test_in_evidence_packs_beside_the_configuration(project: Path, months: list[str]) -> None:
    code, out, err = run("pack", "research", *months, "--output", "audit")
    assert code == 0, out + err
    shutil.rmtree("archive")
    for month in months:
        next(Path("exports/research").glob(f"cost_{month}*")).unlink()
    found = spend()
    assert found["amount"] == TOTAL
    assert place_of(found).endswith(
        f"audit/{'evidence-research-2026-10/' if len(months) > 1 else ''}cost_2026-10-01_2026-10-31.csv"
    )


def test_in_a_folder_that_is_named(project: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere" / "deep"
    elsewhere.parent.mkdir()
    Path("exports").rename(elsewhere)
    shutil.rmtree("archive")
    assert states(spend(str(tmp_path / "elsewhere")))["research", "2026-10"] == "read"


def test_other_bytes_do_not_count(project: Path) -> None:
    shutil.rmtree("archive")
    path = Path("exports/research/cost_2026-10-01_2026-10-31.csv")
    data = path.read_bytes()
    path.write_bytes(data.replace(b"3.", b"4.", 1))
    assert len(data) == path.stat().st_size
    assert path.read_bytes() != data
    found = spend()
    assert states(found)["research", "2026-10"] == "not_found"
    assert found["change"]["left_out"][0]["integration"] == "research"


def test_nothing_is_left_of_any_month(project: Path) -> None:
    for folder in ("archive", "exports"):
        shutil.rmtree(folder)
    code, out, err = run("spend")
    assert (code, out) == (3, "")
    assert "none of the 11 accepted files was found" in err


def test_the_current_upload_counts_and_a_newer_file_does_not(project: Path) -> None:
    path = Path("exports/europe/cost_2026-10-01_2026-10-31.csv")
    newer = path.with_name("newer.csv")
    newer.write_bytes(path.read_bytes().replace(b"Acme Europe", b"Acme EUROPE"))
    before = spend()
    assert before["integrations"][1]["organization_name"] == "Acme Europe"
    assert run("upload", str(newer))[0] == 0
    assert spend()["integrations"][1]["organization_name"] == "Acme EUROPE"


def test_a_destination_other_than_that_of_to_counts_where_there_is_no_other(project: Path) -> None:
    text = Path("billproof.yaml").read_text("utf-8")
    Path("billproof.yaml").write_text(text.replace("files: exports/europe, to: archive", "files: exports/europe"), "utf-8")
    found = spend()
    assert found["amount"] == TOTAL
    assert found["integrations"][1]["months"][0]["destination"] == "archive"


def test_a_doubtful_month_is_shown_as_such(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from billproof.delivery.destinations.directory import DirectoryDestination
    from billproof.delivery.shipment import Answer

    monkeypatch.setattr(DirectoryDestination, "send", lambda *_: Answer("unknown", "lost"))
    path = Path("exports/europe/newer.csv")
    old = Path("exports/europe/cost_2026-10-01_2026-10-31.csv")
    path.write_bytes(old.read_bytes().replace(b"Acme Europe", b"Acme EUROPE"))
    assert run("upload", str(path))[0] == 4
    found = spend()
    assert [month["doubtful"] for month in found["integrations"][1]["months"] if "doubtful" in month] == [False] * 4 + [True]
    assert "may have been replaced" in run("spend")[1]


@pytest.mark.soak
def test_in_a_bucket_and_by_a_ledger_in_one(project: Path) -> None:
    pytest.importorskip("obstore")
    from tests.objects import BUCKET, running_store

    text = Path("billproof.yaml").read_text("utf-8")
    text = text.replace(".billproof/ledger", f"{BUCKET}/ledger").replace(
        "kind: directory, path: archive", f"kind: bucket, url: {BUCKET}/exports"
    )
    Path("billproof.yaml").write_text(text, "utf-8")
    for path in sorted(Path("exports").rglob("*.csv"))[:-2]:
        path.unlink()
    with running_store():
        assert run("ledger", "init")[0] == 0
        code, out, err = run("upload", "exports/research")
        assert code == 0, out + err
        shutil.rmtree("exports/research")
        found = spend("--only", "research")
        assert place_of(found).startswith(f"{BUCKET}/exports/organization=org-EXAMPLEacme01/month=2026-10/1-")
        Path("billproof.yaml").write_text(text.replace(f"{BUCKET}/exports", f"{BUCKET}/other"), "utf-8")
        assert states(spend("--only", "research", f"{BUCKET}/exports"))["research", "2026-10"] == "read"


def test_a_month_to_date_counts_and_is_compared_with_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = Path("exports/europe/cost_2026-11-01_2026-11-02.csv")
    october = Path("exports/europe/cost_2026-10-01_2026-10-31.csv").read_text("utf-8")
    header, *rows = october.splitlines()
    month = 31 * 86_400
    moved = []
    for row in rows:
        start, end, start_iso, end_iso, rest = row.split(",", 4)
        if start_iso < "2026-10-03":
            iso = (text.replace("2026-10", "2026-11") for text in (start_iso, end_iso))
            moved.append(",".join([str(int(start) + month), str(int(end) + month), *iso, rest]))
    path.write_text("\n".join([header, *moved]) + "\n", "utf-8", newline="")
    code, out, err = run("upload", str(path), "--month-to-date", "--month", "2026-11")
    assert code == 0, out + err
    found = spend("--only", "europe")
    assert (found["to"], found["change"]) == ("2026-11", None)
    (last,) = [entry for entry in found["integrations"][0]["months"] if entry["month"] == "2026-11"]
    assert (last["state"], last["missing_days"], last["text"]) == ("read", 28, "28 days missing")
    assert [day["amount"] is None for day in found["days"]][-30:] == [False] * 2 + [True] * 28
    assert not [entry for entry in found["findings"] if entry["day"] >= "2026-11"]


def test_charges_that_do_not_add_up_to_the_receipt_do_not_count(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.delivery.ledger.receipt.Receipt.amount", Decimal(1))
    code, _, err = run("spend")
    assert code == 3
    assert "do not add up to the total in its receipt" in err


def test_charges_in_another_currency_than_the_receipts_do_not_count(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("billproof.delivery.ledger.receipt.Receipt.currency", "EUR")
    code, _, err = run("spend")
    assert code == 3
    assert "its currency is USD, and its receipt says another" in err
