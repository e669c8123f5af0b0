"""Whose history an upload has: that of its address, in the order in which uploads knew of each other, whatever clocks say."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from billproof.delivery.address import Address, address_in
from billproof.delivery.ledger import receipt
from billproof.delivery.ledger.form import split
from billproof.io.own_files import listed_bytes
from tests.delivery.ledger.test_ledger import FORM, machine
from tests.support import run
from tests.uploading import ACME, LEDGER, MONTH, World, export, sha256, stand_still, verified


def totals_of(world: World) -> list[tuple[str, str]]:
    """Total and mark of each receipt that `ledger show` prints for the month, in order."""
    code, out, err = run("ledger", "show", ACME, MONTH)
    assert code == 0, err
    heads = [line.split() for line in out.splitlines() if not line.startswith(" ")]
    return [(words[words.index("USD") - 1], words[-1] if words[-1].isalpha() else "") for words in heads]


def status_of(world: World) -> dict[str, Any]:
    _, out, _ = run("status", "--month", MONTH, "--format", "json")
    (row,) = json.loads(out)["integrations"]
    (month,) = row["months"]
    found: dict[str, Any] = month
    return found


def rename(world: World, name: str) -> None:
    """Gives the destination another name in the configuration."""
    path = world.root / "billproof.yaml"
    text = path.read_text("utf-8").replace("  archive: {", f"  {name}: {{")
    path.write_text(text.replace("to: archive", f"to: {name}"), "utf-8")


# --- the address, not the name ---


def test_a_destination_that_is_renamed_keeps_its_history(world: World) -> None:
    world.send(export("100"))
    rename(world, "store")
    shrunk = world.upload(world.put(export("50")))
    assert shrunk.code == 1, shrunk.out
    assert ("failed", "OC601") in shrunk.reasons
    again = world.upload(world.put(export("100")))
    assert (again.code, "store has had it since" in again.out) == (0, True)
    assert world.files() == [world.files()[0]], "nothing was sent again"
    world.send(export("110"))
    assert totals_of(world) == [("100.00", "superseded"), ("110.00", "current")]
    assert [path.parent.parent.parent.name for path in world.files()] == ["archive", "store"]
    assert [one["n"] for one in world.receipts()] == [1, 1], "numbers count in each folder"
    assert verified() == (0, "PASS  2 receipts, 0 errors\n")
    assert (status_of(world)["state"], status_of(world)["amount"]) == ("accepted", "110")
    superseded = world.upload(world.put(export("100")))
    assert (superseded.code, "SUPERSEDED" in superseded.out) == (1, True), superseded.out


def test_a_renamed_destination_is_shown_and_packed_under_either_name(world: World) -> None:
    world.send(export("100"))
    rename(world, "store")
    code, out, _ = run("status", "--month", MONTH)
    assert (code, "Not shown" in out) == (0, False), out
    world.put(export("100"))
    code, _, err = run("pack", "research", MONTH, "--to", "nowhere", "--output", "pack")
    assert code == 3
    assert "was never accepted by nowhere" in err
    assert "--to archive" in err


def test_another_place_under_the_old_name_has_no_history(world: World) -> None:
    world.send(export("100"))
    path = world.root / "billproof.yaml"
    path.write_text(path.read_text("utf-8").replace("path: archive/", "path: elsewhere/"), "utf-8")
    world.send(export("50"))
    assert (world.root / "elsewhere").is_dir()
    _, out, _ = run("ledger", "show", ACME, MONTH)
    assert [line.split()[-1] for line in out.splitlines() if not line.startswith(" ")] == ["current", "current"]


@pytest.mark.parametrize("path", ["archive", "./archive/", "archive//"])
def test_one_path_in_several_spellings_is_one_place(world: World, path: str) -> None:
    world.send(export("100"))
    config = world.root / "billproof.yaml"
    config.write_text(config.read_text("utf-8").replace("path: archive/", f"path: {path}"), "utf-8")
    assert ("failed", "OC601") in world.upload(world.put(export("50"))).reasons


def document(url: str, id_: str | None = "1111") -> dict[str, Any]:
    return {"request": {"description": {"method": "POST", "url": url}}, "integration": {"id": id_}}


@pytest.mark.parametrize(
    ("url", "is_same"),
    [
        ("https://api.example.com/v2/other?x=1", True), ("https://API.example.com:443/v1", True),
        ("http://api.example.com/v1", False), ("https://api.example.com:8443/v1", False), ("https://api.example.org/v1", False),
        ("https://api.example.com.evil/v1", False),
    ],
)  # fmt: skip
def test_an_api_is_known_by_scheme_host_port_and_integration(url: str, is_same: bool) -> None:
    assert (address_in(document(url)) == address_in(document("https://api.example.com/v1"))) is is_same
    assert address_in(document(url, "2222")) != address_in(document(url))


def test_a_directory_is_known_by_its_path(world: World) -> None:
    world.send(export("100"))
    assert address_in(world.receipts()[0]) == Address("directory", "archive", None)


# --- order ---


def forked(world: World, monkeypatch: pytest.MonkeyPatch, mine: str, others: str) -> World:
    """v1 (100) on this machine and v2 (120) on another, from the same base; then both ledgers and folders in one."""
    other = machine(world, "other", monkeypatch)
    stand_still(monkeypatch, others)
    other.send(export("120"))
    monkeypatch.chdir(world.root)
    stand_still(monkeypatch, mine)
    world.send(export("100"))
    shutil.copytree(other.ledger, world.ledger, dirs_exist_ok=True)
    return other


def current(world: World) -> str:
    (total,) = [total for total, mark in totals_of(world) if mark == "current"]
    return total


def test_between_two_that_do_not_know_each_other_the_later_is_current(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    forked(world, monkeypatch, "2026-01-01T12:00:00Z", "2026-01-01T12:00:30Z")
    assert current(world) == "120.00"
    assert verified()[0] == 0


@pytest.mark.parametrize("clock", ["2026-01-01T12:00:10Z", "2026-01-01T11:00:00Z", "2026-01-01T13:00:00Z"])
def test_an_upload_that_names_others_comes_after_them_whatever_its_clock_says(
    world: World, monkeypatch: pytest.MonkeyPatch, clock: str
) -> None:
    forked(world, monkeypatch, "2026-01-01T12:00:00Z", "2026-01-01T12:00:30Z")
    stand_still(monkeypatch, clock)
    world.send(export("130"), "--resend")
    assert current(world) == "130.00"
    assert status_of(world)["amount"] == "130"
    v2 = world.upload(world.put(export("120")))
    assert (v2.code, "SUPERSEDED" in v2.out) == (1, True), v2.out
    v3 = world.upload(world.put(export("130")))
    assert (v3.code, "already uploaded" in v3.out) == (0, True), v3.out
    assert ("failed", "OC601") in world.upload(world.put(export("110"))).reasons, "compared with v3"


def test_a_clock_of_2099_in_a_fork_refuses_no_later_upload(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    forked(world, monkeypatch, "2026-01-01T12:00:00Z", "2099-01-01T00:00:00Z")
    stand_still(monkeypatch, "2026-01-02T12:00:00Z")
    for total in ("130", "140"):
        world.send(export(total), "--resend")
        assert current(world) == f"{total}.00"
        found = world.upload(world.put(export(total)))
        assert (found.code, "already uploaded" in found.out) == (0, True), found.out
    assert verified()[0] == 0


def test_an_upload_of_another_month_can_be_what_knows_both(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The chain goes through the whole ledger: v3 names only the upload of November, which names both ends of the fork."""
    forked(world, monkeypatch, "2026-01-01T12:00:00Z", "2026-01-01T12:00:30Z")
    stand_still(monkeypatch, "2026-01-01T12:00:10Z")
    world.send(export("50", month="2025-11"))
    world.send(export("130"), "--resend")
    (v3,) = [one for one in world.receipts() if one["totals"]["amount"] == "130"]
    assert len(v3["previous"]) == 1
    assert current(world) == "130.00"


def test_branches_of_several_uploads_are_ordered_by_their_heads(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first upload of the other branch has a clock of 2099, and its second a right one: that one counts."""
    other = machine(world, "other", monkeypatch)
    for total, time in (("120", "2099-01-01T00:00:00Z"), ("125", "2026-01-01T12:00:00Z")):
        stand_still(monkeypatch, time)
        other.send(export(total))
    monkeypatch.chdir(world.root)
    stand_still(monkeypatch, "2026-01-01T13:00:00Z")
    world.send(export("100"))
    shutil.copytree(other.ledger, world.ledger, dirs_exist_ok=True)
    assert current(world) == "100.00"


# --- an attempt with two receipts ---


@pytest.mark.parametrize("answered", ["2026-01-01T12:00:00Z", "2026-01-03T12:00:00Z"])
def test_an_attempt_with_two_receipts_is_unknown_and_its_month_doubtful(
    world: World, monkeypatch: pytest.MonkeyPatch, answered: str
) -> None:
    stand_still(monkeypatch, "2026-01-01T08:00:00Z")
    world.send(export("100"))
    other = machine(world, "other", monkeypatch)
    stand_still(monkeypatch, answered)
    other.send(export("120"))
    late = other.files()[1]
    data = late.read_bytes()
    late.unlink()
    monkeypatch.chdir(world.root)
    shutil.copytree(other.ledger, world.ledger, dirs_exist_ok=True)
    stand_still(monkeypatch, "2026-01-02T12:00:00Z")
    world.send(export("130"))
    assert status_of(world)["state"] == "accepted"
    (world.ledger / late.relative_to(other.ledger)).write_bytes(data)

    code, out = verified()
    assert code == 0
    assert "are of one attempt; its outcome counts as unknown" in out.splitlines()[0]
    month = status_of(world)
    assert (month["state"], month["due"]) == ("not_known", True)
    code, text, _ = run("ledger", "list")
    assert [line.count("outcome unknown") for line in text.splitlines()[1:]].count(1) == 2
    again = world.upload(world.put(export("130")))
    assert (again.code, "may have been superseded (outcome unknown)" in again.out) == (1, True), again.out
    world.send(export("130"), "--resend")
    assert status_of(world)["state"] == "accepted", "an upload that follows both settles it"
    assert verified()[0] == 0


# --- what verify rejects, no upload takes as history ---


def rewritten(path: Path, change: Callable[[dict[str, Any]], object], raw: Callable[[bytes], bytes] = lambda data: data) -> Path:
    """A receipt with other content, under the name that fits it."""
    document = json.loads(path.read_bytes())
    change(document)
    data = raw(receipt.encoded(document))
    path.unlink()
    other = path.with_name(f"{document['n']:04}-{sha256(data)[:12]}{path.suffix}")
    other.write_bytes(data)
    return other


def put(*keys: str | int, value: object) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        place: Any = document
        for key in keys[:-1]:
            place = place[key]
        place[keys[-1]] = value

    return change


REWRITES: dict[str, Callable[[dict[str, Any]], object]] = {
    "the amount": put("totals", "amount", value="50"),
    "a day's amount": put("totals", "days", 0, "amount", value="50"),
    "a day less": lambda one: one["totals"]["days"].pop(),
    "a project's amount": put("totals", "projects", 0, "amount", value="50"),
    "a project's id": put("totals", "projects", 0, "id", value="proj_EXAMPLE9"),
    "the currency": put("totals", "currency", value="EUR"),
    "the file's digest": put("file", "sha256", value="0" * 64),
    "the address": put("request", "description", "pointer", value=f"elsewhere/organization={ACME}/month={MONTH}/current"),
    "the integration": put("integration", "id", value="2222"),
    "month to date": put("month_to_date", value=True),
    "the organization's name": put("file", "organization_name", value="Acme Labs"),
    "no name of the organization": lambda one: one["file"].pop("organization_name"),
    "where the file was": put("file", "path", value="elsewhere.csv"),
    "when it was checked": put("run", "finished", value="2026-01-01T08:00:01Z"),
    "the time of the check": put("as_of", value="2025-11-01T00:00:00Z"),
    "the settings": put("settings", "max_findings", "value", value=7),
    "the result": put("file_result_sha256", value="0" * 64),
    "what it follows": lambda one: one["previous"].pop(),
    "the attempt": put("attempt", value="0" * 64),
    "the end of the attempt's digest": lambda one: one.update(attempt=one["attempt"][:12] + "0" * 52),
    "no attempt": put("attempt", value=None),
}
FORMS: dict[str, Callable[[dict[str, Any]], object]] = {
    "an unknown status": put("status", value="lost"),
    "no answer": put("answer", value=None),
    "no request": put("request", value=None),
    "no description": put("request", "description", value={}),
    "an amount out of all bounds": put("totals", "amount", value="1e9999"),
    "an amount of more than 30 digits": put("totals", "amount", value="9" * 31),
    "an amount that is a number": put("totals", "amount", value=100),
    "a number that is a text": put("n", value="1"),
    "no days": put("totals", "days", value=[]),
    "a month that does not exist": put("month", value="2025-13"),
    "a month of no year": put("month", value="0000-01"),
    "a time that is not one": put("finished", value="yesterday"),
    "a key more": put("comment", value="added later"),
    "a key less": lambda one: one.pop("waivers"),
    "a file without its path": lambda one: one["file"].pop("path"),
    "a name of the organization that is none": put("file", "organization_name", value=None),
    "a waiver without owner": put("waivers", value=[{"rule": "OC304"}]),
}


@pytest.fixture
def sent(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """November and then October were uploaded."""
    stand_still(monkeypatch, "2026-01-01T08:00:00Z")
    world.send(export("70", month="2025-11"))
    world.send(export("100"))
    return world


def refused_by_all(world: World, name: str) -> None:
    """`ledger verify` ends with 1 and names the file; nothing else takes the ledger for what was uploaded."""
    code, out = verified()
    assert (code, name in out) == (1, True), out
    assert out.splitlines()[-1].startswith("FAIL  ")
    before = world.everything()
    exports = [world.put(export(total, month=month)) for total, month in (("60", MONTH), ("70", "2025-12"))]
    for path in exports:
        found = world.upload(path)
        assert (found.code, found.out) == (3, ""), found.out
        assert name in found.err
    for words in (["status"], ["ledger", "list"], ["ledger", "show", ACME, MONTH], ["pack", "research", MONTH, "--output", "p"]):
        code, out, err = run(*words)
        assert (code, out, "unexpected" in err) == (3, "", False), (words, out, err)
    code, out, err = run("check", exports[0])
    assert "OC601" in out + err
    assert "unexpected" not in out + err
    assert world.everything().items() >= before.items()


@pytest.mark.parametrize("change", REWRITES.values(), ids=REWRITES)
def test_the_newest_receipt_is_held_against_its_attempt(sent: World, change: Callable[[dict[str, Any]], object]) -> None:
    """Nothing follows it, and its name fits its own digest: only the file written before the sending contradicts it."""
    refused_by_all(sent, rewritten(sent.files()[0], change).name)


@pytest.mark.parametrize("change", [one for name, one in REWRITES.items() if "attempt" not in name])
def test_an_attempt_is_held_against_its_receipt(sent: World, change: Callable[[dict[str, Any]], object]) -> None:
    """Edited and renamed, it is not the one that its receipt names."""
    (path,) = [path for path in sent.files(".begun") if MONTH in str(path)]
    rewritten(path, change)
    refused_by_all(sent, sent.files()[0].name)


OUTCOMES: dict[str, Callable[[dict[str, Any]], object]] = {
    "a status": put("status", value="accepted"),
    "an attempt of its own": put("attempt", value="0" * 64),
}


@pytest.mark.parametrize("change", OUTCOMES.values(), ids=OUTCOMES)
@pytest.mark.parametrize("is_answered", [True, False])
def test_an_attempt_has_no_outcome(sent: World, change: Callable[[dict[str, Any]], object], is_answered: bool) -> None:
    """Even if its receipt names it as it is now."""
    (path,) = [path for path in sent.files(".begun") if MONTH in str(path)]
    attempt, answered = rewritten(path, change), sent.files()[0]
    if is_answered:
        refused_by_all(sent, rewritten(answered, put("attempt", value=sha256(attempt.read_bytes()))).name)
    else:
        answered.unlink()
        refused_by_all(sent, attempt.name)


def test_an_upload_of_another_ledger_is_not_history_here(sent: World) -> None:
    """As if its folders had been copied into a new ledger."""
    marker = sent.ledger / "ledger.json"
    marker.write_text(json.dumps(json.loads(marker.read_bytes()) | {"id": "another"}), "utf-8")
    refused_by_all(sent, sent.files()[0].name)


@pytest.mark.parametrize("change", FORMS.values(), ids=FORMS)
@pytest.mark.parametrize("suffix", [".json", ".begun"])
def test_a_receipt_of_another_form_is_damaged_for_all(
    sent: World, change: Callable[[dict[str, Any]], object], suffix: str
) -> None:
    (path,) = [path for path in sent.files(suffix) if MONTH in str(path)]
    if suffix == ".begun":
        sent.files()[0].unlink()
    document = json.loads(path.read_bytes())
    change(document)
    data = receipt.encoded(document)
    path.unlink()
    other = path.with_name(f"0001-{sha256(data)[:12]}{suffix}")
    other.write_bytes(data)
    refused_by_all(sent, other.name)


RAW: dict[str, Callable[[bytes], bytes]] = {
    "a key twice": lambda data: data.replace(b'"rows": 1,', b'"rows": 1, "rows": 1,', 1),
    "blanks": lambda data: data.replace(b'"n": 1', b'"n":  1'),
    "another order": lambda data: data.replace(b'"rows": 1, "amount": "100"', b'"amount": "100", "rows": 1', 1),
    "text after the end": lambda data: data + b"{}\n",
    "not a number": lambda data: data.replace(b'"empty_days": 30', b'"empty_days": NaN'),
    "not UTF-8": lambda data: data.replace(b"sent-", b"\xff"),
    "an endless text without an end": lambda data: data.replace(b'"text": "', b'"text": ' + b'"\\"' * 100_000),
    "endless nesting": lambda data: data.replace(b'"host": ', b'"host": ' + b'{"a": ' * 50_000),
}


@pytest.mark.parametrize("raw", RAW.values(), ids=RAW)
def test_bytes_that_billproof_does_not_write_are_not_a_receipt(sent: World, raw: Callable[[bytes], bytes]) -> None:
    refused_by_all(sent, rewritten(sent.files()[0], lambda one: None, raw).name)


def test_both_files_of_the_last_upload_can_be_rewritten_together_as_the_documents_say(sent: World) -> None:
    """Only a signature or the destination contradicts that; an outcome alone needs one file."""
    rewritten(sent.files()[0], put("status", value="refused"))
    assert verified()[0] == 0


@pytest.mark.parametrize("change", FORMS.values(), ids=FORMS)
def test_the_published_schema_refuses_what_billproof_refuses(sent: World, change: Callable[[dict[str, Any]], object]) -> None:
    validator = jsonschema.Draft202012Validator(FORM)
    (document,) = [one for one in sent.receipts() if one["month"] == MONTH]
    assert validator.is_valid(document)
    assert split(receipt.encoded(document).decode())
    change(document)
    assert not validator.is_valid(document)
    with pytest.raises(ValueError, match="is not as billproof writes it"):
        split(receipt.encoded(document).decode())


# --- growth ---


def test_an_upload_and_a_verification_read_each_file_of_a_ledger_once(sent: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a run asks of the ledger: it is proved whole, and read once."""
    read: list[str] = []

    def counted(path: str, limit: int) -> bytes:
        read.append(path)
        return listed_bytes(path, limit)

    monkeypatch.setattr("billproof.delivery.ledger.store.listed_bytes", counted)
    exports = [sent.put(export("110", month=month), f"{month}.csv") for month in (MONTH, "2025-11", "2025-09")]
    for words in (["upload", *exports, "--dry-run"], ["ledger", "verify"], ["check", *exports, "--jobs", "1"], ["status"]):
        read.clear()
        run(*words)
        assert len(read) == len(set(read)) == 4, words
    read.clear()
    assert sent.upload(*exports).code == 0
    assert len(read) == len(set(read)) == 4, "what this run writes is not read again"


# --- what is not a file, where files belong ---


def folder_like(path: Path) -> Path:
    path.mkdir()
    return path


def pipe_like(path: Path) -> Path:
    os.mkfifo(path)
    return path


def link_to_nothing(path: Path) -> Path:
    path.symlink_to("nowhere")
    return path


def link_to_zero(path: Path) -> Path:
    path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("make", [folder_like, pipe_like, link_to_nothing, link_to_zero])
@pytest.mark.parametrize(
    "name", ["0002-0123456789ab.json", "0002-0123456789ab.begun", "0001-0123456789ab.json.intoto.jsonl", "x"]
)
def test_what_is_named_like_a_receipt_but_is_not_a_file_is_an_error(sent: World, make: Callable[[Path], Path], name: str) -> None:
    refused_by_all(sent, make(sent.files()[0].parent / name).name)


@pytest.mark.parametrize("make", [folder_like, pipe_like, link_to_nothing, link_to_zero])
@pytest.mark.parametrize("place", [".lock", "ledger.json"])
def test_a_lock_or_marker_that_is_not_a_file_is_not_waited_for(sent: World, make: Callable[[Path], Path], place: str) -> None:
    path = sent.ledger / place
    path.unlink()
    make(path)
    found = sent.upload(sent.put(export("120")))
    assert found.code == 3
    assert f"{LEDGER}/{place}: " in found.out + found.err
    assert "unexpected" not in found.err
    assert sent.statuses() == ["accepted", "accepted"], "nothing was written"


@pytest.mark.parametrize("make", [folder_like, pipe_like, link_to_zero])
@pytest.mark.parametrize("what", ["current", "version"])
def test_a_pointer_or_version_that_is_not_a_file_is_not_waited_for(sent: World, make: Callable[[Path], Path], what: str) -> None:
    folder = sent.root / "archive" / f"organization={ACME}" / f"month={MONTH}"
    path = folder / ("current" if what == "current" else (folder / "current").read_text().strip())
    path.unlink()
    make(path)
    found = sent.upload(sent.put(export("120")))
    assert found.code == 4, found.out + found.err
    assert [one["status"] for one in sent.receipts() if one["month"] == MONTH] == ["accepted", "refused"]
    again = sent.upload(sent.put(export("100")))
    assert (again.code, "already uploaded" in again.out) == (4, False), again.out + again.err
