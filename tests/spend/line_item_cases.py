"""Line items and what `parse` says of them, by hand: (tier, product, model, modality, kind, context, other, known)."""

from __future__ import annotations

Case = tuple[str | None, str | None, str | None, str | None, str | None, str | None, tuple[str, ...], bool]

CASES: list[tuple[str, Case]] = [
    ("gpt-4o-2024-08-06, input", (None, None, "gpt-4o-2024-08-06", None, "input", None, (), True)),
    ("gpt-4o-2024-08-06, cached input", (None, None, "gpt-4o-2024-08-06", None, "cached input", None, (), True)),
    ("gpt-4o-2024-08-06, output", (None, None, "gpt-4o-2024-08-06", None, "output", None, (), True)),
    ("gpt-5, input_tokens", (None, None, "gpt-5", None, "input", None, (), True)),
    ("gpt-5, output_tokens", (None, None, "gpt-5", None, "output", None, (), True)),
    ("gpt-5, cached_input_tokens", (None, None, "gpt-5", None, "cached input", None, (), True)),
    ("gpt-6-astra, input_tokens", (None, None, "gpt-6-astra", None, "input", None, (), True)),
    ("gpt-5.6-luna, cache writes", (None, None, "gpt-5.6-luna", None, "cache write", None, (), True)),
    ("priority | gpt-5.6-sol, output, long context", ("priority", None, "gpt-5.6-sol", None, "output", "long", (), True)),
    ("gpt-5.6-sol, cached input, long context", (None, None, "gpt-5.6-sol", None, "cached input", "long", (), True)),
    ("gpt-5.6-sol, long context, input", (None, None, "gpt-5.6-sol", None, "input", "long", (), True)),
    ("flex | gpt-5-mini, input", ("flex", None, "gpt-5-mini", None, "input", None, (), True)),
    ("batch api | gpt-4o-mini-2024-07-18, output", ("batch", None, "gpt-4o-mini-2024-07-18", None, "output", None, (), True)),
    ("Batch API | gpt-4o, input", ("batch", None, "gpt-4o", None, "input", None, (), True)),
    ("evals | gpt-4o-2024-08-06, input", (None, "evals", "gpt-4o-2024-08-06", None, "input", None, (), True)),
    ("assistants api | file search", (None, "assistants api", None, None, None, None, ("file search",), False)),
    ("assistants api | code interpreter", (None, "assistants api", None, None, None, None, ("code interpreter",), False)),
    (
        "web search tool calls | gpt-4o mini, med",
        (None, "web search tool calls", "gpt-4o mini", None, None, None, ("med",), False),
    ),
    ("web search tool calls | gpt-5", (None, "web search tool calls", "gpt-5", None, None, None, (), True)),
    ("gpt-image-1 image, output", (None, None, "gpt-image-1", "image", "output", None, (), True)),
    ("gpt-image-1 text, input", (None, None, "gpt-image-1", "text", "input", None, (), True)),
    ("gpt-4o-realtime-preview audio, output", (None, None, "gpt-4o-realtime-preview", "audio", "output", None, (), True)),
    (
        "gpt-4o-audio-preview-2024-12-17 audio, cached input",
        (None, None, "gpt-4o-audio-preview-2024-12-17", "audio", "cached input", None, (), True),
    ),
    ("dall-e 3, standard, 1024x1024", (None, None, "dall-e 3", None, None, None, ("standard", "1024x1024"), False)),
    ("ft-gpt-4o-2024-08-06, output", (None, None, "ft-gpt-4o-2024-08-06", None, "output", None, (), True)),
    (
        "ft:gpt-4o-mini-2024-07-18:acme::AbC1, input",
        (None, None, "ft:gpt-4o-mini-2024-07-18:acme::AbC1", None, "input", None, (), True),
    ),
    ("ada v2", (None, None, "ada v2", None, None, None, (), True)),
    ("whisper", (None, None, "whisper", None, None, None, (), True)),
    ("tts hd", (None, None, "tts hd", None, None, None, (), True)),
    ("text-embedding-3-small, input", (None, None, "text-embedding-3-small", None, "input", None, (), True)),
    ("text-embedding-3-small", (None, None, "text-embedding-3-small", None, None, None, (), True)),
    ("GPT-4o, Input", (None, None, "GPT-4o", None, "input", None, (), True)),
    ("scale tier | gpt-4o, input", (None, "scale tier", "gpt-4o", None, "input", None, (), False)),
    ("gpt-9, reasoning tokens", (None, None, "gpt-9", None, None, None, ("reasoning tokens",), False)),
    ("gpt-5, input, output", (None, None, "gpt-5", None, "input", None, ("output",), False)),
    ("Vector store (GB-day)", (None, None, None, None, None, None, ("Vector store (GB-day)",), False)),
    ("", (None, None, None, None, None, None, ("",), False)),
    (" | ", (None, None, None, None, None, None, ("",), False)),
    ("priority | flex | gpt-5, input", ("priority", None, None, None, "input", None, ("flex | gpt-5",), False)),
    ("模型一, input", (None, None, None, None, "input", None, ("模型一",), False)),
]
