"""From samples to a table that a person can read. Pure."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

REFERENCE = "docker"
HEADER = ("", "engine", "median", "p90", "ratio", "n")


@dataclass(frozen=True, slots=True)
class Result:
    """Samples of one measurement by engine."""

    title: str
    unit: str
    samples: Mapping[str, Sequence[float]]
    more_is_better: bool = False

    def ratios(self) -> dict[str, float]:
        """Return the ratio of medians to the reference by engine; empty when that is 0."""
        medians = {name: statistics.median(samples) for name, samples in self.samples.items()}
        base = medians[reference(list(medians))]
        return {name: median / base for name, median in medians.items()} if base else {}


def p90(samples: Sequence[float], more_is_better: bool = False) -> float:
    """Return what nine samples in ten reach or better; samples are not empty."""
    return percentile(samples, 90, more_is_better)


def percentile(samples: Sequence[float], percent: int, more_is_better: bool = False) -> float:
    """Return what so many samples in a hundred reach or better, by nearest rank; samples are not empty."""
    ranked = sorted(samples, reverse=more_is_better)
    return ranked[math.ceil(percent * len(ranked) / 100) - 1]


def reference(names: Sequence[str]) -> str:
    """Return the engine that the ratios are to: the one called docker, else the first."""
    return REFERENCE if REFERENCE in names else names[0]


def render(results: Sequence[Result]) -> str:
    """Return the table: a block per measurement, a line per engine, the ratio of medians to the reference."""
    rows: list[tuple[str, ...]] = []
    for result in results:
        ratios = result.ratios()
        title = f"{result.title} [{result.unit}]"
        for name, samples in result.samples.items():
            median = statistics.median(samples)
            worst = p90(samples, result.more_is_better)
            ratio = f"{ratios[name]:.2f}" if ratios else "-"
            rows.append((title, name, f"{median:.1f}", f"{worst:.1f}", ratio, str(len(samples))))
            title = ""
    return columns([HEADER, *rows], left=2)


def columns(rows: Sequence[Sequence[str]], left: int) -> str:
    """Return rows as aligned columns, the first `left` of them to the left; the first row is underlined."""
    widths = [max(len(row[at]) for row in rows) for at in range(len(rows[0]))]
    lines = [
        "  ".join(
            cell.ljust(width) if at < left else cell.rjust(width) for at, (cell, width) in enumerate(cells)
        ).rstrip()
        for cells in (list(zip(row, widths, strict=True)) for row in rows)
    ]
    lines.insert(1, "-" * (sum(widths) + 2 * (len(widths) - 1)))
    return "\n".join(lines)
