"""The figures as a page: docs/benchmarks.md, and the table in the decision on large files. Words are in page.md.

Everything follows from docs/benchmarks.json: written again, the page is the same.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from statistics import median
from string import Template
from typing import Any

from benchmarks.detection import ABORTED, CELL, MISSED, ROW, SEEN, exact_totals, tally
from benchmarks.goals import LARGE
from benchmarks.measure import MEMORY_LIMIT, SECONDS_LIMIT

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "benchmarks.json"
PAGE = ROOT / "docs" / "benchmarks.md"
DECISION = ROOT / "docs" / "decisions" / "0001-files-past-100000-rows.md"
SCREEN = "DuckDB screen"
WORDS = {CELL: "cell", ROW: "row", SEEN: "seen", ABORTED: "breaks", MISSED: "–"}

Found = dict[str, Any]
Rows = Iterable[Sequence[str]]


def write_pages(figures: Found, draw: Callable[[], object]) -> None:
    """The page, its plots, and the figures of the decision."""
    PAGE.write_text(page(figures), "utf-8")
    DECISION.write_text(with_figures(DECISION.read_text("utf-8"), decision(figures)), "utf-8")
    draw()


def page(figures: Found) -> str:
    """docs/benchmarks.md as text."""
    words = Template(Path(__file__).with_name("page.md").read_text("utf-8"))
    return words.substitute(
        about=about(figures),
        goals=goals(figures["goals"]),
        missed=missed(figures["goals"]),
        contest=contest(figures),
        generations=generations(figures),
        cases=len(figures["detection"]["faulty"]),
        tally=tallies(figures["detection"]),
        detection=detections(figures["detection"]),
        seconds_limit=SECONDS_LIMIT,
        memory_limit=MEMORY_LIMIT // 1024,
        minutes=figures["minutes"],
    )


def about(figures: Found) -> str:
    """When, where, and what of which version."""
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    before, after = figures["load_before"], figures["load_after"]
    lines = [
        f"Measured {figures['date']} on {figures['machine']}, Python {figures['python']}.",
        f"Load average {before:.1f} before, {after:.1f} after (the measuring itself makes about two).",
        f"Versions: {versions}.",
    ]
    if before > 1:
        lines.append("**The machine was busy with other work: times are too long, and the ratios rough.**")
    if figures["largest"] < 5_000_000:
        lines.append(f"**No files over {figures['largest']:,} rows were measured this time.**")
    return "\n".join(lines)


def goals(entries: Sequence[Found]) -> str:
    """The table of the goals."""
    rows = [
        (
            entry["text"],
            f"{entry['first']:g}x" if entry["first"] else "",
            entry["wanted"],
            f"{entry['ratio']:.2f}x ({entry['lowest']:.2f}–{entry['highest']:.2f}, {entry['rounds']} rounds)",
            "yes" if entry["met"] else "**no**",
        )
        for entry in entries
    ]
    return table(("goal", "at first", "wanted", "measured", "met"), rows)


def missed(entries: Sequence[Found]) -> str:
    """What is missed, by how much, and what it would take."""
    failed = [entry for entry in entries if not entry["met"]]
    lines = [f"- {entry['text']}: missed by {entry['missed_by']:.0%}. Needed: {entry['needed']}." for entry in failed]
    return "\n".join(["Missed:", "", *lines]) if lines else "All are met."


def contest(figures: Found) -> str:
    """The table of the peers: a line for each, a column for each size."""
    sizes = list(dict.fromkeys((match["rows"], match["good"]) for match in figures["matches"]))
    titles = [f"{rows:,} rows{'' if good else ', every amount bad'}" for rows, good in sizes]
    tools = dict.fromkeys(match["tool"] for match in figures["matches"])
    cells = {(match["tool"], match["rows"], match["good"]): match_cell(match) for match in figures["matches"]}
    lines = [("**billproof**", *(ours_cell(figures, *size) for size in sizes))]
    lines += [(tool, *(cells[(tool, *size)] for size in sizes)) for tool in tools]
    return table(("tool", *titles), lines)


def match_cell(match: Found) -> str:
    """Their time, memory, and times ours."""
    if match["why_not"]:
        return str(match["why_not"])
    seconds, memory = medians(match["theirs"])
    ratios = ratios_of(match)
    spread = f" ({min(ratios):.2f}–{max(ratios):.2f})" if len(ratios) > 1 else " (one run)"
    return f"{seconds:.2f} s · {memory:.0f} MiB · {median(ratios):.2f}x{spread}"


def ours_cell(figures: Found, rows: int, good: bool) -> str:
    """The median of all of our runs on a size."""
    runs = [run for match in figures["matches"] if (match["rows"], match["good"]) == (rows, good) for run in match["ours"]]
    if not runs:
        return "not measured"
    seconds, memory = medians(runs)
    return f"{seconds:.2f} s · {memory:.0f} MiB"


def generations(figures: Found) -> str:
    """Our time on each generation of the header."""
    at_large = figures["processes"].get(str(LARGE), {})
    names = {"check of H1": "H1", "check of H2": "H2", "check of H3": "H3", "check": "H4"}
    cells = [f"{short} {at_large[name]['seconds']:.2f}" for name, short in names.items() if name in at_large]
    return ", ".join(cells) or "not measured"


def tallies(figures: Found) -> str:
    """How often each tool saw what."""
    rows = []
    for tool in figures["tools"]:
        counts, false_alarms = tally(figures["faulty"], tool), tally(figures["good"], tool)
        alarms = len(figures["good"]) - false_alarms[MISSED]
        sights = [str(counts[way]) for way in (CELL, ROW, SEEN, ABORTED, MISSED)]
        exact = f"{exact_totals(figures['good'], tool)} of {len(figures['good'])}"
        rows.append((tool, *sights, str(counts["stopped"]), str(alarms), exact))
    columns = ("tool", "cell", "row", "seen", "breaks", "not seen", "exit not 0", "false alarms", "exact totals")
    return table(columns, rows)


def detections(figures: Found) -> str:
    """A line for each damaged export, a column for each tool."""
    lines = [(line["what"], *(sight(line["seen"][tool]) for tool in figures["tools"])) for line in figures["faulty"]]
    lines += [(f"*{line['what']}*", *(sight(line["seen"][tool]) for tool in figures["tools"])) for line in figures["silent"]]
    return table(("damage", *figures["tools"]), lines)


def sight(seen: Found) -> str:
    """What a tool saw, in a word."""
    word = WORDS[seen["saw"]]
    return f"{word}, exit 0" if seen["exit"] == 0 and seen["saw"] != MISSED else word


def decision(figures: Found) -> str:
    """What the screen would gain on a clean file, end to end."""
    lines = []
    for match in figures["matches"]:
        if match["tool"] == SCREEN and match["good"]:
            lines.append(gain(match))
    starts, size = figures["starts"], figures["installed_mib"]
    none, loaded = starts["pass"]["seconds"], starts["import duckdb"]["seconds"]
    text = (
        f"Measured {figures['date']} on {figures['machine']}; duckdb {figures['versions']['duckdb']}. Loading it takes "
        f"{loaded - none:.2f} s beside {none:.3f} s of a bare interpreter; installed it is {size:.0f} MiB."
    )
    return f"{text}\n\n{table(('clean file', 'billproof check', 'one query', 'gain'), lines)}"


def gain(match: Found) -> tuple[str, ...]:
    """A line of the decision: ours, theirs, and the difference to a user who waits."""
    rows = f"{match['rows']:,} rows"
    if match["why_not"]:
        return rows, "", str(match["why_not"]), ""
    (ours, our_memory), (theirs, their_memory) = medians(match["ours"]), medians(match["theirs"])
    difference = f"{abs(ours - theirs):.2f} s {'sooner' if ours > theirs else 'later'}, {ours / theirs:.1f} times as fast"
    return rows, f"{ours:.2f} s · {our_memory:.0f} MiB", f"{theirs:.2f} s · {their_memory:.0f} MiB", difference


def with_figures(text: str, figures: str) -> str:
    """A page with what stands between its marks put anew."""
    marks = r"(<!-- figures -->\n).*?(<!-- end of figures -->)"
    changed, count = re.subn(marks, lambda mark: f"{mark[1]}\n{figures}\n\n{mark[2]}", text, flags=re.DOTALL)
    if count != 1:
        raise ValueError("the page has no place for the figures")
    return changed


def medians(runs: Sequence[Found]) -> tuple[float, float]:
    """Time and memory."""
    return median(run["seconds"] for run in runs), median(run["memory"] for run in runs)


def ratios_of(match: Found) -> list[float]:
    """Their time over ours, round by round."""
    return [theirs["seconds"] / ours["seconds"] for theirs, ours in zip(match["theirs"], match["ours"], strict=True)]


def table(titles: Sequence[str], rows: Rows) -> str:
    """A table in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)
