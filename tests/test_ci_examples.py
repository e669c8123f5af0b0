"""docs/ci: the script for any shell, the template for GitLab and the page about both are what happens."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple

import junitparser
import pytest
import yaml

from billproof.engine.verdict import Exit
from tests.sandbox.running import INTEGRATION, TOKEN, running_sandbox
from tests.support import FIXTURES, ROOT
from tests.test_docs import blocks, table
from tests.test_state_docs import FIRST, change, done, files, job, make_origin, shell

PAGE = ROOT / "docs" / "ci" / "README.md"
SCRIPT = "docs/ci/upload.sh"
WORKFLOW = yaml.safe_load((ROOT / "docs" / "ci" / "github.yml").read_text("utf-8"))
GITLAB = yaml.safe_load((ROOT / "docs" / "ci" / "gitlab.yml").read_text("utf-8"))
BAD = FIXTURES / "demo" / "cost_2025-10-04_2025-11-03.csv"

pytestmark = [
    pytest.mark.soak,
    pytest.mark.skipif(os.name == "nt", reason="the scripts are for a POSIX shell"),
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git"),
]


@pytest.fixture
def origin(tmp_path: Path) -> Path:
    """A bare repository with the ledger's branch."""
    return make_origin(tmp_path)


def put_bad(folder: Path) -> None:
    shutil.copy(BAD, next((folder / "exports" / "research").iterdir()))


def no_waits(tmp_path: Path) -> None:
    sleep = tmp_path / "bin" / "sleep"
    sleep.write_text("#!/bin/sh\n", "utf-8")
    sleep.chmod(0o755)


# --- any shell ---


def test_the_two_lines_of_the_page(origin: Path, tmp_path: Path) -> None:
    block, _ = [one for one in blocks("sh") if one.path == PAGE]
    dry, upload = block.text.splitlines()
    assert (dry, upload) == (f"{SCRIPT} --dry-run", SCRIPT)
    read_only = '[url "nowhere:"]\n\tpushInsteadOf = file://\n'
    (tmp_path / ".gitconfig").write_text(read_only, "utf-8")
    assert "NOTHING SENT  dry run: 2 files ready to upload" in done(dry, job(tmp_path, "pull")), "a token that may only read"
    (tmp_path / ".gitconfig").unlink()
    assert (len(files(origin)), (tmp_path / "archive").exists()) == (3, False)
    assert "ALL UPLOADED  2 accepted" in done(upload, job(tmp_path, "main"))
    assert len(files(origin)) == 3 + 4
    assert "NOTHING SENT  2 files already uploaded" in done(dry, tmp_path / "pull"), "a reused folder fetches the ledger"
    assert "NOTHING SENT  2 files already uploaded" in done(upload, job(tmp_path, "later"))


def test_another_ledger_than_the_one_that_is_saved_is_refused(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "main")
    config = folder / "billproof.yaml"
    config.write_text(config.read_text("utf-8").replace("ledger: .ledger", "ledger: .billproof/ledger"), "utf-8")
    for line in (f"{SCRIPT} --dry-run", SCRIPT):
        ended = shell(line, folder)
        assert (ended.returncode, ended.stdout) == (2, "")
        assert "billproof.yaml must say `ledger: .ledger`" in ended.stderr
    assert not (folder / ".ledger").exists()
    for spelling in ('ledger: ".ledger"', "ledger: ./.ledger/   # its branch"):
        config.write_text(config.read_text("utf-8").replace("ledger: .billproof/ledger", spelling), "utf-8")
        assert "NOTHING SENT  dry run: 2 files ready to upload" in done(f"{SCRIPT} --dry-run", folder)
        config.write_text(config.read_text("utf-8").replace(spelling, "ledger: .billproof/ledger"), "utf-8")


@pytest.mark.parametrize("config", ["--config other.yaml", "--config=other.yaml"])
def test_another_configuration_is_refused(origin: Path, tmp_path: Path, config: str) -> None:
    """It may have another ledger, which would be used and not saved."""
    folder = job(tmp_path, "main")
    shutil.copy(folder / "billproof.yaml", folder / "other.yaml")
    ended = shell(f"{SCRIPT} exports/research {config}", folder)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert "--config is not possible" in ended.stderr
    assert not (folder / ".ledger").exists()


def test_without_a_configuration_it_ends_as_for_a_wrong_one(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "main")
    (folder / "billproof.yaml").unlink()
    ended = shell(SCRIPT, folder)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("upload.sh: billproof.yaml must say")


@pytest.mark.parametrize("hook", [False, True], ids=["by hand", "in a git hook"])
def test_a_ledger_that_is_a_plain_folder_is_never_pulled(origin: Path, tmp_path: Path, hook: bool) -> None:
    """git would work on the project around it: rewrite its commits, and so the exports that are about to be uploaded."""
    folder = job(tmp_path, "main")
    done("git config user.email a@example.com && git config user.name a && git add -A && git commit -qm one", folder)
    done("git push -q origin main && git clone -q ../origin.git ../other -b main", folder)
    change(tmp_path / "other")
    done("git -c user.email=b@example.com -c user.name=b commit -qam two && git push -q origin main", tmp_path / "other")
    done("git config branch.main.remote origin && git config branch.main.merge refs/heads/main", folder)
    done("git commit -q --allow-empty -m mine && billproof ledger init", folder)
    before = done("git rev-parse HEAD", folder), next((folder / "exports" / "research").iterdir()).read_bytes()
    ended = shell(SCRIPT, folder, **({"GIT_DIR": str(folder / ".git")} if hook else {}))
    assert (ended.returncode, ended.stdout) == (3, "")
    assert ".ledger is not a checkout of the ledger's branch" in ended.stderr
    assert (done("git rev-parse HEAD", folder), next((folder / "exports" / "research").iterdir()).read_bytes()) == before
    assert not (tmp_path / "archive").exists()


def test_the_machine_that_made_the_branch_uploads_too(origin: Path, tmp_path: Path) -> None:
    """As docs/ci/state.md sets it up; its branch must follow the remote's."""
    done("git -C .ledger pull -q --rebase", tmp_path / "desk")
    assert "ALL UPLOADED  2 accepted" in done(SCRIPT, tmp_path / "desk")
    assert len(files(origin)) == 3 + 4
    assert "NOTHING SENT  2 files already uploaded" in done(SCRIPT, tmp_path / "desk")


def test_in_a_git_hook_the_ledger_is_saved_to_its_own_repository(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "main")
    shell(SCRIPT, folder, GIT_DIR=str(folder / ".git"), GIT_INDEX_FILE=str(folder / ".git" / "index"))
    assert len(files(origin)) == 3 + 4


def test_a_file_at_fault_stops_both(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "main")
    put_bad(folder)
    for line in (f"{SCRIPT} --dry-run exports/", f"{SCRIPT} exports/"):
        ended = shell(line, folder)
        assert ended.returncode == 1
        assert "OC304 missing-day" in ended.stdout
    assert (len(files(origin)), (tmp_path / "archive").exists()) == (3, False)


def test_an_upload_that_did_not_arrive_is_saved(origin: Path, tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("no folder", "utf-8")
    ended = shell(f"{SCRIPT} exports/research", job(tmp_path, "main"))
    assert ended.returncode == 4
    assert "NOT ALL UPLOADED  0 accepted, 1 not." in ended.stdout
    assert len(files(origin)) == 3 + 2
    (tmp_path / "archive").unlink()
    assert "ALL UPLOADED  1 accepted" in done(f"{SCRIPT} exports/research", job(tmp_path, "again"))


def test_usage_and_what_is_unproved_pass_through(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "main")
    assert shell(f"{SCRIPT} --to nowhere", folder).returncode == 2
    assert shell(f"{SCRIPT} exports/nothing.csv", folder).returncode == 3
    assert shell(f"{SCRIPT} 'two words.csv' '$(touch pwned)'", folder).returncode == 3
    assert not (folder / "pwned").exists()


@pytest.mark.parametrize("more", ["", " --dry-run"])
def test_without_the_ledger_nothing_is_done(tmp_path: Path, more: str) -> None:
    (tmp_path / "bin").mkdir()
    folder = job(tmp_path, "main")
    ended = shell(f"{SCRIPT}{more}", folder)
    assert ended.returncode == 3
    assert "UNPROVED  the ledger could not be fetched" in ended.stderr


def test_a_ledger_that_was_not_saved_is_not_a_success(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "main")
    done("git clone -q -b billproof-ledger $(git remote get-url origin) .ledger", folder)
    shim = tmp_path / "bin" / "billproof"
    shim.write_text(
        shim.read_text("utf-8").replace("exec ", "") + f'code=$?; mv "{origin}" "{origin}.away"; exit $code\n', "utf-8"
    )
    no_waits(tmp_path)
    ended = shell(f"{SCRIPT} exports/research", folder)
    assert "ALL UPLOADED  1 accepted" in ended.stdout
    assert ended.returncode == 3
    assert "UNPROVED  the ledger was not saved: keep .ledger" in ended.stderr
    (tmp_path / "origin.git.away").rename(origin)
    change(folder)
    shim.write_text(shim.read_text("utf-8").replace("mv", ": mv"), "utf-8")
    done(f"{SCRIPT} exports/research", folder)
    assert len(files(origin)) == 3 + 4, "what was left is saved by the next run"


@pytest.mark.parametrize("ended_with", [1, 4, 130])
def test_a_ledger_that_was_not_saved_does_not_hide_behind_another_code(origin: Path, tmp_path: Path, ended_with: int) -> None:
    """After 4, the same job again would be called safe, and its ledger would lack what was sent."""
    (tmp_path / "bin" / "billproof").write_text(f"#!/bin/sh\nexit {ended_with}\n", "utf-8")
    folder = job(tmp_path, "main")
    done("git clone -q -b billproof-ledger $(git remote get-url origin) .ledger", folder)
    (folder / SCRIPT).with_name("save-ledger.sh").write_text("#!/bin/sh\nexit 1\n", "utf-8")
    ended = shell(SCRIPT, folder)
    assert ended.returncode == 3
    assert "UNPROVED  the ledger was not saved: keep .ledger" in ended.stderr
    assert shell(f"{SCRIPT} --dry-run", folder).returncode == ended_with, "a dry run saves nothing"


def test_what_is_interrupted_is_saved_all_the_same(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "main")
    shim = tmp_path / "bin" / "billproof"
    shim.write_text(shim.read_text("utf-8").replace("exec ", "") + "touch arrived; /bin/sleep 1; exit 130\n", "utf-8")
    environment = {**os.environ, "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}", "HOME": str(tmp_path)}
    running = subprocess.Popen([folder / SCRIPT, "exports/research"], cwd=folder, env=environment, stdout=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while not (folder / "arrived").exists():
        assert time.monotonic() < until
        time.sleep(0.02)
    running.send_signal(signal.SIGTERM)
    assert running.wait(timeout=60) == 130
    assert len(files(origin)) == 3 + 2


def test_it_uploads_over_http(origin: Path, tmp_path: Path) -> None:
    """To the project's own sandbox; a first answer that says to wait long, and then the same again."""
    folder = job(tmp_path, "main")
    with running_sandbox() as sandbox:
        address = (
            f'{{kind: http, base_url: "{sandbox.url}", method: POST, path: "/v1/integrations/{{integration}}/uploads/{{month}}"'
        )
        (folder / "billproof.yaml").write_text(
            f"version: 1\nledger: .ledger\ndestinations:\n  sandbox: {address}, file: {{form_field: file}}, id_at: /id}}\n"
            f"integrations:\n  - {{name: main, organization: {FIRST}, files: exports/research, to: sandbox, "
            f"integration: {INTEGRATION}, token: {{env: SANDBOX_TOKEN}}}}\n",
            "utf-8",
        )
        sandbox.fault("too_many", 1, 3600)
        assert shell(SCRIPT, folder, SANDBOX_TOKEN=TOKEN).returncode == 4
        assert shell(SCRIPT, folder, SANDBOX_TOKEN=TOKEN).returncode == 0
        assert list(sandbox.months()) == ["2025-10"]
    saved = [
        json.loads(done(f"git show billproof-ledger:{name}", origin)) for name in files(origin) if re.search(r"/\d.*json$", name)
    ]
    assert [(one["status"], one["answer"]["retry_after"]) for one in saved] == [("refused", 3600), ("accepted", None)]


# --- GitLab ---


class Ended(NamedTuple):
    """What a job of GitLab came to."""

    code: int
    log: str


def template(name: str) -> dict[str, Any]:
    """A job with what it extends."""
    one = GITLAB[name]
    return {**GITLAB[one["extends"]], **one}


def in_gitlab(name: str, folder: Path, setup: bool = False) -> Ended:
    """A job's scripts as its runner runs them: `script` ends at the first line that fails, `after_script` counts for nothing."""
    one = template(name)
    remote = done("git remote get-url origin", folder).strip()
    variables = {key: str(value).replace("$CI_REPOSITORY_URL", remote) for key, value in GITLAB["variables"].items()}
    lines = [*(one["before_script"] if setup else []), *one["script"]]
    search = os.pathsep.join((str(folder.parent / "bin"), os.environ["PATH"]))
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "COVERAGE"))}
    environment = {**kept, "PATH": search, "PYTHONPATH": str(ROOT), "HOME": str(folder.parent), **variables}
    if setup:
        environment["BILLPROOF"] = f"file://{folder.parent / 'copy'}"
        environment |= {"PATH": os.environ["PATH"], "PYTHONPATH": ""}
    found = []
    for script in (lines, one.get("after_script", [])):
        command = ["bash", "-eo", "pipefail", "-c", "\n".join(script)]
        found.append(
            subprocess.run(
                command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
            )
        )
    return Ended(found[0].returncode, "".join(one.stdout for one in found))


def reports(folder: Path, name: str) -> tuple[list[dict[str, Any]], int, str]:
    """What GitLab reads afterwards: faults, tests that failed, and the verdict of the report that is kept."""
    kept = template(name)["artifacts"]
    assert kept["when"] == "always"
    faults = json.loads((folder / kept["reports"]["codequality"]).read_bytes())
    suites = junitparser.JUnitXml.fromfile(str(folder / kept["reports"]["junit"]))
    (path,) = kept["paths"]
    return faults, suites.failures + suites.errors, json.loads((folder / path).read_bytes())["verdict"]


def test_a_merge_request_is_told_what_main_will_do(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "merge")
    ended = in_gitlab("billproof-check", folder)
    assert ended.code == 0, ended.log
    assert reports(folder, "billproof-check") == ([], 0, "pass")
    put_bad(folder)
    ended = in_gitlab("billproof-check", folder)
    assert ended.code == 1, ended.log
    faults, failed, verdict = reports(folder, "billproof-check")
    assert {"OC303", "OC304"} <= {one["check_name"].split()[0] for one in faults}
    assert (failed >= 2, verdict) == (True, "fail")
    assert (len(files(origin)), (tmp_path / "archive").exists()) == (3, False)


def test_main_uploads_and_saves(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "main")
    ended = in_gitlab("billproof-upload", folder)
    assert ended.code == 0, ended.log
    assert reports(folder, "billproof-upload") == ([], 0, "pass")
    assert len(files(origin)) == 3 + 4
    shutil.rmtree(tmp_path / "archive")
    (tmp_path / "archive").write_text("no folder", "utf-8")
    assert in_gitlab("billproof-upload", folder).code == 4
    assert len(files(origin)) == 3 + 4 + 4, "both months are gone there, so both were wanted"


def test_a_cancelled_job_of_gitlab_saves_in_its_last_script(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "main")
    done("git clone -q -b billproof-ledger $(git remote get-url origin) .ledger && billproof upload exports/research", folder)
    for script in template("billproof-upload")["after_script"]:
        done(script, folder)
        assert len(files(origin)) == 3 + 2
    done("rm -rf .ledger", folder)
    done(script, folder)


def test_what_gitlab_runs_when() -> None:
    check, upload = template("billproof-check"), template("billproof-upload")
    assert check["rules"][0]["if"] == '$CI_PIPELINE_SOURCE == "merge_request_event"'
    assert upload["rules"][0]["if"].startswith("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH")
    assert upload["resource_group"] == "billproof-upload"
    for one in (check, upload):
        assert one["rules"][0]["changes"] == ["exports/**/*", "costs/**/*", "billproof.yaml", "rules/**/*"], "as in github.yml"
    assert "--dry-run" in check["script"][0]
    assert upload["script"][0] == check["script"][0].replace(" --dry-run", "")
    assert "environment" not in check, "a merge request must not get the tokens"


@pytest.mark.soak
def test_gitlab_installs_what_the_template_says(origin: Path, tmp_path: Path) -> None:
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(tmp_path), "hatchling"]
    if subprocess.run(pip, capture_output=True, timeout=120, check=False).returncode != 0:
        pytest.skip("no package index is at hand")
    shutil.copytree(ROOT, tmp_path / "copy", ignore=shutil.ignore_patterns(".*", "tests", "__pycache__", "dist", "build"))
    ended = in_gitlab("billproof-check", job(tmp_path, "merge"), setup=True)
    assert ended.code == 0, ended.log


# --- GitHub, and the page ---


def steps(name: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = WORKFLOW["jobs"][name]["steps"]
    return found


def test_the_workflow_asks_on_pull_requests_and_uploads_on_main() -> None:
    check, upload = WORKFLOW["jobs"]["check"], WORKFLOW["jobs"]["upload"]
    assert set(WORKFLOW[True]) == {"pull_request", "push", "workflow_dispatch"}  # YAML 1.1 takes `on` for true
    assert check["if"] == "github.event_name == 'pull_request'"
    assert upload["if"].endswith("github.ref == 'refs/heads/main'")
    assert upload["concurrency"] == {"group": "billproof-upload", "cancel-in-progress": False}
    assert (WORKFLOW["permissions"], "permissions" in check) == ({"contents": "read"}, False)
    assert "secrets" not in json.dumps(check), "a pull request must not get the tokens"
    used = [next(one["with"] for one in steps(name) if "billproof@" in one["uses"]) for name in ("check", "upload")]
    assert [one.pop("command") for one in used] == ["upload --dry-run", "upload"]
    assert used[0] == used[1] == {"files": "exports/", "ledger": ".ledger"}


def test_everything_that_is_used_wants_a_commit() -> None:
    text = "".join(path.read_text("utf-8") for path in (PAGE, *sorted((ROOT / "docs" / "ci").glob("git*.yml"))))
    used = re.findall(r"uses: \S+@(\S+)|billproof@(\S+?)[\"\s]", text)
    assert len(used) > 5
    assert {one or other for one, other in used} == {"FILL-IN-COMMIT"}


def test_the_page_knows_every_exit_code() -> None:
    rows = table(PAGE.read_text("utf-8"), "code")
    assert {row[1].upper().replace(" ", "_"): int(row[0]) for row in rows} == {one.name: int(one) for one in Exit}


def test_the_owners_of_what_decides_are_named() -> None:
    (block,) = [one for one in blocks("text") if one.path == PAGE]
    owned = {line.split()[0] for line in block.text.splitlines()}
    assert owned == {"/billproof.yaml", "/rules/", "/.github/", "/docs/ci/"}


# --- OpenAI's own record ---

COSTS = yaml.safe_load((ROOT / "docs" / "ci" / "costs.yml").read_text("utf-8"))["jobs"]


def test_only_the_job_that_fetches_has_the_key_and_may_write() -> None:
    fetch, status = COSTS["fetch"], COSTS["status"]
    assert (fetch["environment"], fetch["permissions"]) == ("openai", {"contents": "write"})
    assert [step for step in fetch["steps"] if "env" in step] == [
        {
            "run": "billproof costs fetch --month last",
            "env": {"OPENAI_ADMIN_KEY_RESEARCH": "${{ secrets.OPENAI_ADMIN_KEY_RESEARCH }}"},
        }
    ]
    assert "secrets" not in json.dumps(status)
    assert not {"environment", "permissions"} & set(status)
    assert "secrets.OPENAI" not in (ROOT / "docs/ci/github.yml").read_text("utf-8")
    _, block = [one for one in blocks("sh") if one.path == PAGE]
    assert block.text.splitlines() == ["billproof costs fetch --month last", "billproof status --month last"]
    assert [step["run"] for step in fetch["steps"] + status["steps"] if step.get("run") in block.text.splitlines()]


def test_the_records_of_a_night_are_pushed_once(origin: Path, tmp_path: Path) -> None:
    folder = job(tmp_path, "main")
    done("git config user.email a@example.com && git config user.name a && git add -A && git commit -qm one", folder)
    done("git push -q origin HEAD:main && git branch -q --set-upstream-to origin/main", folder)
    (save,) = [step["run"] for step in COSTS["fetch"]["steps"] if step.get("if") == "always()"]
    (folder / "costs").mkdir()
    (folder / "costs" / "record.json").write_text("{}\n", "utf-8")
    done(save, folder)
    assert done("git log -1 --format=%s origin/main && git show --name-only --format= origin/main", folder).split("\n")[:2] == [
        "OpenAI's costs, as of tonight", "costs/record.json",
    ]  # fmt: skip
    before = done("git rev-parse origin/main", folder)
    done(save, folder)
    assert done("git rev-parse origin/main", folder) == before
