"""The ledger: made once, never changed; what was edited, removed or brought in is seen, and nothing is sent then."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import cast

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from billproof.delivery.ledger import receipt
from billproof.delivery.ledger.integrity import proved
from billproof.delivery.ledger.receipt import Receipt
from billproof.delivery.ledger.standing import Month, Standing
from billproof.delivery.ledger.store import Ledger, open_ledger
from billproof.delivery.ledger.writer import LedgerWriter
from billproof.delivery.shipment import Answer, Shipment, Status
from billproof.model.errors import BillproofError
from tests.support import ROOT, run
from tests.uploading import ACME, ARCHIVE, LABS, LEDGER, MONTH, World, export, sha256, stand_still, verified

FORM = json.loads((ROOT / "schemas" / "receipt.v1.schema.json").read_text("utf-8"))
OCTOBER = Month(ARCHIVE, ACME, MONTH)
BOTH = f"  - {{name: research, organization: {ACME}, to: archive}}\n  - {{name: labs, organization: {LABS}, to: archive}}"


@pytest.fixture
def kept(world: World) -> World:
    """A ledger of four uploads: October twice, November, October of another organization."""
    world.configure(BOTH)
    for data in (export("100"), export("110"), export("50", month="2025-11"), export("70", organization=LABS)):
        world.send(data)
    return world


# --- init, list, show ---


def test_a_ledger_is_made_once(world: World) -> None:
    before = world.everything()
    code, out, err = run("ledger", "init")
    assert (code, out) == (2, "")
    assert err.splitlines() == [f"{LEDGER} is already a ledger", "A ledger is created only once; nothing was changed."]
    assert world.everything() == before


def test_a_ledger_says_what_it_is_and_keeps_git_from_changing_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("billproof.yaml").write_text("version: 1\nledger: kept/here\n")
    code, out, _ = run("ledger", "init")
    assert (code, out) == (0, "kept/here is an empty ledger now. Keep it between runs: docs/ci/state.md shows how.\n")
    assert sorted(os.listdir("kept/here")) == [".gitattributes", ".gitignore", "ledger.json"]
    assert Path("kept/here/.gitattributes").read_bytes() == b"* -text\n"
    assert set(Path("kept/here/.gitignore").read_text().split()) == {".lock", "*.part"}
    assert json.loads(Path("kept/here/ledger.json").read_text())["schema"] == "billproof/ledger/v1"
    assert verified() == (0, "PASS  0 receipts, 0 errors\n")
    assert run("ledger", "list")[:2] == (0, "no uploads yet\n")


def test_every_ledger_has_an_id_of_its_own(world: World) -> None:
    first = json.loads((world.ledger / "ledger.json").read_text())["id"]
    shutil.rmtree(world.ledger)
    assert run("ledger", "init")[0] == 0
    assert json.loads((world.ledger / "ledger.json").read_text())["id"] != first


def test_a_folder_that_holds_something_is_not_made_a_ledger(kept: World) -> None:
    """The mark of a ledger was lost: another one would make strangers of all its receipts."""
    (kept.ledger / "ledger.json").unlink()
    before = kept.everything()
    code, _, err = run("ledger", "init")
    assert code == 2
    assert err.splitlines()[0] == f"{LEDGER} is neither empty nor a ledger"
    assert kept.everything() == before


def test_a_ledger_that_was_half_made_is_made(world: World) -> None:
    shutil.rmtree(world.ledger)
    world.ledger.mkdir()
    (world.ledger / ".gitignore").write_bytes(b".lo")
    assert run("ledger", "init")[0] == 0
    assert (world.ledger / ".gitignore").read_bytes() == b".lock\n*.part\n"


@pytest.mark.parametrize("action", ["list", "verify", "show"])
def test_without_a_ledger_there_is_nothing_to_show(world: World, action: str) -> None:
    shutil.rmtree(world.ledger)
    code, out, err = run("ledger", action, *(["research", MONTH] if action == "show" else []))
    assert (code, out) == (3, "")
    assert err.splitlines()[0] == f"the ledger {LEDGER} does not exist"
    assert "billproof ledger init" in err


def test_a_ledger_needs_to_be_configured(world: World) -> None:
    world.configure(ledger=None)
    code, _, err = run("ledger", "verify")
    assert code == 2
    assert err.splitlines() == ["no ledger is configured", "Add `ledger: .billproof/ledger` to billproof.yaml."]
    (world.root / "billproof.yaml").unlink()
    assert run("ledger", "verify")[2].splitlines()[1] == "billproof init FILE creates both."


def test_the_list_has_a_line_for_every_attempt(kept: World) -> None:
    code, out, _ = run("ledger", "list")
    assert code == 0
    titles, *lines = out.splitlines()
    assert titles.split() == ["destination", "organization", "month", "no.", "finished", "(UTC)", "result", "amount", "file"]
    assert [line.index(" 2025-1") + 1 for line in lines] == [titles.index("month")] * 4
    assert [line.index("accepted") for line in lines] == [titles.index("result")] * 4
    assert {line.index("sha256") for line in lines} == {titles.index("file")}
    assert {line.index(" USD") for line in lines} == {titles.index("amount") + len("amount")}
    cells = [re.split(" {2,}", line) for line in lines]
    acme, labs = f"{ACME}, Acme Research", f"{LABS}, Acme Research"
    assert [(*one[:4], one[5], one[6]) for one in cells] == [
        ("archive", acme, "2025-10", "0001", "accepted", "100.00 USD"),
        ("archive", acme, "2025-10", "0002", "accepted", "110.00 USD"),
        ("archive", acme, "2025-11", "0001", "accepted", "50.00 USD"),
        ("archive", labs, "2025-10", "0001", "accepted", "70.00 USD"),
    ]
    assert cells[0][-1].split()[-1] == f"{sha256(export('100'))[:12]}…"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (["--month", "2025-11"], [(ACME, "2025-11", "50")]),
        (["--month", "2025-10"], [(ACME, "2025-10", "100"), (ACME, "2025-10", "110"), (LABS, "2025-10", "70")]),
        (["--organization", LABS], [(LABS, "2025-10", "70")]),
        (["--organization", "research", "--month", "2025-11"], [(ACME, "2025-11", "50")]),
        (["--organization", LABS, "--month", "2025-11"], []),
    ],
)  # fmt: skip
def test_the_list_of_one_organization_or_month(kept: World, wanted: list[str], expected: list[tuple[str, str, str]]) -> None:
    code, out, _ = run("ledger", "list", *wanted, "--format", "json")
    assert code == 0
    documents = json.loads(out)
    assert [(one["organization"], one["month"], one["totals"]["amount"]) for one in documents] == expected
    for one in documents:
        jsonschema.Draft202012Validator(FORM).validate(one)
    code, text, _ = run("ledger", "list", *wanted)
    lines = text.splitlines()
    assert (code, len(lines[1:])) == (0, len(expected))
    assert expected or lines == ["no uploads yet"]


@pytest.mark.parametrize("month", ["last", "2025-13", "2025-1", ""])
def test_the_list_of_no_month_is_refused(kept: World, month: str) -> None:
    code, out, err = run("ledger", "list", "--month", month)
    assert (code, out) == (2, "")
    assert err.splitlines()[-1] == "Write it as 2025-10."


@pytest.mark.parametrize("name", ["research", ACME])
def test_a_month_is_shown_with_what_is_current(kept: World, name: str) -> None:
    code, out, _ = run("ledger", "show", name, MONTH)
    assert code == 0
    heads = [line for line in out.splitlines() if not line.startswith(" ")]
    assert [line.endswith("   current") for line in heads] == [False, True]
    assert LABS not in out
    assert "31 days, 1 projects" not in out
    assert "31 days, 1 project;" in out


def test_a_month_without_receipt_is_told(kept: World) -> None:
    code, out, err = run("ledger", "show", "research", "2025-12")
    assert (code, out) == (2, "")
    assert err.splitlines()[0] == f"the ledger has no receipt for 2025-12 of {ACME}, Acme Research"


@pytest.mark.parametrize("words", [["show", "nobody", MONTH], ["show", "nobody"], ["list", "--organization", "nobody"]])
def test_an_organization_that_nobody_knows_is_told(kept: World, words: list[str]) -> None:
    code, out, err = run("ledger", *words)
    assert (code, out) == (2, "")
    assert err.splitlines() == [
        "no integration is called nobody, and no organization has this ID", "Integrations: research, labs.",
    ]  # fmt: skip


# --- receipts ---


def test_every_receipt_and_every_attempt_has_the_published_form(kept: World) -> None:
    validator = jsonschema.Draft202012Validator(FORM, format_checker=jsonschema.FormatChecker())
    found = [*kept.files(), *kept.files(".begun")]
    assert len(found) == 8
    for path in found:
        document = json.loads(path.read_bytes())
        validator.validate(document)
        assert document["file"].pop("organization_name") == "Acme Research"
        validator.validate(document)
        assert receipt.read(receipt.encoded(document), "", path.name).organization_name == "", "as where the file has no name"
        assert path.name.split("-")[1].split(".")[0] == sha256(path.read_bytes())[:12]


def test_receipts_name_those_before_them(kept: World) -> None:
    """One chain through the whole ledger, in the order of the uploads, whatever month they are of."""
    found = {sha256(path.read_bytes()): json.loads(path.read_bytes()) for path in kept.files()}
    (first,) = [one for one in found.values() if one["previous"] == []]
    chain = [first]
    while following := [one for one in found.values() if [sha for sha in one["previous"] if found[sha] is chain[-1]]]:
        (one,) = following
        chain.append(one)
    assert [(one["organization"], one["month"], one["n"]) for one in chain] == [
        (ACME, "2025-10", 1), (ACME, "2025-10", 2), (ACME, "2025-11", 1), (LABS, "2025-10", 1),
    ]  # fmt: skip


def test_a_receipt_says_what_was_sent_and_judged(kept: World) -> None:
    one = kept.receipts()[1]
    report = kept.upload(kept.put(export("110")), "--resend").report
    assert report is not None
    assert one["file"]["sha256"] == sha256(export("110"))
    assert one["file"]["bytes"] == len(export("110"))
    assert one["totals"]["amount"] == "110"
    assert one["totals"]["currency"] == "USD"
    assert (one["totals"]["charged_rows"], one["totals"]["empty_days"], len(one["totals"]["days"])) == (1, 30, 31)
    assert one["totals"]["days"][0] == {"date": "2025-10-01", "rows": 1, "amount": "110"}
    assert one["totals"]["projects"] == [{"id": "proj_EXAMPLE1", "name": "Name of proj_EXAMPLE1", "rows": 1, "amount": "110"}]
    assert one["ruleset"] == {key: report["ruleset"][key] for key in ("name", "version", "sha256")}
    assert (one["integration"], one["month_to_date"], one["waivers"]) == ({"name": "research", "id": None}, False, [])
    last = kept.receipts()[2]
    assert last["result_sha256"] == report["result_sha256"]
    assert last["file_result_sha256"] == report["files"][0]["result_sha256"]
    assert last["settings"] == report["settings"]
    assert last["file"]["path"] == report["files"][0]["path"]
    assert last["file"]["organization_name"] == report["files"][0]["organization_name"] == "Acme Research"
    assert last["run"] == {key: report["run"][key] for key in ("started", "finished")}
    assert last["answer"]["retry_after"] is None


def test_a_receipt_and_its_beginning_agree_in_all_but_the_outcome(kept: World) -> None:
    """So whatever a later upload is compared with stands in two files."""
    for path in kept.files():
        document = json.loads(path.read_bytes())
        (begun,) = path.parent.glob(f"{document['n']:04}-{document['attempt'][:12]}.begun")
        beginning = json.loads(begun.read_bytes())
        differing = {key for key in document.keys() | beginning.keys() if document.get(key) != beginning.get(key)}
        assert differing <= {"attempt", "status", "answer", "finished"}
        assert beginning.keys() == document.keys()


@pytest.mark.parametrize("key", ["file_result_sha256", "settings", "run"])
def test_what_0_1_did_not_write_is_required_of_later_versions(kept: World, key: str) -> None:
    document = kept.receipts()[0]
    del document[key]
    validator = jsonschema.Draft202012Validator(FORM)
    assert not validator.is_valid(document)
    document["tool"]["version"] = "0.1.0"
    assert validator.is_valid(document)


# --- what was edited, removed or brought in ---


def edited(folder: Path, files: Sequence[Path]) -> Path:
    data = files[0].read_bytes()
    files[0].write_bytes(data.replace(b'"amount": "100"', b'"amount": "900"', 1))
    return files[0]


def one_bit(folder: Path, files: Sequence[Path]) -> Path:
    data = bytearray(files[-1].read_bytes())
    data[len(data) // 2] ^= 1
    files[-1].write_bytes(data)
    return files[-1]


def edited_and_renamed(folder: Path, files: Sequence[Path]) -> Path:
    """With the name that fits its new bytes: the receipt after it still speaks of the old ones."""
    data = files[0].read_bytes().replace(b'"amount": "100"', b'"amount": "900"', 1)
    path = files[0].with_name(f"0001-{sha256(data)[:12]}.json")
    files[0].unlink()
    path.write_bytes(data)
    return files[1]


def truncated(folder: Path, files: Sequence[Path]) -> Path:
    files[1].write_bytes(files[1].read_bytes()[:-2])
    return files[1]


def emptied(folder: Path, files: Sequence[Path]) -> Path:
    files[1].write_bytes(b"")
    return files[1]


def not_json(folder: Path, files: Sequence[Path]) -> Path:
    files[1].write_bytes(b"\xff\x00 no receipt")
    return files[1]


def line_ends_changed(folder: Path, files: Sequence[Path]) -> Path:
    files[2].write_bytes(files[2].read_bytes().replace(b"\n", b"\r\n"))
    return files[2]


def first_removed(folder: Path, files: Sequence[Path]) -> Path:
    files[0].unlink()
    return files[1]


def first_removed_with_attempt(folder: Path, files: Sequence[Path]) -> Path:
    for path in files[0].parent.glob("0001-*"):
        path.unlink()
    return files[1]


def middle_removed(folder: Path, files: Sequence[Path]) -> Path:
    files[1].unlink()
    return files[2]


def month_removed(folder: Path, files: Sequence[Path]) -> Path:
    shutil.rmtree(files[2].parent)
    return files[3]


def moved(folder: Path, files: Sequence[Path]) -> Path:
    target = files[0].parent.with_name("2025-12") / files[0].name
    target.parent.mkdir()
    files[0].rename(target)
    return target


def copied_elsewhere(folder: Path, files: Sequence[Path]) -> Path:
    target = files[3].parent / files[0].name
    shutil.copy(files[0], target)
    return target


def foreign(folder: Path, files: Sequence[Path]) -> Path:
    """A receipt of another ledger, whole, under its right name."""
    document = json.loads(files[0].read_bytes()) | {"ledger": "00000000-0000-4000-8000-000000000000"}
    data = receipt.encoded(document)
    path = files[0].with_name(f"0001-{sha256(data)[:12]}.json")
    path.write_bytes(data)
    return path


def extra_file(folder: Path, files: Sequence[Path]) -> Path:
    path = files[0].parent / "notes.txt"
    path.write_text("who put this here?")
    return path


def extra_at_the_root(folder: Path, files: Sequence[Path]) -> Path:
    path = folder / "0001-0123456789ab.json"
    path.write_bytes(files[0].read_bytes())
    return path


def conflict_copy(folder: Path, files: Sequence[Path]) -> Path:
    """As programs that synchronize folders make them."""
    path = files[0].with_name(f"{files[0].stem} (1).json")
    shutil.copy(files[0], path)
    return path


def renamed(folder: Path, files: Sequence[Path]) -> Path:
    """The last upload hidden under other names, both files of it."""
    for path in files[3].parent.iterdir():
        path.rename(path.with_name(f"{path.name}.bak"))
    return files[3].with_name(f"{files[3].name}.bak")


def attempt_edited(folder: Path, files: Sequence[Path]) -> Path:
    (path,) = files[0].parent.glob("0001-*.begun")
    path.write_bytes(path.read_bytes().replace(b'"n": 1', b'"n": 7'))
    return path


def attempt_removed(folder: Path, files: Sequence[Path]) -> Path:
    (path,) = files[3].parent.glob("0001-*.begun")
    path.unlink()
    return path


def receipt_a_link(folder: Path, files: Sequence[Path]) -> Path:
    """To the same bytes elsewhere: whoever may write there may change them."""
    elsewhere = folder.parent / "elsewhere.json"
    files[1].rename(elsewhere)
    files[1].symlink_to(elsewhere)
    return files[1]


def receipt_a_pipe(folder: Path, files: Sequence[Path]) -> Path:
    files[1].unlink()
    os.mkfifo(files[1])
    return files[1]


def receipt_without_end(folder: Path, files: Sequence[Path]) -> Path:
    """A hole of 64 MiB, which takes no room on the disk."""
    os.truncate(files[1], 1 << 26)
    return files[1]


def attestation_a_link(folder: Path, files: Sequence[Path]) -> Path:
    path = files[1].with_name(f"{files[1].name}.intoto.jsonl")
    path.symlink_to("/dev/zero")
    return path


def attestation_a_pipe(folder: Path, files: Sequence[Path]) -> Path:
    path = files[1].with_name(f"{files[1].name}.intoto.jsonl")
    os.mkfifo(path)
    return path


def numbered(n: object, first: Path) -> Path:
    """A copy of a receipt with another number, under the name that fits."""
    data = receipt.encoded(json.loads(first.read_bytes()) | {"n": n})
    path = first.with_name(f"{n:04}-{sha256(data)[:12]}.json")
    path.write_bytes(data)
    return path


def number_far_ahead(folder: Path, files: Sequence[Path]) -> Path:
    """No memory holds a list of all the numbers between."""
    return numbered(99_999_999_999, files[0])


def number_below_one(folder: Path, files: Sequence[Path]) -> Path:
    return numbered(-5, files[0])


def number_without_end(folder: Path, files: Sequence[Path]) -> Path:
    data = files[0].read_bytes().replace(b'"n": 1', b'"n": 1e999')
    path = files[0].with_name(f"0001-{sha256(data)[:12]}.json")
    path.write_bytes(data)
    return path


DAMAGES: tuple[Callable[[Path, Sequence[Path]], Path], ...] = (
    edited, one_bit, edited_and_renamed, truncated, emptied, not_json, line_ends_changed, first_removed,
    first_removed_with_attempt, middle_removed, month_removed, moved, copied_elsewhere, foreign, extra_file,
    extra_at_the_root, conflict_copy, renamed, attempt_edited, attempt_removed,
    receipt_a_link, receipt_a_pipe, receipt_without_end, attestation_a_link, attestation_a_pipe, number_far_ahead,
    number_below_one, number_without_end,
)  # fmt: skip


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_damage_is_named_and_nothing_is_sent(kept: World, damage: Callable[[Path, Sequence[Path]], Path]) -> None:
    named = damage(kept.ledger, kept.files())
    code, out = verified()
    assert code == 1
    assert named.name in out
    assert out.splitlines()[-1].startswith("FAIL  ")

    wanted = kept.put(export("120"))
    before, versions = kept.everything(), kept.place.versions()
    for arguments in ((), ("--dry-run",), ("--resend",)):
        found = kept.upload(wanted, *arguments)
        assert (found.code, found.out) == (3, ""), found.out
        assert str(named.parent.name) in found.err
        assert found.err.splitlines()[-1].endswith("billproof ledger verify")
        assert kept.everything() == before
    assert kept.place.versions() == versions


def test_status_of_a_ledger_with_a_number_far_ahead(kept: World) -> None:
    number_far_ahead(kept.ledger, kept.files())
    assert "the receipts with numbers 3 to 99999999998 before it are missing" in verified()[1]
    kept.put(export("120"), "exports/new.csv")
    kept.configure(BOTH.replace("archive}", "archive, files: exports}", 1))
    code, out, err = run("status", "--month", MONTH)
    assert (code, out) == (3, "")
    assert "99999999999" in err


def test_the_mark_of_a_ledger_is_no_link(kept: World) -> None:
    mark = kept.ledger / "ledger.json"
    mark.rename(kept.root / "mark.json")
    mark.symlink_to(kept.root / "mark.json")
    code, out, err = run("ledger", "verify")
    assert (code, out) == (3, "")
    assert err.startswith(f"{LEDGER}/ledger.json: is a link")


def test_a_last_receipt_that_was_removed_is_as_if_the_command_was_cut_off(kept: World) -> None:
    """Nobody can tell them apart: `verify` names it, and the next upload writes down that its result is not known."""
    last = kept.files()[3]
    last.unlink()
    (attempt,) = last.parent.glob("0001-*.begun")
    code, out = verified()
    assert code == 1
    assert out.splitlines()[0].startswith(f"{attempt.relative_to(kept.root)}: has no receipt: the command was interrupted, or ")
    assert kept.upload(kept.put(export("70", organization=LABS))).code == 0
    assert [one["status"] for one in kept.receipts() if one["organization"] == LABS] == ["unknown", "already_there"]
    assert verified() == (0, "PASS  5 receipts, 0 errors\n")


def test_every_fault_is_told_and_counted(kept: World) -> None:
    files = kept.files()
    for path in (files[1], files[3]):
        path.write_bytes(path.read_bytes() + b" ")
    lines = verified()[1].splitlines()
    for path in (files[1], files[3]):
        assert f"{path.relative_to(kept.root)}: was changed after it was written: its digest does not match its name" in lines
    assert lines[-1] == f"FAIL  2 receipts, {len(lines) - 1} errors"


def test_a_receipt_of_another_form_is_a_fault(kept: World) -> None:
    """Its digest fits its name, and nothing follows it; its form alone tells."""
    path = kept.files()[3]
    data = receipt.encoded(json.loads(path.read_bytes()) | {"comment": "added later"})
    path.unlink()
    other = path.with_name(f"0001-{sha256(data)[:12]}.json")
    other.write_bytes(data)
    code, out = verified()
    assert code == 1
    assert out.splitlines() == [
        f"{other.relative_to(kept.root)}: is not a receipt: it is not as billproof writes it",
        "FAIL  3 receipts, 1 error",
    ]


def test_hidden_files_are_no_part_of_a_ledger(kept: World) -> None:
    (kept.ledger / ".git").mkdir()
    (kept.ledger / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    (kept.files()[0].parent / ".0003-abc.json.17.part").write_text("half a rec")
    assert verified() == (0, "PASS  4 receipts, 0 errors\n")
    assert kept.upload(kept.put(export("120"))).code == 0


def test_a_folder_that_cannot_be_listed_is_a_fault(kept: World, monkeypatch: pytest.MonkeyPatch) -> None:
    closed, real = str(kept.files()[2].parent), os.scandir

    def scandir(path: str) -> object:
        if os.path.abspath(path) == closed:
            raise PermissionError(13, "Permission denied", path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    code, out, err = run("ledger", "verify")
    assert (code, out) == (3, "")
    assert "2025-11: cannot be read: Permission denied" in err
    assert kept.upload(kept.put(export("120"))).code == 3


# --- several machines ---


def machine(world: World, name: str, monkeypatch: pytest.MonkeyPatch) -> World:
    """A copy of the whole project, as another machine has it; the working folder from now on."""
    root = world.root.parent / name
    shutil.copytree(world.root, root)
    monkeypatch.chdir(root)
    place = world.place._replace(root=root / "archive") if hasattr(world.place, "_replace") else world.place
    return World(root, place)


@pytest.mark.parametrize("second_is_later", [True, False])
def test_a_fork_is_kept_told_and_no_fault(world: World, monkeypatch: pytest.MonkeyPatch, second_is_later: bool) -> None:
    stand_still(monkeypatch, "2026-01-01T08:00:00Z")
    world.send(export("100"))
    other = machine(world, "other", monkeypatch)
    times = ["2026-01-02T08:00:00Z", "2026-01-03T08:00:00Z"]
    stand_still(monkeypatch, times[second_is_later])
    other.send(export("120"))
    monkeypatch.chdir(world.root)
    stand_still(monkeypatch, times[not second_is_later])
    world.send(export("110"))
    shutil.copytree(other.ledger, world.ledger, dirs_exist_ok=True)

    assert len(world.files()) == 3
    code, out = verified()
    assert code == 0
    assert out.splitlines() == [
        f"fork: archive {ACME} 2025-10 has 2 uploads with number 2, from different machines; all are kept",
        "PASS  3 receipts, 0 errors",
    ]
    current = proved(open_ledger(LEDGER)).standing(OCTOBER).current
    assert current is not None
    assert current.amount == (120 if second_is_later else 110)
    shown = [line for line in run("ledger", "show", "research", MONTH)[1].splitlines() if line.endswith("current")]
    assert len(shown) == 1
    assert f"{current.amount}.00 USD" in shown[0]


def test_after_a_fork_both_ends_are_followed(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.configure(BOTH)
    world.send(export("100"))
    other = machine(world, "other", monkeypatch)
    other.send(export("70", organization=LABS))
    monkeypatch.chdir(world.root)
    world.send(export("50", month="2025-11"))
    shutil.copytree(other.ledger, world.ledger, dirs_exist_ok=True)
    ends = {sha256(path.read_bytes()) for path in world.files()[1:]}
    world.send(export("60", month="2025-12"))
    (last,) = [one for one in world.receipts() if one["month"] == "2025-12"]
    assert set(last["previous"]) == ends
    assert verified() == (0, "PASS  4 receipts, 0 errors\n")


def test_an_attempt_of_another_machine_is_settled_and_no_end_is_lost(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other machine was cut off; both its attempt and this machine's last receipt are followed at once."""
    world.configure(BOTH)
    world.send(export("100"))
    other = machine(world, "other", monkeypatch)
    other.send(export("70", organization=LABS))
    (cut_off,) = [path for path in other.files() if LABS in str(path)]
    cut_off.unlink()
    monkeypatch.chdir(world.root)
    world.send(export("50", month="2025-11"))
    (mine,) = [sha256(path.read_bytes()) for path in world.files() if "2025-11" in str(path)]
    shutil.copytree(other.ledger, world.ledger, dirs_exist_ok=True)
    world.send(export("60", month="2025-12"))
    (settled,) = [path for path in world.files() if LABS in str(path)]
    (last,) = [one for one in world.receipts() if one["month"] == "2025-12"]
    assert set(last["previous"]) == {mine, sha256(settled.read_bytes())}
    assert json.loads(settled.read_bytes())["status"] == "unknown"
    assert verified() == (0, "PASS  4 receipts, 0 errors\n")


def git(*arguments: str) -> None:
    identity = ["-c", "user.name=somebody", "-c", "user.email=somebody@example.com", "-c", "init.defaultBranch=main"]
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    found = subprocess.run(["git", *identity, *arguments], capture_output=True, text=True, env=environment, check=False)
    assert found.returncode == 0, found.stdout + found.stderr


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
def test_git_merges_the_ledgers_of_two_machines(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.send(export("100"))
    git("init", "--quiet")
    git("config", "core.autocrlf", "true")  # .gitattributes must hold against it
    git("add", ".billproof")
    git("commit", "--quiet", "--message", "first")
    other = machine(world, "other", monkeypatch)
    for one, total in ((other, "120"), (world, "110")):
        monkeypatch.chdir(one.root)
        one.send(export(total))
        one.send(export(total, month="2025-11"))
        git("add", ".billproof")
        git("commit", "--quiet", "--message", total)
    git("pull", "--quiet", "--no-rebase", "--no-edit", str(other.root), "HEAD")
    totals = sorted((one["month"], one["totals"]["amount"]) for one in world.receipts())
    assert totals == [("2025-10", "100"), ("2025-10", "110"), ("2025-10", "120"), ("2025-11", "110"), ("2025-11", "120")]
    assert verified()[0] == 0
    clone = world.root.parent / "clone"
    git("clone", "--quiet", "--config", "core.autocrlf=true", str(world.root), str(clone))
    shutil.copy(world.root / "billproof.yaml", clone)
    monkeypatch.chdir(clone)
    assert verified()[0] == 0
    assert not (clone / LEDGER / ".lock").exists()


# --- names of folders ---


@pytest.mark.parametrize(
    "organization",
    ["../../../away", "..", ".", "/etc/away", "a/b", "%2e%2e/x", "%", ".hidden", "org\\..\\x", "C:", "Ünïcode-組織"],
)
def test_no_organization_leads_out_of_the_ledger(tmp_path: Path, organization: str) -> None:
    ledger = Ledger(str(tmp_path / "ledger"), "id")
    for folder in (
        ledger.folder("archive", organization, MONTH),
        ledger.folder(organization, "org", MONTH),
    ):
        relative = os.path.relpath(folder, ledger.root).split(os.sep)
        assert os.path.normpath(folder) == folder
        assert len(relative) == 3
        assert not any(one.startswith(".") or set(one) & set("/\\:") for one in relative)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=2, max_size=2, unique=True))
def test_different_organizations_have_different_folders(names: list[str]) -> None:
    ledger = Ledger("ledger", "id")
    assert len({ledger.folder("archive", name, MONTH) for name in names}) == len(names)


def test_an_organization_with_a_dreadful_name_is_uploaded(world: World) -> None:
    name = "../..%2F/org"
    world.configure(f'  - {{name: research, organization: "{name}", to: archive}}')
    outside = set(os.listdir(world.root.parent))
    data = export(organization=name)
    world.send(data)
    assert world.place.current(organization=name) == data
    assert verified() == (0, "PASS  1 receipt, 0 errors\n")
    assert set(os.listdir(world.root)) == {".billproof", "archive", "billproof.yaml", f"sent-{sha256(data)[:8]}.csv"}
    assert set(os.listdir(world.root.parent)) - outside <= {"report.json"}


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("Labs | <script>alert(1)</script>", ", Labs | <script>alert(1)</script>"),
        ('"Acme\n\u202eLabs, ""\\someone@example.com"', ', Acme\\u000A\\u202ELabs, <e-mail>'),
        ("L" * 10_000, f", {'L' * (77 - len(ACME))}…"),
    ],
    ids=["markup", "signs", "long"],
)  # fmt: skip
def test_whatever_an_organization_is_called_it_has_one_line(world: World, name: str, told: str) -> None:
    data = export().replace(b"Acme Research", name.encode())
    world.send(data)
    assert verified()[0] == 0
    _, line = run("ledger", "list")[1].splitlines()
    assert line.startswith(f"archive      {ACME}{told}  {MONTH}  0001  ")
    assert run("ledger", "show", ACME)[1].startswith(f"archive  {ACME}{told}  {MONTH}  0001  ")
    jsonschema.Draft202012Validator(FORM).validate(world.receipts()[0])


# --- what the receipts of a month say ---

FILES = {letter: sha256(letter.encode()) for letter in "ABC"}
WORDS: dict[str, Status] = {"+": "accepted", "-": "refused", "?": "unknown", "=": "already_there"}


def standing(text: str) -> Standing:
    """`A+ B?`: A was accepted, then B sent and nobody heard."""
    found = []
    for n, one in enumerate(text.split(), 1):
        letter, sign = one[0], one[1]
        found.append(
            Receipt(
                f"{n:064}", n, "ledger", "archive", ACME, MONTH, WORDS[sign], "2026-01-01T00:00:00Z", FILES[letter], "", (), None,
                b"", 0,
            )
        )  # fmt: skip
    return Standing(tuple(found))


# What was sent; the number of the current receipt; the numbers of the doubtful ones; of A: whether it is certainly there, and
# the numbers of the upload of A and of what came since, if it was replaced.
STANDINGS = """
                  | 0 |       | no  |
    A+            | 1 |       | yes |
    A=            | 1 |       | yes |
    A-            | 0 |       | no  |
    A?            | 0 | 1     | no  |
    B+            | 1 |       | no  |
    A+ B+         | 2 |       | no  | 1 2
    A+ B=         | 2 |       | no  | 1 2
    A+ B-         | 1 |       | yes |
    A+ B?         | 1 | 2     | no  | 1 2
    A? B?         | 0 | 1 2   | no  | 1 2
    A? B+         | 2 |       | no  | 1 2
    A? B-         | 0 | 1     | no  |
    A- B+         | 2 |       | no  |
    A+ A?         | 1 | 2     | yes |
    A? A+         | 2 |       | yes |
    A+ A-         | 1 |       | yes |
    A+ B+ A+      | 3 |       | yes |
    A+ B+ A=      | 3 |       | yes |
    A+ B+ A?      | 2 | 3     | no  |
    A+ B+ A-      | 2 |       | no  | 1 2
    A+ B? A?      | 1 | 2 3   | no  |
    A+ B? A+      | 3 |       | yes |
    A+ A? B?      | 1 | 2 3   | no  | 2 3
    B+ A?         | 1 | 2     | no  |
    B+ A? C?      | 1 | 2 3   | no  | 2 3
    A+ B+ C+      | 3 |       | no  | 1 3
    A+ B+ C?      | 2 | 3     | no  | 1 3
    A+ B+ C-      | 2 |       | no  | 1 2
"""


@pytest.mark.parametrize("line", [line for line in STANDINGS.splitlines() if line.strip()])
def test_standing(line: str) -> None:
    sent, current, doubtful, certain, replaced = (cell.strip() for cell in f"{line} |".split("|")[:5])
    found = standing(sent)
    assert (found.current.n if found.current else 0) == int(current)
    assert [one.n for one in found.doubtful] == [int(n) for n in doubtful.split()]
    assert found.is_current(FILES["A"]) is (certain == "yes")
    pair = found.replaced(FILES["A"])
    assert ([one.n for one in pair] if pair else []) == [int(n) for n in replaced.split()]


attempts = st.lists(st.tuples(st.sampled_from("ABC"), st.sampled_from("+-?=")), max_size=8)


@given(attempts)
def test_standing_of_any_attempts(sent: list[tuple[str, str]]) -> None:
    found = standing(" ".join("".join(one) for one in sent))
    arrived = [letter for letter, sign in sent if sign != "-"]
    assert found.seen == {FILES[letter] for letter in arrived}
    certain = [letter for letter in "ABC" if found.is_current(FILES[letter])]
    assert len(certain) <= 1
    for letter in "ABC":
        if arrived and arrived[-1] == letter:
            assert found.replaced(FILES[letter]) is None, "nothing came since"
        elif letter in arrived:
            mine, since = found.replaced(FILES[letter]) or (None, None)
            assert mine is not None and since is not None
            assert mine.file_sha256 == FILES[letter] != since.file_sha256
            assert mine.n < since.n
            assert letter not in certain
        else:
            assert found.replaced(FILES[letter]) is None
            assert letter not in certain
    # A refusal changes nothing.
    assert Standing(tuple(one for one in found.receipts if one.status != "refused")).current == found.current


def test_a_cut_off_attempt_counts_as_unknown_before_it_is_settled(world: World) -> None:
    world.send(export("100"))
    writer = LedgerWriter(open_ledger(LEDGER))
    outcome = ("n", "previous", "attempt", "status", "answer", "finished")
    described = {key: value for key, value in world.receipts()[0].items() if key not in outcome}
    described["file"] = described["file"] | {"sha256": FILES["B"]}
    shipment = Shipment(ACME, MONTH, None, "b.csv", 1, FILES["B"])
    begun = writer.begin(described, "archive", shipment, "2026-01-01T00:00:00Z")
    again = open_ledger(LEDGER)
    found = proved(again).standing(OCTOBER)
    assert [(one.n, one.status) for one in found.receipts] == [(1, "accepted"), (2, "unknown")]
    assert not found.is_current(sha256(export("100")))
    with pytest.raises(BillproofError, match="receipt could not be written"):
        for _ in range(2):  # what is there already is never written over
            LedgerWriter(again).conclude(begun, Answer("accepted", "yes"), "2026-01-01T00:00:00Z")


def test_the_lock_is_waited_for_and_given_up(world: World) -> None:
    writer, told = LedgerWriter(open_ledger(LEDGER)), cast("list[str]", [])
    other = LedgerWriter(open_ledger(LEDGER)).lock(lambda: told.append("waiting"), patience=0.05)
    with writer.lock(), pytest.raises(BillproofError, match="another upload is using"), other:
        pass
    assert told == ["waiting"]
    with writer.lock(lambda: told.append("again")):
        assert told == ["waiting"]


@pytest.mark.parametrize("how", ["hidden", "link"])
def test_a_folder_that_would_be_passed_over_is_a_fault(world: World, how: str) -> None:
    world.send(export("100"))
    place = Path(LEDGER) / "archive" / ACME
    other = world.root / "moved"
    if how == "hidden":
        (place / MONTH).rename(place / f".{MONTH}")
    else:
        (place / MONTH).rename(other)
        (place / MONTH).symlink_to(other)
    code, out, err = run("ledger", "verify")
    assert code != 0
    assert ("is hidden" if how == "hidden" else "is a link") in out + err
    found = world.upload(world.put(export("50")))
    assert found.code == 3
    assert world.place.current() == export("100")


@pytest.mark.parametrize(
    ("text", "sha256", "n"),
    [
        ("", "A", 0), ("A+", "B", 1), ("A+", "A", 1), ("A-", "A", 0), ("A+ B?", "B", 1), ("A+ B?", "A", 2), ("A+ B? A?", "B", 3),
        ("A+ B-", "B", 1), ("A+ B=", "A", 2), ("A?", "A", 0), ("A? A?", "A", 0),
    ],
)  # fmt: skip
def test_the_key_of_a_wish_follows_whatever_may_have_changed_the_month(text: str, sha256: str, n: int) -> None:
    """The same wish again has the same key; a wish after other bytes that may have arrived has another."""
    assert standing(text).follows(FILES[sha256]) == (f"{n:064}" if n else "")
