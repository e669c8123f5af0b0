"""What was nearly right on the command line: the known word that was meant is named."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support import run


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("chek x.csv", "check"),
        ("uplaod x.csv", "upload"),
        ("rule list", "rules"),
        ("ledger verfy", "verify"),
        ("rules shwo OC304", "show"),
        ("check x.csv --formt json", "--format"),
        ("check x.csv --dry", None),
        ("upload x.csv --dry", "--dry-run"),
        ("upload --dryrun x.csv --zzzzzz", "--dry-run"),
        ("check --organisation=org-EXAMPLE1 x.csv", "--organization"),
        ("rules docs --ouput pages", "--output"),
        ("check --format jsn x.csv", "json"),
        ("check --policy upsert x.csv", None),
        ("status --month-to-date", "--month"),
        ("zzzzzz", None),
        ("check --zzzzzz", None),
    ],
)  # fmt: skip
def test_the_word_that_was_meant(line: str, meant: str | None) -> None:
    code, out, err = run(*line.split())
    assert (code, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith(f"Did you mean {meant}? See billproof" if meant else "See billproof"), err


def test_a_word_that_is_right_costs_nothing() -> None:
    """difflib is loaded where something was misspelt, and nowhere else."""
    command = "import sys; from validator.boundary import main; main(sys.argv[1:]); print('difflib' in sys.modules)"
    for words, loaded in ((["rules", "kinds"], b"False"), (["rules", "kind"], b"True")):
        done = subprocess.run([sys.executable, "-c", command, *words], capture_output=True, check=True)
        assert done.stdout.splitlines()[-1] == loaded
