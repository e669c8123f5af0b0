"""How often `billproof spend` finds what was planted into made-up half-years, and how often it finds what was not.

`python -m benchmarks.spend [FIRST_SEED COUNT]` prints what docs/spend.md has in its table. A half-year: June to November 2026,
six projects with five of twelve line items each, weekends from a quarter to all of a weekday, noise of each line item and of each
project, slow growth; a fifth of the line items are used on a third of the days only. No real spend was at hand.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal, localcontext
from math import exp, sqrt

from billproof.model.values import EXACT, month_days
from billproof.spend.findings import Finding, findings
from billproof.spend.prices import judged
from billproof.spend.tally import Cell, Prices

MONTHS = ("2026-06", "2026-07", "2026-08", "2026-09", "2026-10", "2026-11")
DAYS = range(month_days(MONTHS[0]).start, month_days(MONTHS[-1]).stop)
MODELS, KINDS = ("gpt-5.6-sol", "gpt-5.6-luna", "gpt-5-mini", "gpt-4o-2024-08-06"), ("input", "cached input", "output")
ITEMS = [f"{model}, {kind}" for model in MODELS for kind in KINDS]
PRICE = Decimal("0.0000025")
MILLION = 1_000_000
# Planted anywhere in the last two months, so that there is history before it.
LATE = range(DAYS.stop - 60, DAYS.stop - 10)


@dataclass
class HalfYear:
    """Tokens by cell and day; `price` is the price of a line item on the days on which it is not the usual one."""

    tokens: dict[Cell, dict[int, int]] = field(default_factory=dict)
    price: dict[tuple[str, int], Decimal] = field(default_factory=dict)

    def amounts(self) -> dict[Cell, dict[int, Decimal]]:
        """The charges."""
        return {cell: {day: self._amount(cell, day) for day in by_day} for cell, by_day in self.tokens.items()}

    def _amount(self, cell: Cell, day: int) -> Decimal:
        return self.tokens[cell][day] * self.price.get((cell.item, day), PRICE)

    def prices(self, item: str, altered: tuple[Cell, int] | None = None) -> Prices:
        """The rows of a line item; one of them with ten times its amount, if it was altered."""
        found = Prices()
        with localcontext(EXACT):
            for cell in sorted(cell for cell in self.tokens if cell.item == item):
                for day, tokens in self.tokens[cell].items():
                    times = 10 if altered == (cell, day) else 1
                    found.take(self._amount(cell, day) * times, Decimal(tokens), day, 1)
        return found


def half_year(draw: random.Random, heavy_tails: bool) -> HalfYear:
    """An ordinary one. `heavy_tails`: noise of Student's t with four degrees of freedom, which has real outliers."""
    made = HalfYear()
    for project in range(6):
        scale, weekend = exp(draw.gauss(3.2, 0.9)), draw.choice((0.25, 0.4, 0.7, 1.0))
        growth = draw.gauss(0.02, 0.03) / 30
        shared = {day: draw.gauss(0, 0.15) for day in DAYS}
        for item in draw.sample(ITEMS, 5):
            level, noise, rare = scale * exp(draw.gauss(-1.6, 0.8)), draw.uniform(0.12, 0.3), draw.random() < 0.2
            by_day = made.tokens[Cell(f"proj_{project}", item)] = {}
            for day in DAYS:
                usual = shared[day] + growth * (day - DAYS.start) + noise * _noise(draw, heavy_tails)
                if not (rare and draw.random() > 0.3):
                    by_day[day] = int(level * (weekend if (day + 3) % 7 >= 5 else 1) * exp(usual) / float(PRICE))
    return made


def _noise(draw: random.Random, heavy_tails: bool) -> float:
    normal = draw.gauss(0, 1)
    return normal / sqrt(sum(draw.gauss(0, 1) ** 2 for _ in range(4)) / 4) if heavy_tails else normal


def largest(made: HalfYear) -> Cell:
    return max(made.tokens, key=lambda cell: (sum(made.tokens[cell].values()), cell))


def spike(made: HalfYear, draw: random.Random) -> Callable[[Finding], bool]:
    """The largest cell costs five times as much on a day."""
    cell, day = largest(made), draw.choice(LATE)
    made.tokens[cell][day] = 5 * made.tokens[cell].get(day, 40 * MILLION)
    return lambda found: found.kind == "spike" and found.day == day


def new(made: HalfYear, draw: random.Random) -> Callable[[Finding], bool]:
    """A model that nobody used before, in two projects, for about 20 USD a day each."""
    day = draw.choice(LATE)
    for project in ("proj_0", "proj_1"):
        daily = {at: int(8 * MILLION * exp(draw.gauss(0, 0.2))) for at in range(day, DAYS.stop)}
        made.tokens[Cell(project, "gpt-6-astra, input_tokens")] = daily
    return lambda found: found.kind == "new" and found.day == day and "astra" in found.key.item


def vanished(made: HalfYear, draw: random.Random) -> Callable[[Finding], bool]:
    """A project of middling size ends."""
    sums = Counter({cell.project: 0 for cell in made.tokens})
    for cell, by_day in made.tokens.items():
        sums[cell.project] += sum(by_day.values())
    project, day = sorted(sums, key=lambda name: (sums[name], name))[2], draw.choice(LATE)
    for cell in made.tokens:
        if cell.project == project:
            made.tokens[cell] = {at: tokens for at, tokens in made.tokens[cell].items() if at < day}
    return lambda found: found.kind == "vanished" and abs(found.day - day) <= 1 and found.key.project == project


PLANTED = {"spike, five times": spike, "new model": new, "project that ends": vanished}


def price_of(made: HalfYear, draw: random.Random) -> tuple[bool, bool]:
    """Whether a price that rises by three fifths, and a row with ten times its amount, are found on their day and alone."""
    cell, day = largest(made), draw.choice(LATE)
    others = [
        judged(made.prices(item), "tokens").word != "constant" for item in ITEMS if any(one.item == item for one in made.tokens)
    ]
    altered = (cell, draw.choice(sorted(made.tokens[cell])))
    (odd,) = judged(made.prices(cell.item, altered), "tokens").odd or (None,)
    made.price |= {(cell.item, at): PRICE * Decimal("1.6") for at in range(day, DAYS.stop)}
    changes = judged(made.prices(cell.item), "tokens").changes
    known = [at for one in made.tokens if one.item == cell.item for at in made.tokens[one] if at >= day]
    risen = [change.day for change in changes] == [min(known)]
    return risen and not any(others), odd is not None and odd.day == altered[1] and not any(others)


def main(first: int, count: int) -> None:
    """Prints a row of the table for each kind of noise."""
    for heavy_tails in (False, True):
        kinds: Counter[str] = Counter()
        quiet = 0
        hits: Counter[str] = Counter()
        for seed in range(first, first + count):
            clean = findings(half_year(random.Random(seed), heavy_tails).amounts(), DAYS)
            kinds.update(one.kind for one in clean)
            quiet += not clean
            for name, plant in PLANTED.items():
                made, draw = half_year(random.Random(seed), heavy_tails), random.Random(f"{seed} {name}")
                is_it = plant(made, draw)
                hits[name] += any(map(is_it, findings(made.amounts(), DAYS)))
            risen, altered = price_of(half_year(random.Random(seed), heavy_tails), random.Random(f"{seed} price"))
            hits["price that rises"] += risen
            hits["altered amount"] += altered
        tails = "heavy tails" if heavy_tails else "normal noise"
        print(
            f"{tails}, {count} half-years from seed {first}: found {dict(hits)}; in clean ones {dict(kinds)}, {quiet} without any"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:] or ("5000", "200")))
