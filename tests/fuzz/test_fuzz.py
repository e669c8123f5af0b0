"""Mutants of good exports: what the engine says of them is what a second reading of the contract says."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from fixtures.exports import HEADERS, to_bytes
from tests.fuzz.contract import Asked, read
from tests.fuzz.mutants import ACME, BASES, INSTANTS, Mutant, good, mutant
from tests.fuzz.trial import disagreements
from tests.support import make_ready

SEED = 1
# In all what `python -m tests.fuzz` tries first; in the gate only a few.
PARTS = [range(30), *(pytest.param(range(first, first + 150), marks=pytest.mark.soak) for first in range(30, 630, 150))]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A project that may upload."""
    return make_ready(tmp_path)


@pytest.mark.parametrize("part", PARTS, ids=str)
def test_engine_and_contract_agree(config: Path, part: range) -> None:
    found = {number: disagreements(mutant(number, SEED), config, number % 50 == 49) for number in part}
    assert {number: told for number, told in found.items() if told} == {}


@pytest.mark.parametrize("generation", HEADERS)
def test_they_agree_that_a_good_file_passes(config: Path, generation: str) -> None:
    """Also that the reading does not refuse all: what is good passes under both policies."""
    for base in (0, 1, 3):
        data = to_bytes(good(generation, base))
        for is_ready in (False, True):
            one = Mutant(data, INSTANTS[0], None, False, ACME, is_ready, ())
            assert disagreements(one, config) == []
        reading = read(data, Asked(datetime(2025, 12, 1, tzinfo=UTC)))
        assert not reading.errors | reading.warnings | reading.unsure
        assert reading.organizations == {BASES[base].organization.id}
