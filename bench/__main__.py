"""The program behind `make bench`: compare engines, print the table, leave nothing behind."""

import argparse
import json
import os
import platform
import shutil
import signal
import sys
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from typing import Final

from bench.engine import IMAGE, Api, Engine, parse_engines
from bench.parts import BOOTS, COMMAND, MEMORY_AFTER, MEMORY_BEFORE, PARTS, Measurement, measure
from bench.steps import steps
from bench.table import Result, render
from wherry.base.errors import EngineError, InvalidParameter
from wherry.main.demo import demo_archive

MEMORY: Final = "memory"
STEPS: Final = "steps"
USAGE: Final = f"""Compare engines on this machine, in one interleaved run (docs/benchmarks.md tells how to read it):

  make bench ENGINES="wherry=unix:///run/wherry/wherry.sock docker=unix:///run/docker.sock"

  ENGINES    name=unix:///path of each running engine; ratios are to the one called docker, else to the first
  BENCH      parts, with commas: {",".join(PARTS)},{MEMORY} (the default), {STEPS},
             and {",".join(BOOTS)}, which end each engine and start it again as it was started
  ROUNDS     samples of each engine (30); many and memory take a tenth of that, boot and live a third
  STEPS_LOG  log of a wherryd that runs with --debug: adds the part {STEPS}, the time of a start by step

Needs the right to the sockets and, for memory, root. The image and the containers it makes are removed at the end."""


@dataclass(frozen=True, slots=True)
class Options:
    """What to run."""

    engines: list[Engine]
    parts: list[str]
    rounds: int
    log: Path | None


def parse(arguments: Sequence[str]) -> Options:
    """Return what the command line asks for; InvalidParameter names what cannot be."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("engines", nargs="*")
    parser.add_argument("--parts", default="")
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--steps-log", type=Path)
    given = parser.parse_args(arguments)
    parts = given.parts.split(",") if given.parts else [*PARTS, MEMORY]
    parts += [STEPS] if given.steps_log and STEPS not in parts else []
    if unknown := set(parts) - {*PARTS, *BOOTS, MEMORY, STEPS}:
        raise InvalidParameter(f"no such part: {', '.join(sorted(unknown))}")
    if STEPS in parts and not given.steps_log:
        raise InvalidParameter("the part steps needs STEPS_LOG, the log of a wherryd that runs with --debug")
    if given.rounds < 1:
        raise InvalidParameter(f"ROUNDS is {given.rounds}: at least 1 is needed")
    return Options(parse_engines(given.engines), parts, given.rounds, given.steps_log)


def main(arguments: Sequence[str]) -> int:
    """Run and return the exit status; what was measured is shown also when the run is cut short."""
    try:
        options = parse(arguments)
        if not options.engines:
            print(USAGE)
            return 0
        _say_facts(options)
    except EngineError as error:
        return _complain(error)
    stop = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    status = 0
    try:
        _run(options, stop)
    except EngineError as error:
        status = _complain(error)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        status = 128 + signal.SIGINT
    finally:
        status = _tidy(options.engines) or status
    return status


def _run(options: Options, stop: Event) -> None:
    results: list[Result] = []
    try:
        _measure_all(options, results, stop)
    finally:
        if results:
            print(f"\n{render(results)}", flush=True)
    if STEPS in options.parts and options.log:
        _say_progress("start by step")
        print(f"\n{steps(options.engines, options.rounds, options.log, stop)}", flush=True)


def _measure_all(options: Options, results: list[Result], stop: Event) -> None:
    def take(what: Measurement) -> None:
        _say_progress(what.title)
        results.append(measure(what, options.engines, options.rounds, stop))

    if MEMORY in options.parts:
        take(MEMORY_BEFORE)
    _load(options.engines)
    chosen = [what for name, group in {**PARTS, **BOOTS}.items() if name in options.parts for what in group]
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


def _say_facts(options: Options) -> None:
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    print(f"Linux {platform.release()}, {os.cpu_count()} CPUs, load {load}; {options.rounds} rounds, order rotated")
    for engine in options.engines:
        with closing(Api(engine)) as api:
            parts = ", ".join(f"{part['Name']} {part['Version']}" for part in api.version()["Components"])
            info = json.loads(api.call("GET", "/info"))
            print(f"  {engine.name}: {parts}; {info['Driver']}, {info['DefaultRuntime']}", flush=True)


def _say_progress(title: str) -> None:
    print(f"... {title}", file=sys.stderr, flush=True)


def _complain(error: EngineError) -> int:
    print(f"bench: {error}", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
