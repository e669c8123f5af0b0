"""docs/ci/alert.sh and the jobs that use it: each finding is told once, and what could not be told is told the next time."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.spend.project import CONFIGURATION
from tests.support import ROOT
from tests.test_docs import blocks

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the scripts are for a POSIX shell")

SCRIPT = "docs/ci/alert.sh"
FIRST = "2026-08-21  research  price change  gpt-5-mini, output went from 2 to 3.2 USD per 1M tokens"
TOLD = [
    FIRST,
    "2026-10-03  research  new  gpt-6-astra, output_tokens is new",
    "2026-10-09  research  vanished  project Nightly evals has had no charge since; 629.99 USD in the 28 days before",
    "2026-10-14  research  spike  275.42 USD above the 143.06 expected",
]


@pytest.fixture
def folder(project: Path, tmp_path: Path) -> Path:
    """The project with the scripts, and commands of its own: billproof, and some that only write down how they were called."""
    shutil.copytree(ROOT / "docs" / "ci", project / "docs" / "ci")
    command("billproof", f'exec "{sys.executable}" -m billproof "$@"', tmp_path)
    for name in ("tell", "gh", "curl", "mail"):
        command(name, f'printf "%s\\037" "$@" >> "{tmp_path}/{name}.log"; printf "\\036" >> "{tmp_path}/{name}.log"', tmp_path)
    return project


def command(name: str, script: str, tmp_path: Path) -> None:
    path = tmp_path / "bin" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    path.chmod(0o755)


def calls(name: str, tmp_path: Path) -> list[list[str]]:
    """How a command was called."""
    log = tmp_path / f"{name}.log"
    text = log.read_text("utf-8") if log.exists() else ""
    return [one.split("\037")[:-1] for one in text.split("\036")[:-1]]


def shell(line: str, tmp_path: Path, **more: str) -> int:
    search = os.pathsep.join((str(tmp_path / "bin"), os.environ["PATH"]))
    environment = {**os.environ, "PATH": search, "PYTHONPATH": str(ROOT / "validator"), **more}
    return subprocess.run(["sh", "-ec", line], env=environment, capture_output=True, timeout=60, check=False).returncode


def test_each_finding_is_told_once(folder: Path, tmp_path: Path) -> None:
    assert shell(f"{SCRIPT} told.txt tell --now", tmp_path) == 0
    told = calls("tell", tmp_path)
    assert [call[:2] for call in told] == [["--now", title] for title in TOLD]
    assert told[0][2] == f"{FIRST}: 1,895.37 USD more since"
    assert Path("told.txt").read_text("utf-8").splitlines() == TOLD
    assert shell(f"{SCRIPT} told.txt tell --now", tmp_path) == 0
    assert len(calls("tell", tmp_path)) == len(TOLD)


@pytest.mark.soak
def test_what_could_not_be_told_is_told_the_next_time(folder: Path, tmp_path: Path) -> None:
    command("fails", 'case "$1" in *gpt-6*) exit 1 ;; esac', tmp_path)
    assert shell(f"{SCRIPT} told.txt fails", tmp_path) == 1
    assert Path("told.txt").read_text("utf-8").splitlines() == [TOLD[0], *TOLD[2:]]
    assert shell(f"{SCRIPT} told.txt tell", tmp_path) == 0
    assert [call[0] for call in calls("tell", tmp_path)] == TOLD[1:2]


@pytest.mark.soak
def test_other_exit_codes_are_billproof_s(folder: Path, tmp_path: Path) -> None:
    Path("billproof.yaml").write_text(
        CONFIGURATION.replace("{spike: 100, new: 1000, vanished: 600, price_change: 0}", "{spike: 9000}"), "utf-8"
    )
    assert (shell(f"{SCRIPT} told.txt tell", tmp_path), Path("told.txt").exists()) == (0, False)
    Path("billproof.yaml").write_text(CONFIGURATION.partition("alerts:")[0], "utf-8")
    assert shell(f"{SCRIPT} told.txt tell", tmp_path) == 2
    Path("billproof.yaml").write_text(CONFIGURATION, "utf-8")
    shutil.rmtree("archive")
    Path("exports/europe/cost_2026-10-01_2026-10-31.csv").unlink()
    assert shell(f"{SCRIPT} told.txt tell", tmp_path) == 3
    assert len(calls("tell", tmp_path)) == len(TOLD), "what was found is told all the same"
    shutil.rmtree(".billproof")
    assert shell(f"{SCRIPT} told.txt tell", tmp_path) == 3


@pytest.mark.soak
def test_the_lines_of_the_page(folder: Path, tmp_path: Path) -> None:
    (block,) = [one for one in blocks("sh") if one.path == ROOT / "docs" / "spend.md"]
    mail, chat = block.text.splitlines()
    assert shell(mail, tmp_path) == 0
    assert [call[:2] for call in calls("mail", tmp_path)] == [["-s", title] for title in TOLD]
    Path("told.txt").unlink()
    command("curl", f'cat >> "{tmp_path}/body"; printf "%s " "$@" >> "{tmp_path}/curl.log"', tmp_path)
    assert shell(chat, tmp_path, WEBHOOK="https://chat.example.com/1") == 0
    bodies = [json.loads(line) for line in (tmp_path / "body").read_text("utf-8").splitlines()]
    assert [body["text"].partition(": ")[0] for body in bodies] == TOLD
    assert "https://chat.example.com/1" in (tmp_path / "curl.log").read_text("utf-8")


@pytest.mark.soak
def test_the_job_on_github_opens_an_issue_for_each(folder: Path, tmp_path: Path) -> None:
    job = yaml.safe_load((ROOT / "docs/ci/spend.yml").read_text("utf-8"))["jobs"]["alert"]
    script = job["steps"][-1]["run"]
    command("gh", f'printf "%s\\037" "$@" >> "{tmp_path}/gh.log"; printf "\\036" >> "{tmp_path}/gh.log"\n'
            f'[ "$2" = list ] && echo "{FIRST}"; exit 0', tmp_path)  # fmt: skip
    assert shell(script, tmp_path) == 0
    created = [call for call in calls("gh", tmp_path) if call[:2] == ["issue", "create"]]
    assert [call[call.index("--title") + 1] for call in created] == TOLD[1:], "an issue that is there is not opened again"
    assert created[0][-1] == f"```\n{TOLD[1]}: 1,293.92 USD since\n```"


@pytest.mark.soak
def test_the_job_on_gitlab_opens_an_issue_for_each(folder: Path, tmp_path: Path) -> None:
    job = yaml.safe_load((ROOT / "docs/ci/spend.gitlab.yml").read_text("utf-8"))["billproof-spend"]
    script = "\n".join(job["script"][4:])
    log = f'printf "%s\\037" "$@" >> "{tmp_path}/curl.log"; printf "\\036" >> "{tmp_path}/curl.log"'
    listed = json.dumps([{"title": FIRST}])
    command("curl", f"{log}\ncase \"$*\" in *per_page*) echo '{listed}' ;; esac", tmp_path)
    assert shell(script, tmp_path, SPEND_TOKEN="secret", ISSUES="https://gitlab.example.com/issues") == 0
    created = [call for call in calls("curl", tmp_path) if "labels=billproof" in call]
    assert [call[call.index("--data-urlencode") + 1] for call in created] == [f"title={title}" for title in TOLD[1:]]
    assert created[0][-2:] == [f"description=```\n{TOLD[1]}: 1,293.92 USD since\n```", "https://gitlab.example.com/issues"]
