"""`upload --output delivery=FILE`: what came of each file, for programs, however the command ends."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from billproof.delivery import gate
from billproof.delivery.shipment import Answer
from tests.support import ROOT, run
from tests.uploading import ACME, World, export, sha256

SCHEMA = json.loads((ROOT / "schemas" / "delivery.v1.schema.json").read_text("utf-8"))
ANSWERS = "billproof.delivery.destinations.directory.DirectoryDestination.send"


def delivered(world: World, *arguments: str) -> tuple[int, dict[str, Any]]:
    """The exit code and the document of an upload, which is valid."""
    path = world.root.parent / "delivery.json"
    path.unlink(missing_ok=True)
    code, _, _ = run("upload", *arguments, "--output", f"delivery={path}")
    document: dict[str, Any] = json.loads(path.read_text("utf-8"))
    Draft202012Validator(SCHEMA).validate(document)
    assert document["exit_code"] == code
    return code, document


def statuses(document: dict[str, Any]) -> list[tuple[str, str]]:
    return [(file["month"], file["status"]) for file in document["files"]]


def three(world: World) -> list[str]:
    return [world.put(export(month=f"2025-{month}"), f"{month}.csv") for month in ("08", "09", "10")]


def test_each_file_has_what_a_program_needs(world: World) -> None:
    data = export("1537.5")
    code, document = delivered(world, world.put(data))
    (file,) = document["files"]
    (receipt,) = world.receipts()
    assert (code, document["verdict"], document["summary"], document["error"]) == (0, "pass", "ALL UPLOADED  1 accepted", None)
    assert (file["path"], file["sha256"], file["integration"]) == ("export.csv", sha256(data), "research")
    assert (file["organization"], file["month"], file["destination"]) == (ACME, "2025-10", "archive")
    assert (file["verdict"], file["amount"], file["currency"], file["status"]) == ("pass", "1537.5", "USD", "accepted")
    assert (file["id"], file["finished"]) == (receipt["answer"]["id"], receipt["finished"])
    assert Path(file["receipt"]).read_text("utf-8") == world.files()[0].read_text("utf-8")
    assert (file["retry_after"], file["visible_by"]) == (None, None)
    again = delivered(world, "export.csv")[1]["files"][0]
    assert (again["status"], again["verdict"], again["receipt"]) == ("current", None, file["receipt"])


def test_what_is_not_sent_is_told_too(world: World) -> None:
    names = three(world)
    code, document = delivered(world, *names, "--dry-run")
    assert (code, document["dry_run"], {status for _, status in statuses(document)}) == (0, True, {"would_be_sent"})
    world.put(export(month="2025-09", days=3), "09.csv")
    code, document = delivered(world, *names)
    assert (code, document["verdict"]) == (1, "fail")
    assert statuses(document) == [("2025-08", "not_sent"), ("2025-09", "not_sent"), ("2025-10", "not_sent")]
    assert [file["verdict"] for file in document["files"]] == ["pass", "fail", "pass"]
    code, document = delivered(world, "missing.csv")
    assert (code, document["files"][0]["sha256"], document["files"][0]["verdict"]) == (3, None, "unproved")


def test_a_refusal_has_its_receipt_and_how_long_to_wait(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = Answer("refused", "later", code=503, retry_after=60)
    answers = iter([Answer("accepted", "fine", "7"), refusal, Answer("unknown", "lost")])
    monkeypatch.setattr(ANSWERS, lambda *_: next(answers))
    code, document = delivered(world, *three(world))
    assert code == 4
    assert statuses(document) == [("2025-08", "accepted"), ("2025-09", "refused"), ("2025-10", "unknown")]
    assert [file["retry_after"] for file in document["files"]] == [None, 60, None]
    assert all(Path(file["receipt"]).is_file() for file in document["files"])
    assert document["summary"].startswith("NOT ALL UPLOADED  1 accepted, 2 not.")


@pytest.mark.parametrize(("error", "code"), [(KeyboardInterrupt(), 130), (RuntimeError("no"), 3)])
def test_an_upload_that_is_cut_off_says_what_it_knows(
    world: World, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int
) -> None:
    """The first file arrived, the second may have, the third was never begun."""
    sent = []

    def send(*_: object) -> Answer:
        sent.append(1)
        if len(sent) == 2:
            raise error
        return Answer("accepted", "fine")

    monkeypatch.setattr(ANSWERS, send)
    found, document = delivered(world, *three(world))
    assert found == code
    assert statuses(document) == [("2025-08", "accepted"), ("2025-09", "unknown"), ("2025-10", "not_sent")]
    assert document["error"]


def test_before_the_first_byte_goes_out_every_file_may_be_sent(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """What stands there if the command is killed: no file is called sent or unsent that nobody knows of."""
    path, kept = world.root.parent / "delivery.json", []
    real = gate.upload

    def upload(*given: Any) -> Any:
        kept.append(json.loads(path.read_text("utf-8")))
        return real(*given)

    monkeypatch.setattr(gate, "upload", upload)
    assert delivered(world, *three(world)[:2])[0] == 0
    Draft202012Validator(SCHEMA).validate(kept[0])
    assert (kept[0]["exit_code"], {status for _, status in statuses(kept[0])}) == (3, {"unknown"})


def test_an_error_of_usage_is_told_in_the_file(world: World) -> None:
    data = export()
    names = [world.put(data, "one.csv"), world.put(data, "other.csv")]
    code, document = delivered(world, *names)
    assert (code, document["files"]) == (2, [])
    assert "two files for 2025-10 of research: one.csv and other.csv" in document["error"]
    world.put(export(month="2025-09"), "first.csv")
    world.put(export("7", month="2025-09"), "second.csv")
    told = delivered(world, *names, "first.csv", "second.csv")[1]["error"]
    assert "two files for 2025-09 of research: first.csv and second.csv" in told, "all are named at once"


def test_where_it_cannot_be_written_nothing_is_sent(world: World) -> None:
    name = world.put(export())
    code, _, err = run("upload", name, "--output", "delivery=missing/delivery.json")
    assert (code, world.receipts()) == (3, [])
    assert "could not be written" in err
    assert run("upload", name, "--output", f"delivery={name}")[0] == 2
    assert run("check", name, "--output", "delivery=delivery.json")[0] == 2
    assert not (world.root / "delivery.json").exists()


@pytest.mark.skipif(os.name == "nt", reason="needs named pipes")
def test_a_pipe_gets_one_document(world: World) -> None:
    pipe = world.root.parent / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE) as reader:
        assert run("upload", world.put(export()), "--output", f"delivery={pipe}")[0] == 0
        text = reader.communicate()[0]
    assert json.loads(text)["exit_code"] == 0


def test_of_very_many_files_the_text_ends_with_what_did_not_arrive(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files that were uploaded before have no line, and what was refused is named again at the end, within a screen."""
    monkeypatch.setattr("billproof.delivery.text.MANY", 5)
    monkeypatch.setattr("billproof.delivery.text.NAMED", 3)
    names = [world.put(export(month=f"2020-{number:02}"), f"{number:02}.csv") for number in range(1, 13)]
    assert run("upload", *names[:4])[0] == 0
    answers = iter(Answer("accepted" if number % 2 else "refused", "no room", code=503) for number in range(8))
    monkeypatch.setattr(ANSWERS, lambda *_: next(answers))
    code, out, _ = run("upload", *names)
    lines = out.splitlines()
    assert code == 4
    assert sum("already uploaded" in line for line in lines[:-1]) == 0
    last = lines[lines.index("Not uploaded, the worst first:") :]
    assert [line.split()[:2] for line in last[1:4]] == [["research", f"2020-{month}"] for month in ("05", "07", "09")]
    assert last[4] == "  and 1 more file"
    assert last[5].startswith("NOT ALL UPLOADED  4 accepted, 4 not.")
    assert run("upload", *names[:4], "--verbose")[1].count("archive has had it since") == 4
    assert run("upload", *names[:4])[1].count("archive has had it since") == 4, "so few have a line each"
    assert run("upload", *[name for name in names if int(name[:2]) % 2 == 0 or int(name[:2]) < 5])[1].count("has had it") == 0
