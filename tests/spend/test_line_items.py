"""OpenAI's line items, taken apart: known forms exactly, unknown ones without a failure and without a change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billproof.spend.line_items import CONTEXTS, KINDS, MODALITIES, TIERS, family, meter, parse
from tests.spend.line_item_cases import CASES, Case


@pytest.mark.parametrize("text, expected", CASES)
def test_what_a_line_item_says(text: str, expected: Case) -> None:
    item = parse(text)
    assert item.raw == text
    assert (item.tier, item.product, item.model, item.modality, item.kind, item.context, item.other, item.known) == expected


WORDS = [
    *TIERS,
    *KINDS,
    *CONTEXTS,
    *MODALITIES,
    "evals",
    "gpt-4o",
    "ada v2",
    " | ",
    ", ",
    " ",
    "_",
    "é",
    "İ",
    "\0",
    "\n",
    "(",
    "-2024-08-06",
]


@given(st.lists(st.sampled_from(WORDS), max_size=12).map("".join))
def test_any_text_is_kept_and_taken_apart_without_loss(text: str) -> None:
    item = parse(text)
    assert item.raw == text
    for part in (item.product, item.model, *item.other):
        assert part is None or part in text
    assert meter(item) == text or item.kind


@pytest.mark.parametrize(
    "model, expected",
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("gpt-4o-audio-preview-2024-12-17", "gpt-4o-audio-preview"),
        ("gpt-4o-2024-08", "gpt-4o-2024-08"),
        ("gpt-4-0613", "gpt-4-0613"),
        ("ft-gpt-4o-2024-08-06", "ft-gpt-4o-2024-08-06"),
        ("ft:gpt-4o-mini-2024-07-18:acme::AbC1", "ft:gpt-4o-mini-2024-07-18:acme::AbC1"),
        ("2024-08-06", "2024-08-06"),
    ],
)
def test_the_family_of_a_model(model: str, expected: str) -> None:
    assert family(model) == expected


@pytest.mark.parametrize(
    "text, expected",
    [
        ("gpt-5, input_tokens", "Input Tokens"),
        ("gpt-5, output", "Output Tokens"),
        ("gpt-5, cached_input_tokens", "Cached Input Tokens"),
        ("gpt-5.6-luna, cache writes", "Cache Write Tokens"),
        ("gpt-4o-audio-preview-2024-12-17 audio, cached input", "Audio Cached Input Tokens"),
        ("assistants api | file search", "assistants api | file search"),
        ("dall-e 3, standard, 1024x1024", "dall-e 3, standard, 1024x1024"),
        ("", ""),
    ],
)
def test_the_meter_of_a_line_item(text: str, expected: str) -> None:
    assert meter(parse(text)) == expected
