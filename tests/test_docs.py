"""What the documents say is so: commands run and show what is printed there, links lead somewhere, tables match the code."""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from billproof import __version__
from billproof.cli.parser import build_parser
from billproof.config.destinations import DestinationSettings, Token
from billproof.config.file import ConfigFile, Integration, read_config
from billproof.config.waivers import Waiver, check_waivers
from billproof.engine.verdict import Exit
from billproof.reading.decode import parts
from billproof.rules.compiled import load_ruleset
from billproof.rules.files import RuleFile
from tests.support import FIXTURES, ROOT
from tools.generate import help_text

README = ROOT / "README.md"
GUIDES = [*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs" / "ci").glob("*.md"))]
DECISIONS = sorted((ROOT / "docs" / "decisions").glob("*.md"))
DOCUMENTS = [README, ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *GUIDES, *DECISIONS]
SANDBOX = ROOT / "docs" / "sandbox.md"  # its commands need a server: tests/sandbox/test_docs.py
SANDBOX_ADDRESS = "127.0.0.1:8765"
LEFT_OUT = "…"


@dataclass(frozen=True)
class Block:
    """A fenced block: its document, first line, language and text."""

    path: Path
    line: int
    language: str
    text: str

    @property
    def name(self) -> str:
        """As a test's name."""
        return f"{self.path.name}-{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of a `console` block with the output that is shown under it."""

    line: str
    shown: str


def blocks(*languages: str) -> list[Block]:
    """The fenced blocks of all documents in one of some languages."""
    found = []
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        for one in re.finditer(r"^```(\w*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            if one[1] in languages:
                found.append(Block(path, text.count("\n", 0, one.start()) + 1, one[1], one[2]))
    return found


def commands(block: Block) -> list[Command]:
    """The commands of a `console` block."""
    pieces = re.split(r"^\$ (.*)\n", block.text, flags=re.MULTILINE)[1:]
    return [Command(line, shown) for line, shown in zip(pieces[::2], pieces[1::2], strict=True)]


def has_openssl_3() -> bool:
    """Whether openssl is here, in a version whose `pkeyutl` knows `-rawin` for Ed25519."""
    if shutil.which("openssl") is None:
        return False
    return subprocess.run(["openssl", "version"], capture_output=True, check=True).stdout.startswith(b"OpenSSL 3")


def section(path: Path, title: str) -> list[Block]:
    """The blocks under a heading of the second level."""
    text = path.read_text("utf-8")
    start = text.index(f"\n## {title}\n") + 1
    first, last = text.count("\n", 0, start), text.count("\n", 0, text.index("\n## ", start))
    return [block for block in blocks("yaml", "sh", "console") if block.path == path and first < block.line <= last]


def first_upload() -> list[Block]:
    """docs/sandbox.md: a configuration, the start of the sandbox, and an upload to it."""
    return section(SANDBOX, "Your first upload")


def needs_server(block: Block) -> bool:
    """Whether a block is run by a test of its own, against a sandbox."""
    return block.path == SANDBOX or block in section(README, "Upload") or (block.path == README and "costs fetch" in block.text)


def pattern(shown: str) -> str:
    """Shown output as a pattern: a line `…` stands for any lines, `…` in a line for any text."""
    lines = [
        r"(?:.*\n)*?" if line == LEFT_OUT else ".*".join(map(re.escape, line.split(LEFT_OUT))) + r"\n"
        for line in shown.splitlines()
    ]
    return "".join(lines)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as a reader has it: the demo files, a folder of exports, own rules, records of costs, the command `billproof`."""
    for path in (FIXTURES / "demo").glob("*.csv"):
        shutil.copy(path, tmp_path)
    (tmp_path / "exports").mkdir()
    shutil.copy(FIXTURES / "demo" / "cost_2025-10-01_2025-10-31.csv", tmp_path / "exports")
    (tmp_path / "rules/openai-cost").mkdir(parents=True)
    for path in (ROOT / "rules/openai-cost").glob("OC80*.[cj]s*"):
        shutil.copy(path, tmp_path / "rules/openai-cost")
    (tmp_path / "bin").mkdir()
    shim = tmp_path / "bin" / "billproof"
    shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m billproof "$@"\n', "utf-8")
    shim.chmod(0o755)
    return tmp_path


def shell(line: str, folder: Path, **more: str) -> tuple[int, str]:
    """A command line run by the shell in `folder`, with more variables: exit code and everything that it printed."""
    search = os.pathsep.join((str(folder / "bin"), os.environ["PATH"]))
    environment = {"PATH": search, "PYTHONPATH": str(ROOT), "HOME": str(folder), "PYTHONUTF8": "1", "NO_COLOR": "1", **more}
    done = subprocess.run(
        ["sh", "-c", line], cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False
    )
    return done.returncode, done.stdout.decode("utf-8")


@pytest.mark.skipif(os.name == "nt", reason="the documents' commands are for a POSIX shell")
@pytest.mark.parametrize("block", [one for one in blocks("console") if not needs_server(one)], ids=lambda block: block.name)
def test_a_command_prints_what_is_shown(block: Block, folder: Path) -> None:
    prints_what_is_shown(block, folder)


def prints_what_is_shown(block: Block, folder: Path, **more: str) -> None:
    """Runs the commands of a block, one after the other."""
    assert commands(block)
    if "openssl" in block.text and not has_openssl_3():
        pytest.skip("there is no openssl 3 here")
    for command in commands(block):
        code, out = shell(command.line, folder, **more)
        assert code == expected_code(command.shown), out
        same = re.fullmatch(pattern(command.shown), out) is not None
        assert same, f"$ {command.line}\n{out}"


@pytest.mark.skipif(os.name == "nt", reason="the documents' commands are for a POSIX shell")
@pytest.mark.parametrize("page", [README, SANDBOX], ids=lambda path: path.name)
def test_the_first_upload_is_what_happens(page: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After `init`, with the configuration of docs/sandbox.md and a sandbox that is started as that page says."""
    from tests.sandbox.test_command import served

    yaml, sh, console = first_upload()
    assert (yaml.language, sh.language, console.language) == ("yaml", "sh", "console")
    if page == README:
        (console,) = section(README, "Upload")
    assert shell("billproof init exports/cost_2025-10-01_2025-10-31.csv", folder)[0] == 0
    export, start = sh.text.splitlines()
    variable, _, token = export.removeprefix("export ").partition("=")
    words = start.partition(" > ")[0].split()
    assert words[:2] == ["billproof", "sandbox"]
    monkeypatch.chdir(folder)
    (folder / "billproof.yaml").write_text(yaml.text, "utf-8")
    with served(*words[2:], **{variable: token}) as sandbox:
        (folder / "billproof.yaml").write_text(yaml.text.replace(SANDBOX_ADDRESS, sandbox.url.removeprefix("http://")), "utf-8")
        prints_what_is_shown(console, folder, **{variable: token})
        (month,) = sandbox.client(token).months("int-EXAMPLE1").values()
    assert (month["id"], month["bytes"]) == ("upload-000001", (folder / "exports/cost_2025-10-01_2025-10-31.csv").stat().st_size)
    assert shell("billproof ledger verify", folder)[0] == 0


@pytest.mark.skipif(os.name == "nt", reason="the documents' commands are for a POSIX shell")
def test_the_record_that_the_readme_fetches_is_the_sandbox_s(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the lines that docs/sandbox.md adds to the configuration of the first upload."""
    from tests.sandbox.test_command import served

    yaml, sh, _ = first_upload()
    (costs,) = re.findall(r"^```yaml\n( +costs: .*?)^```$", SANDBOX.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    (console,) = [block for block in blocks("console") if block.path == README and "costs fetch" in block.text]
    variable, _, token = sh.text.splitlines()[0].removeprefix("export ").partition("=")
    assert shell("billproof init exports/cost_2025-10-01_2025-10-31.csv", folder)[0] == 0
    monkeypatch.chdir(folder)
    configuration = folder / "billproof.yaml"
    configuration.write_text(yaml.text + costs, "utf-8")
    with served("--costs-from", "exports/", **{variable: token}) as sandbox:
        configuration.write_text((yaml.text + costs).replace(SANDBOX_ADDRESS, sandbox.url.removeprefix("http://")), "utf-8")
        prints_what_is_shown(console, folder, **{variable: token})


@pytest.mark.parametrize("tool", ["sha256sum", "shasum"])
def test_an_auditor_s_digest_is_that_of_the_report(tool: str, folder: Path) -> None:
    """docs/audit.md: the table of commands that need no billproof. That for Windows runs on Windows only."""
    rows = table((ROOT / "docs" / "audit.md").read_text("utf-8"), "on")
    (line,) = (row[1].strip("`") for row in rows if row[1].startswith(f"`{tool} "))
    if shutil.which(tool) is None:
        pytest.skip(f"{tool} is not installed")
    code, out = shell(line, folder)
    export = folder / line.split()[-1]
    assert (code, out.split()[0]) == (0, hashlib.sha256(export.read_bytes()).hexdigest())


def expected_code(shown: str) -> int:
    """1 where the shown verdict is a fail, else 0."""
    return 1 if shown.startswith("FAIL") or '"verdict": "fail"' in shown else 0


@pytest.mark.skipif(os.name == "nt", reason="the documents' commands are for a POSIX shell")
def test_an_export_of_another_organization_in_the_folder_fails(folder: Path) -> None:
    """README, Your first month: after `init` with a file in a folder of its own."""
    export = folder / "exports" / "cost_2025-10-01_2025-10-31.csv"
    assert shell("billproof init exports/cost_2025-10-01_2025-10-31.csv", folder)[0] == 0
    assert shell("billproof check --quiet", folder)[0] == 0
    export.write_bytes(export.read_bytes().replace(b"org-EXAMPLEacme01", b"org-EXAMPLEother1"))
    code, out = shell("billproof check", folder)
    assert code == 1
    assert "OC401 organization-mismatch" in out


def test_left_out_text_is_all_that_may_differ() -> None:
    assert re.fullmatch(pattern("a\n…\nd\n"), "a\nb\nc\nd\n")
    assert re.fullmatch(pattern("sha256 12…\n"), "sha256 1234\n")
    assert not re.fullmatch(pattern("a\n…\nd\n"), "a\nb\nc\n")
    assert not re.fullmatch(pattern("a.c\n"), "abc\n")


def test_the_first_thing_in_the_readme_is_the_file_that_fails() -> None:
    first = blocks("console")[0]
    assert first.path == README
    assert first.line <= 10
    assert commands(first)[0].shown.startswith("FAIL  cost_2025-10-04_2025-11-03.csv must not be uploaded")


@pytest.mark.skipif(os.name == "nt", reason="the documents' commands are for a POSIX shell")
@pytest.mark.parametrize("line", sorted({line for one in blocks("sh") for line in one.text.splitlines() if "exports/" in line}))
def test_a_line_for_ci_passes_on_a_good_export(line: str, folder: Path) -> None:
    code, out = shell(line, folder)
    assert code == 0, out
    assert (folder / "report.json").is_file()


def mentioned() -> Iterator[tuple[str, str]]:
    """Every `billproof …` in the documents, with its document."""
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        inline = re.findall(r"`(billproof [a-z][^`\n]*)`", text)
        in_blocks = [line for one in blocks("sh", "console") if one.path == path for line in one.text.splitlines()]
        for line in (*inline, *(line.removeprefix("$ ") for line in in_blocks)):
            if line.startswith("billproof "):
                yield path.name, line


def test_every_command_that_is_mentioned_can_be_written() -> None:
    found = sorted(set(mentioned()))
    assert len(found) > 10
    for name, line in found:
        words = shlex.split(line.partition(" > ")[0], comments=True)[1:]
        if len(words) == 1 and words[0] == "rules":
            continue
        assert build_parser().parse_args(words), f"{name}: {line}"


def test_the_help_is_the_one_that_is_printed() -> None:
    written = (ROOT / "docs" / "help.txt").read_text("utf-8")
    assert written.split() == help_text().split(), "run make generate"
    rules = ("rules list", "rules show", "rules kinds", "rules test", "rules docs")
    for command in ("check", "guide", "init", "demo", *rules, "sandbox"):
        assert f"$ billproof {command} --help\n" in written


def table(text: str, first_column: str) -> list[list[str]]:
    """The cells of the table whose first column has this title."""
    lines = text[text.index(f"| {first_column} |") :].split("\n\n")[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines[2:]]


def test_exit_codes_are_those_of_the_program() -> None:
    rows = table(README.read_text("utf-8"), "code")
    assert {row[1].upper().replace(" ", "_"): int(row[0]) for row in rows} == {one.name: int(one) for one in Exit}


def test_options_are_those_of_the_program() -> None:
    rows = table((ROOT / "docs" / "reports.md").read_text("utf-8"), "option")
    listed = {option for row in rows for option in re.findall(r"`(--[a-z-]+)", row[0])}
    helped = (ROOT / "docs" / "help.txt").read_text("utf-8").partition("$ billproof check --help")[2].partition("\n$ ")[0]
    assert listed == set(re.findall(r"--[a-z][a-z-]+", helped.partition("\n$ ")[0])) - {"--help"}


def test_the_changelog_begins_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    versions = re.findall(r"^## \[([^\]]+)\]", text, re.MULTILINE)
    assert next(one for one in versions if one != "Unreleased") == __version__
    assert f"/billproof\n    rev: v{__version__}\n" in (ROOT / "docs" / "ci" / "pre-commit.md").read_text("utf-8")


def anchors(path: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", re.sub(r"^```.*?^```$", "", path.read_text("utf-8"), flags=re.M | re.S), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


@pytest.mark.parametrize("path", [*DOCUMENTS, *sorted((ROOT / "docs" / "rules").rglob("README.md"))], ids=lambda path: path.name)
def test_links_lead_somewhere(path: Path) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text("utf-8")):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        found = (path.parent / file).resolve() if file else path
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_every_document_is_linked_from_the_readme() -> None:
    targets = {target.partition("#")[0] for target in re.findall(r"\]\(([^)]+)\)", README.read_text("utf-8"))}
    for path in (*GUIDES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"):
        assert path.relative_to(ROOT).as_posix() in targets


def test_files_that_are_named_are_there() -> None:
    for path in (path for path in DOCUMENTS if path.name != "CONTRIBUTING.md"):
        for name in re.findall(r"`((?:validator|rules|tests|docs|schemas|fixtures)/[\w./-]+)`", path.read_text("utf-8")):
            if not name.startswith(("rules/ruleset", "rules/AC")):
                assert (ROOT / name).exists(), f"{path.name}: {name}"


def test_contributing_names_only_what_is_there() -> None:
    """Also paths from the package's own folder, as its tables have them."""
    package = ROOT / "validator" / "billproof"
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    named = set(re.findall(r"`([\w./-]*(?:/|\.py|\.json|\.yaml|\.yml))`", text)) - {"billproof.yaml"}
    assert len(named) > 100
    assert [name for name in named if not (ROOT / name).exists() and not (package / name).exists()] == []


def test_contributing_names_every_room() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    rooms = {path.parent.name for path in (ROOT / "validator" / "billproof").glob("*/__init__.py")}
    assert {row[0].strip("`/") for row in table(text, "room")} == rooms


def test_make_has_every_target_that_is_named() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    for path in DOCUMENTS:
        text = path.read_text("utf-8")
        named = re.findall(r"`make ([a-z]+)`", text) + re.findall(r"^make ([a-z]+)", text, re.MULTILINE)
        assert set(named) <= targets, path.name
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    assert set(re.findall(r"^\| `make ([a-z]+)`", contributing, re.MULTILINE)) == targets


def test_every_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    names = {re.split(r"[^\w-]", one)[0].lower() for one in wanted} - {"billproof"}
    text = (ROOT / "CONTRIBUTING.md").read_text("utf-8").lower()
    assert [name for name in sorted(names) if name not in text] == []


@pytest.mark.parametrize(
    "block", [one for one in blocks("yaml") if one.text.startswith("version: 1\n")], ids=lambda block: block.name
)
def test_a_configuration_that_is_shown_is_sound(block: Block, tmp_path: Path) -> None:
    path = tmp_path / "billproof.yaml"
    path.write_text(block.text, "utf-8")
    config = read_config(str(path))
    check_waivers(config, load_ruleset(), date(2025, 12, 1))
    assert config.file.version == 1


@pytest.mark.parametrize("shape", [ConfigFile, Integration, DestinationSettings, Token, Waiver], ids=lambda shape: shape.__name__)
def test_every_key_of_the_configuration_is_explained(shape: type) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text("utf-8")
    rows = [line.split(" | ")[0] for line in text.splitlines() if line.startswith("| `")]
    explained = {key for row in rows for key in re.findall(r"`(\w+)`", row)}
    assert {one.key for one in parts(shape) if one.key != "line"} <= explained


def test_every_key_of_a_rule_is_explained() -> None:
    text = (ROOT / "docs" / "your-own-rules.md").read_text("utf-8")
    explained = {key for row in table(text, "key") for key in re.findall(r"`(\w+)`", row[0])}
    assert explained == {one.key for one in parts(RuleFile)}


def test_the_sets_that_are_shown_are_the_tested_ones() -> None:
    shown = [one.text for one in blocks("yaml") if one.path.name == "your-own-rules.md"]
    sets = ROOT / "tests" / "rulesets"
    assert (sets / "stricter" / "ruleset.yaml").read_text("utf-8") in shown
    assert (sets / "stricter" / "AC101-unknown-project.yaml").read_text("utf-8") in shown
    custom = (ROOT / "rules" / "pelanor-invoice" / "ruleset.yaml").read_text("utf-8")
    assert [one for one in shown if one.startswith("name: pelanor-invoice") and custom.startswith(one)]


def test_documents_name_no_machine_and_no_person() -> None:
    for path in (*DOCUMENTS, *sorted((ROOT / "docs" / "rules").rglob("*.md"))):
        text = path.read_text("utf-8")
        assert not re.search(r"(?<![\w/])/(?:home|root|tmp|work|Users)/", text), path.name
        addresses = re.findall(r"[\w.+-]+@[\w-]+\.[\w.]+", text)
        assert all(one.endswith("example.com") for one in addresses), path.name
