from threading import Event

import pytest

from bench.__main__ import parse
from bench.engine import Engine, parse_engines
from bench.steps import parse_steps, render_steps
from bench.table import Result, p90, percentile, reference, render
from bench.turns import WARM_UP, order, turns
from wherry.base.errors import InvalidParameter

ID, OTHER = "a" * 64, "b" * 64


def test_each_engine_comes_first_equally_often() -> None:
    rounds = [order(["a", "b", "c"], turn) for turn in range(6)]
    assert rounds[:3] == [["a", "b", "c"], ["b", "c", "a"], ["c", "a", "b"]]
    assert rounds[3:] == rounds[:3]
    assert order([], 3) == []


def test_turns_begin_with_a_round_that_does_not_count() -> None:
    taken = list(turns(["a", "b"], 2, Event(), pause=0))
    assert taken == [(WARM_UP, "b"), (WARM_UP, "a"), (0, "a"), (0, "b"), (1, "b"), (1, "a")]


def test_turns_end_between_two_samples() -> None:
    stop = Event()
    under_way = turns(["a", "b"], 9, stop, pause=0)
    assert next(under_way) == (WARM_UP, "b")
    stop.set()
    with pytest.raises(KeyboardInterrupt):
        next(under_way)


def test_p90_is_what_nine_in_ten_reach() -> None:
    assert p90([7.0]) == 7.0
    assert p90([float(value) for value in range(1, 11)]) == 9.0
    assert p90([float(value) for value in range(1, 11)], more_is_better=True) == 2.0


def test_a_percentile_is_a_sample() -> None:
    assert percentile([3.0, 1.0, 2.0], 99) == 3.0
    assert percentile([float(value) for value in range(1, 201)], 99) == 198.0


def test_ratios_are_to_docker_wherever_it_stands() -> None:
    assert reference(["wherry", "docker"]) == "docker"
    assert reference(["wherry", "podman"]) == "wherry"


def test_table() -> None:
    life = Result("life", "ms", {"wherry": [40.0, 50.0, 60.0], "docker": [100.0, 100.0, 130.0]})
    many = Result("many", "per second", {"wherry": [20.0], "docker": [10.0]}, more_is_better=True)
    nothing = Result("nothing", "ms", {"wherry": [1.0], "docker": [0.0]})
    assert render([life, many, nothing]).splitlines() == [
        "                   engine  median    p90  ratio  n",
        "--------------------------------------------------",
        "life [ms]          wherry    50.0   60.0   0.50  3",
        "                   docker   100.0  130.0   1.00  3",
        "many [per second]  wherry    20.0   20.0   2.00  1",
        "                   docker    10.0   10.0   1.00  1",
        "nothing [ms]       wherry     1.0    1.0      -  1",
        "                   docker     0.0    0.0      -  1",
    ]


def test_steps_are_read_from_the_log_of_this_run() -> None:
    lines = [
        f"2026-01-01 00:00:00,1 DEBUG wherry.start: start {ID}: rootfs 1.2 ms, volumes 0.0 ms, run 10.5 ms",
        f"2026-01-01 00:00:00,1 DEBUG wherry.start: start {OTHER}: rootfs 9.9 ms",
        f"2026-01-01 00:00:00,1 DEBUG wherry.start: rootfs of {ID} took 5.0 ms",
    ]
    assert parse_steps(lines, {ID}) == [{"rootfs": 1.2, "volumes": 0.0, "run": 10.5}]


def test_table_of_steps() -> None:
    table = render_steps("wherry", [{"rootfs": 1.0, "run": 4.0}, {"rootfs": 3.0, "run": 6.0}], [8.0, 12.0])
    assert [line.split() for line in table.splitlines()[2:]] == [
        ["rootfs", "2.0", "3.0", "2"],
        ["run", "5.0", "6.0", "2"],
        ["all", "steps", "7.0", "9.0", "2"],
        ["the", "call,", "seen", "by", "the", "client", "10.0", "12.0", "2"],
    ]


def test_engines() -> None:
    assert parse_engines(["a=unix:///x/y=z", "b=unix:///b"]) == [Engine("a", "/x/y=z"), Engine("b", "/b")]
    assert parse_engines(["a=unix:///b"])[0].host == "unix:///b"


@pytest.mark.parametrize("words", [["unix:///a"], ["=unix:///a"], ["a=tcp://b"], ["a=unix:///a", "a=unix:///b"]])
def test_engines_that_cannot_be(words: list[str]) -> None:
    with pytest.raises(InvalidParameter):
        parse_engines(words)


def test_parts() -> None:
    assert parse([]).parts == ["start", "modes", "end", "life", "many", "exec", "served", "held", "memory"]
    assert parse(["--parts", "flights"]).parts == ["flights"]
    assert parse(["--parts", "boot,live"]).parts == ["boot", "live"]
    assert parse(["--parts", "exec", "--steps-log", "/l"]).parts == ["exec", "steps"]


@pytest.mark.parametrize("arguments", [["--parts", "lives"], ["--parts", "steps"], ["--rounds", "0"]])
def test_options_that_cannot_be(arguments: list[str]) -> None:
    with pytest.raises(InvalidParameter):
        parse(arguments)
