"""Where the time of a start goes, by step, from wherryd's own log at level debug."""

import os
import re
import statistics
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Event

from bench.engine import Api, Engine
from bench.table import columns, p90
from bench.turns import WARM_UP, turns
from wherry.base.errors import System
from wherry.main.system import PLATFORM

LINE = re.compile(r"start ([0-9a-f]{64}): (.+)")
STEP = re.compile(r"([\w.-]+) (\d+(?:\.\d+)?) ms")


def parse_steps(lines: Iterable[str], idents: Collection[str]) -> list[dict[str, float]]:
    """Return milliseconds by step for each logged start of one of the containers."""
    starts = [match for match in map(LINE.search, lines) if match and match[1] in idents]
    return [{name: float(spent) for name, spent in STEP.findall(match[2])} for match in starts]


def render_steps(name: str, starts: Sequence[Mapping[str, float]], calls: Sequence[float]) -> str:
    """Return the table of one engine: the steps in their order, their sum, and the calls as the client saw them."""
    spent: dict[str, list[float]] = {}
    for start in starts:
        for step, value in start.items():
            spent.setdefault(step, []).append(value)
    spent |= {"all steps": [sum(start.values()) for start in starts], "the call, seen by the client": [*calls]}
    header = (f"start on {name}, by step [ms]", "median", "p90", "n")
    rows = [(step, f"{statistics.median(of):.1f}", f"{p90(of):.1f}", str(len(of))) for step, of in spent.items()]
    return columns([header, *rows], left=1)


def steps(engines: Sequence[Engine], rounds: int, log: Path, stop: Event) -> str:
    """Start containers and return the tables of the engines, one as a rule, of whose starts the log tells."""
    try:
        with log.open(errors="replace") as file:
            file.seek(0, os.SEEK_END)
            made = _start_all(engines, rounds, stop)
            lines = file.readlines()
    except OSError as error:
        raise System(f"cannot read STEPS_LOG: {error}") from error
    found = {name: parse_steps(lines, calls) for name, calls in made.items()}
    tables = [render_steps(name, starts, [*made[name].values()]) for name, starts in found.items() if starts]
    if not tables:
        raise System(f"{log} tells of no start of this run: is it the log of a wherryd that runs with --debug?")
    return "\n\n".join(tables)


def _start_all(engines: Sequence[Engine], rounds: int, stop: Event) -> dict[str, dict[str, float]]:
    """Return the milliseconds of the start call by container, for each wherry engine."""
    with ExitStack() as stack:
        apis = {engine.name: stack.enter_context(closing(Api(engine))) for engine in engines}
        made: dict[str, dict[str, float]] = {
            name: {} for name, api in apis.items() if api.version()["Platform"]["Name"] == PLATFORM
        }
        for turn, name in turns(list(made), rounds, stop):
            ident = apis[name].create("bridge")
            begun = time.perf_counter()
            apis[name].start(ident)
            spent = (time.perf_counter() - begun) * 1e3
            apis[name].finish(ident)
            if turn != WARM_UP:
                made[name][ident] = spent
    return made
