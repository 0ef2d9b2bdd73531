"""The ratios of a run as a drawing (SVG 1.1): a row for each work, a bar for each engine, a line at the reference.

Pure. Nothing is painted behind it, the colours are of middling light and the text follows the reader's colour scheme,
so that it can be read on a page of either kind.
"""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from bench.table import Result, reference

WIDTH, LEFT, RIGHT = 880, 330, 700
"""Of the drawing, and of its bars; left of them stands the work, right of them the figure of the reference."""
MARGIN = 8
PAGE = WIDTH + 2 * MARGIN
BAR, GAP, LINE = 12, 8, 18
FIGURE = 30
"""Width of a ratio's figure."""
COLOURS = ("#2f81f7", "#d29922", "#a371f7", "#2da44e", "#db61a2")
STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #424a53 }
.faint { fill: #6e7781 }
.strong { font-weight: 600 }
line { stroke: #8c959f; stroke-width: 1 }
@media (prefers-color-scheme: dark) { text { fill: #d1d7e0 } .faint { fill: #9198a1 } }
</style>"""


@dataclass(frozen=True, slots=True)
class Scale:
    """From a ratio to a place: 0 stands at LEFT, `most` at RIGHT."""

    most: float

    def at(self, ratio: float) -> float:
        """Return where a ratio stands."""
        return LEFT + (RIGHT - LEFT) * ratio / self.most


def draw(results: Sequence[Result], head: Sequence[str] = ()) -> str:
    """Return the drawing: what is better when less, then what is better when more, each with a scale of its own."""
    lines: list[str] = []
    y = LINE
    names = list(dict.fromkeys(name for result in results for name in result.samples))
    base = reference(names)
    y = _legend(lines, [name for name in names if name != base], y)
    for more, title in ((False, "less is better"), (True, "more is better")):
        rows = [result for result in results if result.more_is_better is more and result.ratios()]
        if rows:
            y = _panel(lines, rows, names, base, f"ratio to {base}: {title}", y + LINE)
    for text in head:
        y += LINE
        lines.append(_text(0, y, text, "faint"))
    height = y + LINE // 2
    box = f'width="{PAGE}" height="{height}" viewBox="{-MARGIN} 0 {PAGE} {height}"'
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {box}>'
    return "\n".join([opening, STYLE, *lines, "</svg>", ""])


def _legend(lines: list[str], names: Sequence[str], y: int) -> int:
    for at, name in enumerate(names):
        x = LEFT + 110 * at
        lines.append(f'<rect x="{x}" y="{y - BAR}" width="{BAR}" height="{BAR}" fill="{COLOURS[at % len(COLOURS)]}"/>')
        lines.append(_text(x + BAR + 5, y, name))
    return y


def _panel(lines: list[str], rows: Sequence[Result], names: Sequence[str], base: str, title: str, y: int) -> int:
    """Draw rows below y and return where they end."""
    others = [name for name in names if name != base]
    scale = Scale(max([1.0, *(ratio for row in rows for ratio in row.ratios().values())]))
    lines += [_text(0, y, title, "strong"), _text(WIDTH, y, base, "faint", "end")]
    lines.append(_text(scale.at(1), y, "1", "faint", "middle"))
    top = y + 4
    y = top + GAP // 2
    for row in rows:
        y = _row(lines, row, others, base, scale, y)
    lines.append(f'<line x1="{scale.at(1):.1f}" y1="{top}" x2="{scale.at(1):.1f}" y2="{y - GAP // 2}"/>')
    return y


def _row(lines: list[str], row: Result, others: Sequence[str], base: str, scale: Scale, y: int) -> int:
    ratios, present = row.ratios(), [name for name in others if name in row.samples]
    middle = y + len(present) * BAR // 2 + 4
    unit = row.unit.partition(",")[0]
    lines.append(_text(0, middle, row.title))
    lines.append(_text(WIDTH, middle, f"{plain(statistics.median(row.samples[base]))} {unit}", "faint", "end"))
    for name in present:
        colour, ratio = COLOURS[others.index(name) % len(COLOURS)], ratios[name]
        width = scale.at(ratio) - LEFT
        lines.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR - 1}" fill="{colour}"/>')
        beside = 1 if scale.at(1) - FIGURE < scale.at(ratio) < scale.at(1) else ratio  # the line runs through no figure
        lines.append(_text(scale.at(beside) + 4, y + BAR - 2, f"{ratio:.2f}"))
        y += BAR
    return y + GAP


def plain(value: float) -> str:
    """Return a figure with as many places as mean something."""
    return f"{value:.1f}" if value < 100 else f"{value:,.0f}"


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    styled = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.5g}" y="{y:g}" text-anchor="{anchor}"{styled}>{escape(words)}</text>'
