"""The hooks, run for real by pre-commit and prek: what stops a commit, what a hook passes over, and docs/ci/pre-commit.md.

The page's addresses are led to repositories made here, so nothing is fetched but packages: that of billproof holds its
sources, that of pre-commit-hooks offers the ids of the page with the programs of the package of that name.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from billproof.cli.parser import build_parser
from billproof.io.locking import locked
from fixtures.exports import Export, rows, to_bytes
from tests.rules.test_loader import own_set, rule_text
from tests.support import FIXTURES, ROOT, fixture
from tests.test_shipped import SOURCES

PAGE = (ROOT / "docs" / "ci" / "pre-commit.md").read_text("utf-8")
MANIFEST = (ROOT / ".pre-commit-hooks.yaml").read_text("utf-8")
BIN = Path(sys.executable).parent
TOOLS = ("pre-commit", "prek")

GOOD_NAME = "exports/cost_2025-10-01_2025-10-31.csv"
GOOD = (FIXTURES / "demo" / Path(GOOD_NAME).name).read_bytes()
BAD_NAME = "exports/cost_2025-10-04_2025-11-03.csv"
BAD = (FIXTURES / "demo" / Path(BAD_NAME).name).read_bytes()

# Their entries and kinds as in the manifest of pre-commit-hooks v6.0.0; run from the environment of the tests.
STAND_IN = """\
- {id: end-of-file-fixer, name: fix end of files, entry: end-of-file-fixer, language: system, types: [text]}
- {id: fix-byte-order-marker, name: fix utf-8 byte order marker, entry: fix-byte-order-marker, language: system, types: [text]}
- {id: mixed-line-ending, name: mixed line ending, entry: mixed-line-ending, language: system, types: [text]}
- {id: trailing-whitespace, name: trim trailing whitespace, entry: trailing-whitespace-fixer, language: system, types: [text]}
- {id: check-added-large-files, name: check for added large files, entry: check-added-large-files, language: system}
"""

pytestmark = [
    pytest.mark.skipif(os.name == "nt", reason="the repositories are led to by paths of a POSIX system"),
    pytest.mark.skipif(shutil.which("git") is None, reason="needs git"),
]


def block(language: str) -> str:
    """The page's block in a language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(found)


EXAMPLE = block("yaml")
OURS, THEIRS = yaml.safe_load(EXAMPLE)["repos"][:2]


@dataclass(frozen=True)
class Repository:
    """A user's repository, with the tool whose hooks it runs."""

    folder: Path
    tool: str
    environment: dict[str, str]

    def run(self, *words: str | Path) -> subprocess.CompletedProcess[str]:
        """A program run in the repository; everything that it printed is in `stdout`."""
        return subprocess.run(
            [str(one) for one in words], cwd=self.folder, env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            encoding="utf-8", timeout=300, check=False,
        )  # fmt: skip

    def git(self, *words: str) -> str:
        done = self.run("git", *words)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def put(self, name: str, content: bytes | str) -> Path:
        """A file, staged."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        self.git("add", "--all")
        return path

    def hooks(self, *hooks: str) -> None:
        """A configuration with hooks of ours, each written as YAML."""
        listed = "".join(f"      - {one}\n" for one in hooks)
        self.put(".pre-commit-config.yaml", f"repos:\n  - repo: {OURS['repo']}\n    rev: {OURS['rev']}\n    hooks:\n{listed}")

    def all_files(self) -> subprocess.CompletedProcess[str]:
        return self.run(self.tool, "run", "--all-files")

    def commit(self) -> subprocess.CompletedProcess[str]:
        return self.run("git", "commit", "--quiet", "-m", "a commit")


CHECK = "{id: billproof-check, files: ^exports/}"
RULES = "{id: billproof-rules}"


def settings(**given: str) -> dict[str, str]:
    """Variables that are git's configuration, for these are handed on to every git that a tool starts."""
    found = {"GIT_CONFIG_COUNT": str(len(given))}
    for number, (name, value) in enumerate(given.items()):
        found |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return found


def environment_for(served: Path) -> dict[str, str]:
    """The environment of the tests, without what leads to this checkout, and with a git that knows nobody."""
    kept = {
        key: value for key, value in os.environ.items() if not key.startswith(("GIT_", "PYTHON", "COVERAGE", "PRE", "VIRTUAL"))
    }
    places = {f"url.file://{served}/{name}.insteadOf": one["repo"] for name, one in (("ours", OURS), ("theirs", THEIRS))}
    git = {"user.name": "nobody", "user.email": "nobody@example.com", "init.defaultBranch": "main", "core.autocrlf": "false"}
    search = os.pathsep.join((str(BIN), os.environ["PATH"]))
    homes = {"PRE_COMMIT_HOME": str(served / "pre-commit"), "PREK_HOME": str(served / "prek")}
    return (
        kept
        | homes
        | settings(**places, **git)
        | {"PATH": search, "NO_COLOR": "1", "PYTHONUTF8": "1", "GIT_CONFIG_GLOBAL": os.devnull}
    )


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with both repositories and the tools' environments: one for all processes of a test run."""
    own = tmp_path_factory.getbasetemp()
    folder = (own.parent if "PYTEST_XDIST_WORKER" in os.environ else own) / "hooks"
    folder.mkdir(exist_ok=True)
    with locked(str(folder / "lock"), None, 300):
        if not (folder / "made").is_file():
            for name in (*SOURCES, ".pre-commit-hooks.yaml"):
                source, target = ROOT / name, folder / "ours" / name
                target.parent.mkdir(parents=True, exist_ok=True)
                if source.is_dir():
                    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
                else:
                    shutil.copy(source, target)
            (folder / "theirs").mkdir()
            (folder / "theirs" / ".pre-commit-hooks.yaml").write_text(STAND_IN, "utf-8")
            for name, one in (("ours", OURS), ("theirs", THEIRS)):
                repository = Repository(folder / name, "", environment_for(folder))
                repository.git("init", "--quiet")
                repository.git("add", "--all", "--force")
                repository.git("commit", "--quiet", "-m", "a version")
                repository.git("tag", one["rev"])
            (folder / "made").touch()
    return folder


@pytest.fixture
def repository(served: Path, tmp_path: Path) -> Repository:
    """An empty repository, for pre-commit, with a `billproof.yaml` that says nothing."""
    return made_for("pre-commit", served, tmp_path)


@pytest.fixture(params=TOOLS)
def either(request: pytest.FixtureRequest, served: Path, tmp_path: Path) -> Repository:
    """The same, for each tool in turn."""
    return made_for(request.param, served, tmp_path)


def made_for(tool: str, served: Path, tmp_path: Path) -> Repository:
    if not (BIN / tool).is_file():
        pytest.skip(f"{tool} is not installed")
    repository = Repository(tmp_path / "repository", tool, environment_for(served))
    repository.folder.mkdir()
    repository.git("init", "--quiet")
    repository.put("billproof.yaml", "version: 1\n")
    return repository


def test_try_repo_shows_what_is_wrong_with_the_bad_export(either: Repository, served: Path) -> None:
    either.put(GOOD_NAME, GOOD)
    either.put(BAD_NAME, BAD)
    done = either.run(either.tool, "try-repo", served / "ours", "--all-files")
    assert done.returncode == 1
    said = [line.strip() for line in done.stdout.splitlines()]
    assert f"FAIL  {BAD_NAME} must not be uploaded as October 2025" in said
    assert next(line for line in said if line.startswith("PASS")).startswith(f"PASS  {GOOD_NAME} has no errors")
    for start in ("billproof check...", "Cause      The export has the dashboard's 31-day range", "Start date  2025-10-01"):
        assert [line for line in said if line.startswith(start)], done.stdout
    assert [line.split("...")[0] for line in said if line.endswith("Passed")] == ["billproof rules"]


def test_the_documented_example_commits_a_good_export_as_it_is_and_in_silence(either: Repository) -> None:
    export = large_export()
    assert 500 * 1024 < len(export) < 20480 * 1024
    documented(either)
    either.put(GOOD_NAME, export)
    done = either.commit()
    assert done.returncode == 0, done.stdout
    assert states(done.stdout) == {
        "billproof check": "Passed", "billproof rules": "Passed", "fix end of files": "Passed",
        "fix utf-8 byte order marker": "Passed", "mixed line ending": "Passed", "trim trailing whitespace": "Passed",
        "check for added large files": "Passed", "check hooks apply": "Passed",
    }  # fmt: skip
    assert "October" not in done.stdout
    assert either.git("show", f"HEAD:{GOOD_NAME}").encode() == export


def test_the_documented_example_stops_a_bad_export_as_the_page_shows(either: Repository) -> None:
    either = exports_only(either)
    documented(either)
    either.put(BAD_NAME, BAD)
    done = either.commit()
    assert done.returncode == 1
    shown = [line.strip() for line in block("text").splitlines() if line]
    said = [line.strip() for line in done.stdout.splitlines()]
    assert shown == [line for line in said if line in shown], done.stdout
    assert either.run("git", "log").returncode == 128, "there is a commit"


def test_no_hook_of_the_example_mends_a_broken_download(either: Repository) -> None:
    either = exports_only(either)
    documented(either)
    broken = GOOD[:-3]
    path = either.put(GOOD_NAME, broken)
    done = either.commit()
    assert done.returncode == 1
    assert "CSV009 unfinished-last-line" in done.stdout
    assert [name for name, state in states(done.stdout).items() if state == "Failed"] == ["billproof check"]
    assert path.read_bytes() == broken


def test_without_the_excludes_a_broken_download_is_made_to_pass(repository: Repository) -> None:
    repository = exports_only(repository)
    documented(repository, lambda text: text.replace(", exclude: ^exports/", ""))
    path = repository.put(GOOD_NAME, GOOD[:-3])
    assert states(repository.commit().stdout)["fix end of files"] == "Failed"
    assert path.read_bytes() == GOOD[:-3] + b"\n"
    repository.git("add", "--all")
    done = repository.commit()
    assert (done.returncode, states(done.stdout)["billproof check"]) == (0, "Passed")


def test_without_maxkb_a_month_of_many_rows_cannot_be_committed(repository: Repository) -> None:
    repository = exports_only(repository)
    documented(repository, lambda text: text.replace(", args: [--maxkb=20480]", ""))
    repository.put(GOOD_NAME, large_export())
    done = repository.commit()
    assert [name for name, state in states(done.stdout).items() if state == "Failed"] == ["check for added large files"]


def test_a_pattern_that_fits_no_file_does_not_pass(either: Repository) -> None:
    either = exports_only(either)
    documented(either, lambda text: text.replace("files: ^exports/", "files: ^export/"))
    either.put(BAD_NAME, BAD)
    done = either.commit()
    assert done.returncode == 1
    assert states(done.stdout)["billproof check"] == "Skipped"
    assert "billproof-check does not apply to this repository" in done.stdout


def test_a_warning_stops_the_commit_until_it_is_waived(repository: Repository) -> None:
    repository.hooks(CHECK)
    repository.put(GOOD_NAME, fixture("some-without-project").read_bytes())
    done = repository.all_files()
    assert done.returncode == 1
    assert "OC503 some-without-project  warning" in done.stdout
    pasted = "\n".join(done.stdout[done.stdout.index("waivers:") :].splitlines()[:2])
    signed = pasted.replace('reason: ""', "reason: Scale Tier").replace('owner: ""', "owner: finops")
    repository.put("billproof.yaml", f"version: 1\n{signed}\n")
    assert repository.all_files().returncode == 0


def test_a_month_that_has_just_ended_stops_the_commit_and_says_when_to_export_again(repository: Repository) -> None:
    repository.hooks("{id: billproof-check, args: [--as-of, '2025-11-02T12:00:00Z']}")
    repository.put(GOOD_NAME, GOOD)
    done = repository.all_files()
    assert done.returncode == 1
    assert "OC309 month-just-ended  warning" in done.stdout
    assert "export again at 2025-11-03 00:00 UTC or later" in done.stdout


@pytest.mark.parametrize("args", ["[--max-findings, '5']", "[--month, 2025-10]"])
def test_arguments_of_a_user_do_not_let_warnings_pass(repository: Repository, args: str) -> None:
    repository.hooks(f"{{id: billproof-check, args: {args}}}")
    repository.put(GOOD_NAME, fixture("some-without-project").read_bytes())
    assert repository.all_files().returncode == 1


@pytest.mark.parametrize("hook", [CHECK, "{id: billproof-check}"])
def test_an_ending_in_capitals_is_an_export(either: Repository, hook: str) -> None:
    either.hooks(hook)
    either.put("exports/COST.CSV", BAD)
    assert either.all_files().returncode == 1


@pytest.mark.parametrize("name", ["october.txt", "october.csv.gz", "october"])
def test_another_ending_is_passed_over_unless_every_file_is_an_export(either: Repository, name: str) -> None:
    """As the page says."""
    either.hooks(CHECK)
    either.put(f"exports/{name}", BAD)
    done = either.all_files()
    assert (done.returncode, states(done.stdout)) == (0, {"billproof check": "Skipped"})
    either.hooks("{id: billproof-check, files: ^exports/, types: [file]}")
    assert either.all_files().returncode == 1


def test_a_link_is_passed_over(either: Repository) -> None:
    """As the page says."""
    either.hooks(CHECK)
    either.put("elsewhere.csv", BAD)
    (either.folder / "exports").mkdir()
    (either.folder / "exports" / "linked.csv").symlink_to("../elsewhere.csv")
    either.git("add", "--all")
    assert states(either.all_files().stdout) == {"billproof check": "Skipped"}


@pytest.mark.parametrize("args", ["", ", args: [--month, 2025-10]"])
@pytest.mark.parametrize("name", ["-h.csv", "--help", "--month-to-date"])
def test_no_name_of_a_file_is_an_option(either: Repository, name: str, args: str) -> None:
    """`--help` would end with 0, and so would `-h.csv` in Python 3.13."""
    either.hooks(f"{{id: billproof-check, types: [file], files: '^-|csv$'{args}}}")
    either.put(name, GOOD)
    either.put("cost.csv", BAD)
    done = either.all_files()
    assert done.returncode == 1
    assert "- exit code: 2\n" in done.stdout
    assert f"write ./{name};" in done.stdout


@pytest.mark.parametrize(("staged", "beside", "code"), [(BAD, GOOD, 1), (GOOD, BAD, 0)])
def test_what_is_staged_is_judged(either: Repository, staged: bytes, beside: bytes, code: int) -> None:
    either.hooks(CHECK)
    either.run(either.tool, "install")
    path = either.put(GOOD_NAME, staged)
    path.write_bytes(beside)
    done = either.commit()
    assert done.returncode == code, done.stdout
    assert path.read_bytes() == beside


@pytest.mark.parametrize(
    ("hook", "config", "code"),
    [
        (CHECK, "version: 1\nwaiver: []\n", 2),
        ("{id: billproof-check, args: [--output, json=nowhere/report.json]}", "version: 1\n", 3),
        ("{id: billproof-check, args: [nowhere.csv]}", "version: 1\n", 3),
    ],
)
def test_what_could_not_be_judged_stops_the_commit(either: Repository, hook: str, config: str, code: int) -> None:
    either.hooks(hook)
    either.put("billproof.yaml", config)
    either.put(GOOD_NAME, GOOD)
    done = either.all_files()
    assert done.returncode == 1
    assert f"- exit code: {code}\n" in done.stdout


@pytest.mark.parametrize("bad", [0, 39])
def test_more_names_than_a_command_line_holds(repository: Repository, bad: int) -> None:
    """pre-commit gives 128 KiB of them to one process. Each file has its own verdict, and the worst code decides."""
    repository.hooks(CHECK)
    folder = repository.folder / "exports" / "/".join("d" * 240 for _ in range(14))
    folder.mkdir(parents=True)
    for number in range(40):
        (folder / f"{number:02}.csv").write_bytes(BAD if number == bad else GOOD)
    repository.git("add", "--all")
    done = repository.all_files()
    assert done.returncode == 1
    counts = re.findall(r"^(\d+) files: (\d+) passed, (\d+) failed", done.stdout, re.MULTILINE)
    assert len(counts) == 2
    assert [sum(column) for column in zip(*(map(int, one) for one in counts), strict=True)] == [40, 39, 1]


def test_the_exports_of_a_commit_are_one_report(either: Repository) -> None:
    either.hooks(CHECK)
    for number in range(9):
        either.put(f"exports/{number}.csv", BAD)
    done = either.all_files()
    assert sorted(re.findall(r"FAIL  exports/(\d)\.csv", done.stdout)) == list("012345678")
    assert len(re.findall(r"^ *9 files: 0 passed, 9 failed", done.stdout, re.MULTILINE)) == 1


def test_every_fault_of_the_configuration_is_shown_with_its_line(either: Repository) -> None:
    either.hooks(RULES)
    either.put("billproof.yaml", "version: 1\nwaiver: []\nintegrations: none\n")
    done = either.all_files()
    assert done.returncode == 1
    said = [line.strip() for line in done.stdout.splitlines()]
    assert "- exit code: 2" in said
    assert "CONFIGURATION  2 errors; nothing was checked" in said
    assert [line[:17] for line in said if line.startswith("billproof.yaml:")] == ["billproof.yaml:2 ", "billproof.yaml:3 "]


def test_without_a_configuration_nothing_is_passed(either: Repository) -> None:
    either.hooks(RULES)
    either.git("mv", "billproof.yaml", "billproof.yml")
    done = either.all_files()
    assert done.returncode == 1
    assert "billproof.yaml:1  cannot be read: No such file or directory" in done.stdout


@pytest.mark.parametrize("args", ["", ", args: [--config, billing/billproof.yaml]", ", args: [--ruleset, billing/own]"])
def test_rules_of_ones_own_are_tested_wherever_they_are(repository: Repository, args: str) -> None:
    repository.hooks(f"{{id: billproof-rules{args}}}")
    place = repository.folder if args == "" else repository.folder / "billing"
    rules = {"MY101-other-project.yaml": rule_text()}
    own_set(place / "own", rules=rules, extends="csv")
    if "ruleset" not in args:
        (place / "billproof.yaml").write_text("version: 1\nruleset: own\n", "utf-8")
    repository.git("add", "--all")
    assert repository.all_files().returncode == 0
    rule = (place / "own" / "MY101-other-project.yaml").relative_to(repository.folder).as_posix()
    repository.put(rule, rule_text().replace("values: [proj_EXAMPLE1]", "values: [proj_EXAMPLE2]"))
    done = repository.all_files()
    assert done.returncode == 1
    assert "MY101 other-project, pass example 1: is failed, expected passed" in done.stdout
    repository.put(rule, rule_text().replace("kind:", "kinds:"))
    done = repository.all_files()
    assert "- exit code: 2\n" in done.stdout
    assert f"{rule}:" in done.stdout


def test_the_environment_holds_billproof_and_what_it_needs(repository: Repository, served: Path) -> None:
    repository.hooks(CHECK)
    assert repository.all_files().returncode == 0
    (python,) = (path for path in (served / "pre-commit").glob("repo*/py_env-*/bin/python"))
    done = repository.run(python, "-m", "pip", "list", "--format", "json", "--disable-pip-version-check")
    found = {re.sub(r"[-_.]+", "-", one["name"]).lower() for one in json.loads(done.stdout.splitlines()[0])}
    schema = {"jsonschema", "attrs", "jsonschema-specifications", "referencing", "rpds-py", "typing-extensions"}
    assert found - {"pip", "setuptools", "wheel"} == {"billproof", "pyyaml", *schema}


def test_the_manifest_is_one_for_both_tools(either: Repository) -> None:
    done = either.run(either.tool, "validate-manifest", ROOT / ".pre-commit-hooks.yaml")
    assert done.returncode == 0, done.stdout


def test_no_hook_uploads_and_every_command_can_be_written() -> None:
    hooks = yaml.safe_load(MANIFEST)
    assert [one["id"] for one in hooks] == ["billproof-check", "billproof-rules"]
    for one in hooks:
        program, *words = shlex.split(one["entry"])
        options = build_parser().parse_args(words)
        assert (program, options.command) == ("billproof", one["id"].removeprefix("billproof-"))
        assert f"`{one['entry']}`" in PAGE


def test_git_leaves_the_bytes_alone_only_where_it_is_told_to(repository: Repository) -> None:
    """What a clone on Windows has, and what billproof says of it."""
    windows = replace(repository, environment=repository.environment | settings(**{"core.autocrlf": "true"}))
    repository.put(GOOD_NAME, GOOD)
    assert repository.commit().returncode == 0
    windows.git("clone", "--quiet", ".", "without")
    assert (repository.folder / "without" / GOOD_NAME).read_bytes() == GOOD.replace(b"\n", b"\r\n")
    done = windows.run(sys.executable, "-m", "billproof", "check", f"without/{GOOD_NAME}", "--config", "billproof.yaml")
    assert done.returncode == 1
    assert "CSV004 carriage-return" in done.stdout
    assert "exports/** -text" in done.stdout
    repository.put(".gitattributes", block("gitattributes"))
    assert repository.commit().returncode == 0
    windows.git("clone", "--quiet", ".", "with")
    assert (repository.folder / "with" / GOOD_NAME).read_bytes() == GOOD


def exports_only(repository: Repository) -> Repository:
    """The same, where a commit does not wait for the examples of the rule set."""
    return replace(repository, environment=repository.environment | {"SKIP": "billproof-rules"})


def documented(repository: Repository, change: Callable[[str], str] = str) -> None:
    """The page's files, `.pre-commit-config.yaml` perhaps changed, and the command that installs the hooks."""
    text = change(EXAMPLE)
    assert change is str or text != EXAMPLE
    repository.put(".pre-commit-config.yaml", text)
    repository.put(".gitattributes", block("gitattributes"))
    install, everything = (line.split() for line in block("sh").splitlines())
    assert (install[0], everything) == ("pre-commit", ["pre-commit", "run", "--all-files"])
    done = repository.run(repository.tool, *install[1:])
    assert done.returncode == 0, done.stdout


def large_export() -> bytes:
    """A good export of more than 3,000 rows."""
    return to_bytes(rows(replace(Export(), projects=60, per_day=180)))


def states(text: str) -> dict[str, str]:
    """What each hook's line ends with, by the hook's name."""
    found = re.findall(r"^(.+?)(?: to the repository)?\.{3,}(?:.*[.)])?(Passed|Failed|Skipped)$", text, re.MULTILINE)
    return {name.replace("Check", "check"): state for name, state in found}
