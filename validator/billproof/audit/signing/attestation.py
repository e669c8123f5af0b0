"""Attestations: in-toto statements about a file, its report or a receipt, signed with a key.

The attestation of a file is `<file>.intoto.jsonl` next to it, with two statements, one envelope per line: the outcomes of the
rules (predicate test-result v0.1) and a verification summary (predicate svr v0.2, which names the rule set by its digest). The
attestation of a receipt has only the summary, because a receipt has no list of rules. Everything that is signed follows from the
report or the receipt, byte for byte, so anyone who has these can derive it again. The predicates are in
github.com/in-toto/attestation, spec/predicates.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from billproof import __version__
from billproof.audit.signing.dsse import EnvelopeFault, Signer, lines_of, opened, read_signer, sealed
from billproof.delivery.ledger.receipt import Receipt
from billproof.engine.pipeline import Run, judged
from billproof.io import durable
from billproof.model.canonical import canonical
from billproof.model.errors import Unreadable, Unwritable, UsageError
from billproof.model.urls import in_bucket
from billproof.reading.source import small_file
from billproof.report.build import assembled
from billproof.report.render.json import render_json

if TYPE_CHECKING:
    from billproof.model.report_v1 import Report

SUFFIX = ".intoto.jsonl"
MAX_BYTES = 16 * 1024 * 1024
STATEMENT = "https://in-toto.io/Statement/v1"
TEST_RESULT = "https://in-toto.io/attestation/test-result/v0.1"
SUMMARY = "https://in-toto.io/attestation/svr/v0.2"
FETCHED = "BILLPROOF_FETCHED_FROM_COSTS_API"

# The state of a rule that gives a reason of this code, where the two differ.
_STATES = {"empty_pass": "passed", "core_not_applicable": "not_applicable"}

Statement = dict[str, Any]


def file_statements(
    report: Mapping[str, Any], file: Mapping[str, Any], report_name: str, report_sha256: str, alone_sha256: str | None = None
) -> tuple[Statement, Statement]:
    """The test result and the summary of one `file` of a report that has these bytes on disk, and of the report on this file
    alone, if there is one.
    """
    subjects = [
        _resource(file["name"], file["sha256"]), _resource(report_name, report_sha256),
        _resource(f"{file['name']}#result", file["result_sha256"]),
        *([] if alone_sha256 is None else [_resource(f"{file['name']}#report", alone_sha256)]),
    ]  # fmt: skip
    policies = _policies(report["ruleset"], report["settings"]["config"])
    tests = _tests(report, file)
    result = "FAILED" if file["verdict"] != "pass" else "WARNED" if tests["warnedTests"] else "PASSED"
    predicate = {"result": result, "configuration": policies, **tests}
    url = report["run"]["ci"]["url"]
    if url is not None:
        predicate["url"] = url
    # A summary without properties says that nothing was proved.
    properties = [f"BILLPROOF_PASSED_AS_{report['policy']['policy'].upper()}"] if file["verdict"] == "pass" else []
    summary = _summary(report["tool"], policies, report["run"]["finished"], properties)
    return _statement(subjects, TEST_RESULT, predicate), _statement(subjects, SUMMARY, summary)


def report_alone(run: Run, report: Report, number: int) -> str | None:
    """The digest of the report that an upload of several files would have written on file `number` alone, at the same time: the
    one that a pack contains. None for other runs, of which there is no pack.
    """
    if report["policy"]["command"] != "upload" or len(report["files"]) == 1:
        return None
    one = assembled(judged(run.settings, run.ruleset, [run.files[number]]), [report["files"][number]], report["run"])
    return hashlib.sha256(render_json(one).encode("utf-8")).hexdigest()


def receipt_statement(receipt: Receipt, name: str) -> Statement:
    """The summary of a receipt whose file has this name: what was sent, by which rules, and whether it arrived."""
    document = receipt.document
    subjects = [_resource(document["file"]["name"], receipt.file_sha256), _resource(name, receipt.sha256)]
    if "file_result_sha256" in document:
        subjects.append(_resource(f"{document['file']['name']}#result", document["file_result_sha256"]))
    holds = document["status"] in ("accepted", "already_there")
    properties = ["BILLPROOF_PASSED_AS_UPLOAD", "BILLPROOF_UPLOAD_ACCEPTED"] if holds else []
    policies = _policies(document["ruleset"], document["config"])
    return _statement(subjects, SUMMARY, _summary(document["tool"], policies, receipt.finished, properties))


def _tests(report: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, list[str]]:
    """The rules that passed, that warned, and that failed or left the file unproved. The others are only in the report: they did
    not apply, were not run because a setting was missing, or were skipped because another rule failed.
    """
    decisive = set(_decisive(report, file))
    tests: dict[str, list[str]] = {"passedTests": [], "warnedTests": [], "failedTests": []}
    for outcome in file["outcomes"]:
        state, name = outcome["state"], f"{outcome['rule']} {outcome['name']}"
        is_error = state == "failed" and outcome["level"] == "error"
        if is_error or (outcome["rule"], state) in decisive:
            tests["failedTests"].append(name)
        elif state in ("failed", "waived"):
            tests["warnedTests"].append(name)
        elif state == "passed":
            tests["passedTests"].append(name)
    return tests


def _decisive(report: Mapping[str, Any], file: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Rules that decided on a file, each with the state in which it did. What another file is called must not matter: two
    names may be shown as one.
    """
    for reason in report["reasons"] if file["verdict"] != "pass" else ():
        is_of_this = reason["file"] == file["path"] and (reason["code"] == "failed") == (file["verdict"] == "fail")
        if is_of_this and reason["rule"] is not None:
            yield reason["rule"], _STATES.get(reason["code"], reason["code"])


def _statement(subjects: list[dict[str, Any]], kind: str, predicate: Mapping[str, Any]) -> Statement:
    return {"_type": STATEMENT, "subject": subjects, "predicateType": kind, "predicate": dict(predicate)}


def _summary(tool: Mapping[str, Any], policies: Sequence[Any], time: str, properties: Sequence[str]) -> dict[str, Any]:
    verifier = {"id": f"pkg:generic/{tool['name']}@{tool['version']}", "policies": policies}
    return {"verifier": verifier, "timeCreated": time, "properties": list(properties)}


def _policies(ruleset: Mapping[str, Any], config: Mapping[str, Any] | None) -> list[dict[str, Any]]:
    """What the file was checked with: the rule set, and the configuration if there was one."""
    rules = {**_resource(ruleset["name"], ruleset["sha256"]), "annotations": {"version": ruleset["version"]}}
    return [rules, *([_resource(config["path"], config["sha256"])] if config else [])]


def _resource(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}


def receipt_bundle(signer: Signer, receipt: Receipt, name: str) -> bytes:
    """The attestation of a receipt whose file has this name."""
    return sealed(signer, canonical(receipt_statement(receipt, name)))


def attest_record(signer: Signer, path: str, data: bytes, document: Mapping[str, Any]) -> None:
    """Writes the attestation of a record of OpenAI's costs, beside it. Raises Unwritable."""
    try:
        statement = record_statement(os.path.basename(path), data, document)
        durable.put_new(attestation_path(path), [sealed(signer, canonical(statement))])
    except OSError as error:
        raise Unwritable(f"the attestation of {path} could not be written: {error.strerror or error}") from None


def record_statement(name: str, data: bytes, document: Mapping[str, Any]) -> Statement:
    """The summary of a record whose file has this name and these bytes: that it is what the Costs API answered."""
    tool = {"name": "billproof", "version": __version__}
    summary = _summary(tool, [], document["read"]["finished"], [FETCHED])
    return _statement([_resource(name, hashlib.sha256(data).hexdigest())], SUMMARY, summary)


def attestation_path(path: str) -> str:
    """The path of a file's attestation."""
    return f"{path}{SUFFIX}"


def prepared(key: str, reports: Sequence[str], paths: Sequence[str]) -> Signer:
    """The private key, to sign the `paths` and the first of the JSON `reports` that will be written.

    Raises UsageError if there will be nothing to sign; nothing is checked before.
    """
    signer = read_signer(key)
    if not reports:
        text = "--attest signs the report's file by its SHA-256 digest, so a report must be written"
        raise UsageError(text, "Add --output json=report.json, and keep the file: the signature covers it.")
    if os.path.exists(reports[0]) and not os.path.isfile(reports[0]):
        raise UsageError(f"--attest needs a report in a file, and {reports[0]} is not a file", "Write the report to a file.")
    if "-" in paths:
        raise UsageError("--attest writes next to the file, but standard input is not a file", "Name the file.")
    distant = next(filter(in_bucket, paths), None)
    if distant is not None:
        raise UsageError(f"--attest writes next to the file, but {distant} is in a bucket", "Copy the file to this machine.")
    return signer


def refuse_foreign(signer: Signer, paths: Sequence[str]) -> None:
    """Raises UsageError if a file has an attestation that this key has not signed: it may be evidence."""
    for path in filter(os.path.lexists, map(attestation_path, paths)):
        try:
            for line in lines_of(small_file(path, MAX_BYTES)):
                opened([signer.public], line)
        except (Unreadable, EnvelopeFault):
            text = f"--attest: {path} already exists and was not signed with this key; nothing was written"
            raise UsageError(text, "Move it to where you keep evidence, and run the same command again.") from None


def attest_files(signer: Signer, run: Run, report: Report, report_name: str, report_sha256: str) -> list[str]:
    """Writes the attestation of every file of a run, whose report this is. Gives the paths of those that have none.

    What this key signed before is replaced, as the report was. Raises Unwritable.
    """
    left_out = []
    for number, file in enumerate(report["files"]):
        path = run.files[number].path
        if file["sha256"] is None:
            left_out.append(path)
            continue
        target = attestation_path(path)
        try:
            alone = report_alone(run, report, number)
            statements = file_statements(report, file, report_name, report_sha256, alone)
            durable.replace(target, [sealed(signer, canonical(statement)) for statement in statements])
        except OSError as error:
            raise Unwritable(f"UNPROVED  the attestation {target} could not be written: {error.strerror or error}") from None
    return left_out
