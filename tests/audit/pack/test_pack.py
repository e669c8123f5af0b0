"""`billproof pack`: the evidence of an upload, after real uploads to a folder; read with tools that are not ours."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from billproof.audit.pack.evidence import SUMS, packed_name, sums_of
from billproof.config.settings import parse_as_of
from billproof.delivery.ledger.receipt import encoded
from billproof.report.render.json import render_json
from tests.sandbox.running import INTEGRATION, TOKEN, running_sandbox
from tests.support import ROOT, run
from tests.uploading import ACME, LABS, export, stand_still

NAME = "cost_2025-10-01_2025-10-31.csv"
EXPORTS = "exports/research"
OCTOBER = export("3827.16")
CONFIGURATION = f"""\
version: 1
ledger: .ledger
destinations:
  archive: {{kind: directory, path: archive}}
  second: {{kind: directory, path: second}}
integrations:
  - {{name: research, organization: {ACME}, files: exports/research, to: archive}}
  - {{name: labs, organization: {LABS}, to: archive}}
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with an empty ledger, on the fourth of November 2025."""
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    (root / EXPORTS).mkdir(parents=True)
    monkeypatch.chdir(root)
    stand_still(monkeypatch, "2025-11-04T08:00:00Z")
    Path("billproof.yaml").write_text(CONFIGURATION, "utf-8")
    assert run("ledger", "init")[0] == 0
    return root


def configured(name: str, old: str, new: str) -> str:
    """Another configuration beside the first one, with a change in the line of an integration."""
    lines = [line.replace(old, new) if f"name: {name}" in line else line for line in CONFIGURATION.splitlines()]
    Path("other.yaml").write_text("\n".join(lines) + "\n", "utf-8")
    return "other.yaml"


def put(data: bytes = OCTOBER, name: str = NAME, folder: str = EXPORTS) -> str:
    path = Path(folder, name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return str(path)


def ticking(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock that is a second further each time it is read, so that a report made again differs in its times."""
    ticks = (parse_as_of("2025-11-04T08:00:00Z") + timedelta(seconds=seconds) for seconds in range(1000))
    monkeypatch.setattr("billproof.config.settings.clock", lambda: next(ticks))


def upload(*arguments: str) -> None:
    code, out, err = run("upload", *arguments)
    assert code == 0, out + err


def packed(*arguments: str, output: str = "../evidence") -> tuple[Path, str]:
    """`billproof pack`, which must succeed: the folder, and what was told."""
    code, out, err = run("pack", *(arguments or ("research", "2025-10")), "--output", output)
    assert (code, err) == (0, ""), err
    return Path(output), out


def refused(*arguments: str, code: int = 3, output: str = "../evidence") -> str:
    """`billproof pack`, which must be refused and leave nothing; gives what was told."""
    before = sorted(os.listdir(".."))
    found, out, err = run("pack", *(arguments or ("research", "2025-10")), "--output", output)
    assert (found, out) == (code, ""), out + err
    assert sorted(os.listdir("..")) == before, "something was left behind"
    return err


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def readme(folder: Path) -> str:
    """README.txt with its lines joined, so that sentences can be found."""
    return " ".join((folder / "README.txt").read_bytes().decode("ascii").split())


def checked(folder: Path, *command: str) -> int:
    return subprocess.run([*(command or ("sha256sum", "-c")), SUMS], cwd=folder, capture_output=True, check=False).returncode


# --- what is in it ---


def test_a_pack_holds_all_that_the_upload_was(project: Path) -> None:
    upload(put())
    folder, out = packed()
    files = tree(folder)
    (receipt,) = (path for path in Path(".ledger/archive").rglob("*.json"))
    (begun,) = (path for path in Path(".ledger/archive").rglob("*.begun"))
    assert files.pop(NAME) == OCTOBER
    assert files.pop("receipt.json") == files.pop(f"receipts/{receipt.name}") == receipt.read_bytes()
    assert files.pop(f"receipts/{begun.name}") == begun.read_bytes()
    assert files.pop("config/billproof.yaml") == CONFIGURATION.encode()
    assert files.pop("ruleset/schemas/openai-cost.schema.json") == (ROOT / "schemas" / "openai-cost.schema.json").read_bytes()
    for name in ("csv", "openai-cost"):
        for path in (ROOT / "rules" / name).glob("*.yaml"):
            assert files.pop(f"ruleset/{name}/{path.name}") == path.read_bytes()
    assert set(files) == {"report.json", "report.html", "README.txt", SUMS}
    title, _ = files["README.txt"].split(b"\n\n", 1)
    assert title.decode() == "EVIDENCE: OpenAI charges of October 2025, research (org-EXAMPLEacme01, Acme Research)"
    report = json.loads(files["report.json"])
    assert (report["verdict"], report["policy"]["policy"], report["upload"]) == ("pass", "upload", {"ready": True, "because": []})
    assert report["result_sha256"] == json.loads(receipt.read_bytes())["result_sha256"]
    assert report["files"][0]["sha256"] in files["report.html"].decode()
    assert f"research, October 2025: {len(tree(folder)) - 1} files and SHA256SUMS" in out
    assert hashlib.sha256(files[SUMS]).hexdigest() in out


def test_a_report_is_verified_with_the_rules_of_its_pack(project: Path) -> None:
    upload(put())
    folder, _ = packed()
    rules = str(folder / "ruleset" / "openai-cost")
    code, out, err = run("verify", str(folder / "report.json"), str(folder / NAME), "--ruleset", rules)
    assert (code, err) == (0, ""), out


def test_the_organization_may_be_named_by_its_id_and_the_month_as_the_last(project: Path) -> None:
    upload(put())
    first, _ = packed("research", "2025-10", output="../one")
    second, _ = packed(ACME, "last", output="../two")
    assert tree(first) == tree(second)


def test_the_same_upload_gives_the_same_bytes_whenever_it_is_packed(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(put())
    first, _ = packed(output="../one")
    stand_still(monkeypatch, "2026-06-30T00:00:00Z")
    monkeypatch.setenv("GITHUB_REPOSITORY", "example/audit")
    second, _ = packed(output="../two")
    assert tree(first) == tree(second)


def test_several_months_are_a_folder_each_and_each_is_whole(project: Path) -> None:
    upload(put(export("90", "2025-09"), "cost_2025-09-01_2025-09-30.csv"))
    upload(put())
    folder, _ = packed("research", "2025-10", "2025-09", "2025-10")
    assert sorted(os.listdir(folder)) == ["evidence-research-2025-09", "evidence-research-2025-10"]
    for one in folder.iterdir():
        assert checked(one) == 0
    assert (folder / "evidence-research-2025-09" / "cost_2025-09-01_2025-09-30.csv").read_bytes() == export("90", "2025-09")


def test_a_folder_that_is_empty_is_taken(project: Path) -> None:
    upload(put())
    Path("../evidence").mkdir()
    assert checked(packed()[0]) == 0


# --- which bytes ---


def test_bytes_count_and_not_names(project: Path) -> None:
    path = put()
    upload(path)
    os.rename(path, f"{EXPORTS}/other name.csv")
    put(export("1"), NAME)
    folder, _ = packed()
    assert (folder / NAME).read_bytes() == OCTOBER
    assert checked(folder) == 0


def test_the_folder_that_was_sent_to_has_the_bytes_when_the_exports_are_gone(project: Path) -> None:
    path = put()
    upload(path)
    os.remove(path)
    folder, out = packed()
    assert (folder / NAME).read_bytes() == OCTOBER
    assert "its result is that of the upload" in out


def test_bytes_that_are_nowhere_are_named_by_their_digest(project: Path) -> None:
    path = put()
    upload(path)
    os.remove(path)
    shutil.rmtree("archive")
    put(export("3827.17"))
    err = refused()
    assert hashlib.sha256(OCTOBER).hexdigest() in err
    assert "Put it into exports/research" in err


def test_a_file_of_the_same_name_in_the_working_folder_is_found(project: Path) -> None:
    upload(put(export(organization=LABS), folder="."))
    shutil.rmtree("archive")
    folder, _ = packed("labs", "2025-10")
    assert (folder / NAME).read_bytes() == export(organization=LABS)


def test_links_and_pipes_are_no_trap(project: Path) -> None:
    os.rename(put(), "elsewhere.csv")
    Path(EXPORTS, NAME).symlink_to(Path("elsewhere.csv").resolve())
    upload(f"{EXPORTS}/{NAME}")
    os.mkfifo(f"{EXPORTS}/a.csv")
    os.mkfifo("a.json")
    folder, _ = packed()
    assert (folder / NAME).read_bytes() == OCTOBER
    assert not (folder / NAME).is_symlink()


# --- an upload that there is ---


@pytest.mark.parametrize("month", ["2025-09", "2025-11", "2031-01"])
def test_a_month_that_was_never_uploaded_is_refused(project: Path, month: str) -> None:
    put()
    upload(put())
    err = refused("research", "2025-10", month)
    assert "1 of 2 months cannot be" in err
    assert f"{month}  was never accepted by archive" in err
    assert "upload --only research" in err


def test_an_upload_to_another_destination_is_none_to_this_one(project: Path) -> None:
    upload(put(), "--to", "second")
    assert "Another destination accepted it: --to second" in refused()
    assert "--to DESTINATION" in refused("labs", "2025-10", "--config", configured("labs", ", to: archive", ""))
    _, out = packed("research", "2025-10", "--to", "second")
    assert "accepted by second on" in out
    assert "its result is that of the upload" in out


def test_a_replaced_month_is_packed_as_it_is_now_with_all_its_receipts(project: Path) -> None:
    upload(put(export("3000"), "first.csv"))
    os.remove(f"{EXPORTS}/first.csv")
    upload(put())
    folder, _ = packed()
    assert (folder / NAME).read_bytes() == OCTOBER
    assert len(list((folder / "receipts").iterdir())) == 4
    lines = [line for line in (folder / "README.txt").read_text("ascii").splitlines() if "USD  sha256" in line]
    assert [line.split()[0] for line in lines] == ["0001", "0002"]
    assert "3,000.00" in lines[0] and "this upload" not in lines[0]
    assert "3,827.16" in lines[1] and "this upload" in lines[1]


def test_a_doubtful_month_is_refused(project: Path) -> None:
    upload(put())
    upload(put(export("3900"), "second.csv"))
    (second,) = (path for path in Path(".ledger/archive").rglob("0002-*.json"))
    second.unlink()
    assert "may have been replaced: the outcome of uploading second.csv to archive is unknown" in refused()


def test_a_ledger_that_was_touched_is_refused(project: Path) -> None:
    upload(put(export("90", "2025-09"), "cost_2025-09-01_2025-09-30.csv"))
    upload(put())
    (other,) = Path(".ledger/archive").rglob("2025-09/*.json")
    other.write_bytes(other.read_bytes().replace(b'"amount": "90"', b'"amount": "91"'))
    assert "changed after it was written" in refused()
    for path in other.parent.iterdir():
        path.unlink()
    assert "which is missing: removed or edited" in refused()
    shutil.rmtree(".ledger")
    assert "does not exist" in refused()


def test_an_upload_over_http_is_packed_without_its_token(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with running_sandbox() as sandbox:
        api = (
            f"  api: {{kind: http, base_url: '{sandbox.url}', method: POST, file: {{form_field: file}}, id_at: /id, "
            "path: '/v1/integrations/{integration}/uploads/{month}'}"
        )
        one = (
            f"  - {{name: research, organization: {ACME}, files: {EXPORTS}, to: api, integration: {INTEGRATION}, "
            "token: {env: T}}"
        )
        lines = ["version: 1", "ledger: .ledger", "destinations:", api, "integrations:", one]
        Path("billproof.yaml").write_text("\n".join(lines) + "\n", "utf-8")
        monkeypatch.setenv("T", TOKEN)
        upload(put())
    monkeypatch.delenv("T")
    folder, out = packed()
    assert "its result is that of the upload" in out
    assert json.loads((folder / "receipt.json").read_bytes())["answer"]["id"] == "upload-000001"
    assert not [name for name, data in tree(folder).items() if TOKEN.partition(":")[2].encode() in data]
    code, told = verified(folder, monkeypatch)
    assert (code, told.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED"), told


# --- as it was then ---


def test_later_uploads_do_not_count(project: Path) -> None:
    """The month before was sent after the month: OC602 had nothing to compare with, and still has not."""
    upload(put(export(projects={"proj_EXAMPLE1": "3000"})))
    upload(put(export(month="2025-09", projects={"proj_EXAMPLE9": "3000"}), "september.csv"))
    upload(put(export(month="2025-11", days=3), "november.csv"), "--month-to-date")
    folder, out = packed("research", "2025-10")
    assert "its result is that of the upload" in out
    states = {one["rule"]: one["state"] for one in json.loads((folder / "report.json").read_bytes())["files"][0]["outcomes"]}
    assert (states["OC601"], states["OC602"]) == ("not_applicable", "not_applicable")


def test_earlier_uploads_count_as_they_were(project: Path) -> None:
    upload(put(export("3000"), "first.csv"))
    os.remove(f"{EXPORTS}/first.csv")
    upload(put())
    upload(put(), "--resend")
    folder, out = packed()
    assert "its result is that of the upload" in out
    file = json.loads((folder / "report.json").read_bytes())["files"][0]
    assert file["last_upload"]["amount"] == "3827.16"
    assert {one["rule"]: one["state"] for one in file["outcomes"]}["OC601"] == "passed"


def test_files_of_one_run_do_not_count_for_each_other(project: Path) -> None:
    put(export(month="2025-09", projects={"proj_EXAMPLE9": "3000"}), "a.csv")
    put(export(projects={"proj_EXAMPLE1": "3000"}), "b.csv")
    upload()
    folder, out = packed()
    states = {one["rule"]: one["state"] for one in json.loads((folder / "report.json").read_bytes())["files"][0]["outcomes"]}
    assert states["OC602"] == "not_applicable"
    assert "its result is that of the upload (same file_result_sha256)" in out
    (receipt,) = Path(".ledger/archive").rglob("2025-10/*.json")
    report = json.loads((folder / "report.json").read_bytes())
    assert json.loads(receipt.read_bytes())["file_result_sha256"] == report["files"][0]["result_sha256"]
    assert json.loads(receipt.read_bytes())["result_sha256"] != report["result_sha256"], "that of both files"


@pytest.mark.parametrize(
    "flags",
    [
        ["--month", "2025-10"],
        ["--as-of", "2025-11-03"],
        ["--month", "2025-10", "--as-of", "2025-11-03"],
        ["--max-findings", "7"],
        ["--expect-total", "3827.16"],
        ["--organization", ACME, "--to", "archive"],
    ],
)
def test_the_options_of_the_upload_are_those_of_its_report(project: Path, flags: list[str]) -> None:
    upload(put(), *flags)
    assert "its result is that of the upload" in packed()[1]


@pytest.mark.parametrize(
    ("where", "flags"),
    [
        ("exports/research/../research", []),
        ("{here}/exports/research", ["--as-of", "2025-11-03"]),
        ("../elsewhere", ["--second-opinion"]),
    ],
)
def test_the_report_is_byte_for_byte_that_of_the_upload_wherever_it_found_the_file(
    project: Path, monkeypatch: pytest.MonkeyPatch, where: str, flags: list[str]
) -> None:
    ticking(monkeypatch)
    path = put(folder=where.format(here=project))
    upload(path, *flags, "--output", "json=../written.json")
    shutil.move(path, f"{EXPORTS}/moved.csv")
    folder, out = packed()
    assert (folder / "report.json").read_bytes() == Path("../written.json").read_bytes()
    assert "its result is that of the upload" in out


def test_a_result_that_is_not_that_of_the_upload_is_told(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(put(), "--second-opinion")
    monkeypatch.setattr("frictionless.__version__", "5.0.0")
    folder, out = packed()
    assert "it agrees with the receipt, but its result is not that of the upload" in out
    (receipt,) = Path(".ledger/archive").rglob("*.json")
    then = json.loads(receipt.read_bytes())["file_result_sha256"]
    assert f"That report.json has the result of the upload: its file_result_sha256 was {then}." in readme(folder)


def test_waivers_count_as_they_did_though_they_have_expired(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_still(monkeypatch, "2025-11-01T08:00:00Z")
    waiver = f"{{rule: OC309, organization: {ACME}, month: any, reason: quarter end, owner: finops, expires: '2025-11-02'}}"
    Path("billproof.yaml").write_text(f"{CONFIGURATION}waivers: [{waiver}]\n", "utf-8")
    upload(put())
    stand_still(monkeypatch, "2026-11-01T08:00:00Z")
    folder, out = packed()
    assert "its result is that of the upload" in out
    assert "OC309 failed (1), waived by finops until 2025-11-02: quarter end" in readme(folder)


def test_part_of_a_month_is_called_so(project: Path) -> None:
    upload(put(export(month="2025-11", days=3)), "--month-to-date")
    folder, out = packed("research", "2025-11")
    assert "its result is that of the upload" in out
    assert "the month to date, as of 2025-11-04 08:00 UTC" in readme(folder)


def test_another_configuration_is_refused_and_the_one_of_then_can_be_named(project: Path) -> None:
    upload(put())
    os.rename("billproof.yaml", "then.yaml")
    Path("billproof.yaml").write_text(CONFIGURATION + "waivers: []\n", "utf-8")
    err = refused()
    assert hashlib.sha256(CONFIGURATION.encode()).hexdigest()[:12] in err
    assert "git show COMMIT:./billproof.yaml > then.yaml; billproof pack … --config then.yaml" in err
    folder, out = packed("research", "2025-10", "--config", "then.yaml")
    assert "its result is that of the upload" in out
    assert (folder / "config" / "billproof.yaml").read_bytes() == CONFIGURATION.encode()


def test_other_rules_are_refused(project: Path) -> None:
    upload(put())
    own = Path("own")
    own.mkdir()
    (own / "ruleset.yaml").write_text("name: own\nversion: 1.0.0\ntitle: Own\nextends: openai-cost\n")
    err = refused("research", "2025-10", "--ruleset", "own")
    assert "the rule set is not the one used for that upload (openai-cost 0.2.0" in err
    assert "git checkout v" in err


def test_rules_of_ones_own_are_packed_with_all_that_they_extend(project: Path) -> None:
    own = Path("rules/openai-cost")  # a folder of the same name as that of the shipped set
    own.mkdir(parents=True)
    (own / "ruleset.yaml").write_text("name: own\nversion: 1.0.0\ntitle: Own\nextends: openai-cost\n")
    Path("billproof.yaml").write_text(CONFIGURATION + "ruleset: rules/openai-cost\n", "utf-8")
    upload(put())
    folder, out = packed()
    assert "its result is that of the upload" in out
    assert (folder / "ruleset/openai-cost/ruleset.yaml").read_bytes() == (own / "ruleset.yaml").read_bytes()
    shipped = ROOT / "rules" / "openai-cost" / "ruleset.yaml"
    assert (folder / "ruleset/extended/openai-cost/ruleset.yaml").read_bytes() == shipped.read_bytes()
    assert ruleset_digest(folder) == json.loads((folder / "report.json").read_bytes())["ruleset"]["sha256"]


def test_a_receipt_that_the_file_does_not_bear_out_is_refused(project: Path) -> None:
    """Somebody wrote the whole ledger anew, with another total: its digests fit, and the file does not."""
    upload(put())
    (receipt,) = Path(".ledger/archive").rglob("*.json")
    (begun,) = Path(".ledger/archive").rglob("*.begun")
    documents = [json.loads(path.read_bytes()) for path in (begun, receipt)]
    attempt = ""
    for path, document in zip((begun, receipt), documents, strict=True):
        document["totals"]["amount"] = "3827.15"
        if path is receipt:
            document["attempt"] = attempt
        data = encoded(document)
        attempt = hashlib.sha256(data).hexdigest()
        path.with_name(f"0001-{attempt[:12]}{path.suffix}").write_bytes(data)
        path.unlink()
    assert run("ledger", "verify")[0] == 0
    assert "the file differs from its receipt in: totals" in refused()


# --- signed ---


@pytest.fixture
def key(project: Path) -> Path:
    """A private key; its public one lies beside it."""
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "../private.pem"], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", "../private.pem", "-pubout", "-out", "../public-key.pem"], check=True)
    return Path("../private.pem")


def test_signatures_are_packed_with_what_they_speak_of(key: Path) -> None:
    upload(put(), "--attest", str(key), "--output", "json=report.json")
    folder, out = packed()
    assert (folder / f"{NAME}.intoto.jsonl").read_bytes() == Path(EXPORTS, f"{NAME}.intoto.jsonl").read_bytes()
    assert len(list((folder / "receipts").glob("*.json.intoto.jsonl"))) == 1
    assert (folder / "report.json").read_bytes() == Path("report.json").read_bytes()
    checks = "billproof verify report.json --key public-key.pem"
    assert f"signed   not checked, because pack has no public key; in the pack: {checks}" in out
    assert "it is not signed" not in readme(folder)
    assert f"Whose signatures these are: none was checked when this was packed. Check them in this folder: {checks}" in readme(
        folder
    )
    assert "the signature was not checked when this was packed" in readme(folder)
    shutil.copy("../public-key.pem", folder)
    commands = of_section(folder, "The signatures")
    assert "Signature Verified Successfully" in shell(folder, commands)
    assert hashlib.sha256(OCTOBER).hexdigest() in shell(folder, commands)
    signed = folder / f"{NAME}.intoto.jsonl"
    signed.write_bytes(signed.read_bytes().replace(b'"sig": "', b'"sig": "AAAA'))
    assert "Verified Successfully" not in shell(folder, commands)


def test_a_signed_upload_of_many_files_is_packed_and_verified_month_by_month(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No pack has the report on all the files, and in each the attestation covers what is there: with and without billproof."""
    ticking(monkeypatch)
    for month in ("2025-09", "2025-10"):
        put(export(month=month), f"{month}.csv")
    put(export(organization=LABS), "labs.csv", "exports/labs")
    upload("exports", "--as-of", "2025-11-03", "--attest", str(key), "--output", "json=../written.json")
    folder, out = packed("research", "2025-09", "2025-10")
    assert out.count("signed   not checked, because pack has no public key") == 2
    of_labs, _ = packed("labs", "2025-10", output="../labs")
    for one in (*folder.iterdir(), of_labs):
        shutil.copy("../public-key.pem", one)
        code, said = verified(one, monkeypatch)
        assert (code, said.splitlines()[0]) == (0, "AGREES"), said
        commands = of_section(one, "The signatures")
        assert "Signature Verified Successfully" in shell(one, commands)
        for name in ("report.json", next(one.glob("*.csv")).name):
            assert hashlib.sha256((one / name).read_bytes()).hexdigest() in shell(one, commands)
    code, said, _ = run("verify", "../written.json", "--config", "billproof.yaml", "--key", "../public-key.pem")
    assert (code, said.splitlines()[0]) == (0, "AGREES"), said


def test_what_was_signed_of_a_month_covers_when_and_by_whom_it_was_checked(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(export(month="2025-09"), "2025-09.csv")
    put()
    upload("exports", "--attest", str(key), "--output", "json=../written.json")
    folder, _ = packed()
    shutil.copy("../public-key.pem", folder)
    report = json.loads((folder / "report.json").read_bytes())
    for edit in ({"finished": "2025-11-04T09:00:00Z"}, {"ci": report["run"]["ci"] | {"actor": "nobody"}}):
        (folder / "report.json").write_text(render_json(report | {"run": report["run"] | edit}), "utf-8")
        code, said = verified(folder, monkeypatch)
        assert (code, "is not this key's attestation of this report and file" in said) == (1, True), said


LEFT_OUT = "signed   no: the file next to the export does not attest this report"


def test_the_advice_about_an_attestation_of_another_run_has_that_of_the_upload_packed(
    key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticking(monkeypatch)
    upload(put(), "--attest", str(key), "--output", "json=../report.json")
    beside = Path(EXPORTS, f"{NAME}.intoto.jsonl")
    of_upload = beside.read_bytes()
    assert run("check", f"{EXPORTS}/{NAME}", "--attest", str(key), "--output", "json=../later.json")[0] == 0
    folder, out = packed()
    assert f"{LEFT_OUT}; put the attestation that the upload wrote in its place, and pack again\n" in out
    assert not (folder / f"{NAME}.intoto.jsonl").exists()
    assert "it is not signed" in readme(folder)
    shutil.copy("../public-key.pem", folder)
    assert "Signature Verified Successfully" in shell(folder, of_section(folder, "The signatures"))  # that of the receipt
    beside.write_bytes(of_upload)
    folder, out = packed(output="../signed")
    assert "signed   not checked" in out
    assert (folder / f"{NAME}.intoto.jsonl").read_bytes() == of_upload


@pytest.mark.parametrize("data", [b"", b"\n", b"{}\n", b"[" * 100_000, b'{"payload": "e30="}\n', b"\xff\x00"])
def test_what_only_looks_like_a_signature_is_left_out(project: Path, data: bytes) -> None:
    upload(put())
    Path(EXPORTS, f"{NAME}.intoto.jsonl").write_bytes(data)
    folder, out = packed()
    assert not list(folder.glob("*.intoto.jsonl"))
    assert "signed   no" in out


def receipt_attestation() -> Path:
    (found,) = Path(".ledger/archive").rglob("*.json.intoto.jsonl")
    return found


@pytest.mark.parametrize("how", ["link", "pipe", "endless"])
def test_a_link_in_the_ledger_leads_nowhere(key: Path, how: str) -> None:
    """Whoever may write into the ledger could have any file packed that the packer may read: a private key."""
    upload(put(), "--attest", str(key), "--output", "json=report.json")
    attested = receipt_attestation()
    attested.unlink()
    if how == "pipe":
        os.mkfifo(attested)
    else:
        attested.symlink_to(key.resolve() if how == "link" else "/dev/zero")
    code, out, _ = run("ledger", "verify", "--key", "../public-key.pem")
    assert (code, f"{attested}: is a link" in out) == (1, True), out
    assert f"{attested}: is a link" in refused()


def unsigned(path: Path, data: bytes) -> bytes:
    return b"not even JSON\n"


def of_another_receipt(path: Path, data: bytes) -> bytes:
    """An attestation as it should be, of the export and not of the receipt."""
    return Path(EXPORTS, f"{NAME}.intoto.jsonl").read_bytes()


def without_signature(path: Path, data: bytes) -> bytes:
    envelope = json.loads(data) | {"signatures": [{"sig": ""}]}
    return json.dumps(envelope).encode() + b"\n"


def with_more(path: Path, data: bytes) -> bytes:
    return data + Path("../private.pem").read_bytes()


@pytest.mark.parametrize("spoil", [unsigned, of_another_receipt, without_signature, with_more], ids=lambda one: one.__name__)
def test_only_an_attestation_of_the_receipt_is_packed_as_one(key: Path, spoil: Callable[[Path, bytes], bytes]) -> None:
    upload(put(), "--attest", str(key), "--output", "json=report.json")
    attested = receipt_attestation()
    attested.write_bytes(spoil(attested, attested.read_bytes()))
    assert f"{attested} is not an attestation of its receipt: " in refused()


# --- checked without billproof ---


def of_section(folder: Path, title: str) -> str:
    """The commands of README.txt under the line that begins with `title`."""
    lines = (folder / "README.txt").read_text("ascii").splitlines()
    start = next(number for number, line in enumerate(lines) if line.startswith(title))
    return "\n".join(lines[start : lines.index("", start)] if "" in lines[start:] else lines[start:])


def shell(folder: Path, section: str) -> str:
    """What the commands of a section, which are indented, print."""
    commands = "\n".join(line for line in section.splitlines() if line.startswith("  "))
    done = subprocess.run(["sh", "-c", commands], cwd=folder, capture_output=True, check=False)
    return (done.stdout + done.stderr).decode()


def ruleset_digest(folder: Path) -> str:
    return shell(folder, of_section(folder, "The digest of the rule set")).split()[0]


COMMANDS: dict[str, Callable[[str], str]] = {"Linux:": lambda line: line, "macOS:": lambda line: line}


@pytest.mark.parametrize("system", COMMANDS)
def test_the_commands_of_the_readme_see_every_change(project: Path, system: str) -> None:
    upload(put())
    folder, _ = packed()
    lines = (folder / "README.txt").read_text("ascii").splitlines()
    command = lines[lines.index(system) + 1].strip()
    if shutil.which(command.split()[0]) is None:
        pytest.skip(f"{command.split()[0]} is not installed")

    def sees() -> bool:
        return subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, check=False).returncode != 0

    assert not sees()
    for name, data in tree(folder).items():
        path = folder / name
        path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
        assert sees(), name
        path.unlink()
        assert sees(), name
        path.write_bytes(data)
    assert not sees()


def test_powershell_sees_every_change(project: Path) -> None:
    if shutil.which("pwsh") is None:
        pytest.skip("PowerShell is not installed")
    upload(put())
    folder, _ = packed()
    section = of_section(folder, "Windows, in PowerShell").splitlines()[1:5]
    (folder / "report.html").unlink()
    (folder / NAME).write_bytes(b"")
    done = subprocess.run(["pwsh", "-NoProfile", "-Command", "\n".join(section)], cwd=folder, capture_output=True, check=False)
    wrong = [line.split()[1] for line in done.stdout.decode().splitlines() if line.startswith("WRONG")]
    assert sorted(wrong) == sorted([NAME, "report.html"])


def test_the_digest_of_the_rules_can_be_made_again(project: Path) -> None:
    upload(put())
    folder, _ = packed()
    assert ruleset_digest(folder) == json.loads((folder / "receipt.json").read_bytes())["ruleset"]["sha256"]
    rule = folder / "ruleset" / "openai-cost" / "OC304-missing-day.yaml"
    rule.write_bytes(rule.read_bytes().replace(b"level: error", b"level: note"))
    assert ruleset_digest(folder) != json.loads((folder / "receipt.json").read_bytes())["ruleset"]["sha256"]


@pytest.mark.parametrize("name", ["plain", "with  blanks", "Kösten", "a\\b", "a\nb", "a\rb", "\\"])
@pytest.mark.parametrize("tool", ["sha256sum", "shasum -a 256"])
def test_sums_can_be_read_for_every_name(tmp_path: Path, name: str, tool: str) -> None:
    program, *options = tool.split()
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not installed")
    (tmp_path / name).write_bytes(b"x")
    (tmp_path / SUMS).write_bytes(sums_of({name: hashlib.sha256(b"x").hexdigest()}))
    assert checked(tmp_path, program, *options, "-c") == 0
    (tmp_path / name).write_bytes(b"y")
    assert checked(tmp_path, program, *options, "-c") != 0


def test_sums_are_sorted_and_escape_as_coreutils_do() -> None:
    digest = "0" * 64
    assert sums_of({"b": digest, "a\\\n": digest}) == f"\\{digest}  a\\\\\\n\n{digest}  b\n".encode()


def test_the_readme_is_ascii_whatever_the_names_are(project: Path) -> None:
    upload(put(name="Kösten Oktober.csv"))
    folder, _ = packed()
    text = (folder / "README.txt").read_bytes()
    assert text.isascii() and b"\r" not in text and b"\t" not in text
    assert (folder / "Kösten Oktober.csv").read_bytes() == OCTOBER
    assert checked(folder) == 0


@pytest.mark.parametrize(
    "name, packed_as",
    [
        ("Costs October (1).csv", "Costs October (1).csv"), ("a\\b.csv", "a_b.csv"), ("../x.csv", "_x.csv"),
        ('a<>:"|?*.CSV', "a_______.CSV"),
        ("standard input", "export.csv"), ("", "export.csv"), ("SHA256SUMS", "export.csv"), (".hidden.csv", "hidden.csv"),
        ("x" * 300 + ".csv", "export.csv"),
    ],
)  # fmt: skip
def test_the_export_has_a_name_that_every_system_takes(name: str, packed_as: str) -> None:
    assert packed_name(name) == packed_as


def test_standard_input_can_be_packed(project: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "billproof", "upload", "-"], input=OCTOBER, capture_output=True, check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    folder, _ = packed()
    assert (folder / "export.csv").read_bytes() == OCTOBER


# --- checked with billproof ---


def verified(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> tuple[int, str]:
    """The command that README.txt ends with, run in the pack where it is handed over: no configuration and no ledger."""
    line = (folder / "README.txt").read_text("ascii").splitlines()[-1].split()
    assert line[0] == "billproof", line
    line = [next(folder.glob("*.csv")).name if word == "FILE" else word for word in line]
    shutil.move(folder, "../../handed-over")
    with monkeypatch.context() as there:
        there.chdir("../../handed-over")
        code, out, err = run(*line[1:], *more)
    shutil.move("../../handed-over", folder)
    assert not err, err
    return code, out


def test_the_report_can_be_verified_where_the_pack_is(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(put(export("3000"), "first.csv"))
    os.remove(f"{EXPORTS}/first.csv")
    upload(put())
    folder, _ = packed()
    code, out = verified(folder, monkeypatch)
    assert (code, out.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED")
    (folder / NAME).write_bytes(export("3827.17"))
    assert verified(folder, monkeypatch)[0] == 1


@pytest.mark.parametrize("flags", [[], ["--month", "2025-10"], ["--as-of", "2025-11-03"], ["--max-findings", "7"]])
def test_a_report_that_was_made_again_can_be_verified(project: Path, monkeypatch: pytest.MonkeyPatch, flags: list[str]) -> None:
    upload(put(), *flags)
    os.remove(f"{EXPORTS}/{NAME}")
    folder, _ = packed()
    code, out = verified(folder, monkeypatch)
    assert (code, out.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED"), out


def test_a_clock_that_ticks_between_judging_and_sending(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A report by the clock is judged as of its start; a receipt knows the sending, which is later."""
    ticking(monkeypatch)
    upload(put())
    folder, out = packed()
    assert "its result is that of the upload" in out
    receipt = json.loads((folder / "receipt.json").read_bytes())
    assert receipt["started"] > receipt["as_of"]
    code, out = verified(folder, monkeypatch)
    assert (code, out.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED"), out


def test_waivers_that_have_expired_can_be_verified(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stand_still(monkeypatch, "2025-11-01T08:00:00Z")
    waiver = f"{{rule: OC309, organization: {ACME}, month: any, reason: quarter end, owner: finops, expires: '2025-11-02'}}"
    Path("billproof.yaml").write_text(f"{CONFIGURATION}waivers: [{waiver}]\n", "utf-8")
    upload(put())
    stand_still(monkeypatch, "2026-11-01T08:00:00Z")
    code, out = verified(packed()[0], monkeypatch)
    assert (code, out.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED"), out


@pytest.mark.parametrize("name", ["Kösten (1) Oktober.csv", "a:b.csv"])
def test_the_command_finds_the_export_whatever_its_name(project: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    upload(put(name=name))
    code, out = verified(packed()[0], monkeypatch)
    assert (code, out.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED"), out


def test_rules_of_ones_own_can_be_verified(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = Path("rules/strict")
    own.mkdir(parents=True)
    (own / "ruleset.yaml").write_text(
        "name: strict\nversion: 1.0.0\ntitle: Strict\nextends: openai-cost\nrules: {OC701: {level: error}}\n"
    )
    Path("billproof.yaml").write_text(CONFIGURATION + "ruleset: rules/strict\n", "utf-8")
    upload(put())
    code, out = verified(packed()[0], monkeypatch)
    assert (code, out.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED"), out


def test_a_signed_pack_agrees_with_the_key(key: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(put(), "--attest", str(key), "--output", "json=october.json")
    folder, _ = packed()
    shutil.copy("../public-key.pem", folder)
    code, out = verified(folder, monkeypatch)
    assert (code, out.splitlines()[0]) == (0, "AGREES"), out
    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", "../other.pem"], check=True, capture_output=True)
    public = ["openssl", "pkey", "-in", "../other.pem", "-pubout", "-out", str(folder / "public-key.pem")]
    subprocess.run(public, check=True)
    assert verified(folder, monkeypatch)[0] == 1


# --- whole or not at all ---


@pytest.mark.parametrize(
    "place", ["there", "file", "link", "exports/research/evidence", ".ledger/evidence", "archive/evidence", "archive", ""]
)
def test_nothing_is_written_over_or_into_what_is_looked_through(project: Path, place: str) -> None:
    upload(put())
    Path("there").mkdir()
    Path("there", "note.txt").write_text("mine")
    Path("file").write_text("mine")
    Path("empty").mkdir()
    Path("link").symlink_to("empty")
    before = tree(project)
    refused("research", "2025-10", output=place, code=2)
    assert tree(project) == before


def test_a_disk_that_is_full_leaves_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(put())
    calls: Iterator[int] = iter(range(40))

    def fails(descriptor: int) -> None:
        if next(calls, None) is None:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    assert "No space left on device; nothing was packed" in refused()


def test_a_folder_that_somebody_fills_meanwhile_is_left_alone(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    upload(put())
    makedirs = os.makedirs

    def races(path: str, *arguments: object, **keys: bool) -> None:
        makedirs(path, **keys)
        makedirs("../evidence/theirs", exist_ok=True)

    monkeypatch.setattr(os, "makedirs", races)
    code, _, err = run("pack", "research", "2025-10", "--output", "../evidence")
    assert code == 3, err
    assert os.listdir("../evidence") == ["theirs"]
    assert not [name for name in os.listdir("..") if name.endswith(".part")]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_pack_that_is_told_to_end_leaves_nothing(project: Path, number: signal.Signals) -> None:
    upload(put())
    before = sorted(os.listdir(".."))
    script = (
        "import os, signal, sys; from billproof.cli.main import main; steps = iter(range(30))\n"
        f"os.fsync = lambda _: None if next(steps, None) is not None else os.kill(os.getpid(), {int(number)})\n"
        "main(['pack', 'research', '2025-10', '--output', '../evidence'])"
    )
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == 128 + number
    assert sorted(os.listdir("..")) == before


def test_a_pack_that_was_killed_never_looks_finished(project: Path) -> None:
    upload(put())
    script = (
        "import os, signal, sys; from billproof.cli.main import main; steps = iter(range(30))\n"
        "os.fsync = lambda _: None if next(steps, None) is not None else os.kill(os.getpid(), signal.SIGKILL)\n"
        "main(['pack', 'research', '2025-10', '--output', '../evidence'])"
    )
    done = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False)
    assert done.returncode == -signal.SIGKILL
    assert not Path("../evidence").exists()
    (left,) = (name for name in os.listdir("..") if name.startswith(".evidence."))
    assert left.endswith(".part") and SUMS not in os.listdir(f"../{left}")
    assert checked(packed()[0]) == 0
    assert not Path(f"../{left}").exists()


# --- what is said to whom ---


def test_open_values_of_the_configuration_are_named_and_not_shown(project: Path) -> None:
    api = "  api: {kind: http, base_url: 'https://hush.example.com', method: PUT, path: /hush, file: raw}  # hush\n"
    Path("billproof.yaml").write_text(CONFIGURATION.replace("integrations:", f"{api}integrations:"), "utf-8")
    upload(put())
    _, out = packed()
    found = "its comments; api: base_url; api: path"
    assert f"make sure that none of these is a secret: {found}\n" in out
    assert "hush" not in out


@pytest.mark.parametrize(
    "arguments, told",
    [
        (("nobody", "2025-10"), "Configured: research (org-EXAMPLEacme01), labs (org-EXAMPLElabs02)"),
        (("research", "2025-13"), "pack 2025-13: not a month"),
        (("research", "2025-10", "--ruleset", "none"), "no such rule set"),
        (("research", "2025-10", "--config", "none.yaml"), "cannot be read"),
    ],
)
def test_wrong_usage(project: Path, arguments: tuple[str, ...], told: str) -> None:
    upload(put())
    assert told in refused(*arguments, code=2)


def test_without_a_configuration_or_a_ledger_nothing_is_known(project: Path) -> None:
    Path("billproof.yaml").write_text(CONFIGURATION.replace("ledger: .ledger\n", ""), "utf-8")
    assert "no ledger is configured" in refused()
    os.remove("billproof.yaml")
    assert "pack needs a billproof.yaml" in refused(code=2)
