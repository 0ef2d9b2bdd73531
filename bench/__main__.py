"""The program behind `make bench`: compare engines, print the table, leave nothing behind."""

import argparse
import os
import platform
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from threading import Event
from typing import Final

from bench.chart import draw
from bench.engine import IMAGE, Api, Engine, parse_engines
from bench.measure import Measurement, measure
from bench.parts import ALL, BOOTS, COMMAND, FLIGHTS, MEMORY_AFTER, MEMORY_BEFORE, PARTS
from bench.saved import Run, read, save, write
from bench.steps import steps
from bench.table import render
from wherry.base.errors import EngineError, InvalidParameter, System
from wherry.main.demo import demo_archive

MEMORY: Final = "memory"
STEPS: Final = "steps"
USAGE: Final = f"""Compare engines on this machine, in one interleaved run (docs/benchmarks.md tells how to read it):

  make bench ENGINES="wherry=unix:///run/wherry/wherry.sock docker=unix:///run/docker.sock"

  ENGINES    name=unix:///path of each running engine; ratios are to the one called docker, else to the first
  BENCH      parts, with commas: {",".join(PARTS)},{MEMORY} (the default), {STEPS}, {",".join(FLIGHTS)},
             and {",".join(BOOTS)}, which end each engine and start it again as it was started
  ROUNDS     samples of each engine (30); many, flights, held and memory take a tenth of that, served a fifth,
             boot and live a third
  STEPS_LOG  log of a wherryd that runs with --debug: adds the part {STEPS}, the time of a start by step
  JSON       a file to save the run in
  SVG        a file to draw the ratios in
  SAVED      runs to show and to draw as one, with commas, in place of measuring: files that JSON has named

Needs the right to the sockets and, for memory, root. The image and the containers it makes are removed at the end."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run."""

    engines: list[Engine]
    parts: list[str]
    rounds: int
    log: Path | None
    json: Path | None
    svg: Path | None
    saved: list[Path]


def parse(arguments: Sequence[str]) -> Options:
    """Return what the command line asks for; InvalidParameter names what cannot be."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("engines", nargs="*")
    parser.add_argument("--parts", default="")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--steps-log", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--svg", type=Path)
    parser.add_argument("--saved", default="")
    given = parser.parse_args(arguments)
    parts = given.parts.split(",") if given.parts else [*PARTS, MEMORY]
    parts += [STEPS] if given.steps_log and STEPS not in parts else []
    if unknown := set(parts) - {*ALL, MEMORY, STEPS}:
        raise InvalidParameter(f"no such part: {', '.join(sorted(unknown))}")
    if STEPS in parts and not given.steps_log:
        raise InvalidParameter("the part steps needs STEPS_LOG, the log of a wherryd that runs with --debug")
    if given.rounds < 1:
        raise InvalidParameter(f"ROUNDS is {given.rounds}: at least 1 is needed")
    saved = [Path(name) for name in given.saved.split(",") if name]
    return Options(parse_engines(given.engines), parts, given.rounds, given.steps_log, given.json, given.svg, saved)


def main(arguments: Sequence[str]) -> int:
    """Run and return the exit status; what was measured is shown also when the run is cut short."""
    try:
        options = parse(arguments)
        if options.saved:
            _show(options, _joined([read(path) for path in options.saved]))
            return 0
        if not options.engines:
            print(USAGE)
            return 0
        run = Run(_facts(options), [])
    except EngineError as error:
        return _complain(error)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    status = 0
    try:
        _run(options, run, stop)
    except EngineError as error:
        status = _complain(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 128 + signal.SIGINT
    finally:
        status = _tidy(options.engines) or status
    return status


def _joined(runs: Sequence[Run]) -> Run:
    return Run([line for run in runs for line in run.head], [result for run in runs for result in run.results])


def _show(options: Options, run: Run) -> None:
    """Print the table, and write the files that were asked for."""
    print(f"\n{render(run.results)}", flush=True)
    if options.json:
        save(options.json, run)
    if options.svg:
        write(options.svg, draw(run.results, run.head))


def _run(options: Options, run: Run, stop: Event) -> None:
    try:
        _measure_all(options, run, stop)
    finally:
        if run.results:
            _show(options, run)
    if STEPS in options.parts and options.log:
        _say_progress("start by step")
        print(f"\n{steps(options.engines, options.rounds, options.log, stop)}", flush=True)


def _measure_all(options: Options, run: Run, stop: Event) -> None:
    def take(what: Measurement) -> None:
        _say_progress("; ".join(line.title for line in what.lines))
        run.results.extend(measure(what, options.engines, options.rounds, stop))

    if MEMORY in options.parts:
        take(MEMORY_BEFORE)
    _load(options.engines)
    chosen = [what for name, group in ALL.items() if name in options.parts for what in group]
    for what in chosen:
        if what is COMMAND and not shutil.which("docker"):
            print("no docker in PATH: the whole command is left out", file=sys.stderr)
            continue
        take(what)
    if MEMORY in options.parts and chosen:
        take(MEMORY_AFTER)


def _load(engines: Sequence[Engine]) -> None:
    archive = demo_archive(IMAGE, ["true"])
    for engine in engines:
        with closing(Api(engine)) as api:
            api.load(archive)


def _tidy(engines: Sequence[Engine]) -> int:
    """Remove what the run made on every engine."""
    status = 0
    for engine in engines:
        try:
            with closing(Api(engine)) as api:
                api.tidy()
        except EngineError as error:
            status = _complain(error)
    return status


def _facts(options: Options) -> list[str]:
    """Print and return where the run is taken; System for an engine that cannot do what is to be measured."""
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    rounds = f"{options.rounds} rounds, order rotated"
    head = [f"{date.today()}, Linux {platform.release()}, {os.cpu_count()} CPUs, load {load}; {rounds}"]
    print(head[0])
    for engine in options.engines:
        with closing(Api(engine)) as api:
            parts = ", ".join(f"{part['Name']} {part['Version']}" for part in api.version()["Components"])
            info = api.get("/info")
        if "live" in options.parts and not info["LiveRestoreEnabled"]:
            raise System(f"{engine.name} runs without --live-restore: the part live needs it")
        head.append(f"{engine.name}: {parts}; {info['Driver']}, {info['DefaultRuntime']}")
        print(f"  {head[-1]}", flush=True)
    return head


def _say_progress(title: str) -> None:
    print(f"... {title}", file=sys.stderr, flush=True)


def _complain(error: EngineError) -> int:
    print(f"bench: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
