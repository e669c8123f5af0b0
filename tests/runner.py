"""A runner of GitHub Actions, emulated: it runs the steps of a composite action as docs.github.com says that runners do.

Conditions and expressions are those that `action.yml` has; any other one fails the test that meets it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from tests.support import ROOT

ACTION = yaml.safe_load((ROOT / "action.yml").read_text("utf-8"))
STEPS = ACTION["runs"]["steps"]
ALWAYS_AFTER_AN_UPLOAD = "always() && inputs.command == 'upload' && inputs.ledger != ''"


class Used(NamedTuple):
    """What a job sees of the action: exit code, log, outputs and summary."""

    code: int
    log: str
    outputs: dict[str, str]
    summary: str

    @property
    def report(self) -> dict[str, Any]:
        """The JSON report that the outputs name."""
        found: dict[str, Any] = json.loads(Path(self.outputs["report"]).read_bytes())
        return found

    @property
    def errors(self) -> list[str]:
        """The annotations that are errors."""
        return [line for line in self.log.splitlines() if line.startswith("::error")]


class Runner:
    """A job's machine: gives the steps the environment that GitHub documents, and reads what they leave in its files."""

    def __init__(self, folder: Path, workspace: Path, action: Path = ROOT, **environment: str) -> None:
        self.temp = folder / "runner temp"
        self.temp.mkdir()
        self.workspace = workspace
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GITHUB_", "COVERAGE"))}
        self.environment = kept | {
            "GITHUB_ACTION_PATH": str(action), "RUNNER_TEMP": str(self.temp), "GITHUB_OUTPUT": str(self.temp / "output"),
            "GITHUB_STEP_SUMMARY": str(self.temp / "summary"), "GIT_CONFIG_NOSYSTEM": "1", "GIT_TERMINAL_PROMPT": "0",
            **environment,
        }  # fmt: skip

    def use(self, **inputs: str) -> Used:
        """`uses:` with these inputs; billproof is there already, that of the tests."""
        self.place_billproof()
        return self._use(STEPS[1:], inputs)

    def install_and_use(self, **inputs: str) -> Used:
        """The same from the first step on."""
        return self._use(STEPS, inputs)

    def _use(self, steps: Sequence[Mapping[str, Any]], inputs: Mapping[str, str]) -> Used:
        assert set(inputs) <= set(ACTION["inputs"])
        given = {name: inputs.get(name, one.get("default", "")) for name, one in ACTION["inputs"].items()}
        code, log = 0, ""
        outputs: dict[str, str] = {}
        for step in steps:
            if _is_wanted(step.get("if"), given, failed=code != 0):
                ended = self.run(step, given)
                code, log = code or ended.returncode, log + ended.stdout
                outputs |= {f"{step.get('id')}.{name}": value for name, value in self.outputs().items()}
        values = {name: _value(one["value"], outputs) for name, one in ACTION["outputs"].items()}
        return Used(code, log, values, self._read("summary"))

    def place_billproof(self) -> None:
        """What the first step leaves, quicker."""
        shim = self.temp / "billproof-venv" / "bin" / "python"
        shim.parent.mkdir(parents=True, exist_ok=True)
        shim.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n', "utf-8")
        shim.chmod(0o755)

    def run(self, step: Mapping[str, Any], given: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
        """One step with the action's inputs."""
        script = self.temp / "step.sh"
        script.write_text(step["run"], "utf-8")
        variables = {name: given[_input(value)] for name, value in step.get("env", {}).items()}
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", script], cwd=self.workspace, env=self.environment | variables,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=300, check=False,
        )  # fmt: skip

    def outputs(self) -> dict[str, str]:
        """A step's outputs, read as the runner reads them; the file is gone then."""
        found, lines = {}, iter(self._read("output").splitlines())
        for line in lines:
            name, mark, end = line.partition("<<")
            assert mark, line
            value: list[str] = []
            while (one := next(lines)) != end:
                value.append(one)
            found[name] = "\n".join(value)
        (self.temp / "output").unlink(missing_ok=True)
        return found

    def _read(self, name: str) -> str:
        path = self.temp / name
        return path.read_text("utf-8") if path.is_file() else ""


def _is_wanted(condition: str | None, given: Mapping[str, str], failed: bool) -> bool:
    """Whether a step runs."""
    known: dict[str | None, Callable[[], bool]] = {
        None: lambda: not failed,
        ALWAYS_AFTER_AN_UPLOAD: lambda: given["command"] == "upload" and given["ledger"] != "",
    }
    return known[condition]()


def _input(expression: str) -> str:
    """The input that a variable holds."""
    found = re.fullmatch(r"\$\{\{ inputs\.([\w-]+) \}\}", expression)
    assert found, expression
    return found[1]


def _value(expression: str, outputs: Mapping[str, str]) -> str:
    """An output of the action, from those of its steps."""
    found = re.fullmatch(r"\$\{\{ steps\.(\w+)\.outputs\.([\w-]+)(?: \|\| '(\w+)')? \}\}", expression)
    assert found, expression
    return outputs.get(f"{found[1]}.{found[2]}", "") or found[3] or ""
