"""Exports in a bucket: named by their address or by a folder there, read once, and like files in every other way."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import billproof
from tests.objects import BUCKET, Store, running_store
from tests.support import AS_OF, fixture, run

pytest.importorskip("obstore")

GOOD = fixture("good-h1").read_bytes()
NAME = fixture("good-h1").name


@pytest.fixture
def store() -> Iterator[Store]:
    with running_store() as found:
        yield found


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def report(*words: str, code: int = 0) -> dict[str, Any]:
    found, _, err = run("check", *words, "--as-of", AS_OF, "--output", "json=report.json")
    assert found == code, err
    document: dict[str, Any] = json.loads(Path("report.json").read_text("utf-8"))
    return document


def paths(*words: str, code: int = 0) -> list[str]:
    return [file["path"] for file in report(*words, code=code)["files"]]


def test_an_object_is_checked_by_one_request_and_its_report_has_its_version(store: Store) -> None:
    store.objects[f"exports/{NAME}"] = GOOD
    found = report(f"{BUCKET}/exports/{NAME}")
    assert store.requests == [("GET", f"exports/{NAME}")]
    Path(NAME).write_bytes(GOOD)
    (there,), (here,) = found["files"], report(NAME)["files"]
    differing = {key for key in there.keys() | here.keys() if there.get(key) != here.get(key)}
    assert differing == {"path", "version", "result_sha256"}
    assert there["path"] == f"{BUCKET}/exports/{NAME}"
    assert there["version"].startswith('"')


def test_its_report_agrees_with_the_file_wherever_that_is(store: Store) -> None:
    store.objects[NAME] = GOOD
    report(f"{BUCKET}/{NAME}")
    Path("copy.csv").write_bytes(GOOD)
    for file in (f"{BUCKET}/{NAME}", "copy.csv"):
        code, out, _ = run("verify", "report.json", file)
        assert (code, out.splitlines()[0]) == (0, "AGREES, BUT UNSIGNED")
        assert "files[].version" in out
    store.objects[NAME] = GOOD.replace(b"usd", b"eur", 1)
    assert run("verify", "report.json", f"{BUCKET}/{NAME}")[0] == 1


def test_a_folder_is_every_csv_below_it_in_the_order_of_keys(store: Store) -> None:
    store.page = 2
    keys = ["e/b.csv", "e/a/c.CSV", "e/.hidden/d.csv", "e/.d.csv", "e/readme.md", "e/x.csv/", "ee/f.csv", "e.csv"]
    store.objects = dict.fromkeys(keys, GOOD) | {"e/x.csv/": b""}
    names = [f"{BUCKET}/e/a/c.CSV", f"{BUCKET}/e/b.csv"]
    assert [path for path in paths(f"{BUCKET}/e/", code=3) if "x.csv" not in path] == names
    del store.objects["e/x.csv/"]
    assert paths(f"{BUCKET}/e") == names
    assert paths(f"{BUCKET}/e/b.csv", f"{BUCKET}/e") == [names[1], names[0]], "each once"


WRONG = {
    "s3://bucket/nothing": "s3://bucket/nothing: does not exist",
    "s3://bucket/nothing.csv": "s3://bucket/nothing.csv: does not exist",
    "s3://bucket/nothing/": "s3://bucket/nothing/: no CSV file is in this folder or its subfolders",
    "s3://bucket/text": "s3://bucket/text: no CSV file is in this folder or its subfolders",
    "s3://other/a": "s3://other/a: cannot be listed: the bucket does not exist",
    "s3://other/a.csv": "s3://other/a.csv: cannot be read: the bucket does not exist",
    "s3://bucket/a?sig=SECRET": "s3://bucket/a: contains a `?` or credentials, which belong in the environment and never in an "
    "address",
    "s3://KEY:SECRET@bucket/a": "s3://bucket/a: contains a `?` or credentials, which belong in the environment and never in an "
    "address",
    "s3://bucket/../a.csv": "s3://bucket/../a.csv: is not an address in a bucket; write it as s3://bucket/folder (or gs://, az://)",
}


@pytest.mark.parametrize("name", WRONG)
def test_what_leads_to_no_export_is_unproved_with_a_reason(store: Store, name: str) -> None:
    store.objects = {"text/readme.md": b"x"}
    code, out, err = run("check", name, "--as-of", AS_OF, "--format", "json")
    assert (code, json.loads(out)["files"][0]["error"], err) == (3, WRONG[name], "")
    assert "SECRET" not in out


def test_an_answer_that_ends_early_is_unproved(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    from billproof.io import bucket

    monkeypatch.setattr(bucket.ObjectStream, "read", lambda *_: b"")
    store.objects["a.csv"] = GOOD
    (file,) = report(f"{BUCKET}/a.csv", code=3)["files"]
    assert "the file changed while it was read" in file["error"]


@pytest.mark.soak
def test_a_second_opinion_reads_the_object_again(store: Store) -> None:
    pytest.importorskip("frictionless")
    store.objects["a.csv"] = GOOD
    (file,) = report(f"{BUCKET}/a.csv", "--second-opinion")["files"]
    assert file["second_opinion"]["valid"]


@pytest.mark.soak
@pytest.mark.parametrize("named", [f"{BUCKET}/e/", None], ids=["listed", "named"])
def test_other_processes_read_objects_too(store: Store, named: str | None) -> None:
    store.objects = {f"e/{name}.csv": GOOD for name in "abcd"}
    names = [named] if named else [f"{BUCKET}/{key}" for key in store.objects]
    code = "import sys\nfrom billproof.cli.main import main\nif __name__ == '__main__': sys.exit(main(sys.argv[1:]))"
    Path("command.py").write_text(code)
    words = ["check", *names, "--as-of", AS_OF, "--jobs", "2", "--format", "json"]
    found = subprocess.run([sys.executable, "command.py", *words], capture_output=True, timeout=60, check=False)
    assert found.returncode == 0, found.stderr
    assert [file["path"] for file in json.loads(found.stdout)["files"]] == [f"{BUCKET}/{key}" for key in store.objects]


def test_python_checks_an_object(store: Store) -> None:
    store.objects["a.csv"] = GOOD
    found = billproof.check(f"{BUCKET}/a.csv", as_of=AS_OF)
    assert found.verdict == "pass"
    assert found.files[0].path == f"{BUCKET}/a.csv"


@pytest.mark.usefixtures("store")
def test_nothing_is_written_beside_an_object(folder: Path) -> None:
    from tests.signing import make_keys

    pytest.importorskip("cryptography")
    make_keys(folder)
    report_ = ("--output", "json=report.json")
    code, _, err = run("check", f"{BUCKET}/a.csv", "--attest", "key.pem", *report_)
    assert (code, err.splitlines()[0]) == (2, "--attest writes next to the file, but s3://bucket/a.csv is in a bucket")
    code, _, err = run("check", f"{BUCKET}/a.csv", "--output", f"json={BUCKET}/report.json")
    assert (code, err.splitlines()[0]) == (2, f"--output json={BUCKET}/report.json: a report is written to this machine")


@pytest.mark.soak
def test_without_obstore_the_object_alone_is_unproved(folder: Path) -> None:
    Path(NAME).write_bytes(GOOD)
    code = "import sys; sys.modules['obstore'] = None\nfrom billproof.cli.main import main\nsys.exit(main(sys.argv[1:]))"
    words = ["check", NAME, "s3://bucket/a.csv", "s3://bucket/e", "--as-of", AS_OF, "--format", "json"]
    found = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, timeout=60, check=False)
    assert found.returncode == 3
    files = json.loads(found.stdout)["files"]
    assert [file["verdict"] for file in files] == ["pass", "unproved", "unproved"]
    text = "what is in a bucket is read by obstore, which is not installed. In your copy of billproof's repository: pip install"
    assert text in files[1]["error"]
    assert text in files[2]["error"]


def test_a_check_of_a_file_loads_nothing_of_it(folder: Path) -> None:
    Path(NAME).write_bytes(GOOD)
    code = (
        "import sys\nfrom billproof.cli.main import main\ntry:\n    main(sys.argv[1:])\nfinally:\n"
        "    print([name for name in sys.modules if 'bucket' in name or 'obstore' in name])"
    )
    words = [sys.executable, "-c", code, "check", NAME, "--as-of", AS_OF]
    found = subprocess.run(words, capture_output=True, text=True, check=False)
    assert found.stdout.splitlines()[-1] == "[]"
def test_what_billproof_wrote_into_a_bucket_is_no_export(store: Store, folder: Path) -> None:
    (folder / "billproof.yaml").write_text(
        "version: 1\nledger: s3://bucket/all/ledger\ndestinations:\n  archive: {kind: bucket, url: 's3://bucket/all/archive/'}\n"
    )
    keys = ["all/a.csv", "all/archive/organization=o/month=m/1-a.csv", "all/archives/b.csv", "all/ledger/c.csv"]
    store.objects = dict.fromkeys(keys, GOOD)
    assert paths(f"{BUCKET}/all") == [f"{BUCKET}/all/a.csv", f"{BUCKET}/all/archives/b.csv"]
    assert paths(f"{BUCKET}/all/archive/") == [f"{BUCKET}/{keys[1]}"]


