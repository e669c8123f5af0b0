"""`billproof.yaml` and the settings: found, read strictly, obeyed; month and organization, waivers, `init`, `guide`."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from textwrap import dedent

import pytest

import billproof
from billproof import ConfigurationError, UsageError
from fixtures.exports import Export, Organization, rows, to_bytes
from tests.rules.test_loader import own_set
from tests.support import AS_OF, Checked, check, fixture, make_ready, run

ACME = "org-EXAMPLEacme01"
LABS = "org-EXAMPLElabs02"
GOOD = fixture("good-h1")
GAP = fixture("middle-gap")  # OC304: three days are missing
SOME = fixture("some-without-project")  # OC503, a warning: three rows
NAME = "cost_2025-10-01_2025-10-31.csv"
NOW = datetime(2025, 12, 1, tzinfo=UTC)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The root of a repository as working folder, on the first of December 2025."""
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)
    set_clock(monkeypatch, NOW)
    return root


def set_clock(monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
    monkeypatch.setattr("billproof.config.settings.clock", lambda: now)


def configure(text: str, folder: Path | str = ".") -> Path:
    path = Path(folder) / "billproof.yaml"
    path.write_text(dedent(text), "utf-8")
    return path


def put(path: str, organization: str = ACME, export: Export | None = None) -> Path:
    """An export of October, or another one, of an organization."""
    made = replace(export or Export(), organization=Organization(organization, "Acme"))
    file = Path(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(to_bytes(rows(made)))
    return file


def lines_of(export: Export) -> list[bytes]:
    """The rows of an export, without its header."""
    return to_bytes(rows(export)).splitlines(keepends=True)[1:]


def add(file: Path, lines: list[bytes]) -> None:
    """More rows, each at its day."""
    header, *own = file.read_bytes().splitlines(keepends=True)

    def start_time(line: bytes) -> bytes:
        return line.partition(b",")[0]

    file.write_bytes(b"".join([header, *sorted(own + lines, key=start_time)]))


def organization_of(found: Checked) -> tuple[str | None, str]:
    return found.file["organization"]["value"], found.file["organization"]["source"]


def month_of(found: Checked) -> tuple[str | None, str]:
    return found.file["month"]["value"], found.file["month"]["source"]


def faults(*arguments: str) -> list[str]:
    """The faults of a refused configuration; the run must have told nothing else and written no report."""
    code, out, err = run("check", *arguments, "--as-of", AS_OF, "--output", "json=report.json")
    assert (code, out) == (2, ""), err
    assert not Path("report.json").exists()
    first, *lines = err.splitlines()
    assert first == f"CONFIGURATION  {len(lines)} error{'s' if len(lines) != 1 else ''}; nothing was checked"
    return [line.strip() for line in lines]


# --- finding it ---

ONE = f"""\
    version: 1
    integrations:
      - {{name: main, organization: {ACME}}}
    """


def test_without_a_configuration_none_is_named(project: Path) -> None:
    found = check(GOOD)
    assert found.report is not None
    assert found.report["settings"]["config"] is None
    assert "Configuration" not in found.out


def test_the_configuration_of_the_working_folder_is_used_and_named(project: Path) -> None:
    data = configure(ONE).read_bytes()
    found = check(GOOD)
    assert found.report is not None
    assert found.report["settings"]["config"] == {"path": "billproof.yaml", "sha256": hashlib.sha256(data).hexdigest()}
    assert "Configuration: billproof.yaml" in found.out.splitlines()
    assert organization_of(found) == (ACME, "billproof.yaml:3")


@pytest.mark.parametrize("detail", ["--quiet", "--verbose"])
def test_every_text_names_the_configuration(project: Path, detail: str) -> None:
    configure(ONE)
    assert "Configuration: billproof.yaml" in check(GOOD, detail).out


def test_a_configuration_above_is_named_from_the_working_folder(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(ONE)
    (project / "deep" / "down").mkdir(parents=True)
    monkeypatch.chdir(project / "deep" / "down")
    found = check(GOOD)
    assert found.report is not None
    assert found.report["settings"]["config"]["path"] == "../../billproof.yaml"
    assert organization_of(found) == (ACME, "../../billproof.yaml:3")
    assert str(project) not in found.out


def test_the_search_ends_at_the_root_of_the_repository(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(ONE)
    (project / "inner" / ".git").mkdir(parents=True)
    monkeypatch.chdir(project / "inner")
    assert organization_of(check(GOOD)) == (ACME, "inferred")


def test_the_search_ends_at_home(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = project / "home"
    (home / "work").mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home / "work")
    configure(ONE, project)
    assert organization_of(check(GOOD)) == (ACME, "inferred")
    configure(ONE, home)
    assert organization_of(check(GOOD)) == (ACME, "../billproof.yaml:3")


@pytest.mark.parametrize("start", [".", "work/here"])
def test_outside_home_and_any_repository_only_the_working_folder_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: str
) -> None:
    """Whoever can write to a shared folder above could otherwise say where the token goes."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    work = tmp_path / "shared" / start
    work.mkdir(parents=True)
    monkeypatch.chdir(work)
    configure(ONE, tmp_path)
    (tmp_path / "billproof.yml").write_text("version: 1\n")
    assert organization_of(check(GOOD)) == (ACME, "inferred")
    configure(ONE)
    assert organization_of(check(GOOD)) == (ACME, "billproof.yaml:3")


@pytest.mark.parametrize("spelling", ["{home}", "{home}/", "{link}", "{link}//", "{home}/projects/..", "{home}/./"])
def test_home_is_home_however_it_is_spelled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spelling: str) -> None:
    home, link = tmp_path / "home", tmp_path / "link"
    (home / "projects").mkdir(parents=True)
    link.symlink_to(home)
    monkeypatch.setenv("HOME", spelling.format(home=home, link=link))
    monkeypatch.chdir(home / "projects")
    configure(ONE, tmp_path)
    assert organization_of(check(GOOD)) == (ACME, "inferred")
    configure(ONE, home)
    assert organization_of(check(GOOD)) == (ACME, "../billproof.yaml:3")


@pytest.mark.parametrize("home", ["/", "//", "/.", "", ".", "..", None])
def test_a_home_that_is_none_widens_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str | None) -> None:
    if home is None:
        monkeypatch.delenv("HOME")
    else:
        monkeypatch.setenv("HOME", home)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    configure(ONE, tmp_path)
    assert organization_of(check(GOOD)) == (ACME, "inferred")


def test_a_worktree_is_a_repository_of_its_own(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its `.git` is a file."""
    configure(ONE)
    (project / "tree" / "deep").mkdir(parents=True)
    (project / "tree" / ".git").write_text("gitdir: ../.git/worktrees/tree\n")
    monkeypatch.chdir(project / "tree" / "deep")
    assert organization_of(check(GOOD)) == (ACME, "inferred")
    configure(ONE, project / "tree")
    assert organization_of(check(GOOD)) == (ACME, "../billproof.yaml:3")


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away")
def test_a_configuration_of_another_account_is_used_only_if_it_is_named(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever plants a configuration may plant a `.git` beside it."""
    path = configure(ONE)
    (project / "work").mkdir()
    os.chown(path, 12_345, 12_345)
    monkeypatch.chdir(project / "work")
    (fault,) = faults(str(GOOD))
    assert fault.startswith("../billproof.yaml:1  belongs to another account")
    assert organization_of(check(GOOD, "--config", "../billproof.yaml")) == (ACME, "../billproof.yaml:3")
    os.chown(project / "work", 12_345, 12_345)
    assert organization_of(check(GOOD)) == (ACME, "../billproof.yaml:3")


def test_the_nearest_configuration_is_used(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure("version: 9\n")
    (project / "inner").mkdir()
    monkeypatch.chdir(project / "inner")
    configure(ONE)
    assert organization_of(check(GOOD)) == (ACME, "billproof.yaml:3")


def test_a_named_configuration_is_used_instead(project: Path) -> None:
    configure("version: 9\n")
    (project / "other.yaml").write_text(dedent(ONE))
    found = check(GOOD, "--config", "other.yaml")
    assert organization_of(found) == (ACME, "other.yaml:3")
    assert "Configuration: other.yaml" in found.out


def test_a_named_configuration_must_be_there(project: Path) -> None:
    assert faults(str(GOOD), "--config", "other.yaml") == ["other.yaml:1  cannot be read: No such file or directory"]


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("a\0b", "no file can have this name"), ("\ud800", "no file can have this name"), (".", "Is a directory"),
        ("x" * 300, "File name too long"), ("pipe", "it is not a regular file"), ("zero", "it is not a regular file"),
        ("latin-1.yaml", "not UTF-8"), ("utf-16.yaml", "not UTF-8"), ("looped", "symbolic links"), ("", "--config is empty"),
    ],
)  # fmt: skip
def test_a_named_configuration_that_is_none_is_an_error_for_all(project: Path, name: str, told: str) -> None:
    os.mkfifo("pipe")
    Path("zero").symlink_to("/dev/zero")
    Path("looped").symlink_to("looped")
    Path("latin-1.yaml").write_bytes(b"version: 1\n# \xfc\n")
    Path("utf-16.yaml").write_text("version: 1\n", "utf-16")
    with pytest.raises((ConfigurationError, UsageError)) as refused:
        billproof.check(GOOD, config=name)
    assert told in "\n".join(refused.value.lines())
    if "\ud800" not in name and "\0" not in name:
        code, out, err = run("check", str(GOOD), "--config", name)
        assert (code, out) == (2, "")
        assert told in err


@pytest.mark.parametrize("name", ["a\0b.csv", "\ud800.csv", "x" * 300])
def test_a_name_that_no_file_can_have_is_nobodys(project: Path, name: str) -> None:
    configure(TWO)
    assert billproof.check_bytes(name, GOOD.read_bytes(), config="billproof.yaml", as_of=AS_OF).files[0].integration == "research"
    assert billproof.check(name, config="billproof.yaml").verdict == "unproved"


@pytest.mark.parametrize("name", ["x" * 300, "looped", "a\0b", "\ud800"])
def test_a_rule_set_that_no_folder_can_be_is_wrong_usage(project: Path, name: str) -> None:
    Path("looped").symlink_to("looped")
    with pytest.raises(UsageError, match="no such rule set"):
        billproof.check(GOOD, ruleset=name)
    if name.isalpha():
        configure(f"version: 1\nruleset: {name}\n")
        (fault,) = faults(str(GOOD))
        assert "is neither a built-in rule set nor a folder" in fault


@pytest.mark.parametrize(
    "arguments",
    [
        ["check"], ["check", str(GOOD)], ["check", str(GOOD), "--output", "json=report.json"], ["upload"], ["status"], ["init"],
        ["guide"], ["ledger", "init"], ["pack", "a", "2025-10", "--output", "b"], ["verify", "report.json"], ["rules", "test"],
    ],
    ids=" ".join,
)  # fmt: skip
@pytest.mark.parametrize("named", [False, True])
def test_a_working_folder_that_is_gone_is_told(
    project: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], named: bool
) -> None:
    path = configure(TWO + "    ledger: ledger\n").resolve()
    gone = project / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    code, out, err = run(*arguments, *(["--config", str(path)] if named and arguments[0] not in ("verify", "init") else []))
    assert (code, out, err) == (3, "", "the working folder cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    "name",
    [
        "billproof.yml", "Billproof.yaml", "BILLPROOF.YAML", ".billproof.yaml", "billproof.json", "billproof.toml",
        "bill-proof.yaml", "bill_proof.yml", "billprof.yaml", "billproof.config.yaml", "billproof.yaml.txt",
        "bilproof.yaml", "bilproof.yml", "billporof.yaml", "billproo.yaml", "billpoof.yaml", "billprooof.json",
    ],
)  # fmt: skip
@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside the right one"])
def test_other_spellings_are_refused(project: Path, name: str, beside: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / name).write_text("version: 1\n")
    if beside:
        configure(ONE)
    (fault,) = faults(str(GOOD))
    assert fault.startswith(f"{name}:1  ")
    (project / "inner").mkdir()
    monkeypatch.chdir(project / "inner")
    (fault,) = faults(str(GOOD))
    assert f"{name}:1  " in fault


@pytest.mark.parametrize("name", [
    "billing.yaml", "billproof.md", "billproof-report.json", "compose.yaml", "billproof2.yaml", "billproof-eu.yaml",
    "bullproof.yaml", "bilproof.md", "proof.yaml",
])  # fmt: skip
def test_other_files_are_left_alone(project: Path, name: str) -> None:
    (project / name).write_text("version: 1\n")
    (project / ".billproof").mkdir()
    assert check(GOOD).code == 0


def test_a_folder_or_a_dead_link_of_that_name_is_no_missing_configuration(project: Path) -> None:
    path = project / "billproof.yaml"
    path.symlink_to("gone")
    assert faults(str(GOOD)) == ["billproof.yaml:1  cannot be read: No such file or directory"]
    path.unlink()
    path.mkdir()
    assert faults(str(GOOD)) == ["billproof.yaml:1  cannot be read: Is a directory"]


# --- reading it ---

UNREADABLE = {
    "empty": (b"", 1, "the file is empty"),
    "comments only": (b"# version: 1\n", 1, "the file is empty"),
    "a list": (b"- version: 1\n", 1, "expected keys and values"),
    "text": (b"version 1\n", 1, "expected keys and values"),
    "no YAML": (b"version: 1\nintegrations: [\n", 3, "not valid YAML"),
    "a tab": (b"version: 1\nintegrations:\n\t- x\n", 3, "not valid YAML"),
    "not UTF-8": (b"version: 1\n# \xfc\n", 2, "not UTF-8"),
    "a control character": (b"version: 1\n# \x07\n", 2, "not valid YAML"),
    "a key twice": (b"version: 1\nledger: a\nledger: b\n", 3, "the key `ledger` appears a second time"),
    "an anchor": (b"version: 1\nledger: &x a\n", 2, "anchors and aliases"),
    "anchors of a list and its item": (b"version: 1\nwaivers: &x\n  - &y\n    rule: OC206\n", 2, "anchors and aliases"),
    "an alias": (b"version: 1\nledger: *x\n", 2, ""),
    "a tag": (b"version: 1\nledger: !!python/name:os.system x\n", 2, "tag"),
    "two documents": (b"version: 1\n---\nversion: 1\n", 3, "second document"),
    "too deep": (b"version: 1\nledger: " + b"[" * 40 + b"]" * 40 + b"\n", 2, "nested deeper"),
    "far too deep": (b"version: 1\nledger: " + b"[" * 3_000, 2, "nested deeper than 20 levels"),
    "too large": (b"version: 1\n" + b"#" * 1_000_001, 1, "larger than"),
}


@pytest.mark.parametrize(("data", "line", "text"), UNREADABLE.values(), ids=UNREADABLE)
def test_what_is_not_a_configuration(project: Path, data: bytes, line: int, text: str) -> None:
    (project / "billproof.yaml").write_bytes(data)
    found = faults(str(GOOD))
    assert any(one.startswith(f"billproof.yaml:{line}  ") and text in one for one in found), found


def of(*integrations: str) -> str:
    """A configuration with these integrations, the first on line 3."""
    return "\n  - ".join(("version: 1\nintegrations:", *(f"{{{one}}}" for one in integrations)))


FAULTS = {
    "no version": ("integrations: []", 1, "the key `version` is missing"),
    "another version": ("version: 2", 1, "`version` is `2`"),
    "version as text": ('version: "1"', 1, "`version`"),
    "version as truth": ("version: true", 1, "`version`"),
    "unknown key": ("version: 1\nrulesets: x", 2, "unknown key `rulesets`; did you mean `ruleset`?"),
    "destination without kind": ("version: 1\ndestinations:\n  a: {path: x}", 3, "the key `kind` is missing"),
    "kind of destination": ("version: 1\ndestinations:\n  a: {kind: ftp}", 3, "`kind` is `ftp`"),
    "preset": ("version: 1\ndestinations:\n  a: {kind: http, preset: pelanor-mars}", 3, "`preset`"),
    "method": ("version: 1\ndestinations:\n  a: {kind: http, method: GET}", 3, "`method`"),
    "base URL": ("version: 1\ndestinations:\n  a: {kind: http, base_url: ftp://example.com}", 3, "`base_url`"),
    "status code": ("version: 1\ndestinations:\n  a: {kind: http, success: [ok]}", 3, "`success`"),
    "integrations as keys": ("version: 1\nintegrations: {a: b}", 2, "`integrations` is keys and values; expected a list"),
    "integration without name": (of("organization: a"), 3, "the key `name` is missing"),
    "integration without organization": (of("name: a"), 3, "the key `organization` is missing"),
    "name with a blank": (of("name: a b, organization: a"), 3, "`name` is `a b`"),
    "empty organization": (of('name: a, organization: ""'), 3, "`organization`"),
    "organization as number": (of("name: a, organization: 12"), 3, '`organization` is 12'),
    "organization as no": (of("name: a, organization: no"), 3, '`organization` is no'),
    "token in the file": (of("name: a, organization: b, token: secret"), 3, "`token`"),
    "token's variable": (of("name: a, organization: b, token: {env: 1-A}"), 3, "`env`"),
    "unknown destination": (of("name: a, organization: b, to: c"), 3, "`to` is c"),
    "name twice": (of("name: a, organization: b", "name: a, organization: c"), 4, "integration a"),
    "organization twice": (of("name: a, organization: b", "name: c, organization: b"), 4, "organization b"),
    "an id at one destination twice": (
        of("name: a, organization: b, integration: i", "name: c, organization: d, integration: i"), 4, "each would replace",
    ),
    "an id at one destination in two cases": (
        of("name: a, organization: b, integration: ab-c1", "name: c, organization: d, integration: AB-C1"), 4,
        "each would replace",
    ),
    "a NUL in a path": (of('name: a, organization: b, files: "a\\0b"'), 3, "`files`"),
    "a NUL in the ledger's path": ('version: 1\nledger: "a\\0"', 2, "`ledger`"),
    "a NUL in a rule set's path": ('version: 1\nruleset: "a\\0"', 2, "`ruleset`"),
    "half a surrogate pair": ('version: 1\nledger: "\\ud800"', 2, ""),
    "a NUL in a destination's path": ('version: 1\ndestinations:\n  a: {kind: directory, path: "a\\0"}', 3, "`path`"),
    "a NUL in a token's path": (of('name: a, organization: b, token: {file: "a\\0"}'), 3, "`token`"),
    "name twice on one line": (
        "version: 1\nintegrations: [{name: a, organization: b}, {name: a, organization: c}]", 2, "integration a",
    ),
    "organization twice on one line": (
        "version: 1\nintegrations: [{name: a, organization: b}, {name: c, organization: b}]", 2, "organization b",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "line", "told"), FAULTS.values(), ids=FAULTS)
def test_a_fault_with_its_line(project: Path, text: str, line: int, told: str) -> None:
    configure(text + "\n")
    (fault,) = faults(str(GOOD))
    assert fault.startswith(f"billproof.yaml:{line}  ")
    assert told in fault


@pytest.mark.parametrize(
    "token",
    [
        "hunter2-hunter2",
        "{env: hunter2-hunter2}",
        "{env: hunter2Hunter2}",
        "{secret: hunter2}",
        "{id_env: hunter2-x}",
        "[hunter2]",
        '"hunter2"',
    ],
)
def test_a_secret_in_the_wrong_place_is_not_shown(project: Path, token: str) -> None:
    configure(f"version: 1\nintegrations:\n  - {{name: a, organization: b, token: {token}}}\n")
    (fault,) = faults(str(GOOD))
    assert "hunter2" not in fault


def test_all_faults_at_once(project: Path) -> None:
    configure(
        """\
        version: 2
        rulesets: x
        destinations:
          a: {kind: ftp}
        integrations:
          - {name: a b, organization: c}
          - {organization: ""}
        waivers:
          - {rule: OC304, organisation: c}
        """
    )
    found = [(int(one.split(":")[1].split()[0]), one) for one in faults(str(GOOD))]
    assert {line for line, _ in found} == {1, 2, 4, 6, 7, 9}
    assert sum(line == 7 for line, _ in found) == 2
    assert sum(line == 9 for line, _ in found) == 6, "an unknown key and five that are missing"
    assert [line for line, _ in found] == sorted(line for line, _ in found)


def test_all_errors_of_costs_at_once_whatever_else_is_wrong(project: Path) -> None:
    text = """\
        version: 1
        costs: {key: {env: TOP}, folder: " ", settles: 3d, base_url: "ftp://example.com"}
        integrations:
          - {name: a, organization: b, costs: {key: {env: A, file: b}, base_url: "https://example.com/v1", more: 1}}
          - {name: c, organization: d, costs: {key: {}, base_url: "http://example.com", required: maybe}}
        """
    told = {
        2: ("a key is of one organization", "`folder` is empty", "`settles`", "`base_url`"),
        4: ("exactly one of `env` and `file`", "has a path", "unknown key `more`"),
        5: ("exactly one of `env` and `file`", "http://", "`required`"),
    }
    for version in ("version: 1", "version: 2"):
        configure(text.replace("version: 1", version))
        found = faults(str(GOOD))
        for line, texts in told.items():
            assert [any(one.startswith(f"billproof.yaml:{line}  ") and text in one for one in found) for text in texts] == [
                True
            ] * len(texts), found
        assert len(found) == 10 + (version == "version: 2")


@pytest.mark.parametrize("costs", ["[1]", "text", "{key: [1]}", "{key: text}", "{1: 2}", "[{key: {}}]"])
def test_costs_of_another_form(project: Path, costs: str) -> None:
    for text in (
        f"version: 1\ncosts: {costs}\n",
        of(f"name: a, organization: b, costs: {costs}"),
        f"version: 1\nintegrations: [{costs}]\n",
    ):
        configure(text)
        assert faults(str(GOOD))


# --- organizations ---

TWO = f"""\
    version: 1
    integrations:
      - {{name: research, organization: {ACME}, files: exports/research/}}
      - {{name: labs, organization: {LABS}, files: exports/labs/}}
    """


def test_the_folder_says_whose_file_it_is(project: Path) -> None:
    configure(TWO)
    found = check(put(f"exports/labs/{NAME}", ACME))
    assert found.code == 1
    assert found.failed == {"OC401"}
    assert organization_of(found) == (LABS, "billproof.yaml:4")
    assert found.file["integration"] == "labs"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("exports/", "exports/"), ("exports", "exports/"), ("exports", "exports/labs"), ("exports/labs", "exports"),
        ("exports", "./exports/../exports/."), ("exports", "linked"), ("linked/labs", "exports"), ("exports", "EXPORTS/labs"),
        (".", "exports"), ("exports", "gone/../exports/"), ("exports/later", "exports/later/deep"), ("exports", ""),
    ],
)  # fmt: skip
def test_folders_that_overlap_are_refused(project: Path, one: str, other: str) -> None:
    """A file in both would be checked for whichever came first, and the other integration would pass without a file."""
    put(f"exports/labs/{NAME}", LABS)
    Path("linked").symlink_to("exports")
    if not other:
        other = str(project / "exports")
    configure(TWO.replace("exports/research/", one).replace("exports/labs/", other))
    for command in (["check"], ["check", str(GOOD)], ["upload"], ["status"]):
        code, out, err = run(*command)
        assert (code, out) == (2, "")
        assert " overlaps the folder of " in err
        assert err.startswith("CONFIGURATION  1 error")


@pytest.mark.parametrize("folders", [("exports", "exports2"), ("exports/a", "exports/b"), ("a/exports", "b/exports")])
def test_folders_beside_each_other_do_not_overlap(project: Path, folders: tuple[str, str]) -> None:
    configure(TWO.replace("exports/research/", folders[0]).replace("exports/labs/", folders[1]))
    assert check(put(f"{folders[1]}/{NAME}", ACME)).failed == {"OC401"}


def test_a_link_to_a_file_of_another_integration_is_that_integrations(project: Path) -> None:
    configure(TWO)
    put(f"exports/research/{NAME}", ACME)
    put(f"exports/labs/{NAME}", LABS)
    Path("exports/research/linked.csv").symlink_to(f"../labs/{NAME}")
    found = check()
    assert found.report is not None
    assert [(one["path"], one["integration"]) for one in found.report["files"]] == [
        (f"exports/research/{NAME}", "research"), ("exports/research/linked.csv", "labs"),
    ]  # fmt: skip
    assert found.code == 0
    put(f"exports/labs/{NAME}", ACME)
    assert check("exports/research/linked.csv").failed == {"OC401"}, "it is a file of labs"


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("link", ["a file", "a folder"])
def test_a_folder_with_nothing_but_links_into_anothers_is_unproved(project: Path, first: bool, link: str) -> None:
    configure(TWO)
    own, other, organization = ("labs", "research", LABS) if first else ("research", "labs", ACME)
    put(f"exports/{own}/{NAME}", organization)
    Path(f"exports/{other}").mkdir()
    place = Path(f"exports/{other}", "linked.csv" if link == "a file" else "linked")
    place.symlink_to(f"../{own}/{NAME}" if link == "a file" else f"../{own}")
    found = check()
    assert found.code == 3
    assert found.report is not None
    assert [(one["integration"], one["verdict"]) for one in found.report["files"]] == [(own, "pass"), (None, "unproved")]
    assert f"exports/{other}/: this folder contains only links to files of other integrations" in found.out


@pytest.mark.parametrize("named", [(), ("exports",), ("exports/labs", "exports/research")])
def test_a_file_linked_into_two_folders_is_checked_for_both(project: Path, named: tuple[str, ...]) -> None:
    configure(TWO)
    put(NAME, ACME)
    for name in ("research", "labs"):
        Path(f"exports/{name}").mkdir(parents=True)
        Path(f"exports/{name}/linked.csv").symlink_to(f"../../{NAME}")
    found = check(*named)
    assert found.code == 1
    assert found.report is not None
    assert {(one["integration"], one["verdict"]) for one in found.report["files"]} == {("research", "pass"), ("labs", "fail")}


def test_a_file_found_through_a_linked_folder_belongs_to_the_folder_with_the_link(project: Path) -> None:
    configure(TWO)
    put(f"elsewhere/{NAME}", "org-EXAMPLEother")
    Path("exports/labs").mkdir(parents=True)
    Path("exports/labs/linked").symlink_to("../../elsewhere")
    for found in (check("exports/labs"), check(f"exports/labs/linked/{NAME}")):
        assert found.failed == {"OC401"}
        assert organization_of(found) == (LABS, "billproof.yaml:4")


def test_what_billproof_wrote_into_a_folder_is_no_export(project: Path) -> None:
    """The copies of a directory destination, and what somebody put into the ledger."""
    text = TWO.replace("version: 1\n", "version: 1\n    ledger: exports/receipts\n    destinations:\n"
                       "      a: {kind: directory, path: exports/labs/archive/}\n")  # fmt: skip
    configure(text)
    put(f"exports/research/{NAME}", ACME)
    for path in (f"exports/labs/{NAME}", f"exports/labs/archive/{NAME}", f"exports/receipts/{NAME}"):
        put(path, LABS)
    Path("exports/labs/linked").symlink_to("archive")
    for arguments in ((), ("exports",), (".",), ("exports/*",), ("exports/**/*.csv",)):
        found = check(*arguments)
        assert found.report is not None
        assert [one["path"].removeprefix("./") for one in found.report["files"]] in (
            [f"exports/research/{NAME}", f"exports/labs/{NAME}"], [f"exports/labs/{NAME}", f"exports/research/{NAME}"],
        )  # fmt: skip
    assert check("exports/labs/archive").code == 0, "a folder that is named is searched"


@pytest.mark.parametrize("files", ["archive", "archive/in", ".billproof/ledger/", "ARCHIVE/x"])
def test_the_folder_of_an_integration_is_not_where_billproof_writes(project: Path, files: str) -> None:
    configure(f"""\
        version: 1
        ledger: .billproof/ledger
        destinations: {{a: {{kind: directory, path: archive/}}}}
        integrations:
          - {{name: main, organization: {ACME}, files: {files}}}
        """)
    (fault,) = faults(str(GOOD))
    assert fault.startswith("billproof.yaml:5  `files` of main is inside the ledger or a directory destination")


@pytest.mark.parametrize(
    ("ledger", "destination"),
    [
        ("kept", "{kind: directory, path: kept/}"), ("kept", "{kind: directory, path: out/../Kept/out}"),
        ("s3://bucket", "{kind: bucket, url: s3://bucket/out}"), ("s3://bucket/kept/", "{kind: bucket, url: s3://bucket/kept}"),
    ],
)  # fmt: skip
def test_no_destination_is_inside_the_ledger(project: Path, ledger: str, destination: str) -> None:
    text = "version: 1\nledger: {}\ndestinations:\n  a: {}\nintegrations: [{{name: main, organization: {}}}]\n"
    configure(text.format(ledger, destination, ACME))
    (fault,) = faults(str(GOOD))
    assert fault.startswith("billproof.yaml:4  destination a is inside the ledger")
    configure(text.format("kept", "{kind: directory, path: out/}", ACME) + "costs: {folder: kept/costs}\n")
    (fault,) = faults(str(GOOD))
    assert fault.startswith("billproof.yaml:6  `folder` of `costs` is inside the ledger")
    configure(text.format("kept", "{kind: directory, path: kept2/}", ACME))
    assert check(str(GOOD)).code == 0


def test_folders_are_those_beside_the_configuration(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    configure(TWO)
    put(f"exports/labs/{NAME}", ACME)
    monkeypatch.chdir(project / "exports" / "labs")
    assert check(NAME).failed == {"OC401"}


def test_a_link_into_the_folder_is_a_file_of_it(project: Path) -> None:
    configure(TWO)
    put(f"exports/labs/{NAME}", ACME)
    Path("link.csv").symlink_to(f"exports/labs/{NAME}")
    assert check("link.csv").failed == {"OC401"}


def test_elsewhere_the_organization_with_most_charges_counts(project: Path) -> None:
    configure(TWO)
    file = put(NAME, LABS)
    assert organization_of(check(file)) == (LABS, "billproof.yaml:4")
    add(file, [line for line in lines_of(Export(organization=Organization(ACME, "Acme"), per_day=2)) if ACME.encode() in line])
    found = check(file)
    assert organization_of(found) == (LABS, "billproof.yaml:4")
    assert found.failed == {"OC401"}
    assert found.outcome("OC401")["violations"] == 54


def test_a_tie_goes_to_the_first(project: Path) -> None:
    file = put(NAME, LABS)
    add(file, [line for line in lines_of(Export(organization=Organization(ACME, "Acme"))) if ACME.encode() in line])
    configure(TWO)
    assert organization_of(check(file)) == (ACME, "billproof.yaml:3")
    configure(TWO.replace(ACME, "x").replace(LABS, ACME).replace("organization: x", f"organization: {LABS}"))
    assert organization_of(check(file)) == (LABS, "billproof.yaml:3")


def test_an_organization_that_nobody_configured_is_inferred(project: Path) -> None:
    configure(TWO)
    found = check(put(NAME, "org-EXAMPLEother"))
    assert found.code == 0
    assert organization_of(found) == ("org-EXAMPLEother", "inferred")
    assert found.outcome("OC401")["state"] == "not_run"
    assert found.file["integration"] is None


def test_several_organizations_that_nobody_configured_are_nobodys(project: Path) -> None:
    found = check(fixture("several-organizations"))
    assert found.failed == {"OC402"}
    assert organization_of(found) == (None, "inferred")


def test_the_flag_wins(project: Path) -> None:
    configure(TWO)
    file = put(f"exports/labs/{NAME}", ACME)
    found = check(file, "--organization", ACME)
    assert found.code == 0
    assert organization_of(found) == (ACME, "--organization")
    assert found.outcome("OC401")["state"] == "passed"
    assert found.file["integration"] == "research"
    assert check(file, "--organization", "org-EXAMPLEother").failed == {"OC401"}


def test_without_a_file_every_folder_is_checked(project: Path) -> None:
    configure(TWO)
    put(f"exports/research/{NAME}", ACME)
    put(f"exports/labs/deep/{NAME}", LABS)
    found = check()
    assert found.code == 0
    assert found.report is not None
    assert [(one["path"], one["organization"]["value"]) for one in found.report["files"]] == [
        (f"exports/research/{NAME}", ACME),
        (f"exports/labs/deep/{NAME}", LABS),
    ]
    assert [one["integration"] for one in found.report["files"]] == ["research", "labs"]


def test_without_a_file_a_bad_one_of_one_organization_fails_the_run(project: Path) -> None:
    configure(TWO)
    put(f"exports/research/{NAME}", ACME)
    put(f"exports/labs/{NAME}", ACME)
    found = check()
    assert found.code == 1
    assert found.report is not None
    assert [one["verdict"] for one in found.report["files"]] == ["pass", "fail"]


@pytest.mark.parametrize("made", ["nothing", "an empty folder"])
def test_without_a_file_a_folder_without_exports_is_unproved(project: Path, made: str) -> None:
    configure(TWO)
    put(f"exports/research/{NAME}", ACME)
    if made == "an empty folder":
        (project / "exports" / "labs").mkdir()
    found = check()
    assert found.code == 3
    assert found.report is not None
    assert [one["verdict"] for one in found.report["files"]] == ["pass", "unproved"]
    assert "exports/labs" in found.out


def test_without_a_file_and_a_folder_nothing_is_proved(project: Path) -> None:
    configure(ONE)
    assert check().code == 3


def test_what_is_to_be_filled_in_is_no_matter_to_a_check(project: Path) -> None:
    configure(
        f"""\
        version: 1
        ruleset: openai-cost
        ledger: .billproof/ledger
        destinations:
          pelanor-eu: {{kind: http, preset: pelanor-eu, method: POST, path: "/FILL-IN/{{integration}}", file: raw}}
          sandbox: {{kind: http, base_url: "https://example.com", file: {{form_field: FILL-IN}}, success: [200, 202]}}
          archive: {{kind: directory, path: archive/}}
        integrations:
          - {{name: research, organization: {ACME}, to: pelanor-eu, integration: FILL-IN, token: {{env: PELANOR_TOKEN}}}}
        waivers: []
        """
    )
    assert check(GOOD).code == 0


# --- rule sets ---

OWN = """\
    name: own
    version: 0.1.0
    title: Ours
    extends: openai-cost
    rules:
      OC207: {level: error}
    """


def test_an_own_rule_set_lies_beside_the_configuration(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "own").mkdir()
    (project / "own" / "ruleset.yaml").write_text(dedent(OWN))
    configure("version: 1\nruleset: own\n")
    negative = fixture("negative")
    found = check(negative)
    assert found.code == 1
    assert found.report is not None
    assert found.report["settings"]["ruleset"] == {"value": "own", "source": "billproof.yaml"}
    assert found.report["ruleset"]["name"] == "own"
    monkeypatch.chdir(project / "own")
    assert check(negative).code == 1
    assert check(negative, "--ruleset", "openai-cost").code == 0


# --- waivers ---


def waive(rule: str = "OC304", **keys: str) -> str:
    fields = {"organization": ACME, "month": '"2025-10"', "reason": "known", "owner": "billing", "expires": '"2026-03-01"'} | keys
    text = ", ".join([f"rule: {rule}", *(f"{key}: {value}" for key, value in fields.items())])
    return f"version: 1\nintegrations:\n  - {{name: main, organization: {ACME}}}\nwaivers:\n  - {{{text}}}\n"


def test_a_waiver_that_counts(project: Path) -> None:
    configure(waive(at_most="3", approved_by="controlling", reference="FIN-812"))
    found = check(GAP)
    assert found.code == 0
    outcome = found.outcome("OC304")
    assert outcome["state"] == "waived"
    assert outcome["violations"] == 3
    assert len(outcome["findings"]) == 1
    assert outcome["waiver"] == {
        "reason": "known", "owner": "billing", "expires": "2026-03-01", "at": "billproof.yaml:5",
        "approved_by": "controlling", "reference": "FIN-812",
    }  # fmt: skip
    assert "waived by billing until 2026-03-01" in found.out


def test_a_waiver_for_one_file(project: Path) -> None:
    configure(waive(sha256=hashlib.sha256(GAP.read_bytes()).hexdigest()))
    assert check(GAP).code == 0
    configure(waive(sha256="a" * 64))
    found = check(GAP)
    assert found.code == 1
    assert "another file" in found.outcome("OC304")["reason"]


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"at_most": "2"}, "at most 2, and there are 3"),
        ({"at_most": "3", "expires": '"2025-11-30"'}, "it expired on 2025-11-30"),
        ({"at_most": "3", "sha256": "b" * 64}, "another file"),
        ({"at_most": "3", "month": '"2025-09"'}, None),
        ({"at_most": "3", "organization": LABS}, None),
    ],
    ids=["over-full", "expired", "another file", "another month", "another organization"],
)
def test_a_waiver_that_does_not_count(project: Path, keys: dict[str, str], told: str | None) -> None:
    configure(waive(**keys))
    found = check(GAP)
    assert found.code == 1
    outcome = found.outcome("OC304")
    assert outcome["state"] == "failed"
    assert "waiver" not in outcome
    if told is None:
        assert "reason" not in outcome
    else:
        assert outcome["reason"].startswith("the waiver at billproof.yaml:5 does not apply: ")
        assert told in outcome["reason"]
        assert outcome["reason"] in found.out


def test_a_waiver_for_another_rule_changes_nothing(project: Path) -> None:
    configure(waive("OC502", at_most="1"))
    assert check(GAP).failed == {"OC304"}


def test_one_waiver_that_counts_is_enough(project: Path) -> None:
    text = waive(at_most="3")
    configure(text + text.splitlines()[-1].replace("2026-03-01", "2025-10-01") + "\n")
    assert check(GAP).code == 0


def test_a_waiver_covers_the_inferred_organization(project: Path) -> None:
    text = "".join(line for line in waive(at_most="3").splitlines(keepends=True) if "name:" not in line)
    configure(text.replace("integrations:\n", ""))
    found = check(GAP)
    assert organization_of(found) == (ACME, "inferred")
    assert found.code == 0


@pytest.mark.parametrize(
    ("expires", "as_of", "now", "code"),
    [
        ("2025-12-01", "2025-12-01", "2025-12-01", 0),
        ("2025-11-30", "2025-12-01", "2025-11-05", 1),
        ("2025-11-30", "2025-11-05", "2025-12-01", 1),
        ("2025-12-01", "2025-11-05", "2025-12-01", 0),
    ],
    ids=["on its last day", "by as-of", "by the clock", "on its last day by the clock"],
)
def test_a_waiver_expires_by_the_later_of_as_of_and_clock(
    project: Path, monkeypatch: pytest.MonkeyPatch, expires: str, as_of: str, now: str, code: int
) -> None:
    set_clock(monkeypatch, datetime.fromisoformat(now).replace(tzinfo=UTC))
    configure(waive(at_most="3", expires=f'"{expires}"'))
    assert check(GAP, as_of=as_of).code == code


def test_any_month_is_for_warnings(project: Path) -> None:
    assert check(SOME, "--fail-on", "warning").code == 1
    configure(waive("OC503", month="any"))
    found = check(SOME, "--fail-on", "warning")
    assert found.code == 0
    assert found.outcome("OC503")["state"] == "waived"


REFUSED = {
    "an unknown rule": (waive("OC999", at_most="1"), "there is no rule OC999"),
    "a rule that cannot be waived": (waive("OC303", at_most="1"), "OC303 outside-month cannot be waived"),
    "a core rule": (waive("CSV012", at_most="1"), "CSV012 not-a-csv cannot be waived"),
    "an error without a bound": (waive(), "needs `at_most` or the file's `sha256`"),
    "an error in any month": (waive(at_most="3", month="any"), "must name one month, not any"),
    "too far ahead": (waive(at_most="3", expires='"2027-01-06"'), "more than 400 days ahead"),
    "nothing covered": (waive(at_most="0"), "`at_most` must be 1 or more"),
    "a month that is none": (waive(at_most="3", month='"2025-13"'), "`month` is 2025-13"),
    "a day that is none": (waive(at_most="3", expires='"2026-02-30"'), "`expires` is 2026-02-30"),
    "a date that YAML may misread": (waive(at_most="3", expires="2026-03-01"), 'put it in quotes: "2026-03-01"'),
    "no reason": (waive(at_most="3", reason='" "'), "`reason`"),
    "no owner": (waive(at_most="3", owner='""'), "`owner`"),
    "a digest that is none": (waive(sha256="abc"), "`sha256`"),
    "a number as text": (waive(at_most='"3"'), "`at_most`"),
    "an unknown key": (waive(at_most="3", covers="all"), "unknown key `covers`"),
}


@pytest.mark.parametrize(("text", "told"), REFUSED.values(), ids=REFUSED)
def test_a_waiver_that_is_refused(project: Path, text: str, told: str) -> None:
    configure(text)
    (fault,) = faults(str(GAP))
    assert fault.startswith("billproof.yaml:5  ")
    assert told in fault


@pytest.mark.parametrize("key", ["rule", "organization", "month", "reason", "owner", "expires"])
def test_a_waiver_says_everything(project: Path, key: str) -> None:
    fields = dict(one.split(": ", 1) for one in waive(at_most="3").splitlines()[-1].strip(" -{}").split(", "))
    del fields[key]
    configure("version: 1\nwaivers:\n  - {" + ", ".join(f"{name}: {value}" for name, value in fields.items()) + "}\n")
    assert faults(str(GAP)) == [f"billproof.yaml:3  the key `{key}` is missing"]


def test_faults_of_all_waivers_at_once(project: Path) -> None:
    last = waive("OC303", at_most="1").splitlines()[-1]
    configure(waive("OC999", at_most="1") + last + "\n" + last.replace("OC303", "CSV001") + "\n")
    assert [one.split("  ")[0] for one in faults(str(GAP))] == [f"billproof.yaml:{line}" for line in (5, 6, 7)]


def test_a_waiver_may_end_in_400_days(project: Path) -> None:
    configure(waive(at_most="3", expires='"2027-01-05"'))
    assert check(GAP).code == 0


def test_how_far_ahead_counts_from_the_later_of_as_of_and_clock(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_clock(monkeypatch, datetime(2026, 11, 1, tzinfo=UTC))
    configure(waive(at_most="3", expires='"2027-12-06"'))
    assert check(GAP).code == 0


def test_a_rule_that_a_set_made_an_error_is_waived_as_an_error(project: Path) -> None:
    (project / "own").mkdir()
    (project / "own" / "ruleset.yaml").write_text(dedent(OWN))
    negative = fixture("negative")
    configure(waive("OC207", month="any").replace("version: 1", "version: 1\nruleset: own"))
    assert len(faults(str(negative))) == 2
    configure(waive("OC207", at_most="1").replace("version: 1", "version: 1\nruleset: own"))
    assert check(negative).code == 0


def test_the_waiver_that_the_text_offers_can_be_pasted(project: Path) -> None:
    configure(ONE)
    lines = check(GAP).out.splitlines()
    start = lines.index("waivers:")
    pasted = "\n".join(lines[start : start + 2])
    configure(dedent(ONE) + dedent(pasted).replace('reason: ""', "reason: known").replace('owner: ""', "owner: billing") + "\n")
    found = check(GAP)
    assert found.code == 0, found.err
    assert found.outcome("OC304")["state"] == "waived"


@pytest.mark.parametrize("format_", ["text", "github"])
def test_below_waivers_only_another_is_offered(project: Path, format_: str) -> None:
    """The key `waivers` a second time would be refused."""
    config = configure(waive("OC503"))
    lines = check(GAP, "--format", format_).out.splitlines()
    start = lines.index("  If this is expected, add this waiver below waivers: in billproof.yaml and fill in reason and owner")
    pasted = lines[start + 1]
    assert pasted.startswith("  - {rule: OC304, ")
    assert "waivers:" not in lines
    signed = pasted.replace('reason: ""', "reason: known").replace('owner: ""', "owner: billing")
    config.write_text(config.read_text("utf-8") + signed + "\n", "utf-8")
    found = check(GAP)
    assert found.code == 0, found.err
    assert found.in_state("waived") == {"OC304"}


def test_a_waiver_that_is_pasted_unsigned_is_refused(project: Path) -> None:
    configure(ONE)
    lines = check(GAP).out.splitlines()
    start = lines.index("waivers:")
    configure(dedent(ONE) + dedent("\n".join(lines[start : start + 2])) + "\n")
    assert len(faults(str(GAP))) == 2


# --- the month ---

SPANS: dict[str, tuple[str, str, str, str]] = {
    "the only whole month": ("2025-10-01", "2025-11-03", "2025-12-01", "2025-10"),
    "a whole month before a longer part": ("2025-02-01", "2025-03-30", "2025-12-01", "2025-02"),
    "31 days of the dashboard": ("2025-10-04", "2025-11-03", "2025-12-01", "2025-10"),
    "two whole months": ("2025-02-01", "2025-03-31", "2025-12-01", "2025-03"),
    "two whole months of one length": ("2025-07-01", "2025-08-31", "2025-12-01", "2025-08"),
    "the longer part": ("2025-09-15", "2025-10-20", "2025-12-01", "2025-10"),
    "the longer part, the earlier one": ("2025-09-05", "2025-10-20", "2025-12-01", "2025-09"),
    "parts of one length": ("2025-09-21", "2025-10-10", "2025-12-01", "2025-10"),
    "a part that is over before one that is not": ("2025-09-20", "2025-10-20", "2025-10-21", "2025-09"),
    "the month that ends at this instant is over": ("2025-09-29", "2025-10-20", "2025-10-01", "2025-09"),
    "none is over": ("2025-10-01", "2025-10-20", "2025-10-21", "2025-10"),
    "none is over, the longer part": ("2025-09-29", "2025-10-20", "2025-09-30", "2025-10"),
    "one day": ("2024-02-29", "2024-02-29", "2025-12-01", "2024-02"),
}


@pytest.mark.parametrize(("first", "last", "as_of", "month"), SPANS.values(), ids=SPANS)
def test_the_month_is_inferred(project: Path, first: str, last: str, as_of: str, month: str) -> None:
    export = Export(first=date.fromisoformat(first), last=date.fromisoformat(last), empty_days=())
    assert month_of(check(put("export.csv", export=export), as_of=as_of)) == (month, "inferred")


def test_the_flag_says_the_month(project: Path) -> None:
    found = check(GOOD, "--month", "2025-09")
    assert month_of(found) == ("2025-09", "--month")
    assert found.failed == {"OC303"}


def test_a_file_without_days_has_no_month(project: Path) -> None:
    assert month_of(check(fixture("header-only"))) == (None, "inferred")
    assert month_of(check(fixture("header-only"), "--month", "2025-10")) == ("2025-10", "--month")


@pytest.mark.parametrize(
    ("as_of", "month", "failed"),
    [
        ("2025-11-01", "2025-10", {"OC309"}),
        ("2025-11-30T23:59:59Z", "2025-10", set[str]()),
        ("2025-12-01T00:00:00Z", "2025-11", {"OC303", "OC309"}),
        ("2025-12-01T00:30:00+01:00", "2025-10", set[str]()),
        ("2026-01-15", "2025-12", {"OC303"}),
    ],
)
def test_the_last_month(project: Path, as_of: str, month: str, failed: set[str]) -> None:
    found = check(GOOD, "--month", "last", as_of=as_of)
    assert month_of(found) == (month, "--month last")
    assert found.failed == failed


def test_a_month_to_date(project: Path) -> None:
    file = put("cost_2025-10-01_2025-10-20.csv", export=Export(last=date(2025, 10, 20)))
    assert check(file, as_of="2025-10-21").failed == {"OC305"}
    found = check(file, "--month-to-date", as_of="2025-10-21")
    assert found.code == 0
    assert found.outcome("OC305")["state"] == "not_applicable"
    assert found.outcome("OC304")["evaluated"] == 20
    assert "1 to 20 October 2025, a month that has not ended" in found.out.splitlines()[0]


def test_a_month_to_date_has_every_day_that_ended(project: Path) -> None:
    file = put("export.csv", export=Export(last=date(2025, 10, 20)))
    found = check(file, "--month-to-date", as_of="2025-10-23T12:00:00Z")
    assert found.failed == {"OC304"}
    assert found.outcome("OC304")["violations"] == 2


# --- the total, the level, the policy ---


def total_of(path: Path) -> str:
    report = check(path).file
    amount = report["totals"]["amount"]
    assert isinstance(amount, str)
    return amount


@pytest.mark.parametrize(
    ("total", "code"), [("1038.56", 0), ("1038.560", 0), ("1038.57", 1), ("1038.55", 1), ("-1038.56", 1), ("0", 1)]
)
def test_the_expected_total_is_compared_to_the_cent(project: Path, total: str, code: int) -> None:
    assert total_of(GOOD) == "1038.564891296399966"
    found = check(GOOD, "--expect-total", total)
    assert found.code == code
    assert found.failed == (set() if code == 0 else {"OC603"})


def test_without_an_expected_total_there_is_nothing_to_compare(project: Path) -> None:
    assert check(GOOD).outcome("OC603")["state"] == "not_applicable"


def test_a_warning_fails_where_warnings_fail(project: Path) -> None:
    assert check(SOME).code == 0
    assert check(SOME, "--fail-on", "error").code == 0
    found = check(SOME, "--fail-on", "warning")
    assert found.code == 1
    assert found.report is not None
    assert found.report["policy"]["fail_on"] == "warning"
    assert [one["rule"] for one in found.report["reasons"]] == ["OC503"]


def test_a_note_never_stops_anything(project: Path) -> None:
    make_ready(project)
    file = fixture("file-name-differs")
    assert check(file).failed == {"OC308"}
    assert check(file, "--fail-on", "warning").code == 0
    assert check(file, "--policy", "upload").code == 0


def test_the_policy_of_an_upload_needs_an_integration(project: Path) -> None:
    found = check(GOOD, "--policy", "upload", "--organization", ACME)
    assert found.code == 3
    assert found.report is not None
    assert [(one["code"], one["rule"]) for one in found.report["reasons"]] == [("not_run", "OC601"), ("not_run", "OC602")]
    assert found.report["upload"] == {"ready": False, "because": ["OC601", "OC602", "no_integration"]}
    make_ready(project)
    assert check(GOOD, "--policy", "upload").code == 0


def test_the_policy_of_an_upload_needs_every_rule(project: Path) -> None:
    configure(ONE)
    found = check(put(NAME, LABS), "--policy", "upload")
    assert found.code == 3
    assert found.report is not None
    assert [(one["code"], one["rule"]) for one in found.report["reasons"]] == [
        ("not_run", "OC401"), ("not_run", "OC601"), ("not_run", "OC602"),
    ]  # fmt: skip


def test_the_policy_of_an_upload_takes_no_weaker_rule_set(project: Path) -> None:
    (project / "own").mkdir()
    own = dedent(OWN).replace("OC207: {level: error}", "OC503: {level: note}")
    (project / "own" / "ruleset.yaml").write_text(own)
    make_ready(project, "ruleset: own\n")
    found = check(GOOD, "--policy", "upload")
    assert found.code == 3
    assert found.report is not None
    assert {one["code"] for one in found.report["reasons"]} == {"weaker_rules"}
    assert check(GOOD).code == 0


def test_the_policy_of_an_upload_takes_no_rule_that_is_off(project: Path) -> None:
    (project / "own").mkdir()
    own = dedent(OWN).replace("{level: error}", "{off: {reason: we know, owner: billing}}")
    (project / "own" / "ruleset.yaml").write_text(own)
    configure(ONE.replace("version: 1\n", "version: 1\n    ruleset: own\n"))
    found = check(GOOD)
    assert found.code == 0
    assert found.outcome("OC207")["state"] == "off"
    assert "OC207 negative-amount is disabled by billing: we know" in found.out
    assert check(GOOD, "--policy", "upload").code == 3


def test_a_waived_gap_asks_for_the_month_in_words(project: Path) -> None:
    make_ready(project, waive(at_most="3").partition("\n  - {name: main, organization: org-EXAMPLEacme01}\n")[2])
    found = check(GAP, "--policy", "upload")
    assert found.code == 3
    assert found.report is not None
    assert [one["code"] for one in found.report["reasons"]] == ["month_inferred"]
    assert check(GAP, "--policy", "upload", "--month", "2025-10").code == 0


def test_a_file_is_ready_only_where_an_upload_would_send_it(project: Path) -> None:
    configure(ONE)
    found = check(GOOD, "--policy", "upload")
    assert found.report is not None
    assert found.report["upload"] == {"ready": False, "because": ["OC601", "OC602", "no_destination"]}
    assert "is ready to upload" not in found.out
    assert " ".join(" ".join(found.out.splitlines()[-2:]).split()) == (
        "Ready to upload: no (no destination: set `to:` in billproof.yaml); not compared with an earlier upload (OC601, OC602)"
    )
    make_ready(project)
    found = check(GOOD)
    assert found.report is not None
    assert found.report["upload"] == {"ready": True, "because": []}
    assert found.out.startswith("PASS  cost_2025-10-01_2025-10-31.csv is ready to upload as October 2025\n")
    assert found.out.splitlines()[-1] == "Ready to upload: yes"


# --- init ---


def test_init_writes_a_sound_configuration(project: Path) -> None:
    code, out, err = run("init")
    assert (code, err) == (0, "")
    assert "FILL-IN" in out
    assert "organization: FILL-IN" in Path("billproof.yaml").read_text("utf-8").replace('"', "")
    found = check(GOOD)
    assert found.code == 0
    assert organization_of(found) == (ACME, "inferred")


def test_init_takes_the_organization_and_the_folder_of_an_export(project: Path) -> None:
    put(f"exports/research/{NAME}", ACME)
    code, out, _ = run("init", f"exports/research/{NAME}")
    assert code == 0
    assert ACME in out
    found = check()
    assert found.code == 0
    assert found.file["path"] == f"exports/research/{NAME}"
    assert found.outcome("OC401")["state"] == "passed"
    assert organization_of(found)[1].startswith("billproof.yaml:")
    put(f"exports/research/{NAME}", LABS)
    assert check().failed == {"OC401"}


def test_init_of_an_export_elsewhere_names_no_folder(project: Path) -> None:
    assert run("init", str(GOOD))[0] == 0
    assert "files:" not in Path("billproof.yaml").read_text("utf-8")
    assert organization_of(check(GOOD))[0] == ACME


@pytest.mark.parametrize("other", ["budget.csv", "deep/budget.CSV", "labs.csv", "usage.csv"])
def test_init_makes_no_folder_with_other_files_an_integrations(project: Path, other: str) -> None:
    """They would all be checked as exports of this organization."""
    put(NAME, ACME)
    if other == "labs.csv":
        put(other, LABS)
    elif other == "usage.csv":
        Path(other).write_bytes(fixture("activity-completions-2025").read_bytes())
    else:
        Path(other).parent.mkdir(exist_ok=True)
        Path(other).write_text("a,b\n1,2\n")
    code, out, _ = run("init", NAME)
    assert code == 0
    assert "exports/ is the folder of its exports" in out
    assert 'files: "exports/"' in Path("billproof.yaml").read_text("utf-8")
    assert "1 file copied there; the original stays where it is." in out
    assert Path(f"exports/{NAME}").read_bytes() == Path(NAME).read_bytes()
    found = check()
    assert (found.code, organization_of(found)[1]) == (0, "billproof.yaml:13")


def test_init_takes_a_folder_of_several_exports_of_one_organization(project: Path) -> None:
    put("costs/september.csv", ACME, Export(first=date(2025, 9, 1), last=date(2025, 9, 30)))
    put(f"costs/deep/{NAME}", ACME)
    assert run("init", "costs/september.csv")[0] == 0
    assert 'files: "costs/"' in Path("billproof.yaml").read_text("utf-8")
    assert len((check().report or {})["files"]) == 2


@pytest.mark.parametrize("taken", ["a file", "other files", "nothing"])
def test_init_asks_for_a_folder_where_exports_is_taken(project: Path, taken: str) -> None:
    put(NAME, ACME)
    Path("budget.csv").write_text("a,b\n1,2\n")
    if taken == "a file":
        Path("exports").write_text("x")
    else:
        Path("exports").mkdir()
    if taken == "other files":
        Path("exports/budget.csv").write_text("a,b\n1,2\n")
    code, out, _ = run("init", NAME)
    assert code == 0
    assert ("add it as `files:`" in out) is (taken != "nothing")
    assert ("files:" in Path("billproof.yaml").read_text("utf-8")) is (taken == "nothing")


def test_init_keeps_copies_out_of_git_and_the_ledger_in(project: Path) -> None:
    put(f"exports/{NAME}", ACME)
    Path(".git").rmdir()
    subprocess.run(["git", "init", "--quiet"], check=True)
    assert run("init", f"exports/{NAME}")[0] == 0
    assert run("upload", "--to", "archive")[0] == 0, "as its last line says"
    left = subprocess.run(["git", "status", "--porcelain", "-uall"], check=True, capture_output=True, text=True).stdout
    names = {re.sub(r"[0-9a-f]{12}", "…", line.split()[1]) for line in left.splitlines()}
    assert names == {
        "billproof.yaml", ".billproof/.gitignore", ".billproof/ledger/.gitignore", ".billproof/ledger/.gitattributes",
        ".billproof/ledger/ledger.json", f"exports/{NAME}", f".billproof/ledger/archive/{ACME}/2025-10/0001-….begun",
        f".billproof/ledger/archive/{ACME}/2025-10/0001-….json",
    }  # fmt: skip


def test_init_in_a_subfolder_says_where_its_configuration_is_found(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "billing").mkdir()
    monkeypatch.chdir(project / "billing")
    code, out, _ = run("init")
    assert code == 0
    assert f"Commands find billproof.yaml in this folder and below it, not at the repository's root, {project}." in out


def test_init_knows_no_organization_where_there_are_several(project: Path) -> None:
    assert run("init", str(fixture("several-organizations")))[0] == 0
    text = Path("billproof.yaml").read_text("utf-8")
    assert "org-" not in text
    assert check(GOOD).code == 0


@pytest.mark.parametrize("folder", ['we"ird', "back\\slash", "a: {b}", "# x", "ümlaut 数据", "tab\there"])
def test_init_in_odd_folders_is_sound(project: Path, folder: str) -> None:
    put(f"{folder}/{NAME}", ACME)
    assert run("init", f"{folder}/{NAME}")[0] == 0
    found = check()
    assert found.code == 0, found.err
    assert found.outcome("OC401")["state"] == "passed"


@pytest.mark.parametrize(
    "organization",
    ['org-EX"AMPLE', "org EXAMPLE", "org\\EXAMPLE", "org-\u202eEXAMPLE", "org: [", "person0001@example.com", "12", "no"],
)
def test_init_with_odd_organizations_is_sound(project: Path, organization: str) -> None:
    file = put(NAME, organization)
    assert run("init", NAME)[0] == 0
    assert check(file).code == 0


@pytest.mark.parametrize("name", ["billproof.yaml", "billproof.yml"])
@pytest.mark.parametrize("above", [False, True], ids=["here", "above"])
def test_init_never_overwrites_nor_hides(project: Path, monkeypatch: pytest.MonkeyPatch, name: str, above: bool) -> None:
    (project / name).write_text("version: 1\n")
    (project / "inner").mkdir()
    if above:
        monkeypatch.chdir(project / "inner")
    code, out, err = run("init", str(GOOD))
    assert (code, out) == (2, "")
    assert name in err
    assert (project / name).read_text() == "version: 1\n"
    assert list((project / "inner").iterdir()) == []


def test_init_of_a_missing_file_writes_nothing(project: Path) -> None:
    assert run("init", "missing.csv")[0] == 3
    assert not Path("billproof.yaml").exists()


# --- guide ---


@pytest.mark.parametrize(
    ("arguments", "first", "last"),
    [
        (["--month", "2025-10"], "2025-10-01", "2025-10-31"),
        (["--month", "2024-02"], "2024-02-01", "2024-02-29"),
        (["--month", "2025-02"], "2025-02-01", "2025-02-28"),
        (["--as-of", "2025-11-04"], "2025-10-01", "2025-10-31"),
        (["--as-of", "2026-01-31", "--month", "last"], "2025-12-01", "2025-12-31"),
        ([], "2025-11-01", "2025-11-30"),
    ],
)
def test_the_guide_fills_in_the_dates(project: Path, arguments: list[str], first: str, last: str) -> None:
    code, out, err = run("guide", *arguments)
    assert (code, err) == (0, "")
    assert f"Start date {first}   End date {last}" in out
    assert f"billproof check cost_{first}_{last}.csv" in out
    for words in ("Cost data", "Group by: Line Item", "File format: CSV", "Time interval: 1 day", "Clear the project selector"):
        assert words in out


@pytest.mark.parametrize(
    ("as_of", "told"),
    [
        ("2025-10-31T23:59:59Z", "The month has not ended: it ends on 2025-11-01 00:00 UTC."),
        ("2025-11-01", "add late usage: wait until 2025-11-03 00:00 UTC"),
        ("2025-11-02T23:59:59Z", "add late usage: wait until 2025-11-03 00:00 UTC"),
        ("2025-11-03", None),
    ],
)
def test_the_guide_says_when_to_wait(project: Path, as_of: str, told: str | None) -> None:
    _, out, _ = run("guide", "--month", "2025-10", "--as-of", as_of)
    assert told in out if told else "UTC" not in out


def test_the_guide_is_that_of_the_configured_rule_set(project: Path) -> None:
    own_set(project / "own", 'guide: ["Ask for {first} to {last}"]')
    Path("billproof.yaml").write_text("version: 1\nruleset: own\n", "utf-8")
    ours = "Export October 2025\n  1  Ask for 2025-10-01 to 2025-10-31\n"
    shipped = run("guide", "--month", "2025-10", "--as-of", "2025-12-01", "--ruleset", "openai-cost")[1]
    Path("other.yaml").write_text("version: 1\n", "utf-8")
    assert "Ask for" not in shipped
    assert run("guide", "--month", "2025-10", "--as-of", "2025-12-01") == (0, ours, "")
    assert run("guide", "--month", "2025-10", "--as-of", "2025-12-01", "--config", "other.yaml") == (0, shipped, "")
