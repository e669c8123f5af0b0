"""`init` with exports of several organizations, and `init --add`, which changes no byte of what is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import check, run
from tests.uploading import ACME, LABS, export

EUROPE = "org-EXAMPLEeurope03"
NAMES = {ACME: "Acme Research", LABS: "Acme Labs", EUROPE: "Acme Europe"}
AS_OF = ("--as-of", "2025-12-01")


def put(name: str, organization: str = ACME, month: str = "2025-10") -> str:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Path(name).write_bytes(export("100", month, organization).replace(b"Acme Research", NAMES[organization].encode()))
    return name


def init(*arguments: str) -> list[str]:
    """The lines of an `init` that works."""
    code, out, err = run("init", *arguments)
    assert (code, err) == (0, ""), err
    return [" ".join(line.split()) for line in out.splitlines()]


def yaml() -> bytes:
    return Path("billproof.yaml").read_bytes()


def files_of(text: bytes) -> list[str]:
    return [line.partition(": ")[2].strip('"') for line in text.decode().splitlines() if "files:" in line]


def paths() -> set[str]:
    """What `check` checks, all of it passing."""
    found = check()
    assert found.code == 0, found.out
    assert found.report is not None
    return {one["path"] for one in found.report["files"]}


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, the root of a repository."""
    (tmp_path / ".git").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.usefixtures("here")
def test_exports_in_folders_of_their_own_stay_there() -> None:
    for folder, organization in (("a", ACME), ("b", LABS), ("c", EUROPE)):
        for month in ("2025-09", "2025-10"):
            put(f"exports/{folder}/{month}.csv", organization, month)
    told = init("exports")
    assert told[:4] == [
        "Wrote billproof.yaml for 3 organizations:",
        f"acme-research {ACME}, Acme Research 2 files in exports/a/",
        f"acme-labs {LABS}, Acme Labs 2 files in exports/b/",
        f"acme-europe {EUROPE}, Acme Europe 2 files in exports/c/",
    ]
    assert files_of(yaml()) == ["exports/a/", "exports/b/", "exports/c/"]
    assert len(paths()) == 6
    assert yaml().count(b"FILL-IN") == 5
    assert b"{env: PELANOR_TOKEN_ACME_EUROPE}" in yaml()


@pytest.mark.usefixtures("here")
def test_exports_in_one_folder_are_copied_into_one_for_each() -> None:
    named = [put(f"downloads/{name}.csv", organization) for name, organization in (("1", ACME), ("2", LABS))]
    Path("downloads/budget.csv").write_text("a,b\n1,2\n")
    told = init(*named, "downloads/budget.csv")
    assert f"acme-labs {LABS}, Acme Labs 1 file copied to exports/acme-labs/" in told
    assert told[told.index("Not used, 1 file:") + 1] == (
        "downloads/budget.csv: not a cost export, so its organization is unknown"
    )
    assert paths() == {"exports/acme-research/1.csv", "exports/acme-labs/2.csv"}
    for name, copy in zip(named, ("acme-research/1.csv", "acme-labs/2.csv"), strict=True):
        assert Path(name).read_bytes() == Path(f"exports/{copy}").read_bytes()


def test_exports_outside_the_project_are_copied(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put("downloads/cost.csv", ACME)
    put("downloads/more/cost.csv", ACME, "2025-09")
    put("downloads/labs.csv", LABS)
    Path("project").mkdir()
    monkeypatch.chdir(here / "project")
    init("../downloads/*.csv", "../downloads/more/cost.csv")
    assert paths() == {"exports/acme-research/cost.csv", "exports/acme-research/cost-1.csv", "exports/acme-labs/labs.csv"}


@pytest.mark.usefixtures("here")
def test_a_wrong_file_in_an_organizations_folder_is_found_by_the_check_and_does_not_prevent_the_start() -> None:
    for month in ("2025-08", "2025-09", "2025-10"):
        put(f"exports/a/{month}.csv", ACME, month)
        put(f"exports/b/{month}.csv", LABS, month)
    put("exports/a/2025-08.csv", LABS, "2025-08")
    Path("exports/b/notes.csv").write_text("a,b\n1,2\n")
    init("exports")
    assert files_of(yaml()) == ["exports/b/", "exports/a/"]
    found = check()
    assert found.code == 1
    assert found.report is not None
    assert {one["path"] for one in found.report["files"] if one["verdict"] == "fail"} == {
        "exports/a/2025-08.csv", "exports/b/notes.csv",
    }  # fmt: skip


@pytest.mark.usefixtures("here")
def test_two_organizations_of_one_name_get_two_names() -> None:
    for name, organization in (("a", ACME), ("b", LABS)):
        Path(f"{name}.csv").write_bytes(export("1", organization=organization).replace(b"Acme Research", b"Personal"))
    init("a.csv", "b.csv")
    assert b"name: personal\n" in yaml()
    assert b"name: personal-2\n" in yaml()
    assert len(paths()) == 2


@pytest.mark.usefixtures("here")
def test_nothing_is_written_where_no_organization_can_be_had() -> None:
    for name in ("a.csv", "b.csv"):
        Path(name).write_text("a,b\n1,2\n")
    code, out, err = run("init", "a.csv", "b.csv")
    assert (code, out) == (2, "")
    assert "a.csv: not a cost export, so its organization is unknown; nothing was written" in err
    assert run("init", "gone.csv", "b.csv")[0] == 3
    assert sorted(os.listdir()) == [".git", "a.csv", "b.csv"]


@pytest.mark.usefixtures("here")
@pytest.mark.skipif(os.name == "nt", reason="needs a pipe")
def test_a_pipe_is_not_waited_for() -> None:
    put("a.csv", ACME)
    os.mkdir(".billproof")
    os.mkfifo(".billproof/.gitignore")
    code, _, err = run("init", "a.csv")
    assert (code, "billproof.yaml" in os.listdir()) == (3, False)
    assert "is a folder, device or pipe" in err


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("there", ["", "# mine\n*.tmp", "/archive/\n"])
def test_the_archive_is_kept_out_of_git_beside_what_is_ignored_already(there: str) -> None:
    Path(".git").rmdir()
    subprocess.run(["git", "init", "--quiet"], check=True)
    Path(".billproof").mkdir()
    Path(".billproof/.gitignore").write_text(there)
    init(put("exports/october.csv"))
    assert Path(".billproof/.gitignore").read_text().startswith(there)
    assert run("upload", "--to", "archive")[0] == 0
    ignored = subprocess.run(["git", "check-ignore", "-q", ".billproof/archive/x"], check=False)
    assert ignored.returncode == 0


# --- --add ---

HEAD = "# ours\nversion: 1   # of the format\nledger: .ledger\ndestinations:\n  archive: {kind: directory, path: archive}\n"
FORMS = {
    "block": "integrations:\n  - name: research   # the first\n    organization: org-EXAMPLEacme01\n    to: archive\n",
    "indentless": "integrations:\n- name: research\n  organization: org-EXAMPLEacme01\n  to: archive\n",
    "deep": "integrations:\n      -   name: research\n          organization: org-EXAMPLEacme01\n          to: archive # here\n",
    "compact": "integrations:\n  - {name: research, organization: org-EXAMPLEacme01, to: archive}   # one line\n",
    "flow": "integrations: [{name: research, organization: org-EXAMPLEacme01, to: archive}]   # in brackets\n",
    "flow over lines": "integrations: [\n  {name: research, organization: org-EXAMPLEacme01, to: archive},   # and a comma\n]\n",
    "empty flow": "integrations: []\n",
    "absent": "",
}
TAILS = {
    "end": "", "comment": "  # - name: old\n# the end\n",
    "more": "\n# signed\nwaivers: []   # none\n", "no line end": "# the end",
}  # fmt: skip


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("form", "tail", "end"),
    [(form, TAILS["more"], "\n") for form in FORMS.values()]
    + [(FORMS["block"], tail, end) for tail in TAILS.values() for end in ("\n", "\r\n")]
    + [(FORMS["flow"], TAILS["no line end"], "\r\n"), (FORMS["absent"], TAILS["no line end"], "\n")],
)
def test_add_inserts_text_and_changes_nothing_else(form: str, tail: str, end: str) -> None:
    before = (HEAD + form + tail).replace("\n", end).encode()
    Path("billproof.yaml").write_bytes(before)
    os.chmod("billproof.yaml", 0o640)
    told = init("--add", put("exports/labs/october.csv", LABS), put("exports/europe/october.csv", EUROPE))
    assert told[0] == "Added 2 integrations to billproof.yaml; the rest of it is as it was:"
    after = yaml()
    cut = next(number for number in range(len(after)) if before[:number] + before[number:] == before[:number] + after[
        len(after) - len(before) + number:] and after.startswith(before[:number]))  # fmt: skip
    assert after[:cut] + after[len(after) - len(before) + cut :] == before
    assert after.count(end.encode()) == after.count(b"\n")
    assert paths() == {"exports/labs/october.csv", "exports/europe/october.csv"}
    assert Path("billproof.yaml").stat().st_mode & 0o777 == 0o640
    found = check("exports/labs/october.csv")
    assert (found.file["integration"], found.outcome("OC401")["state"]) == ("acme-labs", "passed")


@pytest.mark.usefixtures("here")
def test_add_after_init() -> None:
    init(put("research.csv", ACME))
    before = yaml()
    told = init("--add", put("new/labs.csv", LABS), "research.csv")
    assert f"{ACME}, {NAMES[ACME]} already is the integration main." in told
    assert yaml().startswith(before)
    assert b"to: pelanor-eu\n    integration: FILL-IN\n    token: {env: PELANOR_TOKEN_ACME_LABS}\n" in yaml()[len(before) :]
    after = yaml()
    assert init("--add", "new/labs.csv") == [f"{LABS}, {NAMES[LABS]} already is the integration acme-labs."]
    assert yaml() == after


@pytest.mark.usefixtures("here")
def test_add_below_the_configuration_names_folders_beside_it(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("billproof.yaml").write_text(HEAD)
    put("deep/labs/october.csv", LABS)
    monkeypatch.chdir(here / "deep")
    init("--add", "labs/october.csv")
    monkeypatch.chdir(here)
    assert files_of(yaml()) == ["deep/labs/"]
    assert paths() == {"deep/labs/october.csv"}


@pytest.mark.usefixtures("here")
def test_where_text_cannot_be_inserted_the_lines_are_shown() -> None:
    text = "{version: 1, ledger: .ledger}\n"
    Path("billproof.yaml").write_text(text)
    code, out, err = run("init", "--add", put("labs/october.csv", LABS))
    assert code == 2
    assert err.startswith("billproof.yaml was not changed: ")
    assert out == f'integrations:\n  - name: acme-labs\n    organization: "{LABS}"\n    files: "labs/"\n'
    assert yaml() == text.encode()
    assert sorted(os.listdir()) == [".git", "billproof.yaml", "labs"]


@pytest.mark.usefixtures("here")
def test_a_link_to_the_configuration_stays_one() -> None:
    Path("real.yaml").write_text(HEAD)
    Path("billproof.yaml").symlink_to("real.yaml")
    init("--add", put("labs/october.csv", LABS))
    assert Path("billproof.yaml").is_symlink()
    assert b"acme-labs" in Path("real.yaml").read_bytes()


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize(
    ("configured", "arguments", "told"),
    [
        (False, ["--add", "labs.csv"], "there is no billproof.yaml to add to"),
        (True, ["--add"], "--add needs exports"),
        (True, ["labs.csv"], "already exists; nothing was written\nbillproof init --add FILE adds integrations"),
    ],
)
def test_wrong_usage(configured: bool, arguments: list[str], told: str) -> None:
    put("labs.csv", LABS)
    if configured:
        Path("billproof.yaml").write_text(HEAD)
    code, out, err = run("init", *arguments)
    assert (code, out, told in err) == (2, "", True), err


@pytest.mark.usefixtures("here")
def test_copies_that_billproof_made_are_no_new_exports() -> None:
    Path("billproof.yaml").write_text(HEAD + FORMS["block"])
    put("archive/labs/october.csv", LABS)
    put("europe/october.csv", EUROPE)
    told = init("--add", ".")
    assert f"acme-europe {EUROPE}, Acme Europe 1 file in europe/" in told
    assert LABS.encode() not in yaml()


def test_standard_input_has_no_folder(here: Path) -> None:
    put("october.csv", ACME)
    put("labs.csv", LABS)
    command = [sys.executable, "-m", "billproof", "init", "-"]
    done = subprocess.run(command, input=Path("october.csv").read_bytes(), capture_output=True, cwd=here, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert ACME.encode() in yaml()
    assert files_of(yaml()) == []
