"""`--attest KEY`: what is signed, that others can verify it, and that whatever does not fit exactly never agrees."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from copy import deepcopy
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from google.protobuf import json_format
from in_toto_attestation.predicates.test_result.v0 import test_result_pb2
from in_toto_attestation.v1 import statement_pb2
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

from billproof.audit.signing.attestation import STATEMENT, SUMMARY, TEST_RESULT, file_statements
from billproof.audit.signing.deviations import deviations
from billproof.audit.signing.dsse import read_public_key
from billproof.rules.checks import KINDS
from tests.signing import Keys, canonical, envelope, make_keys, pem, signed, statements
from tests.support import AS_OF, FIXTURES, make_ready, process, run
from tests.support import fixture as whole_file
from tests.uploading import World, export, stand_still, verified

GOOD = FIXTURES / "demo" / "cost_2025-10-01_2025-10-31.csv"
NO_SUCH = "there is no such file"


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    folder = tmp_path / "keys"
    folder.mkdir()
    return make_keys(folder)


def put(folder: Path, source: Path = GOOD, name: str | None = None) -> Path:
    """A copy of a file in a folder of its own."""
    path = folder / "exports" / (name or source.name)
    path.parent.mkdir(exist_ok=True)
    shutil.copy(source, path)
    return path


def digest(path: Path) -> str:
    return sha256(path.read_bytes()).hexdigest()


# --- what is signed ---


def test_a_pass_says_which_rules_passed_by_which_rule_set_and_when(tmp_path: Path, keys: Keys) -> None:
    path = put(tmp_path)
    found = signed(keys, path)
    assert (found.code, found.err) == (0, "")
    report = found.document
    names = {f"{one['rule']} {one['name']}" for one in report["files"][0]["outcomes"] if one["state"] == "passed"}
    rules = {"name": "openai-cost", "digest": {"sha256": report["ruleset"]["sha256"]}, "annotations": {"version": "0.2.0"}}
    subjects = [
        {"name": GOOD.name, "digest": {"sha256": digest(path)}},
        {"name": "report.json", "digest": {"sha256": digest(found.report)}},
        {"name": f"{GOOD.name}#result", "digest": {"sha256": report["files"][0]["result_sha256"]}},
    ]
    assert len(statements(found.beside.read_bytes())) == 2
    test, summary = found.test_result, found.summary
    assert test["_type"] == summary["_type"] == "https://in-toto.io/Statement/v1"
    assert test["subject"] == summary["subject"] == subjects
    assert test["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert set(test["predicate"].pop("passedTests")) == names
    assert "OC304 missing-day" in names
    assert test["predicate"] == {"result": "PASSED", "configuration": [rules], "warnedTests": [], "failedTests": []}
    assert summary["predicateType"] == "https://in-toto.io/attestation/svr/v0.2"
    assert summary["predicate"] == {
        "verifier": {"id": "pkg:generic/billproof@0.2.0", "policies": [rules]},
        "timeCreated": report["run"]["finished"],
        "properties": ["BILLPROOF_PASSED_AS_CHECK"],
    }


def test_a_fail_is_attested_as_one_and_its_summary_proves_nothing(tmp_path: Path, keys: Keys) -> None:
    found = signed(keys, put(tmp_path, FIXTURES / "demo" / "cost_2025-10-04_2025-11-03.csv"))
    assert found.code == 1
    assert found.test_result["predicate"]["result"] == "FAILED"
    assert found.test_result["predicate"]["failedTests"] == ["OC303 outside-month", "OC304 missing-day"]
    assert found.summary["predicate"]["properties"] == []


def test_what_is_unproved_never_passed(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr(KINDS["day_coverage"], "at_end", broken)
    found = signed(keys, put(tmp_path))
    assert found.code == 3
    assert found.document["verdict"] == "unproved"
    assert found.test_result["predicate"]["result"] == "FAILED"
    assert found.test_result["predicate"]["failedTests"] == ["OC304 missing-day"]
    assert "OC304 missing-day" not in found.test_result["predicate"]["passedTests"]
    assert found.summary["predicate"]["properties"] == []


def test_what_fails_is_told_beside_what_is_unproved(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise KeyError

    monkeypatch.setattr(KINDS["day_coverage"], "at_end", broken)
    found = signed(keys, put(tmp_path, FIXTURES / "demo" / "cost_2025-10-04_2025-11-03.csv"))
    assert found.code == 3
    assert found.test_result["predicate"]["failedTests"] == ["OC303 outside-month", "OC304 missing-day"]


def test_a_rule_that_could_not_look_is_in_no_list(tmp_path: Path, keys: Keys) -> None:
    found = signed(keys, put(tmp_path, whole_file("renamed-column")))
    blocked = {one["rule"] for one in found.document["files"][0]["outcomes"] if one["state"] == "blocked"}
    predicate = found.test_result["predicate"]
    named = {name[:5] for key in ("passedTests", "warnedTests", "failedTests") for name in predicate[key]}
    assert predicate["failedTests"] == ["OC104 missing-column"]
    assert blocked
    assert blocked.isdisjoint(named)


@pytest.mark.parametrize(
    "arguments, result, warned, failed",
    [((), "WARNED", ["OC207 negative-amount"], []), (("--fail-on", "warning"), "FAILED", [], ["OC207 negative-amount"])],
)
def test_a_warning_is_a_warning_unless_it_fails(
    tmp_path: Path, keys: Keys, arguments: tuple[str, ...], result: str, warned: list[str], failed: list[str]
) -> None:
    predicate = signed(keys, put(tmp_path, whole_file("negative")), *arguments).test_result["predicate"]
    assert (predicate["result"], predicate["warnedTests"], predicate["failedTests"]) == (result, warned, failed)


def test_what_is_waived_is_a_warning_and_the_configuration_is_named(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand_still(monkeypatch, "2025-12-02T10:00:00Z")
    path = put(tmp_path, whole_file("negative"))
    waiver = '{rule: OC207, organization: org-EXAMPLEacme01, month: any, reason: r, owner: o, expires: "2026-06-30"}'
    config = make_ready(tmp_path, f"waivers:\n  - {waiver}\n")
    found = signed(keys, path, "--config", str(config), "--policy", "upload")
    assert found.code == 0, found.err
    predicate = found.test_result["predicate"]
    assert (predicate["result"], predicate["warnedTests"]) == ("WARNED", ["OC207 negative-amount"])
    assert predicate["configuration"][1] == {
        "name": found.document["settings"]["config"]["path"],
        "digest": {"sha256": digest(config)},
    }
    assert found.summary["predicate"]["properties"] == ["BILLPROOF_PASSED_AS_UPLOAD"]


def test_the_job_that_ran_is_named_by_its_address(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI_JOB_URL", "https://ci:word@ci.example.com/jobs/7?private_token=word")
    assert signed(keys, put(tmp_path)).test_result["predicate"]["url"] == "https://ci.example.com/jobs/7"


def test_two_runs_at_one_instant_sign_the_same_bytes(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_still(monkeypatch, "2025-12-02T10:00:00Z")
    path = put(tmp_path)
    first = signed(keys, path).beside.read_bytes()
    assert signed(keys, path).beside.read_bytes() == first


def test_two_names_that_are_shown_as_one_are_told_apart(tmp_path: Path, keys: Keys) -> None:
    bad = put(tmp_path, FIXTURES / "demo" / "cost_2025-10-04_2025-11-03.csv", "anna@example.com.csv")
    good = put(tmp_path, GOOD, "bob@example.com.csv")
    found = signed(keys, bad, str(good))
    assert len({one["path"] for one in found.document["files"]}) == 1
    assert "OC303 outside-month" in found.test_result["predicate"]["failedTests"]
    (test, summary) = statements(Path(f"{good}.intoto.jsonl").read_bytes())
    assert (test["predicate"]["result"], test["predicate"]["failedTests"]) == ("PASSED", [])
    assert summary["predicate"]["properties"] == ["BILLPROOF_PASSED_AS_CHECK"]
    code, out, _ = run("verify", str(found.report), str(good), "--key", str(keys.public))
    assert (code, out.splitlines()[0]) == (0, "AGREES"), out


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
def test_a_report_may_have_a_name_that_is_no_text(tmp_path: Path, keys: Keys) -> None:
    path, report = put(tmp_path), f"{tmp_path}/rep\udcff.json"
    code, _, err = run("check", str(path), "--as-of", AS_OF, "--attest", str(keys.private), "--output", f"json={report}")
    assert (code, err) == (0, "")
    assert statements(Path(f"{path}.intoto.jsonl").read_bytes())[0]["subject"][1]["name"] == r"rep\xFF.json"
    assert run("verify", report, str(path), "--key", str(keys.public))[1].splitlines()[0] == "AGREES"


def test_each_of_several_files_has_its_own(tmp_path: Path, keys: Keys) -> None:
    good, bad = put(tmp_path), put(tmp_path, FIXTURES / "demo" / "cost_2025-10-04_2025-11-03.csv")
    found = signed(keys, good, str(bad), str(tmp_path / "exports" / "nowhere.csv"))
    assert found.code == 3
    assert found.err == f"no attestation of {tmp_path}/exports/nowhere.csv: the file could not be read\n"
    results = {path: statements(Path(f"{path}.intoto.jsonl").read_bytes())[0]["predicate"]["result"] for path in (good, bad)}
    assert results == {good: "PASSED", bad: "FAILED"}
    assert sorted(path.name for path in tmp_path.rglob("*.jsonl")) == [f"{good.name}.intoto.jsonl", f"{bad.name}.intoto.jsonl"]


def test_the_name_of_a_file_without_an_attestation_is_escaped(tmp_path: Path, keys: Keys) -> None:
    put(tmp_path)
    found = signed(keys, put(tmp_path), str(tmp_path / "exports" / "x\x1b[31m\nPASS  a@example.com.csv"))
    assert found.code == 3
    (line,) = found.err.splitlines()
    assert line.endswith("exports/x\\u001B[31m\\u000APASS  <e-mail>: the file could not be read")


# --- others can verify it ---


def test_an_independent_verifier_of_dsse_agrees(tmp_path: Path, keys: Keys) -> None:
    mine, other = (SSlibKey.from_crypto(one.key.public_key()) for one in (keys, make_keys(tmp_path, "other")))
    for line in signed(keys, put(tmp_path)).beside.read_bytes().splitlines():
        read = Envelope.from_dict(json.loads(line))
        # It finds keys by the hint beside the signature, which is ours.
        mine.keyid = other.keyid = next(iter(read.signatures))
        assert read.payload_type == "application/vnd.in-toto+json"
        assert read.verify([mine], 1)
        with pytest.raises(VerificationError):
            read.verify([other], 1)


def test_the_hint_to_the_key_is_what_openssl_says(tmp_path: Path, keys: Keys) -> None:
    der = base64.b64decode("".join(keys.public.read_text().splitlines()[1:-1]))
    envelopes = [json.loads(line) for line in signed(keys, put(tmp_path)).beside.read_bytes().splitlines()]
    assert {one["signatures"][0]["keyid"] for one in envelopes} == {sha256(der).hexdigest()}


@pytest.mark.parametrize("case", ["good-h4", "negative", "default-31-days"])
def test_the_statements_have_the_form_of_in_toto(tmp_path: Path, keys: Keys, case: str) -> None:
    for body in statements(signed(keys, put(tmp_path, whole_file(case))).beside.read_bytes()):
        Statement.copy_from_pb(json_format.ParseDict(body, statement_pb2.Statement())).validate()
        predicate = body["predicate"]
        if body["predicateType"] == TEST_RESULT:
            json_format.ParseDict(predicate, test_result_pb2.TestResult())
            resources = predicate["configuration"]
        else:
            # svr.md, version 0.2: all of these are required; the library has no form for it yet.
            assert predicate.keys() == {"verifier", "timeCreated", "properties"}
            assert predicate["verifier"].keys() == {"id", "policies"}
            resources = predicate["verifier"]["policies"]
        for one in resources:
            ResourceDescriptor(one["name"], digest=one["digest"], annotations=one.get("annotations", {})).validate()


# --- before anything is judged ---


def refused(tmp_path: Path, *arguments: str) -> str:
    """What a check says that must end with 2, without a report or an attestation."""
    path = put(tmp_path)
    code, out, err = run("check", str(path), *arguments, "--as-of", "2025-12-01")
    assert (code, out) == (2, "")
    assert not list(tmp_path.rglob("report.json")) + list(tmp_path.rglob("*.jsonl"))
    return err


def with_report(tmp_path: Path, key: Path) -> tuple[str, ...]:
    return ("--attest", str(key), "--output", f"json={tmp_path / 'report.json'}")


def test_files_that_are_no_key_are_told_apart_and_never_shown(tmp_path: Path, keys: Keys) -> None:
    wrong = tmp_path / "wrong.pem"
    inner = keys.private.read_text().splitlines()[1]
    for data, text in (
        (keys.public.read_bytes(), "this is a public key"),
        (pem(keys.key, b"password"), "protected by a password"),
        (pem(generate_private_key(SECP256R1())), "not an Ed25519 key"),
        (keys.private.read_bytes().replace(inner.encode(), inner[:-8].encode()), "damaged"),
        (inner.encode(), "not a private key in PEM"),
        (b"", "not a private key in PEM"),
    ):
        wrong.write_bytes(data)
        err = refused(tmp_path, *with_report(tmp_path, wrong))
        assert text in err
        assert "openssl" in err
        assert inner[16:32] not in err
    assert "is a folder, not a file" in refused(tmp_path, *with_report(tmp_path, tmp_path))
    assert NO_SUCH in refused(tmp_path, *with_report(tmp_path, tmp_path / "nowhere"))


def test_a_key_that_was_pasted_as_the_name_of_a_file_is_not_shown(tmp_path: Path, keys: Keys) -> None:
    text = keys.private.read_text()
    for given in (text, text.splitlines()[1], text * 100):
        err = refused(tmp_path, f"--attest={given}", "--output", f"json={tmp_path / 'report.json'}")
        assert text.splitlines()[1][:12] not in err
        assert "It needs the path" in err


def test_without_cryptography_the_command_to_install_it_is_told(
    tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives", None)
    assert "pip install '.[attest]'" in refused(tmp_path, *with_report(tmp_path, keys.private))


def test_a_report_has_to_be_kept(tmp_path: Path, keys: Keys) -> None:
    assert "Add --output json=report.json" in refused(tmp_path, "--attest", str(keys.private))
    assert "Add --output json" in refused(tmp_path, "--attest", str(keys.private), "--output", f"html={tmp_path}/r.html")
    assert "is not a file" in refused(tmp_path, "--attest", str(keys.private), "--output", "json=/dev/null")


def test_standard_input_has_no_place_for_an_attestation(tmp_path: Path, keys: Keys) -> None:
    assert "standard input is not a file" in refused(tmp_path, "-", *with_report(tmp_path, keys.private))


def test_nothing_that_is_used_is_written_over(tmp_path: Path, keys: Keys) -> None:
    before = keys.private.read_bytes()
    assert "overwrite a file" in refused(tmp_path, "--attest", str(keys.private), "--output", f"json={keys.private}")
    assert keys.private.read_bytes() == before
    beside = f"{put(tmp_path)}.intoto.jsonl"
    assert "would write to the same file" in refused(tmp_path, "--attest", str(keys.private), "--output", f"json={beside}")


def test_nothing_is_put_into_a_folder_of_uploads(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    make_ready(tmp_path)
    (tmp_path / ".billproof" / "archive").mkdir()
    shutil.copy(GOOD, tmp_path / ".billproof" / "archive" / "x.csv")
    assert "must contain nothing else" in refused(tmp_path, ".billproof/archive/x.csv", *with_report(tmp_path, keys.private))


def test_what_another_has_signed_or_written_is_kept(tmp_path: Path, keys: Keys) -> None:
    path = put(tmp_path)
    beside = Path(f"{path}.intoto.jsonl")
    theirs = signed(make_keys(tmp_path, "other"), path).beside.read_bytes()
    (tmp_path / "exports" / "report.json").unlink()
    for data in (theirs, theirs.replace(b'"', b" ", 1), b"anything", b"", b"\n", b" " * 20_000_000):
        beside.write_bytes(data)
        code, _, err = run("check", str(path), *with_report(tmp_path, keys.private))
        assert (code, "was not signed with this key" in err) == (2, True)
        assert beside.read_bytes() == data
        assert not (tmp_path / "report.json").exists()
    beside.unlink()
    beside.mkdir()
    assert run("check", str(path), *with_report(tmp_path, keys.private))[0] == 2


def test_ones_own_is_replaced_as_the_report_is(tmp_path: Path, keys: Keys) -> None:
    path = put(tmp_path)
    before = signed(keys, path).beside.read_bytes()
    found = signed(keys, path, "--max-findings", "7")
    assert found.beside.read_bytes() != before
    assert found.test_result["subject"][1]["digest"]["sha256"] == digest(found.report)


def test_an_attestation_that_cannot_be_written_is_no_pass(tmp_path: Path, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("billproof.io.durable.replace", full)
    found = signed(keys, put(tmp_path))
    assert found.code == 3
    assert "could not be written: No space left" in found.err


def test_cryptography_is_loaded_by_those_who_sign_only(tmp_path: Path) -> None:
    code = (
        "import sys; from billproof.cli.main import main;"
        f"code = main(['check', {str(GOOD)!r}, '--quiet', '--output', {'json=' + str(tmp_path / 'r.json')!r}]);"
        "signs = ('cryptography', 'billproof.audit.signing.dsse', 'billproof.audit.signing.attestation');"
        "print(code, [one for one in signs if one in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_a_key_is_in_nothing_that_is_written(tmp_path: Path, keys: Keys) -> None:
    path = put(tmp_path)
    done = process("check", path, "--as-of", "2025-12-01", *with_report(tmp_path, keys.private), "--verbose")
    assert done.returncode == 0
    written = (
        done.stdout + done.stderr + b"".join(one.read_bytes() for one in (tmp_path / "report.json", *tmp_path.rglob("*.jsonl")))
    )
    assert keys.private.read_bytes().splitlines()[1] not in written
    assert str(keys.private).encode() not in written


# --- what does not fit exactly never agrees ---


class Case:
    """A report and its attestation, both sound; a test spoils the attestation."""

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.folder, self.keys = folder, keys
        found = signed(keys, put(folder))
        self.lines = found.beside.read_bytes().splitlines(keepends=True)
        self.report = found.document
        name, file_sha256 = "report.json", digest(found.report)
        self.expected = file_statements(self.report, self.report["files"][0], name, file_sha256)

    def deviations(self, data: bytes) -> list[str]:
        return deviations(data, [read_public_key(str(self.keys.public))], self.expected)

    def with_statement(self, number: int, change: Callable[[dict[str, Any]], object]) -> bytes:
        """One statement changed and signed again with the right key."""
        body = statements(self.lines[number])[0]
        change(body)
        return self.joined(number, json.dumps(envelope(self.keys.key, canonical(body))).encode())

    def with_envelope(self, change: Callable[[dict[str, Any]], object]) -> bytes:
        """The first envelope changed."""
        one = json.loads(self.lines[0])
        change(one)
        return self.joined(0, json.dumps(one).encode())

    def joined(self, number: int, line: bytes) -> bytes:
        lines = [*self.lines]
        lines[number] = line + b"\n"
        return b"".join(lines)


@pytest.fixture
def case(tmp_path: Path, keys: Keys) -> Case:
    found = Case(tmp_path, keys)
    assert found.deviations(b"".join(found.lines)) == []
    return found


STATEMENTS: dict[str, tuple[int, Callable[[dict[str, Any]], object]]] = {
    "another result": (0, lambda one: one["predicate"].update(result="WARNED")),
    "a failed test left out": (0, lambda one: one["predicate"]["passedTests"].pop()),
    "a test moved": (0, lambda one: one["predicate"]["warnedTests"].append(one["predicate"]["passedTests"].pop())),
    "lists left out": (0, lambda one: one["predicate"].pop("failedTests")),
    "an address that nobody said": (0, lambda one: one["predicate"].update(url=None)),
    "another rule set": (0, lambda one: one["predicate"]["configuration"][0]["digest"].update(sha256="0" * 64)),
    "another policy": (1, lambda one: one["predicate"]["verifier"]["policies"][0]["digest"].update(sha256="0" * 64)),
    "another time": (1, lambda one: one["predicate"].update(timeCreated="2025-12-01T00:00:00Z")),
    "another verifier": (1, lambda one: one["predicate"]["verifier"].update(id="https://example.com")),
    "more properties": (1, lambda one: one["predicate"]["properties"].append("BILLPROOF_PASSED_AS_UPLOAD")),
    "true for one": (1, lambda one: one["predicate"].update(properties=True)),
    "no subject for the file": (0, lambda one: one["subject"].pop(0)),
    "no subject for the report": (0, lambda one: one["subject"].pop(1)),
    "no subject for the file's result": (0, lambda one: one["subject"].pop(2)),
    "another result's digest": (0, lambda one: one["subject"][2]["digest"].update(sha256="0" * 64)),
    "a fourth subject": (0, lambda one: one["subject"].append({"name": "x", "digest": {"sha256": "0" * 64}})),
    "one subject twice": (0, lambda one: one["subject"].__setitem__(0, one["subject"][1])),
    "another file's digest": (0, lambda one: one["subject"][0]["digest"].update(sha256="0" * 64)),
    "a second digest": (0, lambda one: one["subject"][0]["digest"].update(md5="0" * 32)),
    "no subject": (0, lambda one: one.update(subject=None)),
    "no predicate": (0, lambda one: one.update(predicate=None)),
    "a predicate left out": (0, lambda one: one.pop("predicate")),
    "a predicate that nobody knows": (0, lambda one: one.update(predicateType="https://example.com/test/v1")),
    "another version of the predicate": (0, lambda one: one.update(predicateType=TEST_RESULT.replace("v0.1", "v0.2"))),
    "the other predicate": (0, lambda one: one.update(predicateType=SUMMARY)),
    "another type": (0, lambda one: one.update(_type=STATEMENT.replace("v1", "v0.1"))),
    "an extra key": (0, lambda one: one.update(more=1)),
}


@pytest.mark.parametrize("number, change", STATEMENTS.values(), ids=STATEMENTS)
def test_a_statement_that_says_something_else_never_agrees(
    case: Case, number: int, change: Callable[[dict[str, Any]], object]
) -> None:
    same = case.with_statement(number, lambda one: None)
    assert case.deviations(same) == []
    assert case.deviations(case.with_statement(number, change))


def signature(one: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = one["signatures"][0]
    return found


def flipped(text: str) -> str:
    data = bytearray(base64.b64decode(text))
    data[0] ^= 1
    return base64.b64encode(data).decode()


def with_spare_bits(text: str) -> str:
    """The same bytes in other base64: 64 bytes leave four bits over, which a loose reader does not look at."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    other = text[:-3] + letters[letters.index(text[-3]) + 1] + "=="
    assert base64.b64decode(other) == base64.b64decode(text)
    return other


ENVELOPES: dict[str, Callable[[dict[str, Any]], object]] = {
    "no signature": lambda one: one.update(signatures=[]),
    "signatures left out": lambda one: one.pop("signatures"),
    "the signature twice": lambda one: one["signatures"].append(signature(one)),
    "an empty signature": lambda one: signature(one).update(sig=""),
    "a changed signature": lambda one: signature(one).update(sig=flipped(signature(one)["sig"])),
    "a short signature": lambda one: signature(one).update(sig=base64.b64encode(b"x" * 63).decode()),
    "no text as hint to the key": lambda one: signature(one).update(keyid={"sig": ""}),
    "no text as signature": lambda one: signature(one).update(sig=7),
    "a signature in base64 without its end": lambda one: signature(one).update(sig=signature(one)["sig"].rstrip("=")),
    "blanks in base64": lambda one: one.update(payload=one["payload"][:4] + "\n" + one["payload"][4:]),
    "another alphabet": lambda one: signature(one).update(sig=base64.urlsafe_b64encode(b"\xff" * 64).decode()),
    "spare bits in base64": lambda one: signature(one).update(sig=with_spare_bits(signature(one)["sig"])),
    "an extra key": lambda one: one.update(more=1),
    "an extra key of the signature": lambda one: signature(one).update(cert="x"),
    "another payload type": lambda one: one.update(payloadType="application/json"),
    "the predicate's payload type": lambda one: one.update(payloadType="application/vnd.in-toto.test-result+json"),
    "a changed payload": lambda one: one.update(payload=flipped(one["payload"])),
}


@pytest.mark.parametrize("change", ENVELOPES.values(), ids=ENVELOPES)
def test_an_envelope_that_is_not_exactly_right_never_agrees(case: Case, change: Callable[[dict[str, Any]], object]) -> None:
    assert case.deviations(case.with_envelope(lambda one: None)) == []
    assert case.deviations(case.with_envelope(change))


def test_the_hint_to_the_key_decides_nothing(case: Case, tmp_path: Path) -> None:
    assert case.deviations(case.with_envelope(lambda one: signature(one).update(keyid="another"))) == []
    assert case.deviations(case.with_envelope(lambda one: signature(one).pop("keyid"))) == []
    theirs = make_keys(tmp_path, "theirs")
    one = envelope(theirs.key, base64.b64decode(json.loads(case.lines[0])["payload"]))
    signature(one)["keyid"] = signature(json.loads(case.lines[0]))["keyid"]
    assert case.deviations(case.joined(0, json.dumps(one).encode())) == [
        "its signature is not by this key, or the signed content was changed"
    ]


def test_more_or_fewer_statements_never_agree(case: Case) -> None:
    first, second = case.lines
    other = json.dumps(envelope(case.keys.key, canonical({"_type": "x"}))).encode() + b"\n"
    for data in (
        b"", b"\n", first, second, first + first, first + second + second, first + second + b"\n", first + second + other,
        first + second + b"{}\n", first.strip() + second,
        first.strip() + b"\r" + second, b"[" + first.strip() + b"," + second.strip() + b"]",
        b"\xef\xbb\xbf" + first + second, (first + second)[:-20],
    ):  # fmt: skip
        assert case.deviations(data), data
    assert case.deviations(second + first) == []


def test_json_that_two_programs_may_read_differently_never_agrees(case: Case) -> None:
    first = case.lines[0].strip()
    payload = json.loads(first)["payload"]
    for line in (
        first.replace(b"{", b'{"payload": "e30=", ', 1),
        first.replace(b'"signatures"', b'"payload": "%s", "signatures"' % payload.encode(), 1),
        first.replace(b'"sig"', b'"sig": "", "sig"', 1),
    ):
        assert case.deviations(case.joined(0, line))
    body = base64.b64decode(payload)
    for other in (
        body.replace(b'"result":"PASSED"', b'"result":"FAILED","result":"PASSED"'),
        body.replace(b'"result":"PASSED"', b'"result": "PASSED"'),
        body.replace(b'"result":"PASSED"', b'"result":"\\ud800"'),
        body.replace(b'"result":"PASSED"', b'"result":NaN'),
        body.replace(b'"result":"PASSED"', b'"result":' + b"[" * 100_000 + b"]" * 100_000),
        body.replace(b'"result":"PASSED"', b'"result":' + b"9" * 5000),
        b"\xff" + body, b"", b"null",
    ):  # fmt: skip
        assert other != body
        assert case.deviations(case.joined(0, json.dumps(envelope(case.keys.key, other)).encode()))


def test_a_report_that_says_something_else_never_agrees(case: Case) -> None:
    """Whatever the statements are derived from is changed in the report, and the attestation is left alone."""
    changes: tuple[Callable[[Any], object], ...] = (
        lambda one: one["files"][0].update(verdict="fail"),
        lambda one: one["files"][0].update(sha256="0" * 64),
        lambda one: one["files"][0]["outcomes"][3].update(state="failed"),
        lambda one: one["files"][0]["outcomes"].pop(0),
        lambda one: one["ruleset"].update(sha256="0" * 64),
        lambda one: one["ruleset"].update(version="9"),
        lambda one: one["policy"].update(policy="upload"),
        lambda one: one["tool"].update(version="9"),
        lambda one: one["run"].update(finished="2025-12-01T00:00:00Z"),
        lambda one: one["settings"].update(config={"path": "x", "sha256": "0" * 64}),
    )
    data = b"".join(case.lines)
    for change in changes:
        report = deepcopy(case.report)
        change(report)
        expected = file_statements(report, report["files"][0], "report.json", case.expected[0]["subject"][1]["digest"]["sha256"])
        assert deviations(data, [read_public_key(str(case.keys.public))], expected)


# --- public keys ---


def test_files_that_are_no_public_key_are_told_apart(tmp_path: Path, keys: Keys, world: World) -> None:
    wrong = tmp_path / "wrong.pem"
    ec = make_public(generate_private_key(SECP256R1()))
    for data, text in (
        (keys.private.read_bytes(), "this is a private key"),
        (ec, "not an Ed25519 key"),
        (keys.public.read_bytes().replace(b"MCow", b"MC0w"), "damaged"),
        (b"x", "not a public key in PEM"),
        (keys.public.read_bytes() + keys.private.read_bytes(), "contains more than one key"),
        (keys.public.read_bytes() + make_public(Ed25519PrivateKey.generate()), "contains more than one key"),
        (b" " * 65_537, "is larger than 65,536 bytes"),
    ):
        wrong.write_bytes(data)
        code, out, err = run("ledger", "verify", "--key", str(wrong))
        assert (code, out) == (2, "")
        assert text in err
    code, _, err = run("ledger", "verify", "--key", keys.private.read_text())
    assert (code, err.splitlines()[0]) == (2, "--key: there is no such file")


def make_public(key: Any) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    found: bytes = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    return found


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="pipes with a name are of POSIX")
def test_a_pipe_or_a_device_is_no_key_and_no_attestation(tmp_path: Path, keys: Keys) -> None:
    """Read like files, the first would wait for ever and the second never end."""
    path = put(tmp_path)
    found = signed(keys, path)
    pipe, device = tmp_path / "pipe", tmp_path / "device"
    os.mkfifo(pipe)
    device.symlink_to("/dev/zero")
    for odd in (pipe, device):
        code, _, err = run("verify", str(found.report), "--key", str(odd))
        assert (code, err.splitlines()[0]) == (2, f"--key: {odd}: is a device or pipe, not a file")
        code, _, err = run("check", str(path), *with_report(tmp_path, odd))
        assert (code, err.splitlines()[0]) == (2, f"--attest: {odd}: is a device or pipe, not a file")
        found.beside.unlink()
        found.beside.symlink_to(odd)
        code, _, err = run("check", str(path), *with_report(tmp_path, keys.private))
        assert (code, "was not signed with this key" in err) == (2, True)
        assert found.beside.is_symlink()


# --- receipts ---


def sent(world: World, keys: Keys, total: str = "100", *arguments: str) -> list[Path]:
    """An upload with a key; gives the attestations in the ledger."""
    world.send(export(total), "--attest", str(keys.private), *arguments)
    return sorted(world.ledger.rglob("*.intoto.jsonl"))


def verified_with(*keys: Keys) -> tuple[int, str]:
    code, out, err = run("ledger", "verify", *(word for one in keys for word in ("--key", str(one.public))))
    assert not err
    return code, out


def test_a_receipt_is_attested_beside_it(world: World, keys: Keys) -> None:
    (beside,) = sent(world, keys)
    (receipt,) = world.files()
    assert beside == Path(f"{receipt}.intoto.jsonl")
    (found,) = statements(beside.read_bytes())
    (document,) = world.receipts()
    assert found["predicateType"] == SUMMARY
    assert [one["digest"]["sha256"] for one in found["subject"]] == [
        sha256(export("100")).hexdigest(), digest(receipt), document["file_result_sha256"],
    ]  # fmt: skip
    assert found["predicate"]["timeCreated"] == document["finished"]
    assert found["predicate"]["verifier"]["policies"][0]["digest"] == {"sha256": document["ruleset"]["sha256"]}
    assert found["predicate"]["properties"] == ["BILLPROOF_PASSED_AS_UPLOAD", "BILLPROOF_UPLOAD_ACCEPTED"]
    assert verified() == verified_with(keys) == (0, "PASS  1 receipt, 0 errors\n")
    one = Envelope.from_dict(json.loads(beside.read_bytes()))
    key = SSlibKey.from_crypto(keys.key.public_key(), next(iter(one.signatures)))
    assert one.verify([key], 1)
    (export_beside,) = world.root.glob("*.intoto.jsonl")
    assert statements(export_beside.read_bytes())[1]["predicate"]["properties"] == ["BILLPROOF_PASSED_AS_UPLOAD"]


def test_a_ledger_with_attestations_goes_on(world: World, keys: Keys) -> None:
    assert len(sent(world, keys)) == 1
    assert len(sent(world, keys, "110")) == 2
    world.send(export("120"))
    assert verified() == (0, "PASS  3 receipts, 0 errors\n")
    code, out = verified_with(keys)
    assert code == 1
    assert f"{world.files()[-1].name}.intoto.jsonl: missing, so the receipt is unsigned" in out
    assert out.endswith("FAIL  3 receipts, 1 error\n")
    assert run("ledger", "list")[0] == run("status", "--month", "2025-10")[0] == 0


def test_a_dry_run_attests_no_receipt(world: World, keys: Keys) -> None:
    found = world.upload(world.put(export()), "--dry-run", "--attest", str(keys.private))
    assert found.code == 0
    assert list(world.ledger.rglob("*.intoto.jsonl")) == []


def test_an_upload_that_was_cut_off_gets_its_receipt_attested_and_it_claims_nothing(world: World, keys: Keys) -> None:
    sent(world, keys)
    for path in (*world.files(), *world.ledger.rglob("*.intoto.jsonl")):
        path.unlink()
    sent(world, keys, "110")
    assert world.statuses() == ["unknown", "accepted"]
    properties = [statements(Path(f"{path}.intoto.jsonl").read_bytes())[0]["predicate"]["properties"] for path in world.files()]
    assert properties == [[], ["BILLPROOF_PASSED_AS_UPLOAD", "BILLPROOF_UPLOAD_ACCEPTED"]]
    assert verified_with(keys)[0] == 0


def test_a_receipt_that_was_removed_is_seen_by_its_attestation(world: World, keys: Keys) -> None:
    """Without attestations nobody can see that both files of the last upload are gone."""
    sent(world, keys)
    for path in (*world.files(), *world.files(".begun")):
        path.unlink()
    code, out = verified()
    assert code == 1
    assert "attests a receipt that is missing" in out
    found = world.upload(world.put(export("110")))
    assert (found.code, "attests a receipt that is missing" in found.out + found.err) == (3, True)


def test_a_receipt_is_attested_by_its_summary_alone(world: World, keys: Keys) -> None:
    (beside,) = sent(world, keys)
    more = next(world.root.glob("*.intoto.jsonl")).read_bytes().splitlines(keepends=True)[0]
    beside.write_bytes(beside.read_bytes() + more)
    code, out = verified_with(keys)
    assert (code, "it contains more than its statements" in out) == (1, True)


def test_a_receipt_in_another_form_is_told_and_not_tripped_over(world: World, keys: Keys) -> None:
    (beside,) = sent(world, keys)
    (path,) = world.files()
    document = json.loads(path.read_text("utf-8"))
    del document["ruleset"]
    data = json.dumps(document).encode()
    path.unlink()
    other = path.with_name(f"0001-{sha256(data).hexdigest()[:12]}.json")
    other.write_bytes(data)
    beside.rename(f"{other}.intoto.jsonl")
    code, out = verified_with(keys)
    assert (code, "is not a receipt" in out) == (1, True)


@pytest.mark.parametrize("data", [b"", b"{}\n", None])
def test_an_attestation_of_another_receipt_is_seen(world: World, keys: Keys, data: bytes | None) -> None:
    first, second = (sent(world, keys), sent(world, keys, "110"))[1]
    second.write_bytes(first.read_bytes() if data is None else data)
    assert verified()[0] == 0
    code, out = verified_with(keys)
    assert (code, second.name in out, first.name in out) == (1, True, False)


def test_another_key_vouches_for_nothing(world: World, keys: Keys, tmp_path: Path) -> None:
    sent(world, keys)
    code, out = verified_with(make_keys(tmp_path, "other"))
    assert code == 1
    assert "its signature is not by this key" in out


def test_a_key_that_changed_is_given_beside_its_successor(world: World, keys: Keys, tmp_path: Path) -> None:
    new, foreign = make_keys(tmp_path, "new"), make_keys(tmp_path, "foreign")
    sent(world, keys)
    *_, beside = sent(world, new, "110")
    for given in ((keys, new), (new, foreign, keys)):
        assert verified_with(*given) == (0, "PASS  2 receipts, 0 errors\n")
    code, out = verified_with(keys, foreign)
    assert (code, f"{beside.name}: its signature is not by any of these keys" in out) == (1, True), out
    assert out.endswith("FAIL  2 receipts, 1 error\n")


def test_the_receipt_is_there_before_its_attestation(world: World, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the attestation cannot be written, the upload is on record all the same, and the command does not succeed."""
    from billproof.io import durable

    original = durable.put_new

    def full(path: str, chunks: list[bytes]) -> None:
        if path.endswith(".intoto.jsonl"):
            raise OSError(28, "No space left on device")
        original(path, chunks)

    monkeypatch.setattr(durable, "put_new", full)
    found = world.upload(world.put(export()), "--attest", str(keys.private))
    assert found.code == 3
    assert "the receipt is written, but its attestation could not be written: No space left" in found.err
    assert "so billproof ledger verify --key will report the missing attestation" in found.err
    assert world.statuses() == ["accepted"]
    assert verified()[0] == 0
    assert verified_with(keys)[0] == 1


def test_what_another_key_signed_stops_an_upload_of_that_file_only(world: World, keys: Keys, tmp_path: Path) -> None:
    """What is there already is set aside, so an old key's attestation of it is in nobody's way."""
    old = make_keys(tmp_path, "old")
    first, second = world.put(export()), world.put(export("50", month="2025-11"), "second.csv")
    assert world.upload(first, "--attest", str(old.private)).code == 0
    assert world.upload(first, second, "--attest", str(keys.private)).code == 0
    assert statements(Path(f"{second}.intoto.jsonl").read_bytes())
    world.put(export("60", month="2025-11"), "second.csv")
    before = world.everything()
    found = world.upload(first, second, "--attest", str(old.private))
    assert (found.code, found.report) == (2, None)
    assert "second.csv.intoto.jsonl already exists" in found.err
    assert world.everything() == before


def test_an_upload_does_not_begin_with_a_key_that_is_none(world: World, keys: Keys) -> None:
    found = world.upload(world.put(export()), "--attest", str(keys.public))
    assert found.code == 2
    assert world.files(".begun") == []
    assert found.report is None
