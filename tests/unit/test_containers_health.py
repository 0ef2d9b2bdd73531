"""Health: which check runs, when, and what its results mean."""

import time
from typing import Any

import pytest

from tests.unit.records import record
from wherry.base.units import SECOND
from wherry.containers.health import HEALTHY, STARTING, UNHEALTHY, Check, Health, Probed, current, show
from wherry.containers.inspect import of_moment
from wherry.containers.render import state, status_text
from wherry.model.container import ContainerConfig, HealthConfig
from wherry.state.record import Phase, Record

PASS, FAIL = Probed(1, 2, 0, "fine\n"), Probed(1, 2, 1, "")
CHECK = Check(("true",))


def config(*test: str, shell: list[str] | None = None, **more: Any) -> ContainerConfig:
    return ContainerConfig(image="busybox", shell=shell, healthcheck=HealthConfig(test=list(test), **more))


def checked(**changes: Any) -> Record:
    return record(config=config("CMD", "true"), **changes)


@pytest.mark.parametrize(
    ("asked", "command"),
    [
        (config("CMD", "wget", "-q", "localhost"), ("wget", "-q", "localhost")),
        (config("CMD-SHELL", "exit 1"), ("/bin/sh", "-c", "exit 1")),
        (config("CMD-SHELL", "exit 1", shell=["/bin/ash", "-ec"]), ("/bin/ash", "-ec", "exit 1")),
        (config("CMD"), ()),
    ],
)
def test_the_command_of_a_check(asked: ContainerConfig, command: tuple[str, ...]) -> None:
    assert Check.of(asked) == Check(command)


@pytest.mark.parametrize(
    "asked", [ContainerConfig(), config(), config("NONE"), config("NONE", "x"), config("odd", "x")]
)
def test_no_check(asked: ContainerConfig) -> None:
    assert Check.of(asked) is None


def test_defaults_stand_where_zeros_are() -> None:
    assert (CHECK.interval, CHECK.timeout, CHECK.start_period) == (30 * SECOND, 30 * SECOND, 0)
    assert (CHECK.start_interval, CHECK.retries) == (5 * SECOND, 3)
    asked = config("CMD", "x", interval=1, timeout=2, start_period=3, start_interval=4, retries=5)
    assert Check.of(asked) == Check(("x",), 1, 2, 3, 4, 5)


@pytest.mark.parametrize(
    ("status", "age", "pause"), [(STARTING, 5, 2), (STARTING, 10, 7), (HEALTHY, 5, 7), (UNHEALTHY, 5, 7)]
)
def test_probes_are_closer_while_it_starts_within_its_start_period(status: str, age: int, pause: int) -> None:
    assert Check((), interval=7, start_period=10, start_interval=2).pause(Health(status), age) == pause


def judged(check: Check, *results: tuple[Probed, int]) -> list[tuple[str, int]]:
    seen, health = [], Health()
    for result, age in results:
        health = check.judge(health, result, age)
        seen.append((health.status, health.streak))
    return seen


def test_failures_in_a_row_make_it_unhealthy_and_one_success_heals_it() -> None:
    results = [(FAIL, 0), (FAIL, 0), (PASS, 0), (FAIL, 0), (FAIL, 0), (FAIL, 0), (FAIL, 0), (PASS, 0)]
    assert judged(CHECK, *results) == [
        (STARTING, 1),
        (STARTING, 2),
        (HEALTHY, 0),
        (HEALTHY, 1),
        (HEALTHY, 2),
        (UNHEALTHY, 3),
        (UNHEALTHY, 4),
        (HEALTHY, 0),
    ]


@pytest.mark.parametrize("code", [1, 2, -1, 137])
def test_every_result_but_zero_is_a_failure(code: int) -> None:
    assert judged(Check((), retries=1), (Probed(1, 2, code, ""), 0)) == [(UNHEALTHY, 1)]


def test_failures_within_the_start_period_do_not_count_until_the_first_success() -> None:
    check = Check((), start_period=10, retries=2)
    assert judged(check, (FAIL, 0), (FAIL, 9), (FAIL, 10), (FAIL, 11)) == [
        (STARTING, 0),
        (STARTING, 0),
        (STARTING, 1),
        (UNHEALTHY, 2),
    ]
    assert judged(check, (PASS, 1), (FAIL, 2), (FAIL, 3)) == [(HEALTHY, 0), (HEALTHY, 1), (UNHEALTHY, 2)]


def test_the_last_five_results_are_kept() -> None:
    health = Health()
    for number in range(7):
        health = CHECK.judge(health, Probed(number, number, 1, ""), 0)
    assert [result.start for result in health.log] == [2, 3, 4, 5, 6]


def test_health_before_during_and_after_runs() -> None:
    known = Health(UNHEALTHY, 3, (FAIL,), generation=1)
    assert current(record(phase=Phase.RUNNING, generation=1), None) is None
    assert current(checked(), None) is None
    assert current(checked(phase=Phase.RUNNING, generation=1), None) == Health(generation=1)
    assert current(checked(phase=Phase.RUNNING, generation=1), known) == known
    assert current(checked(phase=Phase.EXITED, generation=1), known) == known
    assert current(checked(phase=Phase.RUNNING, generation=2), known) == Health(STARTING, 0, (FAIL,), 2)
    forgotten = current(checked(phase=Phase.EXITED, generation=4, started_before=True), None)
    assert forgotten == Health(generation=4)


@pytest.mark.parametrize(
    ("status", "text"),
    [(STARTING, "Up 2 seconds (health: starting)"), (HEALTHY, "Up 2 seconds (healthy)")]
    + [(UNHEALTHY, "Up 2 seconds (unhealthy)")],
)
def test_the_sentence_of_ps(status: str, text: str) -> None:
    rec = checked(phase=Phase.RUNNING, started_at=SECOND)
    assert status_text(rec, 3 * SECOND, Health(status)) == text
    assert status_text(record(phase=Phase.RUNNING, started_at=SECOND), 3 * SECOND, None) == "Up 2 seconds"
    paused = record(phase=Phase.PAUSED, started_at=SECOND)
    assert status_text(paused, 3 * SECOND, Health(status)) == "Up 2 seconds (Paused)"


@pytest.mark.parametrize(
    ("zone", "start"),
    [("UTC", "2023-11-14T22:13:20.5Z"), ("IST-05:30", "2023-11-15T03:43:20.5+05:30")],
)
def test_the_state_of_inspect(monkeypatch: pytest.MonkeyPatch, zone: str, start: str) -> None:
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    result = Probed(1_700_000_000_500_000_000, 1_700_000_001 * SECOND, 0, "fine\n")
    try:
        shown = of_moment(state(checked()), [], None, Health(HEALTHY, 0, (result,)))["State"]["Health"]
    finally:
        monkeypatch.undo()
        time.tzset()
    assert (shown["Status"], shown["FailingStreak"]) == ("healthy", 0)
    assert (shown["Log"][0]["ExitCode"], shown["Log"][0]["Output"]) == (0, "fine\n")
    assert shown["Log"][0]["Start"] == start


def test_no_check_no_health_and_no_result_no_log() -> None:
    assert "State" not in of_moment(state(checked()), [], None, None)
    assert show(Health())["Log"] == []
