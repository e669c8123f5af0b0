"""The plots of docs/benchmarks.md, drawn in the peers' environment: `python plots.py docs/benchmarks.json`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl
from matplotlib import pyplot as plt

mpl.use("svg")
mpl.rcParams.update(
    {
        "svg.fonttype": "none", "svg.hashsalt": "billproof", "font.family": "sans-serif", "font.size": 11,
        "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True, "grid.color": "#e3e3e3",
        "figure.facecolor": "white", "axes.facecolor": "white", "axes.axisbelow": True,
    }
)  # fmt: skip
OURS, OTHERS = "#c2410c", ("#1d4ed8", "#0f766e", "#7c3aed", "#4d7c0f", "#be185d", "#0369a1", "#92400e", "#475569")
DASHES = ("-", (0, (4, 2)), (0, (1, 1.5)))
SIGHTS = (("row+col", "cell", "#166534"), ("row", "row", "#4ade80"), ("seen", "seen", "#bfdbfe"),
          ("abort", "breaks", "#fcd34d"), ("missed", "not seen", "#dc2626"))  # fmt: skip
UNITS = {"seconds": "seconds, whole process", "memory": "peak memory, MiB"}


def main(figures: str) -> None:
    """Three pictures beside the page."""
    path = Path(figures)
    results = json.loads(path.read_text("utf-8"))
    images = path.parent / "images"
    lines(results, "seconds", images / "benchmark-time.svg")
    lines(results, "memory", images / "benchmark-memory.svg")
    bars(results["detection"], images / "benchmark-detection.svg")


def lines(figures: dict[str, Any], quantity: str, target: Path) -> None:
    """A line for each tool, over the number of rows; both axes logarithmic."""
    points: dict[str, dict[int, float]] = {}
    ours: dict[int, list[float]] = {}
    for match in figures["matches"]:
        if match["good"] and not match["why_not"]:
            points.setdefault(match["tool"], {})[match["rows"]] = median(run[quantity] for run in match["theirs"])
            ours.setdefault(match["rows"], []).extend(run[quantity] for run in match["ours"])
    figure, axes = plt.subplots(figsize=(9.5, 5.6))
    for number, (tool, at) in enumerate(points.items()):
        color, dash = OTHERS[number % len(OTHERS)], DASHES[number // len(OTHERS)]
        axes.plot(list(at), list(at.values()), color=color, linestyle=dash, marker="o", markersize=3.5, linewidth=1.4, label=tool)
    middle = {rows: median(runs) for rows, runs in ours.items()}
    axes.plot(list(middle), list(middle.values()), color=OURS, marker="o", linewidth=3.2, label="billproof", zorder=5)
    axes.set(xscale="log", yscale="log", xlabel="rows", ylabel=UNITS[quantity])
    axes.set_xticks(list(middle), [f"{rows:,}" for rows in middle])
    axes.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    axes.yaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:g}"))
    order = sorted(zip(*axes.get_legend_handles_labels(), strict=True), key=lambda entry: -entry[0].get_ydata()[-1])
    axes.legend(*zip(*order, strict=True), loc="center left", bbox_to_anchor=(1.01, 0.5), frameon=False)
    save(figure, target)


def bars(cases: dict[str, Any], target: Path) -> None:
    """A bar for each tool: how it saw the damaged exports."""
    tools = cases["tools"][::-1]
    figure, axes = plt.subplots(figsize=(9.5, 0.42 * len(tools) + 1.4))
    left = [0] * len(tools)
    for sight, word, color in SIGHTS:
        counts = [sum(line["seen"][tool]["saw"] == sight for line in cases["faulty"]) for tool in tools]
        drawn = axes.barh(tools, counts, left=left, color=color, label=word, edgecolor="white")
        ink = "white" if sight in ("row+col", "missed") else "#1f2937"
        labels = [str(count) if count > 1 else "" for count in counts]
        axes.bar_label(drawn, labels=labels, label_type="center", color=ink, fontsize=9)
        left = [count + more for count, more in zip(left, counts, strict=True)]
    axes.set_xlabel("damaged exports")
    axes.grid(axis="y", visible=False)
    axes.margins(x=0)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(SIGHTS), frameon=False)
    save(figure, target)


def save(figure: Any, target: Path) -> None:
    """As SVG that is the same from the same figures."""
    figure.savefig(target, bbox_inches="tight", metadata={"Date": None})
    plt.close(figure)
    target.write_text("\n".join(line.rstrip() for line in target.read_text("utf-8").splitlines()) + "\n", "utf-8")


if __name__ == "__main__":
    main(sys.argv[1])
