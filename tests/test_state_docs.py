"""docs/ci/state.md: its commands for the ledger's own branch are run against a bare repository, two jobs at a time."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.support import ROOT

PAGE = (ROOT / "docs" / "ci" / "state.md").read_text("utf-8")
SCRIPT = "docs/ci/save-ledger.sh"
FIRST, SECOND = "org-EXAMPLEacme01", "org-EXAMPLEacme02"
CONFIGURATION = f"""\
version: 1
ledger: .ledger
destinations: {{archive: {{kind: directory, path: ../archive}}}}
integrations:
  - {{name: research, organization: {FIRST}, files: exports/research, to: archive}}
  - {{name: labs, organization: {SECOND}, files: exports/labs, to: archive}}
"""
GOOD = (ROOT / "fixtures" / "good-h1" / "cost_2025-10-01_2025-10-31.csv").read_bytes()

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(os.name == "nt", reason="the page's commands are for a POSIX shell"),
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git"),
]


def shown(section: str) -> list[str]:
    """The `sh` blocks of a section."""
    return re.findall(r"^```sh\n(.*?)^```$", PAGE.split(f"\n## {section}\n")[1].split("\n## ")[0], re.MULTILINE | re.DOTALL)


def shell(line: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run by the shell, with a git that knows nothing of whoever runs the tests."""
    search = os.pathsep.join((str(folder.parent / "bin"), os.environ["PATH"]))
    given = {
        "PATH": search, "PYTHONPATH": str(ROOT), "HOME": str(folder.parent), "PYTHONUTF8": "1",
        "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0", **environment,
    }  # fmt: skip
    command = ["sh", "-e", "-c", line]
    return subprocess.run(command, cwd=folder, env=given, capture_output=True, text=True, timeout=120, check=False)


def done(line: str, folder: Path) -> str:
    found = shell(line, folder)
    assert found.returncode == 0, found.stdout + found.stderr
    return found.stdout


def job(tmp_path: Path, name: str) -> Path:
    """A checkout of the repository with the exports, as a job has it."""
    folder = tmp_path / name
    done(f"git init -q --initial-branch main {name} && git -C {name} remote add origin file://{tmp_path}/origin.git", tmp_path)
    (folder / "billproof.yaml").write_text(CONFIGURATION, "utf-8")
    (folder / ".gitignore").write_text(".ledger/\n", "utf-8")
    (folder / "docs" / "ci").mkdir(parents=True)
    for script in (ROOT / "docs" / "ci").glob("*.sh"):
        shutil.copy(script, folder / "docs" / "ci")
    for place, organization in (("research", FIRST), ("labs", SECOND)):
        path = folder / "exports" / place / "cost_2025-10-01_2025-10-31.csv"
        path.parent.mkdir(parents=True)
        path.write_bytes(GOOD.replace(FIRST.encode(), organization.encode()))
    return folder


def change(folder: Path) -> None:
    """Another October of the first integration."""
    path = next((folder / "exports" / "research").iterdir())
    path.write_bytes(path.read_bytes().replace(b",usd", b"1,usd", 1))


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    return make_origin(tmp_path)


def make_origin(tmp_path: Path) -> Path:
    """A bare repository whose ledger's branch was made with the page's commands."""
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "billproof"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m billproof "$@"\n', "utf-8")
    shim.chmod(0o755)
    done("git init -q --bare origin.git", tmp_path)
    done(shown("Its own branch")[0], job(tmp_path, "desk"))
    return tmp_path / "origin.git"


def steps() -> tuple[str, str, str]:
    """What every job does: before the upload, the upload, and after it."""
    before, upload, after = shown("Its own branch")[1].splitlines()
    assert upload == "billproof upload"
    return before, upload, after


def files(origin: Path) -> list[str]:
    return done("git ls-tree -r --name-only billproof-ledger", origin).splitlines()


def test_what_a_job_uploads_the_next_one_knows(origin: Path, tmp_path: Path) -> None:
    assert files(origin) == [".gitattributes", ".gitignore", "ledger.json"]
    before, upload, after = steps()
    for command in (before, upload, after):
        done(command, job(tmp_path, "monday") if command == before else tmp_path / "monday")
    assert len(files(origin)) == 3 + 4  # two uploads, each begun and answered
    tuesday = job(tmp_path, "tuesday")
    done(before, tuesday)
    assert "NOTHING SENT  2 files already uploaded; nothing new" in done(upload, tuesday)
    done(after, tuesday)
    assert done("git rev-list --count billproof-ledger", origin) == "2\n", "nothing new, no commit"


def test_two_jobs_at_once_lose_nothing(origin: Path, tmp_path: Path) -> None:
    before, _, after = steps()
    jobs = [job(tmp_path, name) for name in ("one", "two")]
    for folder, only in zip(jobs, ("research", "labs"), strict=True):
        done(before, folder)
        done(f"billproof upload exports/{only}", folder)
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda folder: shell(after, folder), jobs))
    assert [one.returncode for one in ended] == [0, 0], ended
    assert len(files(origin)) == 3 + 4
    third = job(tmp_path, "three")
    done(before, third)
    assert done("billproof ledger verify", third) == "PASS  2 receipts, 0 errors\n"


def test_two_uploads_of_one_month_are_a_fork_that_is_named(origin: Path, tmp_path: Path) -> None:
    before, _, after = steps()
    jobs = [job(tmp_path, name) for name in ("one", "two")]
    change(jobs[1])
    for folder in jobs:
        done(before, folder)
        done("billproof upload exports/research", folder)
        shutil.rmtree(tmp_path / "archive")
    for folder in jobs:
        done(after, folder)
    third = job(tmp_path, "three")
    done(before, third)
    text = done("billproof ledger verify", third)
    assert text.startswith(f"fork: archive {FIRST} 2025-10 has 2 uploads with number 1")
    assert text.endswith("PASS  2 receipts, 0 errors\n")


@pytest.mark.parametrize("damage", ["edited", "removed"])
def test_a_receipt_that_was_changed_is_not_saved(origin: Path, tmp_path: Path, damage: str) -> None:
    before, upload, after = steps()
    folder = job(tmp_path, "one")
    for command in (before, upload, after):
        done(command, folder)
    receipt = next((folder / ".ledger").rglob("0001-*.json"))
    if damage == "edited":
        receipt.write_bytes(receipt.read_bytes() + b"\n")
    else:
        receipt.unlink()
    saved = files(origin)
    found = shell(after, folder)
    assert found.returncode == 1
    assert f"save-ledger: changed or removed, not saved: {receipt.relative_to(folder / '.ledger')}" in found.stderr
    assert files(origin) == saved
    assert done("git rev-list --count billproof-ledger", origin) == "2\n"


def test_what_somebody_ignores_elsewhere_is_saved_all_the_same(origin: Path, tmp_path: Path) -> None:
    """And hooks for every repository of this machine do not run. The lock and drafts are of this machine alone."""
    before, upload, after = steps()
    folder = job(tmp_path, "one")
    (tmp_path / "ignored").write_text("*.begun\n*.json\norg-*/\n", "utf-8")
    (tmp_path / "hooks").mkdir()
    (tmp_path / "hooks" / "pre-commit").write_text("#!/bin/sh\nexit 1\n", "utf-8")
    (tmp_path / "hooks" / "pre-commit").chmod(0o755)
    (tmp_path / ".gitconfig").write_text(f"[core]\nexcludesFile = {tmp_path}/ignored\nhooksPath = {tmp_path}/hooks\n", "utf-8")
    done(before, folder)
    done(upload, folder)
    (folder / ".ledger" / ".lock").touch()
    (folder / ".ledger" / "archive" / ".x.json.12-ab.part").touch()
    (folder / ".ledger" / ".git" / "info" / "exclude").write_text("*.begun\n", "utf-8")
    done(after, folder)
    assert len(files(origin)) == 3 + 4
    assert not [name for name in files(origin) if name.endswith((".lock", ".part"))]


def test_another_ledger_is_never_put_over_the_one_that_is_there(origin: Path, tmp_path: Path) -> None:
    before = done("git show billproof-ledger:ledger.json", origin)
    found = shell(shown("Its own branch")[0], job(tmp_path, "other"))
    assert found.returncode == 1
    assert "the remote's billproof-ledger is another ledger; nothing was pushed" in found.stderr
    assert done("git show billproof-ledger:ledger.json", origin) == before


@pytest.mark.parametrize(
    ("prepare", "text"),
    [
        ("mkdir .ledger", "has no ledger.json"),
        ("billproof ledger init", "is not a separate checkout"),
        ("true", ".ledger does not exist"),
        (
            "git clone -q -b billproof-ledger $(git remote get-url origin) .ledger; git -C .ledger checkout -q --detach",
            "not on a branch",
        ),
    ],
)
def test_what_is_no_checkout_of_a_ledger_is_not_saved(origin: Path, tmp_path: Path, prepare: str, text: str) -> None:
    folder = job(tmp_path, "one")
    done(prepare, folder)
    found = shell(f"{SCRIPT} .ledger", folder)
    assert found.returncode == 1
    assert text in found.stderr


def test_a_remote_that_is_away_is_told(origin: Path, tmp_path: Path) -> None:
    before, upload, after = steps()
    folder = job(tmp_path, "one")
    done(before, folder)
    done(upload, folder)
    origin.rename(tmp_path / "away")
    (tmp_path / "bin" / "sleep").write_text("#!/bin/sh\n", "utf-8")
    (tmp_path / "bin" / "sleep").chmod(0o755)
    found = shell(after, folder)
    assert found.returncode == 1
    assert "not pushed after 8 attempts; .ledger is the only copy of its receipts" in found.stderr
    (tmp_path / "away").rename(origin)
    done(after, folder)
    assert len(files(origin)) == 3 + 4, "the commit that was left is pushed"


def test_without_the_ledger_nothing_is_sent_and_the_page_is_named(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "one")
    checked = shell("billproof check", folder)
    assert re.search(r"OC601.*OC602", checked.stdout)
    for command in ("upload", "status"):
        found = shell(f"billproof {command}", folder)
        assert found.returncode == 3
        assert "docs/ledger.md" in found.stdout + found.stderr
    assert not (tmp_path / "archive").exists()


def test_a_folder_refuses_what_a_new_ledger_does_not_know(origin: Path, tmp_path: Path) -> None:
    before, upload, after = steps()
    folder = job(tmp_path, "one")
    for command in (before, upload, after):
        done(command, folder)
    shutil.rmtree(folder / ".ledger")
    done("billproof ledger init", folder)
    change(folder)
    found = shell("billproof upload exports/research", folder)
    assert found.returncode == 4
    assert "which is not in this ledger" in found.stdout
    done("billproof upload exports/research --resend", folder)


def test_two_copies_may_be_merged_by_copying(origin: Path, tmp_path: Path) -> None:
    """What a bucket does that is synced up by two machines."""
    before, _, _ = steps()
    jobs = [job(tmp_path, name) for name in ("one", "two")]
    for folder, only in zip(jobs, ("research", "labs"), strict=True):
        done(before, folder)
        done(f"billproof upload exports/{only}", folder)
    shutil.copytree(jobs[0] / ".ledger", jobs[1] / ".ledger", dirs_exist_ok=True, ignore=shutil.ignore_patterns(".git"))
    assert done("billproof ledger verify", jobs[1]) == "PASS  2 receipts, 0 errors\n"
