"""`billproof verify --key`: the first line is AGREES only when file, report and both statements fit, signed with that key."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from billproof.report.build import result_sha256
from tests.signing import Keys, Signed, canonical, envelope, make_keys, signed, statements
from tests.support import FIXTURES, reseal, run
from tests.uploading import World, export

DEMO = FIXTURES / "demo"
GOOD, BAD = DEMO / "cost_2025-10-01_2025-10-31.csv", DEMO / "cost_2025-10-04_2025-11-03.csv"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path)


def put(folder: Path, source: Path = GOOD) -> Path:
    """A copy of a file in a folder of its own."""
    (folder / "exports").mkdir(exist_ok=True)
    return Path(shutil.copy(source, folder / "exports"))


def verified(found: Signed, *arguments: str) -> tuple[int, str, str]:
    """`billproof verify`: exit code, first line, and the line about the attestation (empty if there is none)."""
    code, out, err = run("verify", str(found.report), *arguments)
    lines = out.splitlines() or [err]
    return code, lines[0], next((one for one in lines if one.startswith("  attested")), "")


@pytest.mark.parametrize("source, result", [(GOOD, "PASSED"), (BAD, "FAILED")], ids=["pass", "fail"])
def test_file_report_and_signature_agree(tmp_path: Path, keys: Keys, source: Path, result: str) -> None:
    path = put(tmp_path, source)
    found = signed(keys, path)
    for named in ((), (str(path),)):
        code, word, attested = verified(found, *named, "--key", str(keys.public))
        assert (code, word) == (0, "AGREES")
        assert attested.endswith(f"attests {result} for this file and this report")
        code, word, attested = verified(found, *named)
        assert (code, word) == (0, "AGREES, BUT UNSIGNED")
        assert attested.startswith("  attested   not checked: ")
        assert attested.endswith(" exists; --key PUB checks it")


def test_the_key_is_named_by_its_digest(tmp_path: Path, keys: Keys) -> None:
    found = signed(keys, put(tmp_path))
    keyid = json.loads(found.beside.read_bytes().splitlines()[0])["signatures"][0]["keyid"]
    out = run("verify", str(found.report), "--key", str(keys.public))[1]
    assert f"  signature  by the key {keyid}\n" in out


def test_another_key_does_not_agree(tmp_path: Path, keys: Keys) -> None:
    found, other = signed(keys, put(tmp_path)), make_keys(tmp_path, "other")
    code, word, _ = verified(found, "--key", str(other.public))
    assert (code, word) == (1, "DIFFERS")
    out = run("verify", str(found.report), "--key", str(other.public))[1]
    assert "its signature is not by this key" in out
    assert "  signature  not shown to be by the key" in out


def test_a_file_that_is_no_public_key_is_wrong_usage(tmp_path: Path, keys: Keys) -> None:
    found = signed(keys, put(tmp_path))
    code, word, _ = verified(found, "--key", str(keys.private))
    assert code == 2
    assert "this is a private key" in word


def test_no_attestation_is_no_agreement(tmp_path: Path, keys: Keys) -> None:
    path = put(tmp_path)
    found = signed(keys, path)
    found.beside.unlink()
    code, word, attested = verified(found, "--key", str(keys.public))
    assert (code, word) == (3, "UNPROVED")
    assert f"{path.name}.intoto.jsonl: cannot be read" in attested


def first_alone(lines: list[bytes], _: Keys) -> bytes:
    return lines[0]


def one_line_twice(lines: list[bytes], _: Keys) -> bytes:
    return lines[0] + lines[1] + lines[0]


def says_more(lines: list[bytes], keys: Keys) -> bytes:
    """Signed with the right key, and not what the report says."""
    body = statements(lines[1])[0]
    body["predicate"]["properties"] = ["BILLPROOF_PASSED_AS_UPLOAD"]
    return lines[0] + json.dumps(envelope(keys.key, canonical(body))).encode()


@pytest.mark.parametrize("spoil", [first_alone, one_line_twice, says_more, lambda lines, keys: b""])
def test_a_spoilt_attestation_does_not_agree(tmp_path: Path, keys: Keys, spoil: Callable[[list[bytes], Keys], bytes]) -> None:
    found = signed(keys, put(tmp_path))
    found.beside.write_bytes(spoil(found.beside.read_bytes().splitlines(keepends=True), keys))
    assert verified(found, "--key", str(keys.public))[:2] == (1, "DIFFERS")


def test_a_report_that_was_edited_so_that_it_fits_is_seen_with_a_key_only(tmp_path: Path, keys: Keys) -> None:
    found = signed(keys, put(tmp_path))
    report = found.document
    report["run"]["ci"]["actor"] = "somebody else"
    assert report["result_sha256"] == result_sha256(report)
    found.report.write_text(json.dumps(report), "utf-8")
    assert verified(found)[:2] == (0, "AGREES, BUT UNSIGNED")
    assert verified(found, "--key", str(keys.public))[:2] == (1, "DIFFERS")


def test_the_same_report_in_other_bytes_is_another_file(tmp_path: Path, keys: Keys) -> None:
    found = signed(keys, put(tmp_path))
    found.report.write_bytes(found.report.read_bytes() + b"\n")
    assert verified(found)[:2] == (0, "AGREES, BUT UNSIGNED")
    assert verified(found, "--key", str(keys.public))[:2] == (1, "DIFFERS")


def test_the_attestation_of_an_earlier_run_does_not_agree(tmp_path: Path, keys: Keys) -> None:
    path = put(tmp_path)
    before = signed(keys, path).beside.read_bytes()
    found = signed(keys, path, "--max-findings", "9")
    found.beside.write_bytes(before)
    assert verified(found, "--key", str(keys.public))[:2] == (1, "DIFFERS")


def test_every_file_of_a_report_must_be_attested(tmp_path: Path, keys: Keys) -> None:
    good, bad = put(tmp_path), put(tmp_path, BAD)
    found = signed(keys, good, str(bad))
    key = ("--key", str(keys.public))
    assert verified(found, *key)[:2] == (0, "AGREES")
    beside = Path(f"{bad}.intoto.jsonl")
    kept = beside.read_bytes()
    beside.write_bytes(found.beside.read_bytes())
    assert verified(found, *key)[:2] == (1, "DIFFERS")
    beside.unlink()
    assert verified(found, *key)[:2] == (3, "UNPROVED")
    assert verified(found, str(good), *key)[:2] == (0, "AGREES")
    beside.write_bytes(kept)
    assert verified(found, *key)[:2] == (0, "AGREES")


def test_two_files_of_the_same_bytes_are_each_signed(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """Their statements differ: in its integration's folder the one is another's, and fails."""
    monkeypatch.chdir(tmp_path)
    path = put(tmp_path)
    for folder in ("own", "foreign"):
        (tmp_path / folder).mkdir()
        shutil.copy(path, tmp_path / folder)
    (tmp_path / "billproof.yaml").write_text(
        "version: 1\nintegrations:\n"
        "  - {name: own, organization: org-EXAMPLEacme01, files: own/}\n"
        "  - {name: foreign, organization: org-EXAMPLEother1, files: foreign/}\n"
    )
    own, foreign = tmp_path / "own" / path.name, tmp_path / "foreign" / path.name
    found = signed(keys, own, str(foreign), "--config", str(tmp_path / "billproof.yaml"))
    assert [one["verdict"] for one in found.document["files"]] == ["pass", "fail"]
    key = ("--key", str(keys.public))
    for named, result in ((), ""), ((str(own),), "PASSED"), ((str(foreign),), "FAILED"):
        code, word, attested = verified(found, *named, *key)
        assert (code, word) == (0, "AGREES")
        assert result in attested
    moved = tmp_path / "moved.csv"
    shutil.copy(foreign, moved)
    shutil.copy(f"{foreign}.intoto.jsonl", f"{moved}.intoto.jsonl")
    assert verified(found, str(moved), *key)[:2] == (0, "AGREES")
    shutil.copy(found.beside, f"{foreign}.intoto.jsonl")
    assert verified(found, str(foreign), *key)[:2] == (1, "DIFFERS"), "what was signed of the other one"


def test_a_file_that_is_not_the_one_in_the_report_differs_whatever_is_beside_it(tmp_path: Path, keys: Keys) -> None:
    found = signed(keys, put(tmp_path))
    other = tmp_path / "other.csv"
    other.write_bytes(GOOD.read_bytes().replace(b"Default project", b"Another project"))
    shutil.copy(found.beside, f"{other}.intoto.jsonl")
    code, word, attested = verified(found, str(other), "--key", str(keys.public))
    assert (code, word, attested) == (1, "DIFFERS", "  attested   unproved: no attestation was checked")


def test_the_report_of_an_upload_agrees(world: World, keys: Keys) -> None:
    name = world.put(export())
    found = world.upload(name, "--attest", str(keys.private))
    assert found.code == 0
    code, out, err = run("verify", str(world.root.parent / "report.json"), name, "--key", str(keys.public))
    assert (code, out.splitlines()[0], err) == (0, "AGREES", "")


@pytest.mark.parametrize("verdict", ["pass", "unproved"])
def test_a_report_whose_verdict_was_changed_differs(tmp_path: Path, keys: Keys, verdict: str) -> None:
    found = signed(keys, put(tmp_path, BAD))
    report: dict[str, Any] = found.document
    report["files"][0]["verdict"] = verdict
    reseal(report)
    found.report.write_text(json.dumps(report), "utf-8")
    assert verified(found, "--key", str(keys.public))[:2] == (1, "DIFFERS")
